"""Runs jobs: one device and one transaction each. One that fails is named, and the others run."""

import sys
import time
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ

from server.database import migrations, nights
from server.database.connection import in_one_line, one_row
from server.nightly import days
from server.nightly.days import Span
from server.nightly.jobs import JOBS, Job

# What jobs have made of one that was forgotten altogether has to go, too.
_KNOWN = (
    "SELECT array(SELECT sungrow_known_devices() UNION SELECT device_id FROM sungrow_nightly_runs"
    " ORDER BY 1)"
)


class Wanted(NamedTuple):
    """What to run: these jobs, for these devices, of these days."""

    jobs: tuple[str, ...]
    devices: tuple[str, ...]
    span: Span


def run(url: str, wanted: Wanted) -> list[str]:
    """Run the jobs; return which failed, as ``job of device``: why is on stderr."""
    failed = []
    for job in (job for job in JOBS if job.name in wanted.jobs):
        for device_id in wanted.devices:
            try:
                said = _one(url, job, device_id, wanted.span)
            except Exception as error:  # noqa: BLE001 - the next one has nothing to do with it
                print(f"{job.name} of {device_id} failed: {_reason(error)}", file=sys.stderr)
                failed.append(f"{job.name} of {device_id}")
            else:
                print(f"{device_id}: {job.name}: {said}", flush=True)
    return failed


def known(url: str) -> Sequence[str]:
    """Return every device that there is.

    Raises:
        SchemaError: the database is not current.
        psycopg2.Error: it cannot be reached.
    """
    with migrations.connect(url) as found, found as connection, connection.cursor() as cursor:
        migrations.refuse_not_current(cursor)
        cursor.execute(_KNOWN)
        devices: list[str] = one_row(cursor)[0]
        return devices


def _one(url: str, job: Job, device_id: str, span: Span) -> str:
    began_s = time.process_time()
    with migrations.connect(url) as found:
        # What the job reads is what its note of the days says.
        found.set_session(isolation_level=ISOLATION_LEVEL_REPEATABLE_READ)
        with found as connection, connection.cursor() as cursor:
            # Of the session: the snapshot of the work below has to come after the lock.
            nights.begin(cursor, job.name, device_id)
        said, done, is_over = "nothing changed", set[date](), False
        while not is_over:
            with found as connection, connection.cursor() as cursor:
                due = [
                    one
                    for one in days.due(cursor, job.name, device_id, span)
                    if one.day not in done
                ]
                part = due[: job.most_days]
                is_over = len(part) == len(due)
                said = job.run(cursor, device_id, part) if part else said
                days.done(cursor, job.name, device_id, part, has_run=is_over and span == Span())
            done |= {one.day for one in part}
    return f"{said}, {len(done)} local days, {time.process_time() - began_s:.1f} s of CPU"


def _reason(error: Exception) -> str:
    return in_one_line(error) or type(error).__name__
