"""The check of backups: is one made every night, and did the last one go well?

The backups are root's, and we are not: what is known is what ``systemd/backup-server`` noted of its
last run.
"""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from edge_lib.shared.command_names import server_command
from edge_lib.shared.findings import FAILED, OK, WARNING, Finding
from edge_lib.shared.timestamps import format_ts, parse_ts
from server.doctor import timers
from server.doctor.timers import Timer

UNIT = "sungrow-server-backup"
FOLDER = Path("/var/backups/sungrow-server")
NOTED = Path("/var/lib/sungrow-server/status/backup.json")
WANTED = Path(f"/etc/systemd/system/timers.target.wants/{UNIT}.timer")
WITHIN = timedelta(hours=48)  # as the alerts have it
_LOG = f"journalctl -u {UNIT}"


class Noted(NamedTuple):
    """What the last backup left: when it ran, how it went, and when one last went well."""

    at: datetime
    is_good: bool
    is_by_hand: bool
    good_at: datetime | None


def are_set_up() -> bool:
    """Return whether somebody ever set up backups of this machine's server."""
    return FOLDER.exists() or WANTED.is_symlink()


def all_of(now: datetime) -> list[Finding]:
    """Return how the backups are."""
    return [backup(read(NOTED), timers.timer(UNIT), now)]


def read(file: Path) -> Noted | None:
    """Return what the last backup noted; None where that is nothing, or cannot be read."""
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
        at, is_good = parse_ts(said["time"]), said["result"] == "ok"
        good = said.get("good")
        good_at = at if is_good else parse_ts(good) if good else None
        return Noted(at, is_good, said.get("by_hand") is True, good_at)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def backup(noted: Noted | None, timer: Timer, now: datetime) -> Finding:
    """Return how the backups are, by what the last one noted and by their timer."""
    newest = "none was made yet"
    if noted and noted.good_at:
        newest = f"the newest was made {format_ts(noted.good_at)}"
    again = server_command("backup")
    if noted and not noted.is_good and noted.is_by_hand:
        text = f"the last one failed {format_ts(noted.at)}, by hand; {newest}; run it again, and "
        return Finding("backup", FAILED, f"{text}it says why: {again}")
    if (noted and not noted.is_good) or _unit_failed(noted, timer):
        at = f" {format_ts(noted.at)}" if noted and not noted.is_good else ""
        text = f"the last one failed{at}; {newest}; see {_LOG}, and run by hand: {again}"
        return Finding("backup", FAILED, text)
    if timer.state in (timers.OFF, timers.NONE):
        then = f"systemctl enable --now {UNIT}.timer"
        if timer.state == timers.NONE:
            then = "systemd/install-server again"
        return Finding("backup", WARNING, f"none is made at night; {newest}; run: {then}")
    if noted is None:
        return _none_yet(timer)
    if now - noted.at > WITHIN:
        return Finding("backup", FAILED, f"{newest}; see {_LOG}, and run by hand: {again}")
    return Finding("backup", OK, newest)


def _unit_failed(noted: Noted | None, timer: Timer) -> bool:
    """Return whether its last run failed without a note: killed, say. One by hand may be newer."""
    return timer.has_failed and not (noted and noted.is_by_hand)


def _none_yet(timer: Timer) -> Finding:
    if timer.state == timers.UNKNOWN:
        text = f"none was made yet; is its timer on? See: systemctl list-timers {UNIT}.timer"
        return Finding("backup", WARNING, text)
    first = f" {timer.next_run}" if timer.next_run else " in the night"
    return Finding("backup", OK, f"none was made yet; the first one comes{first}")
