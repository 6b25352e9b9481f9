"""One poll beside the least that it can take: the time of the dongle's answers, and the pauses.

The product's own poller reads a fake dongle over a real socket, decodes, checks and commits each
reading to a spool on the disk. The limit is the sum of the times that the dongle itself took over
its answers, 30 ms each, and of the pauses before each request, as they are set. Then the same while
a grid meter is read beside it, each second, into the same spool.
"""

import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from edge_lib.clock import Clock
from edge_lib.config import DongleConfig, dongle_config
from edge_lib.dongle.inverter import Inverter
from edge_lib.dongle.lock import DongleLock
from edge_lib.p1_config import p1_config
from edge_lib.p1_poller import P1Poller
from edge_lib.poll_counts import PollCounts
from edge_lib.poller import Poller
from edge_lib.simulator.fake_dongle import FakeDongle, HouseholdSource
from edge_lib.simulator.p1_server import TelegramServer
from edge_lib.spool.kinds import P1
from edge_lib.spool.spool import Spool
from tests.bench.paired import Goal, Line, beside, spent_s

POLLS, QUICK_POLLS = 50, 5
ANSWER_S = 0.030


class Slow(HouseholdSource):
    """A house whose dongle takes its time; counts its answers, and how long they took."""

    def __init__(self) -> None:
        super().__init__(Clock())
        self.answers, self.answering_s = 0, 0.0

    def words(self) -> dict[int, int]:
        """Return the house's words, late."""
        self.answers += 1
        words = super().words()
        self.answering_s += spent_s(lambda: threading.Event().wait(ANSWER_S))
        return words


def lines(quick: bool) -> Iterator[Line]:
    """Poll, and take each poll's time and requests."""
    times, requests = _polled(quick)
    goal, note = Goal(at_most=1.05), "decoded, checked and committed"
    yield beside("poll: time", "ms", times, goal, note)
    most = max(requests)
    yield Line("poll: requests", "a poll", most, goal=Goal(at_most=4), note="5 with four strings")
    times, _ = _polled(quick, p1=True)
    yield beside("poll: time with P1", "ms", times, goal, "and a grid meter each second")


Times = list[tuple[float, float]]


def _polled(quick: bool, p1: bool = False) -> tuple[Times, list[int]]:
    """Return each poll's time, with the least that it can take, and its requests."""
    source, times, requests = Slow(), [], []
    with tempfile.TemporaryDirectory() as folder, FakeDongle(source) as dongle, ExitStack() as ends:
        env = {"SUNGROW_HOST": dongle.host, "SUNGROW_PORT": str(dongle.port), "DEVICE_ID": "bench"}
        config = dongle_config(env)
        with closing(Spool(Path(folder, "spool.db"), 7, Clock())) as store:
            poller = _poller(config, store)
            poller.poll_once()  # connects
            if p1:
                ends.enter_context(_meter_beside(source, store))
            for _ in range(QUICK_POLLS if quick else POLLS):
                source.answers, source.answering_s = 0, 0.0
                ours_s = spent_s(poller.poll_once)
                least_s = source.answering_s + source.answers * config.inter_register_delay_s
                times.append((1000 * ours_s, 1000 * least_s))
                requests.append(source.answers)
            assert poller.polls == poller.seq == len(times) + 1, poller.last_error
            poller.close()
            ends.close()
    return times, requests


@contextmanager
def _meter_beside(source: HouseholdSource, store: Spool) -> Iterator[None]:
    """Read the house's grid meter in a thread of its own, as the service does."""
    clock, stop = Clock(), threading.Event()
    with TelegramServer(source.grid_meter) as server:
        env = {"P1_SOURCE": f"tcp://127.0.0.1:{server.port}", "P1_INTERVAL_S": "1"}
        meter = P1Poller.from_config(
            p1_config(env), "bench", store, clock, stop.wait, PollCounts(store, clock, P1), 0
        )

        def loop() -> None:
            while not stop.is_set():
                meter.poll_once(meter.next_until_s())
            meter.close()

        thread = threading.Thread(target=loop)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
    assert meter.seq > 0, "no reading of the meter"


def _poller(config: DongleConfig, store: Spool) -> Poller:
    """Return it as the service makes it."""
    clock = Clock()
    inverter = Inverter.from_config(config, clock, threading.Event().wait)
    lock = DongleLock(config.host, config.port)
    return Poller(config, inverter, lock, store, clock, PollCounts(store, clock))
