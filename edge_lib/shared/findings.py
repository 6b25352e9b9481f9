"""Findings of ``doctor``, on the edge and on the server: made in bounded time, printed by lines."""

import json
import logging
import re
import threading
from collections.abc import Callable, Iterable
from typing import NamedTuple

from edge_lib.shared import jsonlog

OK, WARNING, FAILED = "ok", "warning", "failed"
OF_A_PROXY = (502, 503, 504)  # statuses that a proxy answers by itself, in place of our server
_LEVELS = {OK: logging.INFO, WARNING: logging.WARNING, FAILED: logging.ERROR}


class Finding(NamedTuple):
    """One line: what was checked, ``ok``, ``warning`` or ``failed``, and what to do."""

    check: str
    state: str
    text: str


class Group(NamedTuple):
    """Checks that are made one after the other, in a thread of their own."""

    name: str
    checks: Callable[[], Iterable[Finding]]


def run(
    groups: Iterable[Group],
    make: Callable[[Group], Iterable[Finding]],
    patience_s: float,
    monotonic_s: Callable[[], float],
) -> list[Finding]:
    """Make the checks of all groups at once; one that hangs or crashes is a finding as well.

    Args:
        groups: their findings come in this order.
        make: makes the checks of a group; turns the errors it expects into findings.
        patience_s: the time that all of them have.
        monotonic_s: the clock that measures it.
    """
    until_s = monotonic_s() + patience_s
    begun = []
    for group in groups:
        seen: list[Finding] = []
        thread = threading.Thread(target=_collect, args=(make, group, seen), daemon=True)
        thread.start()
        begun.append((group.name, thread, seen))
    found: list[Finding] = []
    for name, thread, seen in begun:
        thread.join(max(0.0, until_s - monotonic_s()))
        found += seen
        if thread.is_alive():
            found.append(Finding(name, FAILED, f"no answer within {patience_s:.0f} s"))
        elif not seen:
            text = "this check crashed: see the traceback above"
            found.append(Finding(name, FAILED, text))
    return found


def report(found: list[Finding], as_json: bool) -> int:
    """Print the findings; return the exit status: 0, or 1 where a check failed."""
    worst = max((finding.state for finding in found), key=list(_LEVELS).index)
    if as_json:
        print(json.dumps({"status": worst, "checks": [finding._asdict() for finding in found]}))
    else:
        print("\n".join(map(_line, found)))
    return 1 if worst == FAILED else 0


def version_numbers(version: str) -> tuple[int, ...]:
    """Return the numbers of a version, by which two can be compared."""
    return tuple(map(int, re.findall(r"\d+", version, re.ASCII)))


def _collect(make: Callable[[Group], Iterable[Finding]], group: Group, seen: list[Finding]) -> None:
    for finding in make(group):
        # A line a check, whatever it quotes.
        seen.append(finding._replace(text=" ".join(finding.text.split())))


def _line(finding: Finding) -> str:
    # The output of a timer's run goes to the journal.
    start = jsonlog.priority(_LEVELS[finding.state], jsonlog.STDOUT_FD)
    return f"{start}{finding.state:<8} {finding.check:<9} {finding.text}"
