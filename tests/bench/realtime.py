"""``/v1/realtime`` beside a Flask route that gives the same bytes from Redis, or does its SELECT.

One gunicorn worker each, four connections that are kept, both at the log level of production, at
which neither logs a request.
"""

import http.client
import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from itertools import repeat

import redis

from server import sandbox
from server.database.pool import Database, query
from tests.bench.bare_app import KEY
from tests.bench.clients import answers_per_s, get, request
from tests.bench.ingest import post
from tests.bench.paired import Goal, Line, beside, in_turn
from tests.bench.samples import batches
from tests.bench.servers import DEVICE, HEADERS, TOKEN, Servers, started

CLIENTS = 4
ROUNDS, REQUESTS = 75, 50
QUICK_ROUNDS, QUICK_REQUESTS = 2, 10
PATH = "/v1/realtime"
GOAL = Goal(0.7)


def lines(quick: bool) -> Iterator[Line]:
    """Measure with a warm cache, and without one."""
    with started() as servers:
        url = servers.database()
        yield _line(servers, "realtime, warm cache", url, servers.redis.url, quick)
        yield _line(servers, "realtime, no Redis", url, "", quick)


def _line(servers: Servers, name: str, url: str, redis_url: str, quick: bool) -> Line:
    rounds, count = (QUICK_ROUNDS, QUICK_REQUESTS) if quick else (ROUNDS, REQUESTS)
    path = servers.folder / "realtime.json"
    path.write_text(json.dumps({"realtime": [_statement(url)]}), encoding="utf-8")
    settings = {"REDIS_URL": redis_url, "CACHE_TTL_S": "3600", **servers.as_installed()}
    with (
        servers.gunicorn(url, **settings) as ours,
        servers.bare(url, REDIS_URL=redis_url, STATEMENTS=str(path)) as limit,
    ):
        _store(ours.port)
        kept = redis.Redis.from_url(servers.redis.url)
        if redis_url:  # which keeps nothing just after an upload
            assert sandbox.wait_until(lambda: _is_warm(ours.port, kept), timeout_s=10)
        kept.set(KEY, get(ours.port, PATH, TOKEN))
        asked = [request("GET", PATH, TOKEN)] * count
        pairs = in_turn(
            lambda _: answers_per_s(ours.port, list(repeat(asked, CLIENTS))),
            lambda _: answers_per_s(limit.port, list(repeat(asked, CLIENTS))),
            rounds,
        )
    return beside(name, "requests/s", pairs, GOAL)


def _store(port: int) -> None:
    (batch,) = batches(1, 500, DEVICE)
    with closing(http.client.HTTPConnection("127.0.0.1", port)) as client:
        post(client, HEADERS, json.dumps({"samples": batch}).encode())


def _is_warm(port: int, kept: redis.Redis) -> bool:
    return bool(get(port, PATH, TOKEN) and any(map(kept.get, kept.keys("*"))))


def _statement(url: str) -> str:
    """Return the SELECT as the server would send it."""
    with Database(url).transaction() as cursor:
        asked = {"device_id": DEVICE, "latest": datetime.now(UTC)}
        return cursor.mogrify(query("sample-newest"), asked).decode()
