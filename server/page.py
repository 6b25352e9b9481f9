"""The page at ``/``: its frame, its files, login and logout. All its data come from ``/v1/``.

There is a page only if ``SECRET_KEY`` is set. Its files are held in memory, compressed once, with a
digest of them all in their address: a browser may keep them for ever, and a new version has other
addresses.
"""

import gzip
import hashlib
import json
import logging
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs

from flask import Blueprint, Flask, Response, current_app, jsonify, render_template, request
from markupsafe import Markup

from edge_lib import VERSION
from edge_lib.shared.command_names import server_command
from server.api import body, origin, strict_json
from server.api.errors import Refused, bad_token, place, session_caller
from server.auth import pairings
from server.auth.session import Sessions

log = logging.getLogger("sungrow.server.page")
blueprint = Blueprint("page", __name__)
FOLDER = Path(__file__).resolve().parent / "static"
LANGUAGES = ("en", "nl", "de", "fr")  # the first for who reads none of them
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript",  # modules are UTF-8 in any case
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}
# What a browser has no use for: a tenth of the page. A comment behind code has no quotes, so that
# no string is ever taken for one; each line keeps its number.
_LEFT_OUT = {
    ".css": re.compile(rb"/\*.*?\*/|^[ \t]+", re.MULTILINE | re.DOTALL),
    ".js": re.compile(rb"^[ \t]*//.*$|^[ \t]+| // [^'\"`\n]*$", re.MULTILINE),
}
_FOR_EVER = "public, max-age=31536000, immutable"
_LONGEST_FORM = 4096
_ANOTHER_LINK = f"have another one made: {server_command('tokens new DEVICE --read --link')}"
# What the browser is to do for this page: load from here, talk to here, and nothing else.
_POLICY = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; manifest-src 'self'; worker-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
        "trusted-types sungrow"
    ),
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class File(NamedTuple):
    """One file of the page without its comments, plain and compressed."""

    type: str
    plain: bytes
    gzipped: bytes
    etag: str


class Files:
    """All files of ``server/static``, by their names.

    Attributes:
        version: a digest of them all.
        scripts: the modules that the first view needs.
        icon: the page's icon as a part of its frame, which saves a request.
        words: the frame's words, by language.
        worker: the service worker, with their names.
    """

    def __init__(self, folder: Path = FOLDER):
        self.by_name = {
            path.name: _file(path) for path in sorted(folder.iterdir()) if path.suffix in TYPES
        }
        named = (f"{name} {file.etag}" for name, file in self.by_name.items())
        self.version = _digest("\n".join(named).encode())
        self.scripts = self._scripts()
        self.words = {language: self._frame_words(language) for language in LANGUAGES}
        self.worker = self._worker()
        # Within HTML it needs no name space.
        icon = re.sub(r' xmlns="[^"]+"', "", self.by_name["icon.svg"].plain.decode())
        size = 'width="24" height="24" aria-hidden="true"'
        self.icon = Markup(icon.replace("<svg", f"<svg {size}", 1))  # noqa: S704  a file of ours

    def _frame_words(self, language: str) -> dict[str, str]:
        # A module of words has each under its name, on one line or the next.
        text = self.by_name[f"words.{language}.js"].plain.decode()
        return dict(re.findall(r"^frame_(\w+):\s*'([^']*)',$", text, re.MULTILINE))

    def _worker(self) -> bytes:
        # Words in one language are enough, and those the page names itself;
        # and those of faults where one is shown.
        others = [name for name in self.by_name if name.startswith("words.") and name != "words.js"]
        names = json.dumps([name for name in self.by_name if name not in (*others, "sw.js")])
        told = f"const VERSION = '{self.version}';\nconst FILES = {names};\n"
        return told.encode() + self.by_name["sw.js"].plain

    def _scripts(self) -> list[str]:
        # What the first view needs, for the browser to load all of it at once.
        needed = ["app.js"]
        for name in needed:
            text = self.by_name[name].plain.decode()
            found = re.findall(r"^import [^;]* from '\./(\S+)';$", text, re.MULTILINE)
            needed += [other for other in found if other not in needed]
        return needed


def init_app(app: Flask, secret_key: str | None) -> None:
    """Add the page to ``app``, if there is a key to sign sessions with."""
    app.extensions["sessions"] = None
    if secret_key:
        app.extensions["sessions"] = Sessions(secret_key, app.extensions["tokens"])
        app.extensions["files"] = Files()
        app.register_blueprint(blueprint)


@blueprint.get("/")
def page() -> Response:
    """Return the page's frame: the same for all, but for its language and whether one logs in."""
    files = current_app.extensions["files"]
    signed_in = session_caller() is not None
    language = request.accept_languages.best_match(LANGUAGES, LANGUAGES[0])
    html = render_template(
        "page.html",
        files=files,
        version=VERSION,
        signed_in=signed_in,
        language=language,
        words=files.words[language],
    )
    response = _compressible(Response(html), html.encode(), gzip.compress(html.encode(), 6))
    response.vary.add("Accept-Language")
    response.headers.update(_POLICY)
    if signed_in:
        current_app.extensions["sessions"].renew(request, response)
    return response


@blueprint.get("/static/<version>/<name>")
def static(version: str, name: str) -> Response:
    """Return a file of the page.

    Raises:
        Refused: 404 there is no such file.
    """
    files = current_app.extensions["files"]
    file = files.by_name.get(name)
    if file is None:
        raise Refused(404, "the page has no such file")
    response = _compressible(Response(content_type=file.type), file.plain, file.gzipped)
    # While the server is upgraded a page may ask a process of the other version.
    response.headers["Cache-Control"] = _FOR_EVER if version == files.version else "no-cache"
    response.set_etag(file.etag)
    response.make_conditional(request)
    return response


@blueprint.get("/sw.js")
def service_worker() -> Response:
    """Return the service worker, which knows the version and the names of the page's files."""
    response = Response(current_app.extensions["files"].worker, content_type=TYPES[".js"])
    response.headers["Cache-Control"] = "no-cache"
    return response


@blueprint.get("/favicon.ico")
@blueprint.get("/apple-touch-icon.png")
@blueprint.get("/apple-touch-icon-precomposed.png")
def icon() -> Response:
    """Return the page's icon, for who asks for it without having read the page."""
    file = current_app.extensions["files"].by_name["icon-180.png"]
    response = Response(file.plain, content_type=file.type)
    response.headers["Cache-Control"] = "public, max-age=86400"
    return response


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
        raise bad_token(token)
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
        raise bad_token("code")
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


def _compressible(response: Response, plain: bytes, gzipped: bytes) -> Response:
    response.vary.add("Accept-Encoding")
    if request.accept_encodings["gzip"] > 0:
        response.headers["Content-Encoding"] = "gzip"
        plain = gzipped
    response.set_data(plain)
    return response


def _file(path: Path) -> File:
    plain = path.read_bytes()
    if path.suffix in _LEFT_OUT:
        plain = _LEFT_OUT[path.suffix].sub(b"", plain)
    return File(TYPES[path.suffix], plain, gzip.compress(plain, 9, mtime=0), _digest(plain))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
