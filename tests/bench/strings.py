"""What it costs to keep each string: ingest beside the same server without that trigger.

Two databases, each with one gunicorn worker, and the same batches to both in turn; and of a house
of whose strings nothing is read. Then what ``/v1/strings`` takes of a year of two strings.
"""

import http.client
import json
from collections.abc import Iterator
from contextlib import closing

from server import sandbox
from tests.bench.ingest import post
from tests.bench.paired import Goal, Line, beside, in_turn, spent_s
from tests.bench.samples import batches, nine_fields
from tests.bench.servers import DEVICE, HEADERS, Servers, started

ROUNDS, BATCH, UPLOADS = 60, 500, 400
QUICK_ROUNDS, QUICK_BATCH, QUICK_UPLOADS = 2, 20, 2
GOAL = Goal(0.95)
_YEAR = """
    INSERT INTO sungrow_strings_5min
    SELECT %s, bucket, string, 18000, 240, 72000, 1300, 0.1, 60, 0
      FROM generate_series(timestamptz '2025-01-01Z', '2025-12-31 23:55Z', '5 min') AS bucket,
           generate_series(1, 2) AS string
"""
ASKED = (
    ("a day by 5 minutes", "from=2025-06-21&to=2025-06-22&bucket=5m"),
    ("a month by day", "from=2025-06-01&to=2025-07-01&bucket=1d"),
    ("a year by month", "from=2025-01-01&to=2026-01-01&bucket=1mo"),
)


def lines(quick: bool) -> Iterator[Line]:
    """Measure batches, small uploads, a house without strings, and what is asked of a year."""
    rounds, size, uploads = (
        (QUICK_ROUNDS, QUICK_BATCH, QUICK_UPLOADS) if quick else (ROUNDS, BATCH, UPLOADS)
    )
    full = batches(rounds + 1, size, DEVICE)
    nine = [[nine_fields(sample) for sample in batch] for batch in full]
    with started() as servers:
        yield _beside(servers, "strings kept, 500 a batch", full, GOAL)
        yield _beside(servers, "strings kept, no string read", nine, GOAL)
        yield _beside(servers, "strings kept, 2 a batch", batches(uploads + 1, 2, DEVICE), GOAL)
        yield from _asked(servers, quick)


def _beside(servers: Servers, name: str, of: list[list[dict]], goal: Goal) -> Line:
    """Return the line of these batches: the product, and the same without the trigger."""
    url, without = servers.database(), servers.database()
    sandbox.execute(without, "DROP TRIGGER sungrow_strings ON sungrow_samples")
    bodies = [json.dumps({"samples": samples}).encode() for samples in of]
    with (
        servers.gunicorn(url) as one,
        servers.gunicorn(without) as other,
        closing(http.client.HTTPConnection("127.0.0.1", one.port)) as ours,
        closing(http.client.HTTPConnection("127.0.0.1", other.port)) as limit,
    ):
        pairs = in_turn(
            lambda n: len(of[n]) / spent_s(lambda: post(ours, HEADERS, bodies[n])),
            lambda n: len(of[n]) / spent_s(lambda: post(limit, HEADERS, bodies[n])),
            len(of) - 1,
        )
    return beside(name, "rows/s", pairs, goal, "beside the same without the trigger")


def _asked(servers: Servers, quick: bool) -> Iterator[Line]:
    """Return what each range takes, in ms: the median of some requests."""
    url = servers.database()
    sandbox.execute(url, _YEAR, (DEVICE,))
    sandbox.execute(url, "ANALYZE")
    with (
        servers.gunicorn(url) as server,
        closing(http.client.HTTPConnection("127.0.0.1", server.port)) as client,
    ):
        for name, query in ASKED:
            spent = sorted(_spent_ms(client, query) for _ in range(3 if quick else 15))
            yield Line(f"/v1/strings, {name}", "ms", spent[len(spent) // 2])


def _spent_ms(client: http.client.HTTPConnection, query: str) -> float:
    def ask() -> None:
        client.request("GET", f"/v1/strings?{query}", headers=HEADERS)
        answer = client.getresponse()
        words = answer.read()
        assert answer.status == 200, words

    return spent_s(ask) * 1000
