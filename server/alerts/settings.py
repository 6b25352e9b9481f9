"""The settings of alerts, read from the environment of their own unit alone.

A secret may be in the setting itself, in a file that ``NAME_FILE`` names, or in systemd's
credentials as ``alerts_NAME``: ``/etc/sungrow-server/alert-secrets/NAME`` of an installed server.
"""

import difflib
import re
import ssl
from collections.abc import Iterator, Mapping
from datetime import time, timedelta
from pathlib import Path
from typing import NamedTuple

from edge_lib.shared.env import ConfigError, log_level, secret, text
from server import settings as server_settings
from server.alerts import names
from server.alerts.targets import Targets, read_targets, read_url

LANGUAGES = ("en", "nl", "de", "fr")
STATE = "/var/lib/sungrow-alerts/state.json"
STATUS = Path("/var/lib/sungrow-server/status")
SECRETS = (
    "DATABASE_URL",
    "ALERT_SMTP_URL",
    "ALERT_NTFY_URL",
    "ALERT_TELEGRAM_TOKEN",
    "ALERT_GOTIFY_TOKEN",
    "ALERT_WEBHOOK_URL",
    "ALERT_WEBHOOK_SECRET",
    "DEADMAN_URL",
    "METRICS_TOKEN",
)
PLAIN = (
    "ALERT_MAIL_TO",
    "ALERT_TELEGRAM_CHAT",
    "ALERT_GOTIFY_URL",
    "ALERT_QUIET",
    "ALERT_LANGUAGE",
    "ALERT_SITE_URL",
    "ALERT_CA_FILE",
    "ALERT_STATE_PATH",
)
_CREDENTIAL = "alerts_"
_SPARE = "RUNTIME_DIRECTORY"  # systemd names the unit's own below /run by it
_KNOWN = {*SECRETS, *(f"{name}_FILE" for name in SECRETS), *PLAIN}
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours"}


class Settings(NamedTuple):
    """What a run needs to know."""

    database_url: str
    targets: Targets
    quiet: tuple[time, time] | None  # local time of each house; None: no quiet hours
    language: str
    off: frozenset[str]  # rules that nobody wants
    holds: Mapping[str, timedelta]  # how long a rule must hold, where that is not its own
    site_url: str | None
    ca_file: Path | None
    state_path: Path
    spare_folder: Path | None  # of memory: for the state file where the disk is full
    status_folder: Path
    deadman_urls: tuple[str, ...]
    metrics_token: str | None
    log_level: str

    @property
    def channels(self) -> tuple[str, ...]:
        """Return the names of the channels that are set up."""
        return tuple(self.targets.senders)

    def is_on(self, rule: str) -> bool:
        """Return whether somebody wants to be told by this rule."""
        return rule not in self.off

    def hold(self, rule: str, default: timedelta) -> timedelta:
        """Return how long this rule must hold before it opens."""
        return self.holds.get(rule, default)

    def __repr__(self) -> str:
        """Show no field: some hold secrets."""
        return "Settings(...)"


def read(env: Mapping[str, str]) -> Settings:
    """Read the settings.

    Raises:
        ConfigError: one is missing, malformed or unknown; names it, with an example.
    """
    env = with_credentials(env)
    _refuse_unknown(env)
    site_url = text(env, "ALERT_SITE_URL", "").removesuffix("/")
    if site_url and not re.fullmatch(r"https://[A-Za-z0-9.:\[\]-]+", site_url):
        raise ConfigError(
            f"ALERT_SITE_URL={site_url!r} is not https:// and a name; "
            "example: ALERT_SITE_URL=https://solar.example.org"
        )
    rules = dict(_rules(env))
    ca_file = _ca_file(env)
    return Settings(
        database_url=server_settings.database_url(env),
        targets=read_targets(env, ca_file),
        quiet=_quiet(env),
        language=_language(env),
        off=frozenset(rule for rule, hold in rules.items() if hold is None),
        holds={rule: hold for rule, hold in rules.items() if hold is not None},
        site_url=site_url or None,
        ca_file=ca_file,
        state_path=Path(text(env, "ALERT_STATE_PATH", STATE)),
        spare_folder=Path(env[_SPARE]) if env.get(_SPARE) else None,
        status_folder=STATUS,
        deadman_urls=_deadman(env),
        metrics_token=secret(env, "METRICS_TOKEN"),
        log_level=log_level(env),
    )


