"""The settings of the grid meter. Read where ``P1_SOURCE`` is set, and not imported elsewhere."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from edge_lib.shared.env import ConfigError, number, secret
from edge_lib.shared.peers import ca_file, is_host, is_token

TCP, SERIAL, HOMEWIZARD, HOMEWIZARDS = "tcp", "serial", "homewizard", "homewizards"
_EXAMPLES = {
    TCP: "tcp://192.168.1.60:20202",
    SERIAL: "serial:///dev/ttyUSB0",
    HOMEWIZARD: "homewizard://192.168.1.60",
    HOMEWIZARDS: "homewizards://192.168.1.60/5c2faf001122",
}
_PORTS = {HOMEWIZARD: 80, HOMEWIZARDS: 443}
_DSMR2 = "dsmr=2"
_SERIAL_NUMBER = re.compile(r"[0-9A-Za-z]{1,32}", re.ASCII)
_PRINTABLE = re.compile(r"[!-~]+", re.ASCII)


class P1Source(NamedTuple):
    """Where the meter is.

    Attributes:
        kind: ``tcp``, ``serial``, ``homewizard`` (API v1) or ``homewizards`` (v2).
        address: as messages and the lock name it.
        host: its name or address; "" for a serial port.
        port: of TCP.
        path: of the serial port; "" for the others.
        dsmr2: a meter of DSMR 2 or 3: 9600 7E1, telegrams without a CRC.
        serial: of a HomeWizard v2, as in its certificate's name.
    """

    kind: str
    address: str
    host: str = ""
    port: int = 0
    path: str = ""
    dsmr2: bool = False
    serial: str = ""


class P1Config(NamedTuple):
    """What it takes to read the meter.

    Attributes:
        source: where it is.
        interval_s: ``P1_INTERVAL_S``.
        token: of a HomeWizard v2; None: not needed, or none yet.
        ca_file: signed its certificate; None: not needed.
    """

    source: P1Source
    interval_s: float
    token: str | None
    ca_file: Path | None

    def __repr__(self) -> str:
        """Return everything but the token."""
        return f"P1Config({self.source!r}, {self.interval_s!r}, token=***, {self.ca_file!r})"


def p1_config(env: Mapping[str, str], *, pairing: bool = False) -> P1Config | None:
    """Read the settings of the meter; None where ``P1_SOURCE`` is not set.

    Args:
        env: the settings.
        pairing: a HomeWizard's token need not be there yet.

    Raises:
        ConfigError: one of them is missing or malformed.
    """
    if not env.get("P1_SOURCE", "").strip():
        return None
    source = _source(env)
    is_v2 = source.kind == HOMEWIZARDS
    return P1Config(
        source,
        _interval_s(env),
        _token(env) if is_v2 and not pairing else None,
        _ca_file(env) if is_v2 else None,
    )


def problems(env: Mapping[str, str]) -> list[str]:
    """Return what is wrong with the settings of a meter, a line each."""
    found = []
    readers: list[Callable[[Mapping[str, str]], object]] = [_source, _interval_s]
    if env.get("P1_SOURCE", "").strip().startswith(f"{HOMEWIZARDS}:"):
        readers += [_token, _ca_file]
    for read in readers:
        try:
            read(env)
        except ConfigError as error:
            found.append(str(error))
    return found


def _source(env: Mapping[str, str]) -> P1Source:
    given = env["P1_SOURCE"].strip()
    try:
        url = urlsplit(given) if _PRINTABLE.fullmatch(given) else urlsplit("")
        port = url.port
    except ValueError:
        raise _wrong(given, "is not an address", TCP) from None
    if url.scheme not in _EXAMPLES:
        kinds = ", ".join(f"{kind}://" for kind in _EXAMPLES)
        raise _wrong(given, f"must start with one of {kinds}", TCP)
    if "?" in given or "#" in given or url.username is not None:
        _allow_dsmr2(given, url)
    if url.scheme == SERIAL:
        return _serial_port(given, url)
    return _over_the_network(given, url, port)


def _allow_dsmr2(given: str, url: SplitResult) -> None:
    may = url.scheme in (TCP, SERIAL)
    if not may or url.username is not None or "#" in given or url.query != _DSMR2:
        what = f"may end in nothing but ?{_DSMR2}" if may else "takes neither user, query nor #"
        raise _wrong(given, what, url.scheme)


def _serial_port(given: str, url: SplitResult) -> P1Source:
    if url.netloc or not url.path.startswith("/") or url.path.endswith("/"):
        raise _wrong(given, "must name the port's file, behind three strokes", SERIAL)
    return P1Source(SERIAL, url.path, path=url.path, dsmr2=bool(url.query))


def _over_the_network(given: str, url: SplitResult, port: int | None) -> P1Source:
    kind, host = url.scheme, url.hostname or ""
    if not is_host(host):
        raise _wrong(given, "must name a host or an IP address", kind)
    port = _PORTS.get(kind) if port is None else port
    if not port:
        raise _wrong(given, "must name the port, from 1 to 65535", kind)
    path, serial = url.path.removesuffix("/").removeprefix("/"), ""
    if kind == HOMEWIZARDS:
        if not _SERIAL_NUMBER.fullmatch(path):
            text = "must end in the meter's serial number, which is shown in the HomeWizard app"
            raise _wrong(given, text, kind)
        serial, path = path, ""
    if path:
        raise _wrong(given, "must not have a path", kind)
    shown = f"[{host}]" if ":" in host else host
    return P1Source(kind, f"{shown}:{port}", host, port, "", bool(url.query), serial)


def _wrong(given: str, text: str, kind: str) -> ConfigError:
    return ConfigError(f"P1_SOURCE={given!r} {text}; example: P1_SOURCE={_EXAMPLES[kind]}")


def _interval_s(env: Mapping[str, str]) -> float:
    return number(env, "P1_INTERVAL_S", 5, 1, 3600)


def _token(env: Mapping[str, str]) -> str:
    token = secret(env, "P1_TOKEN")
    if not token:
        raise ConfigError(
            "P1_TOKEN is missing: a HomeWizard read by homewizards:// wants one, which `p1 --pair` "
            "makes; example: P1_TOKEN_FILE=/etc/sungrow-edge/p1-token"
        )
    if not is_token(token):
        raise ConfigError(
            "P1_TOKEN must be printable ASCII, without blanks; "
            "example: P1_TOKEN_FILE=/etc/sungrow-edge/p1-token"
        )
    return token


def _ca_file(env: Mapping[str, str]) -> Path:
    advice = "name the PEM file of HomeWizard's own authority, from the documentation of its API"
    example = "/etc/sungrow-edge/homewizard-ca.pem"
    path = ca_file(env, "P1_CA_FILE", advice, example)
    if path is None:
        raise ConfigError(
            f"P1_CA_FILE is missing: a HomeWizard read by homewizards:// proves by a certificate "
            f"that it is yours; {advice}; example: P1_CA_FILE={example}"
        )
    return path
