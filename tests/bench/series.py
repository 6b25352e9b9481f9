"""Each frame of ``/v1/series`` beside a Flask route that sends the same SQL and dumps the rows.

The statements are those that the server itself sends, caught on their way. One gunicorn worker
each, four connections that are kept; a house among neighbours, with two years of rollups.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import repeat

import psycopg2

from server import create_app
from server.database.pool import Database
from tests.bench.clients import answers_per_s, get, request
from tests.bench.decade_data import MIDNIGHT, OLD, ZONE, Size, fill
from tests.bench.paired import Goal, Line, beside, in_turn
from tests.bench.servers import HEADERS, TOKEN, started

CLIENTS = 4
SIZE, ROUNDS, REQUESTS = Size(years=2, raw_days=0), 15, 25
QUICK_SIZE, QUICK_ROUNDS, QUICK_REQUESTS = Size(2, 20, 0, 2), 2, 3
GOAL = Goal(0.7)


class Recording(Database):
    """Keeps the text of each statement that it sends."""

    sent: tuple[str, ...] = ()

    @contextmanager
    def statements(self) -> Iterator[psycopg2.extensions.cursor]:
        """Return a cursor, as ``Database`` does."""
        with super().statements() as cursor:
            yield cursor
            self.sent += (cursor.query.decode(),)


def lines(quick: bool) -> Iterator[Line]:
    """Measure every frame."""
    size = QUICK_SIZE if quick else SIZE
    rounds, count = (QUICK_ROUNDS, QUICK_REQUESTS) if quick else (ROUNDS, REQUESTS)
    with started() as servers:
        url = servers.database(SITE_TIMEZONE=ZONE)
        fill(url, size)
        paths = _paths(size)
        statements = {frame: _statements(url, path) for frame, path in paths.items()}
        written = servers.folder / "series.json"
        written.write_text(json.dumps(statements), encoding="utf-8")
        tokens = {"DEVICE_TOKENS": f"{TOKEN}:{OLD}", **servers.as_installed()}
        with (
            servers.gunicorn(url, **tokens) as ours,
            servers.bare(url, STATEMENTS=str(written)) as limit,
        ):
            for frame, path in paths.items():
                assert json.loads(get(ours.port, path, TOKEN))["series"], path
                asked = list(repeat([request("GET", path, TOKEN)] * count, CLIENTS))
                pairs = in_turn(
                    lambda _, asked=asked: answers_per_s(ours.port, asked),
                    lambda _, asked=asked: answers_per_s(limit.port, asked),
                    rounds,
                )
                note = f"{len(statements[frame])} statements"
                yield beside(f"series, {frame}", "requests/s", pairs, GOAL, note)


def _paths(size: Size) -> dict[str, str]:
    """Return what is asked, by frame: about the last day but one that is there."""
    day = (MIDNIGHT + timedelta(days=size.year_days - 1)).date()
    dated = {frame: f"/v1/series?frame={frame}&date={day}" for frame in ("day", "month", "year")}
    return {**dated, "all": "/v1/series?frame=all"}


def _statements(url: str, path: str) -> tuple[str, ...]:
    app = create_app(
        {"DATABASE_URL": url, "DEVICE_TOKENS": f"{TOKEN}:{OLD}", "LOG_LEVEL": "WARNING"}
    )
    database = app.extensions["db"] = Recording(url)
    answer = app.test_client().get(path, headers=HEADERS)
    assert answer.status_code == 200, answer.text
    return database.sent
