"""What a rule is: a name, limits in time, its place behind the hops, and a pure function."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar

CRITICAL, WARNING, INFO = "critical", "warning", "info"
SEVERITIES = (INFO, WARNING, CRITICAL)

# What a reading passes on its way, from the far end of the watcher's view: one that is broken mutes
# all rules behind it.
HOPS = ("database", "front", "line", "edge", "dongle", "inverter", "measured")

_Seen = TypeVar("_Seen")


class Finding(NamedTuple):
    """Something that a rule finds to be wrong now.

    Attributes:
        since: since when, by what was measured; None: since it is seen.
        values: what the message says of it: numbers and short texts.
        key: which of several that the rule finds at a time.
        severity: None: the rule's.
        amount: how much of it there is, where more of it is news (lost readings).
        proven: of the newest reading that shows it: until then it held; None: it holds now.
    """

    since: datetime | None = None
    values: dict[str, Any] = {}  # noqa: RUF012  nobody changes it
    key: str = ""
    severity: str | None = None
    amount: int = 0
    proven: datetime | None = None


# What a rule says: all that is wrong; an empty list: nothing is; None: it cannot tell.
Outcome = list[Finding] | None


class Again(NamedTuple):
    """From which time within so many seconds on something is a warning; by days: on how many."""

    times: int
    within_s: float
    by_days: bool = False


class Rule(NamedTuple, Generic[_Seen]):
    """A rule; ``check`` is pure, and gets which of its keys are open now.

    Attributes:
        name: as in ``RULE_<NAME>=off``.
        severity: of what it finds.
        for_s: how long that must hold until it opens.
        clear_s: how long it must be well until it closes.
        hop: its place in ``HOPS``: it is muted where one before is broken.
        check: what is wrong, by the evidence.
        is_event: it happens at a moment: there is nothing to be said at its end.
        patience_s: a pending one that was not seen for longer starts again.
        replays: it needs stored readings alone, so the past can be judged again.
        again: when an info becomes a warning.
    """

    name: str
    severity: str
    for_s: float
    clear_s: float
    hop: str
    check: Callable[[_Seen, frozenset[str]], Outcome]
    is_event: bool = False
    patience_s: float = 300
    replays: bool = True
    again: Again | None = None
