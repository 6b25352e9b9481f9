"""Ingest, all in, beside its limit: bare ``execute_values`` of the same rows into a bare copy.

    .venv/bin/python tests/bench/ingest.py [--rounds 40] [--batch 500] [--json]

Starts a PostgreSQL of its own (fsync on) and one gunicorn worker. Each round sends one batch
through HTTP and inserts the same rows bare, in turn, so that a noisy machine hits both; the ratio
is that of the medians. All in means: HTTP, JSON, checks, verdicts, rollups, commit, cache. The
limit is one process with psycopg2, a commit a batch, into a table with the same columns and key.
"""

import argparse
import gzip
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg2
import requests
from psycopg2.extras import execute_values

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from edge_lib.sample import FIELDS, format_ts
from server import private

BACKLOG = [f.name for f in FIELDS if f.required]  # with device_id and ts the nine of the backlog
START = datetime(2026, 6, 1, tzinfo=UTC)
PER_UNIT = {"W": (0, 4000), "code": (0, 3), "bits": (0, 255), "": (0, 10**6)}


def full_sample(number: int, dice: random.Random) -> dict:
    """Give a sample with every field that an SH4.0RS has."""
    sample = {"device_id": "bench", "ts": format_ts(START + timedelta(seconds=5 * number))}
    for field in FIELDS:
        if field.name.startswith(("mppt3", "mppt4")):
            sample[field.name] = None
        elif field.integer or field.unit == "W":
            sample[field.name] = dice.randint(*PER_UNIT[field.unit])
        else:
            sample[field.name] = round(dice.uniform(max(field.low, 1), min(field.high, 100)), 1)
    poll = {"boot": "0123456789abcdef" * 2, "seq": number, "battery_power_source": "signed"}
    return {**sample, **poll}


def nine_fields(sample: dict) -> dict:
    """Give the backlog's nine fields of it."""
    return {name: sample[name] for name in ("device_id", "ts", *BACKLOG)}


def spent_s(work: Callable[[], None]) -> float:
    """Give the seconds that ``work`` takes."""
    start_s = time.perf_counter()
    work()
    return time.perf_counter() - start_s


def bare(connection, rows: list[list], names: list[str]) -> Callable[[], None]:
    """Give the limit: these rows by one statement, and a commit."""
    statement = f"INSERT INTO bare ({', '.join(names)}) VALUES %s ON CONFLICT DO NOTHING"  # noqa: S608

    def insert() -> None:
        with connection, connection.cursor() as cursor:
            execute_values(cursor, statement, rows, page_size=len(rows))

    return insert


def through_http(session: requests.Session, url: str, body: bytes) -> Callable[[], None]:
    """Give ours: one request, which must store every row."""

    def post() -> None:
        answer = session.post(f"{url}/v1/ingest", data=body)
        assert answer.status_code == 200, answer.text
        assert not answer.json()["conflicts"], answer.text

    return post


def measure(name: str, batches: list[list[dict]], server, connection, zipped: bool) -> dict:
    """Run ours and the limit in turn; give rows a second of both and the ratio."""
    session = requests.Session()
    session.headers["Authorization"] = "Bearer bench-token"
    if zipped:
        session.headers["Content-Encoding"] = "gzip"
    ours_s, limit_s = [], []
    for samples in batches:
        names = list(samples[0])
        rows = [list(sample.values()) for sample in samples]
        body = json.dumps({"samples": samples}).encode()
        body = gzip.compress(body, 6) if zipped else body
        ours_s.append(spent_s(through_http(session, server.url, body)))
        limit_s.append(spent_s(bare(connection, rows, names)))
    count = len(batches[0])
    ratios = [b / o for o, b in zip(ours_s, limit_s, strict=True)]
    return {
        "name": name,
        "ours_rows_per_s": round(count / statistics.median(ours_s)),
        "limit_rows_per_s": round(count / statistics.median(limit_s)),
        "ratio": round(statistics.median(limit_s) / statistics.median(ours_s), 2),
        "ratio_min": round(min(ratios), 2),
        "ratio_max": round(max(ratios), 2),
    }


def run(rounds: int, batch: int) -> list[dict]:
    """Start the servers, run every variant, give a line for each."""
    dice = random.Random(1)
    full = [[full_sample(r * batch + i, dice) for i in range(batch)] for r in range(2 * rounds)]
    variants = (
        ("all fields", full[:rounds], False, 1),
        ("all fields, all duplicates", full[:rounds], False, 2),
        ("all fields, gzip", full[rounds:], True, 1),
        ("nine fields", [[nine_fields(s) for s in batch] for batch in full[:rounds]], False, 1),
    )
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        root.chmod(0o755)
        with private.Postgres(root) as postgres, private.Redis(root) as redis:
            return [_variant(root, postgres, redis, *variant) for variant in variants]


def _variant(
    root: Path, postgres, redis, name: str, batches: list, zipped: bool, times: int
) -> dict:
    url = _database(postgres)
    with (
        closing(psycopg2.connect(url)) as connection,
        private.Gunicorn(root / "gunicorn.log", _settings(url, redis.url)) as server,
    ):
        return [measure(name, batches, server, connection, zipped) for _ in range(times)][-1]


def _database(postgres) -> str:
    url = postgres.create_database(f"bench_{random.randrange(10**9)}")
    env = private.environment(DATABASE_URL=url)
    private.run([sys.executable, "-m", "server.migrate"], env, cwd=private.ROOT)
    private.execute(url, "CREATE TABLE bare (LIKE sungrow_samples INCLUDING DEFAULTS)")
    private.execute(url, "ALTER TABLE bare ADD PRIMARY KEY (device_id, ts)")
    return url


def _settings(url: str, redis_url: str) -> dict[str, str]:
    return {"DATABASE_URL": url, "REDIS_URL": redis_url, "DEVICE_TOKENS": "bench-token:bench"}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--batch", type=int, default=500)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    lines = run(arguments.rounds, arguments.batch)
    if arguments.json:
        print(json.dumps(lines))
        return
    print(f"{'ingest':<28} {'ours rows/s':>12} {'limit rows/s':>13} {'ratio':>6} {'min..max':>12}")
    for line in lines:
        span = f"{line['ratio_min']}..{line['ratio_max']}"
        print(
            f"{line['name']:<28} {line['ours_rows_per_s']:>12} {line['limit_rows_per_s']:>13} "
            f"{line['ratio']:>6} {span:>12}"
        )


if __name__ == "__main__":
    main()
