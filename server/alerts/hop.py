"""Which hop is broken, by evidence and not by a guess, and what the recovery proves. Pure."""

from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple

from server.alerts.evidence import REPORTS_COME, Evidence

# Reasons of failed polls that come from a dongle which cannot reach its inverter:
# functions/sungrow_failure_cause.sql says the same.
_QUARTER = timedelta(minutes=15)
_NO_GRID = 1 << 8  # of word 13052: power cut, or the AC switch is off
GRID_WORD = 13052
STARTING = frozenset({0x1200, 0x1600, 0x0010, 0x0020})


class Verdict(NamedTuple):
    """What is broken, as far as can be told from here.

    Attributes:
        hop: edge, dongle or inverter.
        cause: unheard (edge or its line), inverter_off, dongle, clock, refused, poll_loop, locked.
        reason: the one that failed polls name most; "" where there is none.
    """

    hop: str
    cause: str
    reason: str = ""


class Recovery(NamedTuple):
    """What was found when the readings came back.

    Attributes:
        cause: line, restart, power_cut, dongle, or unknown.
        delivered: readings of the time of silence that are here now.
        lost: those that are nowhere.
        waiting: those that are still on their way.
    """

    cause: str
    delivered: int = 0
    lost: int = 0
    waiting: int = 0


def is_inverter(reason: str) -> bool:
    """Return whether a failed poll's reason is the dongle's that cannot reach the inverter."""
    return reason == "inverter_off" or reason.startswith("exception")


def verdict(seen: Evidence) -> Verdict:
    """Return which hop of a silent house is broken."""
    report = seen.report
    if report is None or seen.now - report.received_at > REPORTS_COME:
        # The grid meter's counts come by the same line: then it is the loop of the inverter.
        return Verdict("edge", "poll_loop" if seen.is_reporting else "unheard")
    if report.clock not in (None, "synchronised"):
        return Verdict("edge", "clock")
    if report.received_at > report.slot + _QUARTER + REPORTS_COME:
        return Verdict("edge", "poll_loop")
    if report.failed:
        return _by_reasons(report.failed)
    if report.waiting:
        return Verdict("edge", "refused")
    return Verdict("edge", "poll_loop")


def _by_reasons(failed: Mapping[str, int]) -> Verdict:
    reason = max(failed, key=lambda name: (failed[name], name))
    behind = sum(count for name, count in failed.items() if is_inverter(name))
    if reason == "locked":
        return Verdict("edge", "locked", reason)
    if 2 * behind > sum(failed.values()):
        return Verdict("inverter", "inverter_off", reason)
    return Verdict("dongle", "dongle", reason)


class Return(NamedTuple):
    """The facts around the end of a silence.

    Attributes:
        boot_before: of the last reading before it.
        boot_after: of the first one after it.
        states_after: the inverter's states in the first minutes.
        grid_bits_after: the grid-side fault word in the first minutes.
        failed: polls that failed while it lasted.
        late: readings of that time that came afterwards.
    """

    boot_before: str | None
    boot_after: str | None
    states_after: frozenset[int] = frozenset()
    grid_bits_after: int = 0
    failed: int = 0
    late: int = 0
    lost: int = 0
    waiting: int = 0


def recovery(found: Return) -> Recovery:
    """Return what a recovery proves of the silence before it.

    The same boot: the edge was up. Then a backlog says that the line was down, and polls that
    failed say that it was the dongle or the inverter. Another boot: the edge was off, and an
    inverter that starts at the same time was so, too: a power cut.
    """
    counts = {"delivered": found.late, "lost": found.lost, "waiting": found.waiting}
    if None in (found.boot_before, found.boot_after):
        return Recovery("unknown", **counts)
    if found.boot_before != found.boot_after:
        is_cut = found.states_after & STARTING or found.grid_bits_after & _NO_GRID
        return Recovery("power_cut" if is_cut else "restart", **counts)
    if found.failed and found.failed >= found.late:
        return Recovery("dongle", **counts)
    if found.late or found.waiting:
        return Recovery("line", **counts)
    return Recovery("dongle" if found.failed else "unknown", **counts)
