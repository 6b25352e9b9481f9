"""The checks from outside: the proxy in front of the server, as the edge reaches it."""

import contextlib
import http.client
import json
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import SplitResult

from edge_lib import VERSION
from edge_lib.shared.findings import FAILED, OF_A_PROXY, OK, WARNING, Finding

TIMEOUT_S = 10
DAYS_LEFT = 14
_DAY_S = 86_400
_MAX_BYTES = 65_536
_UNKNOWN_CA = (18, 19, 20, 21)  # OpenSSL's X509_V_ERR_ codes
_ENDED = (9, 10)  # or not begun
_NOT_BEHIND_IT = (
    "the proxy answers, the server behind it does not: is it running? See: systemctl status "
    "sungrow-server"
)


def all_of(url: SplitResult, ca: Path | None) -> Iterator[Finding]:
    """Check certificate, ``/health`` and headers."""
    try:
        trust = ssl.create_default_context(cafile=ca)
    except OSError as error:
        yield Finding("tls", FAILED, f"--ca {ca}: {error}")
        return
    client = http.client.HTTPSConnection(
        str(url.hostname), url.port or 443, timeout=TIMEOUT_S, context=trust
    )
    with contextlib.closing(client):
        try:
            client.connect()
        except ssl.SSLCertVerificationError as error:
            text = f"the edge will refuse it: {error.verify_message}; {_refused(error.verify_code)}"
            yield Finding("tls", FAILED, text)
            return
        except ssl.SSLError as error:
            text = (
                f"{url.netloc} ended the TLS handshake ({error.reason}): usually the proxy has "
                "no certificate for this name (yet): see SITE_ADDRESS, and journalctl -u caddy"
            )
            yield Finding("tls", FAILED, text)
            return
        except OSError as error:
            text = f"cannot connect to {url.netloc}: {error}; is that the name of this machine, "
            yield Finding("tls", FAILED, f"{text}and is the proxy running (journalctl -u caddy)?")
            return
        presented = client.sock.getpeercert() or {}
        yield certificate(str(presented.get("notAfter")), time.time())
        yield from _health(client, url.path.rstrip("/"))


def _refused(code: int) -> str:
    """Return what to do about a certificate that is refused with this code of OpenSSL's."""
    if code in _UNKNOWN_CA:
        return (
            "if the proxy has a new CA of its own, run systemd/install-server again, and copy "
            "ca.pem to the edge as before"
        )
    if code in _ENDED:
        return "is the clock right, and does its renewal work (journalctl -u caddy)?"
    return "see SITE_ADDRESS, and journalctl -u caddy"


def certificate(not_after: str, now_s: float) -> Finding:
    """Return how long the certificate is valid."""
    days = int((ssl.cert_time_to_seconds(not_after) - now_s) // _DAY_S)
    if days < DAYS_LEFT:
        text = f"the certificate ends in {days} days: does its renewal work?"
        return Finding("tls", WARNING, text)
    return Finding("tls", OK, f"the certificate is valid for {days} days")


def _health(client: http.client.HTTPSConnection, base: str) -> Iterator[Finding]:
    try:
        client.request("GET", f"{base}/health", headers={"Connection": "close"})
        answer = client.getresponse()
        content = answer.read(_MAX_BYTES)
    except (OSError, http.client.HTTPException) as error:
        yield Finding("front", FAILED, f"no answer to {base}/health: {error!r}")
        return
    yield _answer(answer.status, content)
    if answer.getheader("Strict-Transport-Security"):
        yield Finding("hsts", OK, "browsers are told to use HTTPS only")
    else:
        text = "no Strict-Transport-Security header; let the proxy add one"
        yield Finding("hsts", WARNING, text)


def _answer(status: int, content: bytes) -> Finding:
    if status in range(300, 400):
        return Finding(
            "front",
            FAILED,
            f"{status}: the edge follows no redirects; use the address that it points to",
        )
    try:
        health = json.loads(content)
    except ValueError:
        health = None
    if type(health) is not dict or health.get("service") != "sungrow":
        if status in OF_A_PROXY:
            return Finding("front", FAILED, f"{status}: {_NOT_BEHIND_IT}")
        return Finding(
            "front", FAILED, f"{status}, but not from this project's server: what answers there?"
        )
    if health.get("status") != "ok":
        return Finding("front", FAILED, f"the server is up, its database {health.get('database')}")
    if health.get("version") != VERSION:
        text = f"it serves {health.get('version')}, this is {VERSION}: restart the server"
        return Finding("front", WARNING, text)
    return Finding("front", OK, "/health answers")
