"""Logging in to the page and out of it: by a token, or by the code of a link that is good once."""

import logging
from datetime import UTC, datetime
from urllib.parse import parse_qs

from flask import Blueprint, Response, current_app, jsonify, request

from edge_lib.shared.command_names import server_command
from server.api import body, origin, strict_json
from server.api.errors import Refused, bad_secret, place, session_caller
from server.auth import pairings

log = logging.getLogger("sungrow.server.page")
blueprint = Blueprint("page_login", __name__)
_LONGEST_FORM = 4096
_ANOTHER_LINK = f"have another one made: {server_command('tokens new DEVICE --read --link')}"


@blueprint.get("/login")
def logged_in() -> Response:
    """Return whether the browser has a session, by a 200 in either case."""
    return jsonify(logged_in=session_caller() is not None)


@blueprint.post("/login")
def login() -> Response:
    """Log in with the read token of the form field ``token``; set a session cookie.

    Raises:
        Refused: 403 the form is of another site, or the token is a device's; 401 unknown token;
            429 too many such; 400 and 413 as for any body.
    """
    origin.refuse_other_sites()
    form = parse_qs(body.read(request, _LONGEST_FORM).decode("utf-8", "replace"))
    token = form.get("token", [""])[0].strip()
    known = current_app.extensions["tokens"].caller(token)
    if known is None:
        raise bad_secret("unknown token" if token else "the form field token is missing or empty")
    if known.may_ingest:
        whose = "P1 meter's" if known.is_p1 else "device's"
        raise Refused(403, f"this is a {whose} token: log in with one of READ_TOKENS")
    response = Response(status=204)
    current_app.extensions["sessions"].begin(response, token)
    return response


@blueprint.post("/pair")
def pair() -> Response:
    """Log in with ``{"code": ...}`` of a link of ``server.tokens new --read --link``, once.

    Raises:
        Refused: 403 the request is of another site; 410 the code was used, or has ended, or its
            token has; 401 there is no such code; 429 too many such; 400, 413 and 422 as for any
            body.
        DatabaseAway: 503; the code is as good as before.
    """
    origin.refuse_other_sites()
    code = pairings.digest(_code(body.read(request, _LONGEST_FORM)))
    try:
        known = pairings.read(current_app.extensions["settings"].pairings_path)
    except OSError as error:
        log.exception("pairings cannot be read")
        raise Refused(503, "the server cannot read its pairings; its log says why") from error
    found = next((one for one in known if one.code == code), None)
    if found is None:
        raise bad_secret(f"unknown code; {_ANOTHER_LINK}")
    who = current_app.extensions["tokens"].known().get(found.token)
    if found.end <= datetime.now(UTC) or who is None or who.may_ingest:
        raise Refused(410, f"this link has ended; {_ANOTHER_LINK}")
    if not current_app.extensions["db"].rows("pairing-use", {"code_digest": code}):
        raise Refused(410, f"this link was used before; {_ANOTHER_LINK}")
    response = Response(status=204)
    current_app.extensions["sessions"].begin_of(response, found.token)
    return response


def _code(content: bytes) -> str:
    try:
        sent = strict_json.parse(content)
    except strict_json.NotJson as error:
        raise Refused(400, str(error)) from error
    code = sent.get("code") if isinstance(sent, dict) else None
    if not isinstance(code, str):
        raise Refused(422, [place("body", "code", msg="is a text", type="string")])
    return code


@blueprint.post("/logout")
def logout() -> Response:
    """Let the browser forget its session.

    Raises:
        Refused: 403 the request is of another site.
    """
    origin.refuse_other_sites()
    response = Response(status=204)
    current_app.extensions["sessions"].end(response)
    return response
