"""The jobs of ``server.nightly``, in the order in which they run."""

from collections.abc import Callable
from typing import NamedTuple

from psycopg2.extensions import cursor as Cursor  # noqa: N812  a type, not a function

from server.nightly import battery, envelope, roof
from server.nightly.days import Day


class Job(NamedTuple):
    """A job: its name, and what it does for a device of which these days changed.

    ``run`` works in the transaction of its cursor, in memory that does not grow with the history,
    and returns in words what it did. Of more than ``most_days`` days it takes so many at a time,
    each time in a transaction of its own, so that a first run that is stopped has not been in vain.
    """

    name: str
    run: Callable[[Cursor, str, list[Day]], str]
    most_days: int | None = None


JOBS = (
    Job("envelope", envelope.run),
    Job("battery", battery.run, most_days=400),
    Job("roof", roof.run, most_days=800),
)
NAMES = tuple(job.name for job in JOBS)
