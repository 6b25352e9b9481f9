"""health.json: the edge's own state, replaced atomically after each loop of a thread.

``edge.py status`` reads it, and so may any script.
"""

import json
import logging
import threading
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from edge_lib import VERSION
from edge_lib.best_effort import BestEffort
from edge_lib.clock import Clock
from edge_lib.repeat_log import RepeatLog
from edge_lib.shared.timestamps import format_ts, parse_ts
from edge_lib.spool.kinds import P1, SAMPLES, Kind
from edge_lib.spool.spool import Spool
from edge_lib.upload.uploader import FOR_A_HUMAN

log = logging.getLogger("sungrow.edge.health")
POLL_WITHIN = timedelta(minutes=1)
UNSENT_WITHIN = timedelta(minutes=10)
State = dict[str, Any]
NEARLY_FULL = 0.7  # of the spool's limit
_BACKLOG = "a backlog is being sent"
_NO_TIME = "the clock is not synchronised; is a time server reachable?"


class Health:
    """Gathers the numbers of both threads and writes the file.

    Attributes:
        last_seq: the last number of this boot's polls as the file knows it; 0 if it does not. The
            spool knows better, unless damage has cut off the end of its log without a trace.
        last_p1_seq: the same of the grid meter's readings.
        meter_silent_since: as the last run wrote it down.
        state: what was last written, or was to be; empty before the first time.
    """

    def __init__(self, path: Path, spool: Spool, clock: Clock):
        self._path, self._spool, self._clock = path, spool, clock
        # Made once, as each new path would make the table of interned names grow.
        self._new = path.with_name(f".{path.name}.new")
        self._lock = threading.Lock()
        self._repeat, self._best_effort = RepeatLog(log, clock), BestEffort(log, clock)
        self._figures: State = {}
        self._started_s = clock.monotonic_s()
        earlier = _earlier(path)
        self.last_seq = _last_seq(earlier, clock, "seq", SAMPLES)
        self.last_p1_seq = _last_seq(earlier, clock, "p1_seq", P1)
        self.meter_silent_since = _time_of(earlier.get("meter_silent_since_ts"))
        self.state: State = {}
        self._state: State = {
            "last_poll_ts": None,
            "last_upload_ts": None,
            "seq": self.last_seq,
        }

    def note(self, **news: object) -> None:
        """Note what is new; the next ``write`` takes it along."""
        with self._lock:
            self._state |= {k: _text(v) for k, v in news.items()}

    def write(self, **news: object) -> None:
        """Note what is new and write everything. A file that cannot be written stops nothing."""
        self.note(**news)
        with self._lock:
            figures = self._best_effort.run("figures", self._spool.figures, self._figures)
            self._figures = figures
            state = {
                **self._state,
                **self._figures,
                "clock_synced": self._clock.synchronised(),
                "boot": self._clock.boot(),
                "version": VERSION,
                "uptime_s": round(self._clock.monotonic_s() - self._started_s),
                "written_ts": format_ts(self._clock.now()),
            }
            self.state = state
            try:
                _replace(self._path, self._new, json.dumps(state, indent=1) + "\n")
                self._repeat.recovered("health file written again")
            except OSError as error:
                self._repeat.failed("health file not written", str(error), path=str(self._path))


def read(path: Path) -> State:
    """Return the last state.

    Raises:
        OSError: there is none, or it may not be read.
        ValueError: the file holds something else.
    """
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    if not isinstance(state, dict):
        raise ValueError("not a JSON object")
    return state


def complaints(state: State, now: datetime, runs: bool | None = None) -> list[str]:
    """Return what is wrong, each in a sentence; [] if the edge is healthy.

    Args:
        state: as the service wrote it.
        now: the time.
        runs: whether the service runs; None: unknown.
    """
    parts = complaints_by_part(state, now)
    if runs is False:
        # Nor does anything poll then.
        parts = {**parts, "poll": [_stopped(state)], "p1": []}
    return [text for found in parts.values() for text in found]


def _stopped(state: State) -> str:
    last = f" (it last wrote {state['written_ts']})" if state.get("written_ts") else ""
    start = "systemctl status sungrow-edge says why, systemctl start sungrow-edge starts it"
    return f"the service does not run{last}; {start}"


