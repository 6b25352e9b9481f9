"""What ``doctor`` checks on the way to the server, as the upload meets it; stores nothing there.

And the time, which the server's answers confirm or contradict.
"""

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from edge_lib import VERSION, config
from edge_lib.clock import AGREEMENT, Clock
from edge_lib.doctor.machine import TOKEN_FILE, service_of, skipped
from edge_lib.shared.command_names import is_installed, server_command
from edge_lib.shared.env import ConfigError
from edge_lib.shared.findings import FAILED, OF_A_PROXY, OK, WARNING, Finding, version_numbers
from edge_lib.upload.cancellable import HttpsError
from edge_lib.upload.https import Answer, HttpsClient
from edge_lib.upload.receipt import http_date
from edge_lib.upload.uploader import HEALTH, INGEST

TIMEOUT_S = 15.0  # of each of three requests


def all_of(env: Mapping[str, str], clock: Clock) -> Iterator[Finding]:
    """Check name, certificate, server, token, and last the time."""
    apart: list[timedelta] = []
    try:
        target, device_id = config.upload_config(env), config.device_id(env)
    except ConfigError as error:
        yield skipped("server", error)
    else:
        yield from _way(target, device_id, _renew(env, device_id), clock, apart)
    if not apart and clock.source() is None and _service_knows_the_time(env):
        yield Finding("clock", OK, "was right when the service last heard the server's")
    else:
        yield time(clock.source(), apart[0] if apart else None)


def _service_knows_the_time(env: Mapping[str, str]) -> bool:
    found = service_of(config.store_config(env))
    return found.runs and found.state.get("clock_synced") is True


def _renew(env: Mapping[str, str], device_id: str) -> str:
    home = "VPS_TOKEN_FILE" if env.get("VPS_TOKEN_FILE") else "VPS_TOKEN"
    if is_installed():
        home = f"{TOKEN_FILE}; then: systemctl restart sungrow-edge"
    make = server_command(f"tokens new {device_id}")
    return f"on the server run `{make}`, put what it prints into {home}"


