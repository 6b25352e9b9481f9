"""Ingest, all in, beside its limit: bare ``execute_values`` of the same rows into a bare copy.

Each round sends one batch through HTTP to one gunicorn worker, and inserts the same rows bare. All
in means: HTTP, JSON, checks, verdicts, rollups, commit, cache. The limit is one process with
psycopg2, a commit a batch, into a table with the same columns and key. Beside it stand, for
comparison, other ways to insert the same rows bare.
"""

import gzip
import http.client
import json
from collections.abc import Callable, Iterator
from contextlib import closing

import psycopg2

from edge_lib.upload.batch import GZIP_LEVEL
from tests.bench.inserts import by_arrays, by_copy, by_json, by_values
from tests.bench.paired import TOLD, Goal, Line, beside, in_turn, spent_s
from tests.bench.samples import batches, nine_fields
from tests.bench.servers import DEVICE, HEADERS, Servers, bare_table, started

UNIT = "rows/s"
ROUNDS, BATCH = 40, 500
QUICK_ROUNDS, QUICK_BATCH = 2, 20


def lines(quick: bool) -> Iterator[Line]:
    """Measure every variant."""
    count, size = (QUICK_ROUNDS, QUICK_BATCH) if quick else (ROUNDS, BATCH)
    full = batches(count + 1, size, DEVICE)  # and one that warms up
    nine = [[nine_fields(sample) for sample in batch] for batch in full]
    with started() as servers:
        yield from _through_http(servers, "ingest, all fields", full, Goal(0.75))
        yield from _through_http(servers, "ingest, nine fields", nine, Goal(0.8))
        yield from _through_http(servers, "ingest, all fields, gzip", full, Goal(0.7), gzipped)
        yield from _bare(servers, full)


def _through_http(
    servers: Servers, name: str, of: list[list[dict]], goal: Goal, pack: Callable = bytes
) -> Iterator[Line]:
    """Return the line of these batches, and, of all fields, that of the same again."""
    url = servers.database()
    bare_table(url)
    headers = HEADERS | ({"Content-Encoding": "gzip"} if pack is gzipped else {})
    bodies = [pack(json.dumps({"samples": samples}).encode()) for samples in of]
    with (
        closing(psycopg2.connect(url)) as connection,
        servers.gunicorn(url) as server,
        closing(http.client.HTTPConnection("127.0.0.1", server.port)) as client,
    ):

        def ours(number: int) -> float:
            return len(of[number]) / spent_s(lambda: post(client, headers, bodies[number]))

        def limit(number: int) -> float:
            return len(of[number]) / spent_s(lambda: by_values(connection, of[number]))

        yield beside(name, UNIT, in_turn(ours, limit, len(of) - 1), goal)
        if name.endswith("all fields"):
            again = in_turn(ours, limit, len(of) - 1)
            yield beside("ingest, all duplicates", UNIT, again, Goal(0.75))


def _bare(servers: Servers, of: list[list[dict]]) -> Iterator[Line]:
    """Return a line for each other way to insert."""
    for name, way in (
        ("bare: COPY, then INSERT SELECT", by_copy),
        ("bare: json_to_recordset", by_json),
        ("bare: unnest of arrays", by_arrays),
    ):
        url = servers.database()
        bare_table(url)
        with closing(psycopg2.connect(url)) as connection:

            def ours(number: int, way: Callable = way, connection=connection) -> float:
                return len(of[number]) / spent_s(lambda: way(connection, of[number]))

            def limit(number: int, connection=connection) -> float:
                private_batch = [{**s, "device_id": "other"} for s in of[number]]
                return len(of[number]) / spent_s(lambda: by_values(connection, private_batch))

            yield beside(name, UNIT, in_turn(ours, limit, len(of) - 1), TOLD, "no goal")


def gzipped(text: bytes) -> bytes:
    """Compress as the edge does."""
    return gzip.compress(text, GZIP_LEVEL)


def post(client: http.client.HTTPConnection, headers: dict, body: bytes) -> None:
    """Send one batch, which must store every row, or find every row stored."""
    client.request("POST", "/v1/ingest", body, headers)
    answer = client.getresponse()
    words = answer.read()
    assert answer.status == 200, words
    assert not json.loads(words)["conflicts"], words