def complaints_by_part(state: State, now: datetime) -> dict[str, list[str]]:
    """Return what is wrong with ``poll``, ``p1``, ``upload``, ``clock`` and ``spool``."""
    found: dict[str, list[str]] = {"poll": [], "upload": [], "clock": []}
    if not _is_within(state.get("last_poll_ts"), now, POLL_WITHIN):
        reason = state.get("last_poll_error") or "is the service running?"
        found["poll"].append(f"no poll made a sample within a minute: {reason}")
    if "last_p1_ts" in state and not _is_within(state["last_p1_ts"], now, POLL_WITHIN):
        reason = state.get("last_p1_error") or "none yet"
        found["p1"] = [f"no reading of the grid meter within a minute: {reason}"]
    error, oldest = state.get("last_upload_error"), state.get("oldest_unsent_ts")
    p1_error = state.get("last_p1_upload_error")
    if oldest and not _is_within(oldest, now, UNSENT_WITHIN):
        found["upload"].append(f"readings wait since {oldest}: {error or p1_error or _BACKLOG}")
    elif error and error.startswith(FOR_A_HUMAN):
        found["upload"].append(f"nothing can be delivered: {error}")
    elif p1_error:
        found["upload"].append(f"readings of the grid meter are kept: {p1_error}")
    if not state.get("clock_synced"):
        # Readings without a time do not count as unsent, so nothing else would show it.
        also = f" Nor does the server answer: {error}" if error and not found["upload"] else ""
        found["clock"].append(f"{_NO_TIME}{also}")
    return found | {"spool": _spool_complaints(state)}


def line(state: State, now: datetime) -> str:
    """Return the state in one line."""
    if not state:
        return "no poll has ended yet"
    last, waiting = state.get("last_poll_ts"), state.get("spool_count", "an unknown number")
    found = complaints(state, now) if last or state.get("last_poll_error") else []
    error = state.get("last_upload_error")
    if error and not any(error in text for text in found):
        found.insert(0, f"the last delivery failed: {error}")
    return "; ".join([f"last reading {last or 'none yet'}", f"{waiting} waiting", *found])


def _spool_complaints(state: State) -> list[str]:
    found = []
    free_mb = _number(state, "disk_free_bytes") >> 20
    waiting = f"{state.get('ring_count', 0)} readings wait in memory"
    if state.get("spool_state") == "full":
        found.append(f"the spool is full ({free_mb} MB free on its disk): {waiting}; make room")
    elif state.get("spool_state") == "failing":
        found.append(f"the spool's disk fails: {waiting}; see the log, check the card")
    used, limit = _number(state, "spool_bytes"), _number(state, "spool_limit_bytes")
    if limit and used >= NEARLY_FULL * limit:
        found.append(f"the spool has {used >> 20} of at most {limit >> 20} MB: is it delivered?")
    if state.get("unsalvaged_spools"):
        found.append("a damaged spool is being recovered; its readings follow")
    return found


def _is_within(text: object, now: datetime, span: timedelta) -> bool:
    try:
        return type(text) is str and now - parse_ts(text) <= span
    except ValueError:  # the file may be damaged
        return False


def _number(state: State, name: str) -> int:
    value = state.get(name)
    return value if type(value) is int else 0


def _text(value: object) -> object:
    return format_ts(value) if isinstance(value, datetime) else value


def _earlier(path: Path) -> State:
    try:
        return read(path)
    except (OSError, ValueError):
        return {}


def _time_of(text: object) -> datetime | None:
    try:
        return parse_ts(text)
    except ValueError:
        return None


def _last_seq(state: State, clock: Clock, name: str, kind: Kind) -> int:
    seq = state.get(name)
    # The file may be damaged as well: what cannot be does not count.
    if type(seq) is not int or not 0 <= seq <= clock.boottime_us() // kind.fastest_us + 1:
        return 0
    return seq if state.get("boot") == clock.boot() else 0


def _replace(path: Path, written: Path, text: str) -> None:
    # No fsync: after a power cut an old state, or none, is as good.
    written.write_text(text, encoding="utf-8")
    written.chmod(0o644)
    written.replace(path)
