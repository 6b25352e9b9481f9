"""The jobs of ``server.nightly``, in the order in which they run."""

from collections.abc import Callable
from typing import NamedTuple

from psycopg2.extensions import cursor as Cursor  # noqa: N812  a type, not a function

from server.nightly import envelope
from server.nightly.days import Day


class Job(NamedTuple):
    """A job: its name, and what it does for a device of which these days changed.

    ``run`` works in the transaction of its cursor, in memory that does not grow with the history,
    and returns in words what it did.
    """

    name: str
    run: Callable[[Cursor, str, list[Day]], str]


JOBS = (Job("envelope", envelope.run),)
NAMES = tuple(job.name for job in JOBS)
