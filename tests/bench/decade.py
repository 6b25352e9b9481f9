"""History over ten years beside history over one: each frame of ``/v1/series``, in the same run.

    python -m tests.bench.decade --explain

Two houses live in one database, one since ten years, one since one; the last year is the same in
both, so all that differs is how much lies behind it. Beside them live twenty neighbours since one
year. ``decade_data`` says how they are loaded.

Both houses are asked in turn, through Flask's test client. In the database means: from sending to
the last row fetched, of the very statements that the server sends. ``--explain`` prints the plan of
each statement instead, and of what its functions run. Takes about a minute.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import psycopg2
from psycopg2.extensions import make_dsn

from edge_lib.shared.timestamps import format_ts
from server import create_app
from server.database.pool import Database
from tests.bench.decade_data import MIDNIGHT, OLD, YOUNG, ZONE, Size, fill
from tests.bench.paired import TOLD, Goal, Line, beside, in_turn
from tests.bench.servers import started

GOALS = dict.fromkeys(("day", "month", "year"), Goal(at_most=1.2))
ROUNDS = 30
QUICK_ROUNDS, QUICK_SIZE = 2, Size(years=3, year_days=20, raw_days=1, neighbours=2)
EXPLAIN = (
    "-c session_preload_libraries=auto_explain -c auto_explain.log_min_duration=0 "
    "-c auto_explain.log_nested_statements=on -c auto_explain.log_analyze=on "
    "-c auto_explain.log_level=notice"
)


class Watched(Database):
    """Adds up the time spent in statements, and keeps what the server said."""

    spent_s = 0.0
    notices: tuple = ()

    @contextmanager
    def statements(self) -> Iterator[psycopg2.extensions.cursor]:
        """Return a cursor, as ``Database`` does."""
        start_s = time.perf_counter()
        with super().statements() as cursor:
            yield cursor
        self.spent_s += time.perf_counter() - start_s
        self.notices += tuple(cursor.connection.notices)
        cursor.connection.notices.clear()


def ask_with(url: str) -> tuple[Watched, Callable[[str, dict], bytes]]:
    """Return the database, and what asks the API on it for a house's series."""
    app = create_app(
        {
            "DATABASE_URL": url,
            "DEVICE_TOKENS": f"old:{OLD},young:{YOUNG}",
            "READ_TOKENS": f"reader:{OLD},reader:{YOUNG}",
            "LOG_LEVEL": "WARNING",
        }
    )
    database = app.extensions["db"] = Watched(url)
    client = app.test_client()

    def ask(house: str, query: dict) -> bytes:
        answer = client.get(
            "/v1/series",
            query_string={"device_id": house, **query},
            headers={"Authorization": "Bearer reader"},
        )
        assert answer.status_code == 200, answer.text
        return answer.data

    return database, ask


def queries(days: int) -> dict[str, dict]:
    """Return what is asked, about the last day but one of so many that are there."""
    start = MIDNIGHT + timedelta(days=days - 2, hours=5.5)
    day, after = (format_ts(start + timedelta(days=n))[:10] for n in range(2))
    asked = {frame: {"frame": frame, "date": day} for frame in ("day", "month", "year")}
    curve = {"from": f"{day}T00:00:00+05:30", "to": f"{after}T00:00:00+05:30", "bucket": "5m"}
    return {**asked, "all": {"frame": "all"}, "5 minutes of a day": curve}


def lines(quick: bool) -> Iterator[Line]:
    """Ask both houses each question."""
    size, rounds = (QUICK_SIZE, QUICK_ROUNDS) if quick else (Size(), ROUNDS)
    with _filled(size) as url:
        for name, query in queries(size.year_days).items():
            yield _compared(url, name, query, rounds)


@contextmanager
def _filled(size: Size) -> Iterator[str]:
    with started() as servers:
        url = servers.database(SITE_TIMEZONE=ZONE)
        fill(url, size)
        yield url


def _compared(url: str, name: str, query: dict, rounds: int) -> Line:
    database, ask = ask_with(url)
    whole_ms = {OLD: [], YOUNG: []}

    def database_ms(house: str) -> float:
        database.spent_s, start_s = 0.0, time.perf_counter()
        content = ask(house, query)
        whole_ms[house].append((time.perf_counter() - start_s) * 1000)
        assert json.loads(content)["series"], (house, name)
        return database.spent_s * 1000

    pairs = in_turn(lambda _: database_ms(OLD), lambda _: database_ms(YOUNG), rounds)
    old, young = (statistics.median(whole_ms[house][1:]) for house in (OLD, YOUNG))
    note = f"in the database; with Flask {old:.1f} and {young:.1f}"
    return beside(f"series {name}: ten years / one", "ms", pairs, GOALS.get(name, TOLD), note)


def explain(size: Size) -> None:
    """Print how the database answers about the house of ten years."""
    with _filled(size) as url:
        database, ask = ask_with(make_dsn(url, options=EXPLAIN))
        for name, query in queries(size.year_days).items():
            ask(OLD, query)
            database.notices = ()
            ask(OLD, query)
            print(f"==== {name}", *database.notices, sep="\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="tests.bench.decade", description=__doc__.splitlines()[0])
    parser.add_argument("--explain", action="store_true", required=True, help="print the plans")
    parser.parse_args()
    explain(Size())
