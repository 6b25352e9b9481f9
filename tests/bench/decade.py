"""History over ten years beside history over one: each frame of ``/v1/series``, in the same run.

    .venv/bin/python tests/bench/decade.py [--rounds 30] [--explain] [--json]

Starts a PostgreSQL of its own, as initdb makes it. Two houses live in it, one since ten years, one
since one; the last year is the same in both, so all that differs is how much lies behind it. Beside
them live twenty neighbours since one year. ``decade_data`` says how they are loaded.

Both houses are asked in turn, through Flask's test client, so that a noisy machine hits both. In
the database means: from BEGIN to the last row fetched and COMMIT, of the very statements that the
server sends. The ratio is that of the medians. ``--explain`` prints the plan of each statement, and
of what its functions run.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import psycopg2
from psycopg2.extensions import make_dsn

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from edge_lib.sample import format_ts
from server import create_app, private
from server.db import Database
from tests.bench.decade_data import MIDNIGHT, OLD, YOUNG, ZONE, Size, fill

GOAL_RATIO = 1.2
GOAL_MS = 50
EXPLAIN = (
    "-c session_preload_libraries=auto_explain -c auto_explain.log_min_duration=0 "
    "-c auto_explain.log_nested_statements=on -c auto_explain.log_analyze=on "
    "-c auto_explain.log_level=notice"
)


class Watched(Database):
    """Adds up the time spent in transactions, and keeps what the server said."""

    spent_s = 0.0
    notices: tuple = ()

    @contextmanager
    def transaction(self) -> Iterator[psycopg2.extensions.cursor]:
        """Give a cursor, as ``Database`` does."""
        start_s = time.perf_counter()
        with super().transaction() as cursor:
            yield cursor
        self.spent_s += time.perf_counter() - start_s
        self.notices += tuple(cursor.connection.notices)
        cursor.connection.notices.clear()


def ask_with(url: str) -> tuple[Watched, Callable[[str, dict], bytes]]:
    """Give the database, and what asks the API on it for a house's series."""
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


def queries(size: Size) -> dict[str, dict]:
    """Give what is asked, about the last day but one that is there."""
    start = MIDNIGHT + timedelta(days=size.year_days - 2, hours=5.5)
    day, after = (format_ts(start + timedelta(days=n))[:10] for n in range(2))
    asked = {frame: {"frame": frame, "date": day} for frame in ("day", "month", "year")}
    curve = {"from": f"{day}T00:00:00+05:30", "to": f"{after}T00:00:00+05:30", "bucket": "5m"}
    return {**asked, "all": {"frame": "all"}, "5 minutes of a day": curve}


def measure(url: str, name: str, query: dict, rounds: int) -> dict:
    """Ask both houses in turn; give the medians in ms, their ratios, and the old one's best."""
    database, ask = ask_with(url)
    spent: dict[str, list[float]] = {}
    for house in (OLD, YOUNG):
        assert json.loads(ask(house, query))["series"], (house, name)
    for number in range(rounds):
        for house in (OLD, YOUNG) if number % 2 else (YOUNG, OLD):
            database.spent_s, start_s = 0.0, time.perf_counter()
            ask(house, query)
            whole_s = time.perf_counter() - start_s
            spent.setdefault(f"{house}_database_ms", []).append(database.spent_s * 1000)
            spent.setdefault(f"{house}_whole_ms", []).append(whole_s * 1000)
    line = {key: statistics.median(values) for key, values in spent.items()}
    line["best_database_ms"] = min(spent[f"{OLD}_database_ms"])
    for part in ("database", "whole"):
        line[f"{part}_ratio"] = line[f"{OLD}_{part}_ms"] / line[f"{YOUNG}_{part}_ms"]
    return {"name": name, **{key: round(value, 2) for key, value in line.items()}}


def explain(url: str, size: Size) -> None:
    """Print how the database answers about the house of ten years."""
    database, ask = ask_with(make_dsn(url, options=EXPLAIN))
    for name, query in queries(size).items():
        ask(OLD, query)
        database.notices = ()
        ask(OLD, query)
        print(f"==== {name}", *database.notices, sep="\n")


def run(size: Size, rounds: int, plans: bool = False) -> list[dict]:
    """Start the server, fill it, ask; give a line for each query."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        root.chmod(0o755)
        with private.Postgres(root, fast=True) as postgres:
            url = postgres.create_database("bench")
            env = private.environment(DATABASE_URL=url, SITE_TIMEZONE=ZONE)
            private.run([sys.executable, "-m", "server.migrate"], env, cwd=private.ROOT)
            start_s = time.perf_counter()
            fill(url, size)
            print(f"filled in {time.perf_counter() - start_s:.0f} s", file=sys.stderr)
            if plans:
                explain(url, size)
            return [measure(url, *asked, rounds) for asked in queries(size).items()]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--explain", action="store_true")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    lines = run(Size(), arguments.rounds, arguments.explain)
    if arguments.json:
        print(json.dumps(lines))
        return
    print(f"{'':<20}{'in the database, ms':^32}{'with Flask, ms':^32}{'database,':>12}")
    heads = f"{'ten years':>12}{'one year':>10}{'ratio':>8}  " * 2
    print(f"{'series':<20}{heads}{'best of ten':>12}")
    for line in lines:
        halves = "".join(_half(line, part) for part in ("database", "whole"))
        print(f"{line['name']:<20}{halves}{line['best_database_ms']:12.1f}")
    print(f"goals: {GOAL_MS} ms in the database; ratio {GOAL_RATIO} for day, month and year")


def _half(line: dict, part: str) -> str:
    old, young = (line[f"{house}_{part}_ms"] for house in (OLD, YOUNG))
    return f"{old:12.1f}{young:10.1f}{line[f'{part}_ratio']:8.2f}  "


if __name__ == "__main__":
    main()
