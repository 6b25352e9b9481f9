"""How long it takes to start: the edge to its first request, the server to its first answer.

Beside both stands ``python -c 'import flask, psycopg2'``: how fast this machine starts a program.
"""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from edge_lib.clock import Clock
from edge_lib.simulator.fake_dongle import FakeDongle, HouseholdSource
from server import sandbox
from tests.bench.edges import running
from tests.bench.paired import Line, beside, in_turn, spent_s
from tests.bench.servers import started

ROUNDS, QUICK_ROUNDS = 15, 1


class Noticing(HouseholdSource):
    """A house that notices when it is asked."""

    def __init__(self) -> None:
        super().__init__(Clock())
        self.asked = threading.Event()

    def words(self) -> dict[int, int]:
        """Return the house's words."""
        self.asked.set()
        return super().words()


def lines(quick: bool) -> Iterator[Line]:
    """Start each of them several times."""
    rounds = QUICK_ROUNDS if quick else ROUNDS
    with ExitStack() as ends:
        servers = ends.enter_context(started())
        server = servers.gunicorn(servers.database(), tls=True)
        source = Noticing()
        dongle = ends.enter_context(FakeDongle(source))

        def gunicorn(_: int) -> float:
            took_s = spent_s(server.start)
            server.stop()
            return 1000 * took_s

        def edge(number: int) -> float:
            folder = Path(servers.folder, f"edge-{number}")
            folder.mkdir()
            source.asked.clear()

            def poll() -> None:
                ends_of_edge.enter_context(running(folder, dongle.port, server))
                assert source.asked.wait(60), "no poll"

            with ExitStack() as ends_of_edge:
                return 1000 * spent_s(poll)

        pairs = in_turn(gunicorn, imports, rounds)  # and so there is a certificate for the edge
        yield beside("start: edge.py to its first poll", "ms", in_turn(edge, imports, rounds))
        yield beside("start: gunicorn to its first answer", "ms", pairs, note="one worker, TLS")


def imports(_: int) -> float:
    """Return the milliseconds of a program that imports Flask and psycopg2, and ends."""
    command = [sys.executable, "-c", "import flask, psycopg2"]
    return 1000 * spent_s(lambda: subprocess.run(command, check=True, cwd=sandbox.ROOT))
