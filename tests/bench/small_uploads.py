"""Small uploads, as edges send them, beside a Flask route that inserts and commits two rows.

Eight devices, each with a connection that is kept and two samples a request; two gunicorn workers
on both sides, the same bytes to both. The limit takes the rows out of the JSON and inserts them by
``execute_values`` into a bare copy of the table.
"""

import json
from collections.abc import Iterator
from contextlib import closing
from functools import cache

import psycopg2

from tests.bench.clients import answers_per_s, request
from tests.bench.paired import Goal, Line, beside, in_turn
from tests.bench.samples import batches
from tests.bench.servers import bare_table, started

DEVICES, WORKERS, SAMPLES = 8, 2, 2
ROUNDS, REQUESTS = 100, 25
QUICK_ROUNDS, QUICK_REQUESTS = 2, 5
GOAL = Goal(0.6)


def lines(quick: bool) -> Iterator[Line]:
    """Measure requests a second."""
    rounds, count = (QUICK_ROUNDS, QUICK_REQUESTS) if quick else (ROUNDS, REQUESTS)

    @cache
    def asked(number: int) -> list[list[bytes]]:
        return [uploads(device, number * count, count) for device in range(DEVICES)]

    with started() as servers:
        url = servers.database()
        bare_table(url)
        tokens = ",".join(f"{token(device)}:{name(device)}" for device in range(DEVICES))
        settings = {"DEVICE_TOKENS": tokens, **servers.as_installed()}
        with (
            servers.gunicorn(url, WORKERS, **settings) as ours,
            servers.bare(url, WORKERS) as limit,
        ):
            pairs = in_turn(
                lambda number: answers_per_s(ours.port, asked(number)),
                lambda number: answers_per_s(limit.port, asked(number)),
                rounds,
            )
        stored = (rounds + 1) * count * DEVICES * SAMPLES
        assert _counts(url) == (stored, stored), _counts(url)
    yield beside("small uploads", "requests/s", pairs, GOAL, "8 devices, 2 samples a request")


def name(device: int) -> str:
    """Return its ``device_id``."""
    return f"bench-{device}"


def token(device: int) -> str:
    """Return its token."""
    return f"token-{device}"


def uploads(device: int, first: int, count: int) -> list[bytes]:
    """Return so many requests of a device, from that one on."""
    return [
        request("POST", "/v1/ingest", token(device), json.dumps({"samples": samples}).encode())
        for samples in batches(count, SAMPLES, name(device), first * SAMPLES)
    ]


def _counts(url: str) -> tuple[int, int]:
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT (SELECT count(*) FROM sungrow_samples), (SELECT count(*) FROM bare)")
        return cursor.fetchone()
