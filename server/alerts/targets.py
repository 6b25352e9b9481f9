"""The channels that the settings name: each checked, and made ready to send."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Protocol
from urllib.parse import unquote, urlsplit

from edge_lib.shared.env import ConfigError, secret, text
from server.alerts import names, wire
from server.alerts.channels.gotify import Gotify
from server.alerts.channels.mail import Mail
from server.alerts.channels.ntfy import Ntfy
from server.alerts.channels.telegram import Telegram
from server.alerts.channels.webhook import Webhook
from server.alerts.outcome import Message, Outcome
from server.alerts.wire import Url

_PORTS = {"https": 443, "http": 80, "smtps": 465, "smtp": 587}
_WEB = ("https", "http")
_MAIL = ("smtps", "smtp")
_OF_A_LAN = (".local", ".lan", ".internal", ".home.arpa", ".localhost", ".test", ".home")
_MAIL_EXAMPLE = "ALERT_SMTP_URL=smtps://me%40example.org:PASSWORD@smtp.example.org"
_TO_EXAMPLE = "ALERT_MAIL_TO=me@example.org"
_NTFY_EXAMPLE = "ALERT_NTFY_URL=https://ntfy.sh/A-LONG-RANDOM-NAME"
_GOTIFY_EXAMPLE = "ALERT_GOTIFY_URL=https://gotify.example.org"
_WEBHOOK_EXAMPLE = "ALERT_WEBHOOK_URL=https://example.org/hook"
_ADDRESS = re.compile(r"[^@\s,<>\"]+@[^@\s,<>\"]+")
_TOKEN = re.compile(r"[\x21-\x7e]+")


class Sender(Protocol):
    """A channel: sends a message, and never raises for what may go wrong with that."""

    def send(self, message: Message) -> Outcome:
        """Send; return what became of it. Its reason holds no secret."""


class Targets(NamedTuple):
    """The channels that are set up, by name."""

    senders: Mapping[str, Sender]

    def __repr__(self) -> str:
        """Show no sender: they hold secrets."""
        return f"Targets({', '.join(self.senders)})"


def read_targets(env: Mapping[str, str], ca_file: Path | None) -> Targets:
    """Read the channels.

    Raises:
        ConfigError: a setting is malformed, or one that it needs is missing.
    """
    trust = None if ca_file is None else str(ca_file)
    made: dict[str, Sender | None] = {
        names.MAIL: _mail(env, trust),
        names.NTFY: _ntfy(env, trust),
        names.TELEGRAM: _telegram(env),
        names.GOTIFY: _gotify(env, trust),
        names.WEBHOOK: _webhook(env, trust),
    }
    return Targets({name: sender for name, sender in made.items() if sender is not None})


def read_url(name: str, value: str, example: str, schemes: tuple[str, ...] = _WEB) -> Url:
    """Return an address after a check.

    Raises:
        ConfigError: it is malformed, or without TLS to anywhere but a private address. Does not
            quote it: it may hold a secret.
    """
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        raise ConfigError(f"{name} is not an address; example: {example}") from None
    if parts.scheme not in schemes or not parts.hostname or re.search(r"[\x00-\x20\x7f]", value):
        wanted = " or ".join(f"{scheme}://" for scheme in schemes)
        raise ConfigError(f"{name} must be {wanted} and a name; example: {example}")
    if parts.scheme == "http" and not _may_be_private(parts.hostname):
        raise ConfigError(
            f"{name}: http:// is for loopback and private addresses alone; example: {example}"
        )
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not path.isascii():
        raise ConfigError(f"{name} has a path that is not ASCII; example: {example}")
    return Url(
        parts.scheme,
        parts.hostname,
        port or _PORTS[parts.scheme],
        path,
        unquote(parts.username or ""),
        unquote(parts.password or ""),
    )


def _may_be_private(host: str) -> bool:
    """Return whether a host may have a private address; that of a name is looked at again later."""
    is_address = re.fullmatch(r"[0-9.]+", host) or ":" in host
    if is_address:
        return wire.is_private(host)
    return "." not in host or host.endswith(_OF_A_LAN)


def _mail(env: Mapping[str, str], ca_file: str | None) -> Mail | None:
    given, to = secret(env, "ALERT_SMTP_URL"), text(env, "ALERT_MAIL_TO", "")
    if not given and not to:
        return None
    if not given:
        raise ConfigError(f"ALERT_MAIL_TO needs ALERT_SMTP_URL; example: {_MAIL_EXAMPLE}")
    if not to:
        raise ConfigError(f"ALERT_SMTP_URL needs ALERT_MAIL_TO; example: {_TO_EXAMPLE}")
    url = read_url("ALERT_SMTP_URL", given, _MAIL_EXAMPLE, _MAIL)
    if bool(url.user) != bool(url.password):
        raise ConfigError(f"ALERT_SMTP_URL: a user needs a password; example: {_MAIL_EXAMPLE}")
    addresses = tuple(address.strip() for address in to.split(","))
    for address in addresses:
        if not _ADDRESS.fullmatch(address) or not address.isascii():
            raise ConfigError(
                f"ALERT_MAIL_TO: {address!r} is not an address of mail; "
                "example: ALERT_MAIL_TO=me@example.org,you@example.org"
            )
    return Mail(url, addresses, _sender(url, addresses), _site_host(env), ca_file)


def _sender(url: Url, to: tuple[str, ...]) -> str:
    """Return whom a mail is from: ``?from=`` of the address, its user, or else whom it goes to."""
    asked = re.fullmatch(r"/\?from=([^&]+)", url.path)
    given = unquote(asked[1]) if asked else url.user
    if asked and not _ADDRESS.fullmatch(given):
        raise ConfigError(
            "ALERT_SMTP_URL: ?from= is not an address of mail; "
            "example: ALERT_SMTP_URL=smtp://mail.example.org/?from=alerts@example.org"
        )
    return given if _ADDRESS.fullmatch(given) else to[0]


def _site_host(env: Mapping[str, str]) -> str:
    host = urlsplit(text(env, "ALERT_SITE_URL", "")).hostname
    return host or "sungrow.invalid"


def _ntfy(env: Mapping[str, str], ca_file: str | None) -> Ntfy | None:
    given = secret(env, "ALERT_NTFY_URL")
    if not given:
        return None
    url = read_url("ALERT_NTFY_URL", given, _NTFY_EXAMPLE)
    base, _, topic = url.path.rpartition("/")
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", topic):
        raise ConfigError(
            "ALERT_NTFY_URL must end with the topic, 1 to 64 of A-Za-z0-9_-, which is as secret as "
            f"a password; example: {_NTFY_EXAMPLE}"
        )
    return Ntfy(url._replace(path=f"{base}/"), topic, ca_file)


def _telegram(env: Mapping[str, str]) -> Telegram | None:
    token, chat = secret(env, "ALERT_TELEGRAM_TOKEN"), text(env, "ALERT_TELEGRAM_CHAT", "")
    if not token and not chat:
        return None
    if not token or not chat:
        missing = "ALERT_TELEGRAM_CHAT" if token else "ALERT_TELEGRAM_TOKEN"
        example = "ALERT_TELEGRAM_CHAT=123456789" if token else "ALERT_TELEGRAM_TOKEN=1234:ABC"
        raise ConfigError(f"{missing} is missing, Telegram needs both; example: {example}")
    if not re.fullmatch(r"[0-9]+:[A-Za-z0-9_-]+", token):
        raise ConfigError(
            "ALERT_TELEGRAM_TOKEN is not as BotFather shows it; "
            "example: ALERT_TELEGRAM_TOKEN=1234567890:AbC-dEf"
        )
    match = re.fullmatch(r"(-?[0-9]+|@[A-Za-z0-9_]+)(?:/([0-9]+))?", chat)
    if not match:
        raise ConfigError(
            f"ALERT_TELEGRAM_CHAT={chat!r} is not the number of a chat; "
            "example: ALERT_TELEGRAM_CHAT=123456789, or -100123/45 for a topic of a group"
        )
    return Telegram(token, match[1], int(match[2]) if match[2] else None)


def _gotify(env: Mapping[str, str], ca_file: str | None) -> Gotify | None:
    given, token = text(env, "ALERT_GOTIFY_URL", ""), secret(env, "ALERT_GOTIFY_TOKEN")
    if not given and not token:
        return None
    if not given or not token:
        missing = "ALERT_GOTIFY_TOKEN" if given else "ALERT_GOTIFY_URL"
        example = "ALERT_GOTIFY_TOKEN=AbCdEf" if given else _GOTIFY_EXAMPLE
        raise ConfigError(f"{missing} is missing, Gotify needs both; example: {example}")
    url = read_url("ALERT_GOTIFY_URL", given, _GOTIFY_EXAMPLE)
    if not _TOKEN.fullmatch(token):
        raise ConfigError("ALERT_GOTIFY_TOKEN is not one; example: ALERT_GOTIFY_TOKEN=AbCdEf.123")
    return Gotify(url._replace(path=f"{url.path.rstrip('/')}/message"), token, ca_file)


def _webhook(env: Mapping[str, str], ca_file: str | None) -> Webhook | None:
    given, key = secret(env, "ALERT_WEBHOOK_URL"), secret(env, "ALERT_WEBHOOK_SECRET")
    if not given and not key:
        return None
    if not given:
        raise ConfigError(f"ALERT_WEBHOOK_SECRET needs an address; example: {_WEBHOOK_EXAMPLE}")
    return Webhook(read_url("ALERT_WEBHOOK_URL", given, _WEBHOOK_EXAMPLE), key, ca_file)
