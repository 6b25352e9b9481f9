"""The one shape of every error, ``{"detail": ...}``, and who the caller is.

Everything here runs inside a request.
"""

import logging
import re
import time

from flask import Flask, Response, current_app, jsonify, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from server.auth.callers import Caller, Tokens
from server.auth.session import Sessions
from server.database.pool import RETRY_AFTER_S, DatabaseAway, DatabaseRefuses

log = logging.getLogger("sungrow.server.errors")
Place = dict[str, object]  # of a 422
Answer = tuple[Response, int, dict[str, str]]
DATABASE_REFUSES: list[Place] = [
    {"loc": ["body"], "msg": "the database refuses these data", "type": "database"}
]
_HOST = re.compile(r"([a-z0-9_.-]+|\[[0-9a-f:.]+\])(:[0-9]{0,5})?", re.IGNORECASE | re.ASCII)
_BEARER = re.compile(r"bearer +([\x21-\x7e]+) *", re.IGNORECASE | re.ASCII)
# What oauth2-proxy and the like add to each request. Source: RFC 7519
_JWT = re.compile(r"[\w-]+\.[\w-]+\.[\w-]*", re.ASCII)


class Refused(Exception):
    """Ends the request with this status and detail.

    Args:
        status: the HTTP status.
        detail: a sentence, or the list of places of a 422.
        headers: further headers of the answer.
        fields: further keys of the answer beside ``detail``.
    """

    def __init__(
        self,
        status: int,
        detail: str | list[Place],
        headers: dict[str, str] | None = None,
        **fields: object,
    ):
        super().__init__(status, detail)
        self.status = status
        self.body = {"detail": detail, **fields}
        self.headers = headers or {}


def init_app(app: Flask) -> None:
    """Answer every error of ``app`` in JSON, and refuse malformed ``Host`` headers."""
    app.before_request(_check_host)
    app.register_error_handler(Refused, _refused)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(DatabaseAway, _database_away)
    app.register_error_handler(DatabaseRefuses, _database_refuses)
    app.register_error_handler(Exception, _bug)


def caller() -> Caller:
    """Return the caller under ``/v1/``, as ``any_caller`` does.

    Raises:
        Refused: as ``any_caller``; 403 a P1 token.
    """
    who = any_caller()
    if who.is_p1:
        raise Refused(403, "this is a token of a P1 meter: it is for /p1/v1/ alone")
    return who


def any_caller() -> Caller:
    """Return the caller, known by a bearer token or, for GET alone, by the page's session.

    Anything else in ``Authorization`` does not count beside a session: a proxy in front may want
    a password of its own, or add the token (JWT) by which it knows its own users.

    Raises:
        Refused: 401 missing, unknown or malformed token; 429 too many such from this address.
    """
    token = bearer_token()
    tokens: Tokens = current_app.extensions["tokens"]
    known = tokens.caller(token) if token else None
    if not known and request.method in ("GET", "HEAD") and (not token or _JWT.fullmatch(token)):
        known = session_caller()
    if known:
        return known
    raise bad_token(token)


def session_caller() -> Caller | None:
    """Return the caller of the page's session cookie; None without one, or without a page."""
    sessions: Sessions | None = current_app.extensions["sessions"]
    return sessions.caller(request) if sessions else None


def bearer_token() -> str | None:
    """Return the token of the request; None if it is missing or malformed."""
    match = _BEARER.fullmatch(request.headers.get("Authorization", ""))
    return match[1] if match else None


def bad_token(token: str | None) -> Refused:
    """Count and log an unknown or missing token; return the answer: 401, or 429 after too many."""
    if token:
        return bad_secret("unknown token")
    # So asks the page of a browser whose session has ended, too: nobody has to act.
    return bad_secret("Authorization: Bearer TOKEN is missing or malformed", logging.INFO)


def bad_secret(reason: str, level: int = logging.WARNING) -> Refused:
    """Count and log a token or code that is none; return the answer: 401, or 429 after too many."""
    limiter, peer = current_app.extensions["limiter"], client_address()
    wait_s = limiter.retry_after_s(peer, time.monotonic())
    if wait_s is not None:
        reason = "too many bad tokens or codes from this address"
    part = request.url_rule.rule if request.url_rule else "other"
    current_app.extensions["refusals"].note(peer or "unknown", part, reason, level)
    if wait_s is not None:
        return Refused(429, reason, {"Retry-After": str(wait_s)})
    return Refused(401, reason, {"WWW-Authenticate": 'Bearer realm="sungrow"'})


def client_address() -> str:
    """Return the peer's address; behind a proxy on this machine, the one that it names."""
    peer = request.remote_addr or ""
    if peer in ("", "::1") or peer.removeprefix("::ffff:").startswith("127."):
        forwarded = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
        return forwarded[:64] or peer
    return peer


def place(*loc: str | int, msg: str, type: str) -> Place:
    """Return one place of a 422."""
    return {"loc": list(loc), "msg": msg, "type": type}


def _check_host() -> None:
    # As RFC 9112 3.2 asks. No list of our own names: the proxy answers to its names alone, no
    # answer here is made of this header, and what a browser sends by itself opens nothing.
    host = request.headers.get("Host")
    if host is None and request.environ["SERVER_PROTOCOL"] == "HTTP/1.0":
        return
    if host is None or not _HOST.fullmatch(host):
        raise Refused(400, "the Host header is missing or malformed")


def _refused(error: Refused) -> Answer:
    return jsonify(error.body), error.status, error.headers


def _http_error(error: HTTPException) -> Answer:
    methods = error.valid_methods if isinstance(error, MethodNotAllowed) else None
    headers = {"Allow": ", ".join(methods)} if methods else {}
    return jsonify(detail=error.description), error.code or 500, headers


def _database_away(_: DatabaseAway) -> Answer:
    detail = "the database is away or refuses; nothing is lost, try again"
    return jsonify(detail=detail), 503, {"Retry-After": str(RETRY_AFTER_S)}


def _database_refuses(error: DatabaseRefuses) -> tuple[Response, int]:
    # What the earlier checks let through; it names no sample, so that no edge parks one.
    log.error("database refused data", extra={"reason": str(error)})
    return jsonify(detail=DATABASE_REFUSES), 422


def _bug(error: Exception) -> tuple[Response, int]:
    log.error("bug", exc_info=error)
    return jsonify(detail="internal error"), 500
