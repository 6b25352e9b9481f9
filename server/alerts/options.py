"""What the evaluation has to know of the settings, and the settings ``RULE_<ID>``."""

import re
from collections.abc import Iterable, Mapping
from datetime import time
from typing import NamedTuple

from edge_lib.shared.env import ConfigError

PEOPLE, WEBHOOK = "people", "webhook"
_DURATION = re.compile(r"([0-9]{1,6})([smh])", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600}
_LONGEST_S = 30 * 86_400


class Channel(NamedTuple):
    """Where messages go: people get one a house, a webhook gets one an episode."""

    name: str
    kind: str = PEOPLE


class Options(NamedTuple):
    """What the owner has chosen.

    Attributes:
        channels: the channels that are set up.
        language: of the messages: en, nl, de, fr.
        quiet: begin and end of the quiet hours, by the site's clock; None: there are none.
        site_url: the page's address; None: messages have no link.
        off: names of the rules that are switched off.
        for_s: how long a rule has to hold, where that is not its default.
    """

    channels: tuple[Channel, ...] = ()
    language: str = "en"
    quiet: tuple[time, time] | None = (time(22), time(7))
    site_url: str | None = None
    off: frozenset[str] = frozenset()
    for_s: Mapping[str, float] = {}


def rule_settings(
    env: Mapping[str, str], known: Iterable[str]
) -> tuple[frozenset[str], dict[str, float]]:
    """Return which rules are off, and how long others have to hold: ``RULE_<ID>`` of the settings.

    Raises:
        ConfigError: a setting names a rule that does not exist, or has another value.
    """
    names = {f"RULE_{rule.upper()}": rule for rule in known}
    off: set[str] = set()
    for_s: dict[str, float] = {}
    for name, value in env.items():
        if not name.startswith("RULE_") or not value.strip():
            continue
        if name in names:
            _refuse_unless_off(name, value)
            off.add(names[name])
        elif (rule := names.get(name.removesuffix("_FOR"))) and name.endswith("_FOR"):
            for_s[rule] = _seconds(name, value)
        else:
            raise ConfigError(
                f"{name}: there is no such rule; the rules are: {', '.join(sorted(names.values()))}"
            )
    return frozenset(off), for_s


def _refuse_unless_off(name: str, value: str) -> None:
    if value.strip().lower() != "off":
        raise ConfigError(
            f"{name}={value!r} is not off, the only value that it has; leave it out to keep the "
            f"rule; example: {name}=off"
        )


def _seconds(name: str, value: str) -> float:
    found = _DURATION.fullmatch(value.strip())
    seconds = int(found[1]) * _SECONDS[found[2]] if found else -1
    if not 0 <= seconds <= _LONGEST_S:
        raise ConfigError(
            f"{name}={value!r} is not a time like 90s, 10m or 2h, of at most 720h; "
            f"example: {name}=10m"
        )
    return float(seconds)
