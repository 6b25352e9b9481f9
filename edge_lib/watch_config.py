"""The edge's own channels, on which it tells that the server does not answer: settings and rules.

Imported only where one is set. Their addresses are secrets: a topic's name is its password.
"""

import ipaddress
import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from edge_lib.shared.env import ConfigError, secret

WEBHOOK, NTFY = "ALERT_WEBHOOK_URL", "ALERT_NTFY_URL"
_EXAMPLES = {
    WEBHOOK: "http://192.168.1.10:8123/api/webhook/A-LONG-RANDOM-NAME",
    NTFY: "https://ntfy.sh/A-LONG-RANDOM-NAME",
}
# What a name in the house's own network ends with; its address is looked at before anything goes.
_OF_A_LAN = (".local", ".lan", ".internal", ".home.arpa", ".localhost", ".test", ".home")
_TOPIC = re.compile(r"/[A-Za-z0-9_-]{1,64}", re.ASCII)


class Channel(NamedTuple):
    """One of them; ``name``: of its setting."""

    name: str
    url: SplitResult

    def __repr__(self) -> str:
        """Show no address."""
        return f"Channel({self.name})"


def watch_config(env: Mapping[str, str]) -> tuple[Channel, ...]:
    """Read the channels; () where none is set.

    Raises:
        ConfigError: one is malformed. Does not quote it.
    """
    given = ((name, secret(env, name)) for name in _EXAMPLES)
    return tuple(Channel(name, _url(name, value)) for name, value in given if value)


def problems(env: Mapping[str, str]) -> list[str]:
    """Return what is wrong with these settings, a line each."""
    found = []
    for name in _EXAMPLES:
        try:
            if value := secret(env, name):
                _url(name, value)
        except ConfigError as error:
            found.append(str(error))
    return found


def is_private(address: str) -> bool:
    """Return whether an address is of this machine or of a private network."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return False
    return known.is_loopback or known.is_private or known.is_link_local


def _url(name: str, value: str) -> SplitResult:
    example = f"example: {name}={_EXAMPLES[name]}"
    try:
        url = urlsplit(value)
        usable = url.scheme in ("https", "http") and bool(url.hostname) and url.port != 0
    except ValueError:
        usable = False
    if not usable or not re.fullmatch(r"[\x21-\x7e]+", value) or "#" in value:
        raise ConfigError(f"{name} must be https:// and a name, without blanks; {example}")
    if url.scheme == "http" and not _may_be_private(url.hostname or ""):
        raise ConfigError(f"{name}: http:// is for loopback and private addresses alone; {example}")
    if name == NTFY and (url.query or not _TOPIC.fullmatch(url.path)):
        raise ConfigError(f"{name} must end with the topic, A-Za-z0-9_- alone; {example}")
    return url


def _may_be_private(host: str) -> bool:
    if ":" in host or re.fullmatch(r"[0-9.]+", host):
        return is_private(host)
    return "." not in host or host.endswith(_OF_A_LAN)
