"""``edge.py doctor [--json]``: what is wrong, from the settings to the server, and what to do.

One line a check. Changes nothing, and ends within a minute, whatever hangs.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from edge_lib.clock import Clock
from edge_lib.doctor import dongle, machine, server
from edge_lib.doctor.machine import not_allowed, skipped
from edge_lib.shared import findings
from edge_lib.shared.env import ConfigError
from edge_lib.shared.findings import FAILED, Finding, Group

PATIENCE_S = 55.0


def run(env: Mapping[str, str], dotenv: Path, as_json: bool, clock: Clock | None = None) -> int:
    """Make all checks and print them; return the exit status: 0, or 1 where one failed."""
    logging.basicConfig(level=logging.CRITICAL)  # the findings say what is logged, too
    clock, over = clock or Clock(), threading.Event()
    found = checked(_groups(env, dotenv, clock, over.wait), clock)
    over.set()
    return findings.report(found, as_json)


def checked(groups: Iterable[Group], clock: Clock, patience_s: float = PATIENCE_S) -> list[Finding]:
    """Make the checks of all groups; one that hangs or crashes is a finding as well."""
    return findings.run(groups, _made, patience_s, clock.monotonic_s)


def _made(group: Group) -> Iterator[Finding]:
    try:
        yield from group.checks()
    except ConfigError as error:
        yield skipped(group.name, error)
    except PermissionError as error:
        yield not_allowed(group.name, error.filename)
    except OSError as error:
        yield Finding(group.name, FAILED, f"cannot be checked: {error}")


def _groups(
    env: Mapping[str, str], dotenv: Path, clock: Clock, wait: Callable[[float], bool]
) -> list[Group]:
    groups = [
        Group("settings", lambda: machine.settings(env)),
        Group("secrets", lambda: machine.secrets(env, dotenv)),
        Group("disk", lambda: machine.disk(env)),
        Group("spool", lambda: machine.spool(env, clock.now())),
        Group("service", lambda: machine.service(env, clock.now())),
        Group("dongle", lambda: dongle.all_of(env, clock, wait)),
        Group("server", lambda: server.all_of(env, clock)),
    ]
    if env.get("P1_SOURCE", "").strip():
        from edge_lib.doctor import p1  # here: a house without a P1 meter does without it

        groups.insert(-1, Group("p1", lambda: p1.all_of(env, clock, wait)))
    return groups
