"""Rules that settings have in common which name another machine: its host, its authority."""

import ipaddress
import re
from collections.abc import Mapping
from pathlib import Path

from edge_lib.shared.env import ConfigError

_HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?", re.ASCII)
_TOKEN = re.compile(r"[\x21-\x7e]+", re.ASCII)  # what HTTP can carry


def is_host(text: str) -> bool:
    """Return whether this is a host's name, or an IPv4 or IPv6 address without brackets."""
    return _HOST_NAME.fullmatch(text) is not None or _is_ipv6(text)


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def is_token(text: str) -> bool:
    """Return whether HTTP can carry this as a bearer token."""
    return _TOKEN.fullmatch(text) is not None


def ca_file(env: Mapping[str, str], name: str, advice: str, example: str) -> Path | None:
    """Return the file of the authorities to trust; None where the setting is absent.

    Args:
        env: the settings.
        name: of the setting.
        advice: which file to name.
        example: of a path.

    Raises:
        ConfigError: there are no certificates in it.
    """
    import ssl  # here: not everybody who reads settings has a peer

    path = env.get(name, "").strip()
    if not path:
        return None
    try:
        ssl.create_default_context(cafile=path)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"{name}: cannot read certificates from {path}: {error}; {advice}; "
            f"example: {name}={example}"
        ) from error
    return Path(path)
