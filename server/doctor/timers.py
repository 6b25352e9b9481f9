"""Whether systemd starts a job of the night, for any user of this machine."""

import subprocess
from typing import NamedTuple

ON, OFF, NONE, UNKNOWN = "on", "off", "none", "unknown"
_WITHIN_S = 10


class Timer(NamedTuple):
    """What systemd says of a timer and of the service that it starts.

    Attributes:
        state: ``on``, ``off``, ``none``: there is no such timer, ``unknown``: systemd does not say.
        next_run: when it starts the service next, in systemd's words; empty: unknown.
        has_failed: whether the service's last run failed, of those since the machine was booted.
    """

    state: str = UNKNOWN
    next_run: str = ""
    has_failed: bool = False


def timer(name: str) -> Timer:
    """Return what systemd says of ``name.timer`` and ``name.service``."""
    wanted = "LoadState,UnitFileState,ActiveState,NextElapseUSecRealtime,Result"
    command = ["systemctl", "show", f"--property={wanted}", f"{name}.timer", f"{name}.service"]
    try:
        done = subprocess.run(  # noqa: S603 - our own words
            command, capture_output=True, text=True, timeout=_WITHIN_S, check=True
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return Timer()
    said = [dict(_pairs(block)) for block in done.stdout.split("\n\n")]
    if len(said) != 2 or "LoadState" not in said[0]:
        return Timer()
    of, service = said
    if of["LoadState"] == "not-found":
        return Timer(NONE)
    # One that is only started is gone after the next boot.
    is_on = of.get("ActiveState") == "active" and of.get("UnitFileState") == "enabled"
    has_failed = service.get("Result", "success") != "success"
    return Timer(ON if is_on else OFF, of.get("NextElapseUSecRealtime", ""), has_failed)


def _pairs(block: str) -> list[tuple[str, str]]:
    found = (line.partition("=") for line in block.splitlines())
    return [(name, value) for name, equals, value in found if equals]
