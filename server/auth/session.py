"""The page's session: a cookie that stands for a read token, so that no browser keeps the token.

Nothing is stored here. The cookie names its token by a keyed digest, so it says nothing about the
token, is worthless without ``SECRET_KEY``, and ends with either. ``api.errors`` decides where it
counts: for GET alone, so that no page of another site can do anything with it.
"""

import hashlib
import hmac
from collections.abc import Mapping

from flask import Request, Response
from itsdangerous import BadSignature, TimestampSigner

from server.auth.callers import Caller, Tokens

COOKIE = "__Host-sungrow"
LIFETIME_S = 90 * 86_400  # since it was last renewed
RENEW_AFTER_S = 86_400


class Sessions:
    """Makes and reads session cookies."""

    def __init__(self, secret_key: str, tokens: Tokens):
        self._key = hashlib.sha256(b"sungrow session\0" + secret_key.encode()).digest()
        self._signer = TimestampSigner(
            secret_key, salt="sungrow session", digest_method=hashlib.sha256
        )
        self._tokens = tokens
        self._named: tuple[Mapping[bytes, Caller] | None, Mapping[str, bytes]] = (None, {})

    def caller(self, request: Request) -> Caller | None:
        """Return whom the request's cookie stands for; None where it is missing or invalid."""
        return self._read(request, LIFETIME_S)

    def begin(self, response: Response, token: str) -> None:
        """Let the browser keep a session of this token, which has to be known."""
        self.begin_of(response, self._tokens.digest(token))

    def begin_of(self, response: Response, digest: bytes) -> None:
        """Let the browser keep a session of the token of this digest, which has to be known."""
        self._send(response, self._name(digest))

    def renew(self, request: Request, response: Response) -> None:
        """Let a session that is in use live its full time again, at most once a day."""
        if self._read(request, LIFETIME_S) and not self._read(request, RENEW_AFTER_S):
            self._send(response, request.cookies[COOKIE].partition(".")[0])

    @staticmethod
    def end(response: Response) -> None:
        """Let the browser forget its session."""
        response.delete_cookie(COOKIE, secure=True, httponly=True, samesite="Strict")

    def _read(self, request: Request, most_s: int) -> Caller | None:
        try:
            name = self._signer.unsign(request.cookies.get(COOKIE, ""), max_age=most_s).decode()
        except BadSignature:
            return None
        # We signed this name, so nobody has guessed it.
        known = self._tokens.known()
        digest = self._digests(known).get(name)
        if digest is None:
            return None
        self._tokens.uses.note(digest)
        return known[digest]

    def _digests(self, known: Mapping[bytes, Caller]) -> Mapping[str, bytes]:
        """Return the digests of the tokens that read, by their names in cookies."""
        of, named = self._named
        if of is not known:
            named = {self._name(d): d for d, who in known.items() if not who.may_ingest}
            self._named = known, named  # as one: other threads read it meanwhile
        return named

    def _send(self, response: Response, name: str) -> None:
        response.set_cookie(
            COOKIE,
            self._signer.sign(name).decode(),
            max_age=LIFETIME_S,
            secure=True,
            httponly=True,
            samesite="Strict",
        )

    def _name(self, digest: bytes) -> str:
        return hmac.digest(self._key, digest, "sha256").hex()
