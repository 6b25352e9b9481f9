"""Every setting of the edge: name, default, rule. Read once, at the start, from the environment.

A value that breaks its rule stops the program with one line that names the variable, says what was
wrong and has an example. ``docs/edge.md`` explains the settings; the rules are here.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from edge_lib.shared.env import ConfigError, log_level, number, required, secret, text, whole
from edge_lib.shared.fields import is_device_id
from edge_lib.shared.peers import ca_file, is_host, is_token

_URL = re.compile(r"[^\x00-\x20\x7f-\U0010ffff?#]+")


class DongleConfig(NamedTuple):
    """What it takes to poll: the dongle's address, the pauses, and the device's name."""

    host: str
    port: int
    unit_id: int
    device_id: str
    poll_interval_s: float
    inter_register_delay_s: float
    modbus_timeout_s: float
    log_level: str


class UploadConfig(NamedTuple):
    """What it takes to keep and to deliver."""

    ingest_url: str
    token: str
    ca_file: Path | None
    upload_interval_s: float
    batch_size: int
    max_backoff_s: float

    def __repr__(self) -> str:
        """Return everything but the token."""
        return f"UploadConfig({self.ingest_url!r}, token=***, {', '.join(map(repr, self[2:]))})"


class StoreConfig(NamedTuple):
    """Where the edge keeps what it has."""

    spool_path: Path
    spool_keep_days: float
    health_path: Path


def dongle_config(env: Mapping[str, str]) -> DongleConfig:
    """Read the settings that every command which talks to the dongle needs.

    Raises:
        ConfigError: one of them is missing or malformed.
    """
    return DongleConfig(**{name: read(env) for name, read in _DONGLE.items()})


def upload_config(env: Mapping[str, str]) -> UploadConfig:
    """Read the settings of the upload.

    Raises:
        ConfigError: one of them is missing or malformed.
    """
    return UploadConfig(**{name: read(env) for name, read in _UPLOAD.items()})


def store_config(env: Mapping[str, str]) -> StoreConfig:
    """Read where spool and health file lie.

    Raises:
        ConfigError: one of them is malformed.
    """
    return StoreConfig(**{name: read(env) for name, read in _STORE.items()})


def problems(env: Mapping[str, str]) -> list[str]:
    """Return what is wrong with any setting, a line each; [] where the service would start."""
    found = []
    for read in (*_DONGLE.values(), *_UPLOAD.values(), *_STORE.values()):
        try:
            read(env)
        except ConfigError as error:
            found.append(str(error))
    if has_p1(env):
        from edge_lib import p1_config  # here: a house without a P1 meter does without it

        found += p1_config.problems(env)
    if has_watch(env):
        from edge_lib import watch_config  # here: so does one without a channel

        found += watch_config.problems(env)
    return found


def has_p1(env: Mapping[str, str]) -> bool:
    """Return whether the edge is to read a grid meter."""
    return bool(env.get("P1_SOURCE", "").strip())


def has_watch(env: Mapping[str, str]) -> bool:
    """Return whether the edge is to tell on a channel of its own that the server is silent."""
    names = ("ALERT_WEBHOOK_URL", "ALERT_NTFY_URL")
    return any(env.get(f"{name}{form}", "").strip() for name in names for form in ("", "_FILE"))


def _host(env: Mapping[str, str]) -> str:
    host = required(env, "SUNGROW_HOST", "192.168.1.50").removeprefix("[").removesuffix("]")
    if not is_host(host):
        raise ConfigError(
            f"SUNGROW_HOST={host!r} is neither a host name nor an IP address; "
            "example: SUNGROW_HOST=192.168.1.50"
        )
    return host


def device_id(env: Mapping[str, str]) -> str:
    """Read the device's name.

    Raises:
        ConfigError: it is missing or malformed.
    """
    name = required(env, "DEVICE_ID", "home-1")
    if not is_device_id(name):
        raise ConfigError(
            f"DEVICE_ID={name!r} must be 1 to 64 of A-Za-z0-9._-; example: DEVICE_ID=home-1"
        )
    return name


def _https_url(env: Mapping[str, str]) -> str:
    name, example = "VPS_INGEST_URL", "https://solar.example.org"
    base = required(env, name, example)
    try:
        url = urlsplit(base)
        usable = url.scheme == "https" and bool(url.hostname) and url.port != 0
    except ValueError:
        usable = False
    # urlsplit itself passes over line breaks, and over "?" and "#" that nothing follows.
    if not usable or url.username is not None or not _URL.fullmatch(base):
        raise ConfigError(
            f"{name} must be a base URL that starts with https:// and names a host, without user, "
            f"query or fragment; readings are never sent unencrypted; example: {name}={example}"
        )
    return base.rstrip("/")


def _token(env: Mapping[str, str]) -> str:
    token = secret(env, "VPS_TOKEN")
    if not token:
        raise ConfigError(
            "VPS_TOKEN is missing: the bearer token that the server knows for this device; "
            "example: VPS_TOKEN_FILE=/etc/sungrow-edge/token"
        )
    if not is_token(token):
        raise ConfigError(
            "VPS_TOKEN must be printable ASCII, without blanks; "
            "example: VPS_TOKEN_FILE=/etc/sungrow-edge/token"
        )
    return token


def _ca_file(env: Mapping[str, str]) -> Path | None:
    return ca_file(
        env,
        "VPS_CA_FILE",
        "name the PEM file of the authority that signed the server's certificate, or leave the "
        "setting out",
        "/etc/sungrow-edge/ca.pem",
    )


_Readers = dict[str, Callable[[Mapping[str, str]], Any]]

_DONGLE: _Readers = {
    "host": _host,
    "port": lambda env: whole(env, "SUNGROW_PORT", 502, 1, 65_535),
    "unit_id": lambda env: whole(env, "SUNGROW_SLAVE_ID", 1, 1, 247),
    "device_id": device_id,
    "poll_interval_s": lambda env: number(env, "POLL_INTERVAL_S", 5, 5, 3600),
    "inter_register_delay_s": lambda env: (
        number(env, "INTER_REGISTER_DELAY_MS", 20, 20, 10_000) / 1000
    ),
    "modbus_timeout_s": lambda env: number(env, "MODBUS_TIMEOUT_S", 5, 1, 30),
    "log_level": log_level,
}
_UPLOAD: _Readers = {
    "ingest_url": _https_url,
    "token": _token,
    "ca_file": _ca_file,
    "upload_interval_s": lambda env: number(env, "UPLOAD_INTERVAL_S", 10, 1, 86_400),
    "batch_size": lambda env: whole(env, "BATCH_SIZE", 500, 1, 1000),
    "max_backoff_s": lambda env: number(env, "MAX_BACKOFF_S", 300, 1, 86_400),
}
_STORE: _Readers = {
    "spool_path": lambda env: Path(text(env, "SPOOL_PATH", "/var/lib/sungrow-edge/spool.db")),
    "spool_keep_days": lambda env: number(env, "SPOOL_KEEP_DAYS", 7, 0, 36_500),
    "health_path": lambda env: Path(text(env, "HEALTH_PATH", "/var/lib/sungrow-edge/health.json")),
}