def with_credentials(env: Mapping[str, str]) -> dict[str, str]:
    """Return the settings with those that systemd hands over as credentials."""
    given = dict(env)
    folder = env.get("CREDENTIALS_DIRECTORY")
    for path in sorted(Path(folder).glob(f"{_CREDENTIAL}*")) if folder else ():
        name = path.name.removeprefix(_CREDENTIAL)
        if name in SECRETS and not given.get(name) and not given.get(f"{name}_FILE"):
            given[f"{name}_FILE"] = str(path)
        elif name not in SECRETS:
            raise ConfigError(
                f"{name} in alert-secrets is not a secret of alerts; example: ALERT_TELEGRAM_TOKEN"
            )
    return given


def _refuse_unknown(env: Mapping[str, str]) -> None:
    for name in env:
        if name.startswith("ALERT_") and name not in _KNOWN:
            near = difflib.get_close_matches(name, _KNOWN, 1)
            helps = f"did you mean {near[0]}?" if near else f"example: {PLAIN[0]}=me@example.org"
            raise ConfigError(f"{name} is not a setting of alerts; {helps}")


def _rules(env: Mapping[str, str]) -> Iterator[tuple[str, timedelta | None]]:
    """Return how long a rule must hold, None where it is off."""
    for name, value in env.items():
        if not name.startswith("RULE_") or not value.strip():
            continue
        rule = name.removeprefix("RULE_").lower()
        is_hold = rule not in names.RULES and rule.endswith("_for")
        rule = rule.removesuffix("_for") if is_hold else rule
        if rule not in names.RULES:
            known = ", ".join(names.RULES)
            raise ConfigError(f"{name}: there is no rule {rule}; there are: {known}")
        if is_hold:
            if text(env, f"RULE_{rule.upper()}", "") != "off":
                yield rule, _duration(name, value.strip())
        elif value.strip() != "off":
            raise ConfigError(
                f"{name}={value.strip()!r}: a rule can only be off; example: {name}=off, "
                f"or how long it must hold: {name}_FOR=10m"
            )
        else:
            yield rule, None


def _duration(name: str, value: str) -> timedelta:
    """Return a time like ``10m``."""
    match = re.fullmatch(r"([0-9]{1,5})([smh])", value, re.ASCII)
    if not match:
        raise ConfigError(f"{name}={value!r} is not like 90s, 10m or 2h; example: {name}=10m")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def _quiet(env: Mapping[str, str]) -> tuple[time, time] | None:
    given = text(env, "ALERT_QUIET", "22:00-07:00")
    match = re.fullmatch(r"([0-9]{1,2}:[0-9]{2})\s*-\s*([0-9]{1,2}:[0-9]{2})", given, re.ASCII)
    try:
        first, end = (_local_time(part) for part in match.groups()) if match else (None, None)
    except ValueError:
        first = None
    if first is None or end is None:
        raise ConfigError(
            f"ALERT_QUIET={given!r} is not like 22:00-07:00; example: ALERT_QUIET=23:00-06:30, "
            "or 00:00-00:00 for none"
        )
    return None if first == end else (first, end)


def _local_time(text: str) -> time:
    hour, _, minute = text.partition(":")
    return time(int(hour), int(minute))


def _language(env: Mapping[str, str]) -> str:
    given = text(env, "ALERT_LANGUAGE", "en")
    if given not in LANGUAGES:
        raise ConfigError(
            f"ALERT_LANGUAGE={given!r} must be one of {', '.join(LANGUAGES)}; "
            "example: ALERT_LANGUAGE=nl"
        )
    return given


def _ca_file(env: Mapping[str, str]) -> Path | None:
    given = text(env, "ALERT_CA_FILE", "")
    if not given:
        return None
    try:
        ssl.create_default_context().load_verify_locations(given)
    except OSError as error:  # those of ssl, too
        raise ConfigError(
            f"ALERT_CA_FILE: {given} is not a readable PEM file: {error.strerror}; "
            "example: ALERT_CA_FILE=/etc/sungrow-server/ca.pem"
        ) from error
    return Path(given)


def _deadman(env: Mapping[str, str]) -> tuple[str, ...]:
    """Return one address, or two that are separated by a blank."""
    urls = (secret(env, "DEADMAN_URL") or "").split()
    if len(urls) > 2:
        raise ConfigError("DEADMAN_URL has more than two addresses; example: " + _DEADMAN_EXAMPLE)
    for url in urls:
        read_url("DEADMAN_URL", url, _DEADMAN_EXAMPLE)
    return tuple(urls)


_DEADMAN_EXAMPLE = "DEADMAN_URL=https://hc-ping.com/UUID"