def _way(
    target: config.UploadConfig,
    device_id: str,
    renew: str,
    clock: Clock,
    apart: list[timedelta],
) -> Iterator[Finding]:
    url = urlsplit(target.ingest_url)
    try:
        found = socket.getaddrinfo(url.hostname, url.port or 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        text = f"{url.hostname} cannot be resolved ({error}): check VPS_INGEST_URL, and this"
        yield Finding("dns", FAILED, f"{text} machine's network and name server")
        return
    addresses = dict.fromkeys(entry[4][0] for entry in found)
    yield Finding("dns", OK, f"{url.hostname} is {', '.join(map(str, addresses))}")
    try:
        client = HttpsClient(target.ingest_url, target.token, target.ca_file, TIMEOUT_S)
        with closing(client):
            yield from _exchanges(client, device_id, renew, clock, apart)
    except HttpsError as error:
        name = "tls" if error.reason.startswith(("tls", "ca_file")) else "server"
        yield Finding(name, FAILED, str(error))


def _exchanges(
    client: HttpsClient, device_id: str, renew: str, clock: Clock, apart: list[timedelta]
) -> Iterator[Finding]:
    answer = client.get(HEALTH)
    date = http_date(answer.headers.get("Date"))
    if date is not None:
        apart.append(clock.now() - date)
    yield Finding("tls", OK, "the server's certificate is good")
    server = _server(answer)
    yield server
    if server.state == FAILED:
        return
    token = _token(client.post(INGEST, b'{"samples": []}', _JSON), renew)
    yield token
    if token.state == OK:
        yield _device(client.get(f"/v1/realtime?device_id={device_id}", authorised=True), device_id)


_JSON = {"Content-Type": "application/json"}


def _server(answer: Answer) -> Finding:
    health, status = _object(answer), answer.status
    if 300 <= status < 400:
        text = f"{status}: it redirects; set VPS_INGEST_URL to the final address"
        return Finding("server", FAILED, text)
    if health.get("service") != "sungrow":
        if status in OF_A_PROXY:
            text = f"{status}: the proxy in front answers, the server behind it does not; readings"
            text += f" wait here; on the server run: {server_command('doctor')}"
            return Finding("server", FAILED, text)
        text = (
            f"{status}, but not of this project's server: check VPS_INGEST_URL, which has no path"
        )
        return Finding("server", FAILED, f"{text} unless the proxy adds one")
    if health.get("status") != "ok":
        text = f"it is up, but its database is {health.get('database')}; readings wait here; on the"
        return Finding("server", FAILED, f"{text} server run: {server_command('doctor')}")
    return _version(str(health.get("version")))


def _version(theirs: str) -> Finding:
    if theirs == VERSION:
        return Finding("server", OK, f"runs {theirs}, as this edge")
    if version_numbers(theirs) < version_numbers(VERSION):
        text = f"runs {theirs}, older than this edge's {VERSION}: upgrade the server"
    else:
        text = f"runs {theirs}, newer than this edge's {VERSION}: upgrade the edge"
    return Finding("server", WARNING, text)


def _token(answer: Answer, renew: str) -> Finding:
    """Read the answer to an empty batch, which proves the right to write and writes nothing."""
    sentences = {
        401: f"the server does not know it; {renew}",
        403: f"it may read, not write; {renew}",
        429: "too many wrong tokens came from here; wait some minutes and run this again",
    }
    if answer.status in sentences:
        return Finding("token", FAILED, sentences[answer.status])
    if answer.status != 200:
        text = f"{answer.status}: the server takes no readings now; they wait here; on the server"
        return Finding("token", FAILED, f"{text} run: {server_command('doctor')}")
    if _object(answer).get("inserted") != 0:
        text = "a 200, but not from ingest: something answers in the server's place"
        return Finding("token", FAILED, text)
    return Finding("token", OK, "it may write")


def _device(answer: Answer, device_id: str) -> Finding:
    if answer.status == 403:
        text = f"the token is another device's than DEVICE_ID={device_id}; correct one of them"
        return Finding("device", FAILED, text)
    if answer.status == 404:
        return Finding("device", OK, f"the server has no sample of {device_id} yet")
    age_s = _object(answer).get("age_s")
    if answer.status != 200 or type(age_s) is not float:
        return Finding("device", WARNING, f"{answer.status}: the newest reading cannot be seen")
    return Finding("device", OK, f"the server's newest reading of {device_id} is {age_s:.0f} s old")


def time(source: str | None, apart: timedelta | None) -> Finding:
    """Return whether this machine's time is right.

    Args:
        source: what set it, as ``Clock.source``.
        apart: this machine's time less that of the server's answer; None: there was none.
    """
    if apart is not None and abs(apart) > AGREEMENT:
        side = "ahead of" if apart > timedelta(0) else "behind"
        text = f"this machine is {abs(apart).total_seconds():.0f} s {side} the server"
        if source:
            text = f"{text}, though {source} sets it: set the server's clock by a time server, too"
            return Finding("clock", WARNING, text)
        return Finding("clock", FAILED, f"{text}, and {_UNKNOWN}")
    if source:
        return Finding(
            "clock",
            OK,
            f"set by {source}" + (", and agrees with the server's" if apart is not None else ""),
        )
    if apart is not None:
        return Finding(
            "clock", OK, "agrees with the server's, though systemd-timesyncd does not set it"
        )
    return Finding("clock", FAILED, _UNKNOWN)


_UNKNOWN = (
    "systemd-timesyncd has not set the clock, or is not installed (see: timedatectl): readings "
    "wait until the server confirms it; make a time server reachable"
)


def _object(answer: Answer) -> dict[str, Any]:
    try:
        content = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return content if type(content) is dict else {}
