"""The page at ``/``: its frame and its files. All its data come from ``/v1/``.

There is a page only if ``SECRET_KEY`` is set. Its files are held in memory, compressed once, with a
digest of them all in their address: a browser may keep them for ever, and a new version has other
addresses.
"""

import gzip
import hashlib
import json
import re
from pathlib import Path
from typing import NamedTuple

from flask import Blueprint, Flask, Response, current_app, render_template, request
from markupsafe import Markup

from edge_lib import VERSION
from server import page_login
from server.api.errors import Refused, session_caller
from server.auth.session import Sessions

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
        self.words = {language: self._frame_words(language) for language in LANGUAGES}
        self.by_name |= {_manifest(language): self._manifest_in(language) for language in LANGUAGES}
        named = (f"{name} {file.etag}" for name, file in self.by_name.items())
        self.version = _digest("\n".join(named).encode())
        self.scripts = self._scripts()
        self.worker = self._worker()
        # Within HTML it needs no name space.
        icon = re.sub(r' xmlns="[^"]+"', "", self.by_name["icon.svg"].plain.decode())
        size = 'width="24" height="24" aria-hidden="true"'
        self.icon = Markup(icon.replace("<svg", f"<svg {size}", 1))  # noqa: S704  a file of ours

    def _frame_words(self, language: str) -> dict[str, str]:
        # A module of words has each under its name, on one line or the next.
        text = self.by_name[_words(language)].plain.decode()
        return dict(re.findall(r"^frame_(\w+):\s*'([^']*)',$", text, re.MULTILINE))

    def _manifest_in(self, language: str) -> File:
        # Named as the page itself is, for a home screen.
        its = json.loads(self.by_name["page.webmanifest"].plain)
        text = self.by_name[_words(language)].plain.decode()
        words = dict(re.findall(r"^(tab_\w+):\s*'([^']*)',$", text, re.MULTILINE))
        its |= {"lang": language, "short_name": self.words[language]["title"]}
        for shortcut in its["shortcuts"]:
            shortcut["name"] = words[f"tab_{shortcut['name'].lower()}"]
        return _file_of(TYPES[".webmanifest"], json.dumps(its, ensure_ascii=False).encode())

    def _worker(self) -> bytes:
        # Words in one language are enough, and those the page names itself; and those of faults
        # where one is shown.
        others = {name for name in self.by_name if name.startswith("words.") and name != "words.js"}
        others |= {"sw.js", *map(_manifest, LANGUAGES)}
        names = json.dumps([name for name in self.by_name if name not in others])
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
        app.register_blueprint(page_login.blueprint)


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


def _compressible(response: Response, plain: bytes, gzipped: bytes) -> Response:
    response.vary.add("Accept-Encoding")
    if request.accept_encodings["gzip"] > 0:
        response.headers["Content-Encoding"] = "gzip"
        plain = gzipped
    response.set_data(plain)
    return response


def _words(language: str) -> str:
    return f"words.{language}.js"


def _manifest(language: str) -> str:
    return f"page.{language}.webmanifest"


def _file(path: Path) -> File:
    plain = path.read_bytes()
    if path.suffix in _LEFT_OUT:
        plain = _LEFT_OUT[path.suffix].sub(b"", plain)
    return _file_of(TYPES[path.suffix], plain)


def _file_of(content_type: str, plain: bytes) -> File:
    return File(content_type, plain, gzip.compress(plain, 9, mtime=0), _digest(plain))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
