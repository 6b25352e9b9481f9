"""The one HTTPS session: a bounded answer of the server that was meant, or ``HttpsError``.

Nothing of a request leaves before the certificate is verified, and there is no way around that.
The environment is not read: no proxy, no ``.netrc``, no other store of certificates. Redirects are
answers like any other, bodies are never decompressed, cookies are never kept.

Connections are kept for the next request. One that the server has closed meanwhile is replaced
unnoticed; one that it closes at this very moment counts as a failure (``reset``): what the server
made of the request is unknown then, and to send it again is the caller's to decide.

Runs in the thread that calls ``post`` or ``get``; ``abort`` may be called from any.
"""

import http.cookiejar
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.connectionpool import HTTPSConnectionPool
from urllib3.exceptions import HTTPError

from edge_lib import VERSION
from edge_lib.config import UploadConfig
from edge_lib.shared.env import ConfigError
from edge_lib.shared.peers import is_token
from edge_lib.upload.cancellable import CancelScope, Connection, HttpsError, reason_of

MAX_ANSWER_BYTES = 65_536
SYSTEM_STORE = Path("/etc/ssl/certs/ca-certificates.crt")  # Debian's, from ca-certificates


class Answer(NamedTuple):
    """The verified server's answer; ``headers`` finds names whatever their case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class HttpsClient:
    """Requests to one server, one at a time."""

    def __init__(
        self,
        base_url: str,
        token: str,
        ca_file: Path | None = None,
        total_timeout_s: float = 30.0,
        connect_timeout_s: float = 5.0,
    ):
        """Prepare; nothing is sent yet.

        Args:
            base_url: starts with ``https://``; paths are appended to it.
            token: goes with every POST, and with a GET that is ``authorised``.
            ca_file: PEM file with the only authorities to trust; None: those of the system.
            total_timeout_s: from the call to the end of the answer, whatever happens between. Only
                the look-up of the name has a limit of its own, the resolver's.
            connect_timeout_s: for each address of the server, and for the TLS handshake.

        Raises:
            ValueError: not an https URL, or not a token that HTTP can carry.
            HttpsError: ``ca_file``: no certificates to trust.
        """
        if not base_url.startswith("https://"):
            raise ValueError("the base URL must start with https://")
        if not is_token(token):
            raise ValueError("the token must be printable ASCII, without blanks")
        self._base_url, self._token = base_url.rstrip("/"), token
        self._where = urlsplit(base_url).netloc
        self._total_timeout_s = total_timeout_s
        self._timeouts_s = (min(connect_timeout_s, total_timeout_s), total_timeout_s)
        self._scope = CancelScope(self._where)
        self._session = _session(_tls_context(ca_file, self._where), self._scope)

    @classmethod
    def from_config(cls, config: UploadConfig) -> Self:
        """Return the session to the server that the settings name.

        Raises:
            ConfigError: there is no certificate to trust.
        """
        try:
            return cls(config.ingest_url, config.token, config.ca_file)
        except HttpsError as error:
            raise ConfigError(f"VPS_CA_FILE: {error}") from error

    def post(
        self,
        path: str,
        body: bytes,
        headers: Mapping[str, str],
        meanwhile: Callable[[], None] | None = None,
    ) -> Answer:
        """Send ``body`` with the token; call ``meanwhile`` while the server is at work on it.

        Raises:
            HttpsError: no answer; the server may have acted on the request all the same.
        """
        self._scope.meanwhile = meanwhile
        try:
            return self._exchange("POST", path, body, {**headers, **self._authorization()})
        finally:
            self._scope.meanwhile = None

    def get(self, path: str, authorised: bool = False) -> Answer:
        """Send a GET, with the token only where ``authorised``.

        Raises:
            HttpsError: no answer.
        """
        return self._exchange("GET", path, None, self._authorization() if authorised else {})

    @property
    def certificate_ends_s(self) -> float | None:
        """When the server's certificate ends that was seen last; None: none was seen."""
        return self._scope.certificate_ends_s

    @property
    def failed_addresses(self) -> int:
        """How many addresses of the server could not be reached, since the start."""
        return self._scope.failed_addresses

    def abort(self) -> None:
        """End the request under way at once, and refuse every later one."""
        self._scope.cut("aborted")

    def close(self) -> None:
        """Close the kept connection."""
        self._session.close()

    def _authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"}

    def _exchange(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        with self._scope.held_for(self._total_timeout_s):
            try:
                with self._session.request(
                    method,
                    self._base_url + path,
                    data=body,
                    headers=headers,
                    timeout=self._timeouts_s,
                    allow_redirects=False,
                    stream=True,
                ) as response:
                    content = _read(response)
            except (requests.RequestException, HTTPError, OSError) as error:
                # Their texts are not passed on: some hold the request, and so the token.
                self._scope.check()
                raise HttpsError(reason_of(error), self._where) from None
            # A cut connection looks like the regular end of an answer without a length.
            self._scope.check()
        if len(content) > MAX_ANSWER_BYTES:
            raise HttpsError("too_big", self._where)
        return Answer(response.status_code, response.headers, content)


class _Adapter(HTTPAdapter):
    """Puts into every connection our TLS context and our cancel scope."""

    def __init__(self, context: ssl.SSLContext, scope: CancelScope):
        self._context = context
        connection = type("Connection", (Connection,), {"scope": scope})
        self._pools = {"https": type("Pool", (HTTPSConnectionPool,), {"ConnectionCls": connection})}
        super().__init__(pool_connections=1, pool_maxsize=1)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools; there is none for ``http``."""
        super().init_poolmanager(*args, ssl_context=self._context, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def cert_verify(self, conn: HTTPSConnectionPool, *_: object) -> None:
        """Verify, whatever was requested, against the context's authorities alone.

        What requests does here would add its own bundle to a private authority.
        """
        conn.cert_reqs = "CERT_REQUIRED"


class _Session(requests.Session):
    """A session that knows no redirects."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return None: for a redirect requests reads and unpacks the body, whatever is set."""


def _read(response: requests.Response) -> bytes:
    """Read up to the end, which alone shows a body cut short, or until it is too much."""
    content = b""
    while piece := response.raw.read(MAX_ANSWER_BYTES + 1 - len(content), decode_content=False):
        content += piece
    return content


def _session(context: ssl.SSLContext, scope: CancelScope) -> requests.Session:
    session = _Session()
    session.trust_env = False
    session.cookies.set_policy(http.cookiejar.DefaultCookiePolicy(allowed_domains=[]))
    session.headers = requests.structures.CaseInsensitiveDict(
        {
            "User-Agent": f"sungrow-edge/{VERSION}",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
        }
    )
    session.adapters.clear()
    session.mount("https://", _Adapter(context, scope))
    return session


def _tls_context(ca_file: Path | None, where: str) -> ssl.SSLContext:
    # Not create_default_context: that one obeys SSLKEYLOGFILE and SSL_CERT_FILE.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.hostname_checks_common_name = False
    store = ca_file or system_store()
    try:
        if store.is_dir():
            context.load_verify_locations(capath=store)
        else:
            context.load_verify_locations(cafile=store)
    except OSError as error:  # SSLError is one, too
        raise HttpsError("ca_file", where, f"{store}: {error.strerror}") from error
    return context


def system_store() -> Path:
    """Return the system's authorities: Debian's, else OpenSSL's own, else those of certifi."""
    built_in = ssl.get_default_verify_paths()
    places = (SYSTEM_STORE, Path(built_in.openssl_cafile), Path(built_in.openssl_capath))
    usable = (
        place for place in places if place.is_file() or (place.is_dir() and any(place.iterdir()))
    )
    return next(usable, Path(DEFAULT_CA_BUNDLE_PATH))
