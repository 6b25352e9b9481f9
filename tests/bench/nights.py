"""What a night costs, and what asking for what it found does: for the benchmarks of each job."""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from urllib.parse import urlencode

import psycopg2

from server import create_app, sandbox
from tests.bench.paired import Goal, Line, beside, in_turn, spent_s
from tests.bench.proc import cpu_s
from tests.bench.servers import Servers

NIGHT = Goal(at_most=5)  # s of CPU
_MEMORY = Goal(at_most=100)
_BEARER = {"Authorization": "Bearer token"}
# What a process inherits as its peak is that of the one that started it; so it looks itself.
_NIGHTLY = """
import os, sys, time
from server.nightly.__main__ import main
from tests.bench.proc import peak_mb
assert main(sys.argv[1:]) == 0
print(time.process_time(), peak_mb(os.getpid()))
"""


def night(
    servers: Servers, url: str, house: str, job: str, name: str, goal: Goal
) -> Iterator[Line]:
    """Let a job of ``server.nightly`` run for a house; yield its CPU time and its memory."""
    postgres = servers.postgres.running().pid
    began_s, database_s = time.perf_counter(), cpu_s(postgres)
    env = sandbox.environment(DATABASE_URL=url)
    argv = [sys.executable, "-c", _NIGHTLY, "--device", house, "--job", job]
    own_s, memory_mb = map(float, sandbox.run(argv, env, cwd=sandbox.ROOT).split()[-2:])
    took_s, database_s = time.perf_counter() - began_s, cpu_s(postgres) - database_s
    note = f"{own_s:.1f} s its own, {database_s:.1f} s the database's; took {took_s:.1f} s"
    yield Line(f"{name}: CPU", "s", own_s + database_s, goal=goal, note=note)
    yield Line(f"{name}: memory", "MB", memory_mb, goal=_MEMORY)


def answered(
    url: str,
    house: str,
    name: str,
    asked: tuple[str, Mapping[str, str]],
    bare: tuple[str, Mapping[str, object] | Sequence[object]],
    rounds: int,
) -> Line:
    """Ask for a path with its query, in turn with a bare statement of the same rows."""
    path, query = asked
    settings = {"DATABASE_URL": url, "DEVICE_TOKENS": f"token:{house}", "LOG_LEVEL": "WARNING"}
    client, address = create_app(settings).test_client(), f"{path}?{urlencode(query)}"

    def ask() -> None:
        with client.get(address, headers=_BEARER) as answer:  # closed: being read until then
            assert answer.status_code in (200, 422), answer.text

    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:

        def fetch() -> None:
            cursor.execute(*bare)
            cursor.fetchall()

        pairs = in_turn(lambda _: 1000 * spent_s(ask), lambda _: 1000 * spent_s(fetch), rounds)
        return beside(name, "ms", pairs, note="limit: its rows, by plain SQL")
