"""What a sample takes in the database: fresh, what its rollups take, and compressed.

    python -m tests.bench.size [--url postgresql://postgres@127.0.0.1:55432/postgres]

The samples are those of the simulated house, decoded from its registers as the edge does, one in
5 s, stored in twos as the edge sends them: times with the jitter of a poll and of an upload, since
numbers that are too even would compress too well. The rollups are kept by the triggers, update by
update, and so have the room that updates leave behind. Compressed means the columnstore as sql/
sets it up; only TimescaleDB's community edition has one. With ``--url`` the databases are made on
that server, and dropped. Takes about two minutes.
"""

# ruff: noqa: S608 - the names are those of tables and columns
import argparse
import os
import random
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import psycopg2
from psycopg2.extras import execute_values

from edge_lib.dongle.decode import decode
from edge_lib.simulator.household import Household
from server import sandbox
from tests.bench.paired import TOLD, Goal, Line, table
from tests.bench.samples import BACKLOG, BOOT, POLL_S
from tests.bench.servers import migrated, started

START = datetime(2026, 3, 2, tzinfo=UTC)
HOURS, QUICK_HOURS = 24, 1
GOAL_COMPRESSED = Goal(at_most=20)
UNIT = "B a sample"
ROLLUPS = ("sungrow_5min", "sungrow_local_daily", "sungrow_seqs", "sungrow_strings_5min")
_OF_TABLE = (
    "SELECT pg_relation_size(%(table)s), pg_indexes_size(%(table)s),"
    " pg_table_size(%(table)s) - pg_relation_size(%(table)s)"
)
_OF_CHUNKS = "SELECT table_bytes, index_bytes, toast_bytes FROM hypertable_detailed_size(%(table)s)"


def samples(count: int) -> Iterator[dict]:
    """Return the rows of one house from its midnight on, with the moment of each one's receipt."""
    house, dice = Household(START), random.Random(1)
    for number in range(count):
        tick = START + timedelta(seconds=POLL_S * number)
        ts = tick + timedelta(seconds=dice.triangular(0.18, 0.4, 0.2))  # four answers later
        house.advance(ts)
        if number % 2 == 0:
            received_at = tick + timedelta(seconds=POLL_S + dice.triangular(0.2, 0.8, 0.3))
        # The document's numbers are the wire addresses plus one.
        words = {address + 1: word for address, word in house.words().items()}
        poll = {"interval_s": POLL_S, "seq": number + 1, "ts_src": 0, "boot": BOOT}
        key = {"device_id": "home-inverter", "ts": ts, "received_at": received_at}
        yield {**key, **decode(words).values, **poll}


def lines(quick: bool) -> Iterator[Line]:
    """Store some hours of all fields, then of the nine, each in a database of its own."""
    with started() as servers:
        urls = iter(lambda: servers.database(), None)
        yield from _lines(urls, QUICK_HOURS if quick else HOURS)


def _lines(urls: Iterator[str], hours: float) -> Iterator[Line]:
    rows = list(samples(int(hours * 3600 / POLL_S)))
    names = {"all fields": list(rows[0]), "nine fields": ["device_id", "ts", *BACKLOG]}
    for which, columns in names.items():
        # Every row knows when it was received, whatever fields it has.
        columns = list(dict.fromkeys([*columns, "received_at"]))
        with closing(psycopg2.connect(url := next(urls))) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                _store(cursor, rows, columns)
                yield from _fresh(cursor, which, len(rows))
                if "(timescale)" in sandbox.edition(url):
                    cursor.execute("SELECT compress_chunk(show_chunks('sungrow_samples'))")
                    goal = GOAL_COMPRESSED if which == "all fields" else TOLD
                    yield _line(cursor, f"size: compressed, {which}", len(rows), goal)


def _store(cursor, rows: list[dict], columns: list[str]) -> None:
    cursor.execute("SET synchronous_commit = off")  # the size is the same
    statement = f"INSERT INTO sungrow_samples ({', '.join(columns)}) VALUES %s"
    for first in range(0, len(rows), 2):
        values = [[row[name] for name in columns] for row in rows[first : first + 2]]
        execute_values(cursor, statement, values)


def _fresh(cursor, which: str, count: int) -> Iterator[Line]:
    yield _line(cursor, f"size: a sample, {which}", count)
    if which == "all fields":
        sizes = {name: sum(_bytes(cursor, name)) / count for name in ROLLUPS}
        note = ", ".join(f"{name} {size:.0f}" for name, size in sizes.items())
        yield Line("size: its share of the rollups", UNIT, sum(sizes.values()), note=note)


def _line(cursor, name: str, count: int, goal: Goal = TOLD) -> Line:
    parts = [size / count for size in _bytes(cursor, "sungrow_samples")]
    note = "heap {:.1f}, indexes {:.1f}, toast {:.1f}".format(*parts)
    return Line(name, UNIT, sum(parts), goal=goal, note=note)


def _bytes(cursor, table: str) -> tuple[int, int, int]:
    """Return what heap, indexes, and toast with the maps take."""
    cursor.execute(
        "SELECT count(*) FROM pg_extension JOIN pg_inherits ON inhparent = %s::regclass"
        " WHERE extname = 'timescaledb'",
        (table,),
    )
    of = _OF_CHUNKS if cursor.fetchone()[0] else _OF_TABLE
    cursor.execute(of, {"table": table})
    return cursor.fetchone()


@contextmanager
def _made_on(admin_url: str) -> Iterator[Iterator[str]]:
    """Return URLs of new databases with the product's schema on that server; drop them last."""
    names = []

    def made() -> Iterator[str]:
        while True:
            names.append(f"sungrow_bench_{os.getpid()}_{len(names)}")
            sandbox.create_database(admin_url, names[-1], "template0")
            yield migrated(urlsplit(admin_url)._replace(path=f"/{names[-1]}").geturl())

    try:
        yield made()
    finally:
        for name in names:
            sandbox.execute(admin_url, f"DROP DATABASE {name} WITH (FORCE)")


def main() -> None:
    """Print the table of a server that is there."""
    parser = argparse.ArgumentParser(prog="tests.bench.size", description=__doc__.splitlines()[0])
    parser.add_argument("--url", required=True, help="of a server on which to make databases")
    parser.add_argument("--hours", type=float, default=HOURS)
    arguments = parser.parse_args()
    with _made_on(arguments.url) as urls:
        print(
            sandbox.edition(arguments.url), table(list(_lines(urls, arguments.hours))), sep="\n\n"
        )


if __name__ == "__main__":
    main()
