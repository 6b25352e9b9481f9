"""What the evaluation has to know of the settings."""

from collections.abc import Mapping
from datetime import time
from typing import NamedTuple

from server.alerts import names
from server.alerts.settings import Settings

PEOPLE, WEBHOOK = "people", "webhook"


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


def options_of(settings: Settings) -> Options:
    """Return what the evaluation needs of the settings."""
    return Options(
        channels=tuple(
            Channel(name, PEOPLE if name in names.PEOPLE else WEBHOOK) for name in settings.channels
        ),
        language=settings.language,
        quiet=settings.quiet,
        site_url=settings.site_url,
        off=settings.off,
        for_s={rule: hold.total_seconds() for rule, hold in settings.holds.items()},
    )
