"""``edge.py doctor [--json]``: what is wrong, from the settings to the server, and what to do.

One line a check. Changes nothing, and ends within a minute, whatever hangs: the groups of checks
run beside each other, and what has not come by then is a finding as well.
"""

import json
import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from edge_lib.clock import Clock
from edge_lib.doctor import dongle, machine, server
from edge_lib.doctor.machine import FAILED, OK, WARNING, Finding, not_allowed, skipped
from edge_lib.shared.env import ConfigError

PATIENCE_S = 55.0
_BY_WEIGHT = (OK, WARNING, FAILED)


class Group(NamedTuple):
    """Checks that are made one after the other, in a thread of their own."""

    name: str
    look: Callable[[], Iterable[Finding]]


def run(env: Mapping[str, str], dotenv: Path, as_json: bool, clock: Clock | None = None) -> int:
    """Make all checks and print them; return the exit status: 0, or 1 where one failed."""
    logging.basicConfig(level=logging.CRITICAL)  # what is logged stands in the findings, too
    clock, over = clock or Clock(), threading.Event()
    found = findings(_groups(env, dotenv, clock, over.wait), clock)
    over.set()
    worst = max((finding.state for finding in found), key=_BY_WEIGHT.index)
    if as_json:
        print(json.dumps({"status": worst, "checks": [finding._asdict() for finding in found]}))
    else:
        print("\n".join(f"{state:<8} {check:<9} {text}" for check, state, text in found))
    return 1 if worst == FAILED else 0


def findings(
    groups: Iterable[Group], clock: Clock, patience_s: float = PATIENCE_S
) -> list[Finding]:
    """Make the checks of all groups at once; what hangs or breaks is a finding as well."""
    until_s = clock.monotonic_s() + patience_s
    begun = []
    for group in groups:
        seen: list[Finding] = []
        thread = threading.Thread(target=_look, args=(group, seen), daemon=True)
        thread.start()
        begun.append((group.name, thread, seen))
    found: list[Finding] = []
    for name, thread, seen in begun:
        thread.join(max(0.0, until_s - clock.monotonic_s()))
        found += seen
        if thread.is_alive():
            text = f"no answer within {patience_s:.0f} s; what it asks hangs"
            found.append(Finding(name, FAILED, text))
        elif not seen:
            found.append(Finding(name, FAILED, "this check itself broke: see above"))
    return found


def _look(group: Group, seen: list[Finding]) -> None:
    try:
        for finding in group.look():
            # A line a check, whatever it quotes.
            seen.append(finding._replace(text=" ".join(finding.text.split())))
    except ConfigError as error:
        seen.append(skipped(group.name, error))
    except PermissionError as error:
        seen.append(not_allowed(group.name, error.filename))
    except OSError as error:
        seen.append(Finding(group.name, FAILED, f"cannot be looked at: {error}"))


def _groups(
    env: Mapping[str, str], dotenv: Path, clock: Clock, wait: Callable[[float], bool]
) -> list[Group]:
    return [
        Group("settings", lambda: machine.settings(env)),
        Group("secrets", lambda: machine.secrets(env, dotenv)),
        Group("disk", lambda: machine.disk(env)),
        Group("spool", lambda: machine.spool(env, clock.now())),
        Group("service", lambda: machine.service(env, clock.now())),
        Group("dongle", lambda: dongle.all_of(env, clock, wait)),
        Group("server", lambda: server.all_of(env, clock)),
    ]
