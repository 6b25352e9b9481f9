"""Runs of the alerter that end at a certain line of its code: what ``alert_kills`` starts.

Reads a JSON object a line: ``{"at": the line that is never executed, or null, "now": the time}``;
forks for each, so that a run costs no start of Python; answers with how it ended and where.
"""

import json
import os
import signal
import sys
import threading
from datetime import datetime, timedelta
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import Any

from psycopg2.extensions import connection as Connection  # noqa: N812

from server.alerts import fate, run, settings
from server.alerts.settings import Settings

CODE = str(Path(run.__file__).parent)
# Of an episode of the stand-in: it goes on for so long.
LASTS = timedelta(minutes=25)


def evaluate(connection: Connection, now: datetime, known: Settings, **_: object) -> list[str]:
    """Open an episode a run, and close old ones: each with its messages, in one transaction."""
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO sungrow_alerts (device_id, rule, key, severity, state, since, opened_at,"
            " last_true_at) VALUES ('home-1', 'no_data', %s, 'critical', 'open', %s, %s, %s)"
            " RETURNING id",
            (now.isoformat(), now, now, now),
        )
        ids = [("opened", row[0]) for row in cursor.fetchall()]
        cursor.execute(
            "UPDATE sungrow_alerts SET state = 'closed', closed_at = %s WHERE closed_at IS NULL"
            " AND since < %s RETURNING id",
            (now, now - LASTS),
        )
        ids += [("resolved", row[0]) for row in cursor.fetchall()]
        for event, id in ids:
            body = {"event": event, "title": f"{event} {id}", "text": "text", "alert_ids": [id]}
            for channel in known.channels:
                cursor.execute(
                    "INSERT INTO sungrow_alert_outbox (alert_id, channel, event, n, body,"
                    " created_at, not_before) VALUES (%s, %s, %s, 0, %s, %s, %s)",
                    (id, channel, event, json.dumps(body), now, now),
                )
    return []


class Lines:
    """Counts the lines of our code that are executed, and ends the process at one of them."""

    def __init__(self, at: int | None, report: int):
        self.count, self._at, self._report = 0, at, report

    def trace(self, frame: FrameType, event: str, _: Any) -> Any:
        file = frame.f_code.co_filename
        if not (file.startswith(CODE) or file == __file__):
            return None
        if event == "line":
            self.count += 1
            if self.count == self._at:
                os.write(self._report, f"{_stack(frame)}\n".encode())
                os.kill(os.getpid(), signal.SIGKILL)
        return self.trace


def _stack(frame: FrameType | None) -> str:
    names = []
    while frame:
        if frame.f_code.co_filename.startswith((CODE, __file__)):
            names.append(frame.f_code.co_name)
        frame = frame.f_back
    return " ".join(reversed(names))


def one(known: Settings, asked: dict[str, Any]) -> dict[str, Any]:
    """Do a run in a process of its own; return its status, and where it ended or its lines."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        lines = Lines(asked["at"], write)
        now = datetime.fromisoformat(asked["now"])
        threading.settrace(lines.trace)
        sys.settrace(lines.trace)
        status = run.once(known, lambda: now)
        sys.settrace(None)
        os.write(write, f"{lines.count}\n".encode())
        os._exit(status)
    os.close(write)
    with os.fdopen(read) as said:
        where = said.read().strip()
    return {"status": os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), "where": where}


def main() -> None:
    """Do what is asked, until nothing is."""
    fate.MOST_A_DAY = 10**9  # so many messages a day no house has
    if os.environ.get("STAND_IN"):
        run.evaluate = SimpleNamespace(evaluate=evaluate)
    known = settings.read(dict(os.environ))
    for line in sys.stdin:
        print(json.dumps(one(known, json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
