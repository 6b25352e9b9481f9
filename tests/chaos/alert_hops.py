"""Each hop of the chain broken: is it told once, by its name, and then what it was?

    nice .venv/bin/python -m tests.chaos.alert_hops [--rounds 2] [--seed 1]

The edge is the product's own, down to the steps of its threads, and so are the server, its database
and the alerter, which tells an ntfy of the tests; only time is moved, and the ends of the chain are
played: the inverter, and the wire. In each round a hop breaks for 13 to 40 minutes. One message has
to name it, within ten minutes and one, and one its recovery: line, restart, power cut or dongle.
"""

import argparse
import logging
import random
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from edge_lib.simulator.certificate import Certificate
from edge_lib.upload.https import Answer, HttpsError
from server import sandbox
from server.alerts import fate, run, settings
from server.alerts.settings import Settings
from tests.support.alert_servers import Web, ntfy
from tests.support.alerts import span
from tests.support.batches import TOKEN, app_on, migrated
from tests.support.clocks import FakeClock
from tests.support.edge_world import World
from tests.support.readings import connected, rows, store

HOUSE, WITNESS = "house", "witness"
MINUTE = timedelta(minutes=1)
BEFORE_S, AFTER_S = 15 * 60, 25 * 60
LIMIT = 11 * MINUTE  # for, and one run
STATE = 13000
STARTING = 0x1600
AWAY = "postgresql://nobody@127.0.0.1:1/none?connect_timeout=1"
UNHEARD, SILENT = "the box at home or its line is silent", "the dongle is silent"
LINE, RESTART, POWER_CUT = "the line was down", "the box at home was off", "a power cut"
NOBODY = "dongle or inverter were silent"
# Instead of one about the house.
FRONT = "the server cannot be reached by its name"
ALL = "no house has sent anything"
DATABASE = "The server's database is away"
TABLES = (
    "sungrow_samples, sungrow_reports, sungrow_5min, sungrow_local_daily, sungrow_seqs,"
    " sungrow_gaps, sungrow_alert_outbox, sungrow_alerts, sungrow_alert_run, sungrow_devices,"
    " sungrow_parked, sungrow_fault_5min"
)


class Break(NamedTuple):
    """How a hop breaks, and what an owner has to hear: of the break, and of its end."""

    told: str
    found: str
    failure: str | None = None  # of each poll
    wire: str | int | None = None  # how a request fails, or what it is answered
    is_off: bool = False  # the edge has no power
    states: tuple[int, ...] = ()  # of the inverter, afterwards
    clock: bool = False  # the edge was started without knowing the time
    front: str | None = None
    database: bool = False
    everybody: bool = False


BREAKS = {
    "inverter off": Break("the inverter behind the dongle is off", NOBODY, failure="inverter_off"),
    "dongle refuses": Break(SILENT, NOBODY, failure="refused"),
    "dongle freezes": Break(SILENT, NOBODY, failure="timeout"),
    "dongle hangs up": Break(SILENT, NOBODY, failure="closed"),
    "edge killed": Break(UNHEARD, RESTART, is_off=True),
    "power cut": Break(UNHEARD, POWER_CUT, is_off=True, states=(STARTING,)),
    "line cut": Break(UNHEARD, LINE, wire="unreachable"),
    "name not found": Break(UNHEARD, LINE, wire="dns"),
    "token refused": Break(UNHEARD, LINE, wire=401),
    "front stopped": Break(FRONT, FRONT, wire="unreachable", front="stopped", everybody=True),
    "certificate expired": Break(FRONT, FRONT, wire="tls_expired", front="expired", everybody=True),
    "database stopped": Break(DATABASE, DATABASE, wire=503, database=True, everybody=True),
    "all houses cut": Break(ALL, ALL, wire="unreachable", everybody=True),
}


class Wire:
    """From the edge's client to the server's app; breaks as told."""

    certificate_ends_s: float | None = None
    failed_addresses = 0

    def __init__(self, app: Any, clock: FakeClock, arrived: Callable[[], None]):
        self._client, self._clock, self._arrived = app.test_client(), clock, arrived
        self.broken: str | int | None = None

    def post(self, path: str, body: bytes, headers: dict, _: object = None) -> Answer:
        self._fail()
        if isinstance(self.broken, int):
            return Answer(self.broken, {}, b"{}")
        sent = {**headers, "Authorization": f"Bearer {TOKEN}", "Content-Encoding": "gzip"}
        answer = self._client.post(path, data=body, headers=sent)
        self._arrived()
        return Answer(answer.status_code, dict(answer.headers), answer.data)

    def get(self, path: str = "", **_: object) -> Answer:
        self._fail()
        headers = {"Authorization": f"Bearer {TOKEN}"}
        answer = self._client.get(path, headers=headers)
        return Answer(answer.status_code, dict(answer.headers), answer.data)

    def abort(self) -> None:
        """Nothing is ever under way."""

    close = abort

    def _fail(self) -> None:
        if isinstance(self.broken, str):
            raise HttpsError(self.broken, "the server")


class Chain:
    """House, wire, server, alerter and phone, from one moment on."""

    def __init__(
        self, database: Any, known: Settings, web: Web, fronts: dict[str, str], folder: Path
    ):
        self._database, self._known, self._web, self._fronts = database, known, web, fronts
        self.world = World(folder / "spool.db", boot=_boot(1))
        self._boots = 1
        self.world.server = Wire(app_on(database.dsn), self.world.clock, self._arrived)
        self.broken: Break | None = None
        self._next_upload_s = 0.0
        self._next_run = self.now.replace(second=0, microsecond=0) + MINUTE
        self.heard: list[tuple[datetime, str, str]] = []

    @property
    def now(self) -> datetime:
        return self.world.clock.now()

    def live(self, seconds: float) -> None:
        """Let so much time pass, with polls, uploads, and a run of the alerter each minute."""
        end = self.world.clock.passed_s + seconds
        while self.world.clock.passed_s < end:
            if self.world.edge:
                self.world.poll(1, self.broken.failure if self.broken else None)
                if self.world.clock.passed_s >= self._next_upload_s:
                    self.world.upload()
                    wait_s = self.world.edge.uploader.next_wait_s()
                    self._next_upload_s = self.world.clock.passed_s + wait_s
            else:
                self.world.clock.passed_s += 5.0
            if self.world.clock.now() >= self._next_run:
                self._run()
                self._next_run += MINUTE

    def breaks(self, how: Break) -> None:
        """Break a hop."""
        self.broken = how
        self.world.server.broken = how.wire
        if how.is_off:
            self.world.kill()

    def mends(self) -> None:
        """Mend it."""
        how, self.broken = self.broken, None
        self.world.server.broken = None
        if how and how.is_off:
            self._boots += 1
            self.world.clock.reboot(_boot(self._boots))
            self.world.start()
            self._next_upload_s = self.world.clock.passed_s
            for state in how.states:
                self.world.inverter.words = {STATE: state}
                self.live(120)
            self.world.inverter.words = {}

    def _arrived(self) -> None:
        """What the server took now arrived now, and not by the clock of the database."""
        at = self.now
        for table in ("sungrow_samples", "sungrow_reports"):
            rows(
                self._database,
                f"UPDATE {table} SET received_at = %s WHERE received_at > %s",  # noqa: S608
                *(at, at + timedelta(days=30)),
            )

    def _run(self) -> None:
        how, at = self.broken, self._next_run
        if not (how and how.everybody):
            store(self._database, WITNESS, span(at - MINUTE / 2, at))
            rows(
                self._database,
                "UPDATE sungrow_samples SET received_at = ts WHERE device_id = %s AND ts >= %s",
                *(WITNESS, at - MINUTE),
            )
        front = self._fronts[how.front if how and how.front else "well"]
        known = self._known._replace(site_url=front)
        if how and how.database:
            known = known._replace(database_url=AWAY)
        count = len(self._web.taken)
        status = run.once(known, lambda: at)
        assert status == bool(how and how.database), status
        for one in self._web.taken[count:]:
            said = one.json
            is_end = said["tags"] == ["white_check_mark"]
            self.heard.append((at, "resolved" if is_end else "opened", said["title"]))


def _boot(number: int) -> str:
    return f"{number:032x}"


def problem(how: Break, broke: datetime, heard: list[tuple[datetime, str, str]]) -> str | None:
    """Return what is wrong with what an owner heard."""
    events = [event for _, event, _ in heard]
    if events != ["opened", "resolved"]:
        return f"messages: {heard}"
    (at, _, opened), (_, _, resolved) = heard
    if how.told not in opened or at - broke > LIMIT:
        return f"opened after {at - broke}: {opened}"
    if how.database:
        return None if "is back" in resolved else f"resolved: {resolved}"
    return None if how.found in resolved else f"resolved: {resolved}"


def one_round(chain_of: Callable[[], Chain], how: Break, dice: random.Random) -> str | None:
    """Break a hop once; return what is wrong with what was heard."""
    chain = chain_of()
    chain.world.start()
    chain.live(BEFORE_S + dice.uniform(0, 300))
    if chain.heard:
        return f"before: {chain.heard}"
    broke = chain.now
    chain.breaks(how)
    chain.live(dice.uniform(13 * 60, 40 * 60))
    chain.mends()
    chain.live(AFTER_S)
    chain.world.stop()
    return problem(how, broke, chain.heard)


def fronts(ends: ExitStack, folder: Path) -> tuple[Certificate, dict[str, str]]:
    """Start what answers to the site's name: well, and with a certificate that has ended."""
    authority = sandbox.Authority(folder / "ca")
    good, late = authority.issue(), authority.issue(name="late", days=0)
    addresses = {"stopped": "https://localhost:1"}
    for name, certificate in (("well", good), ("expired", late)):
        addresses[name] = ends.enter_context(Web(certificate)).url
    return good, addresses


def main(argv: list[str]) -> int:
    """Break each hop so often; return 0 where all was told rightly."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.alert_hops", description=__doc__)
    parser.add_argument("--rounds", type=int, default=2, help="of each hop")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=BREAKS, action="append")
    arguments = parser.parse_args(argv)
    logging.disable()  # edge and alerter say much of what is broken on purpose
    dice = random.Random(arguments.seed)
    right = total = 0
    usual, fate.MOST_A_DAY = fate.MOST_A_DAY, 10**6
    with ExitStack() as ends:
        folder = Path(ends.enter_context(tempfile.TemporaryDirectory()))
        server = ends.enter_context(sandbox.Postgres(folder, fast=True))
        database = ends.enter_context(connected(migrated(server)))
        certificate, addresses = fronts(ends, folder)
        web = ends.enter_context(Web(certificate, ntfy))
        for name in arguments.only or BREAKS:
            good = 0
            for number in range(arguments.rounds):
                place = folder / f"{name} {number}"
                place.mkdir()
                rows(database, f"TRUNCATE {TABLES} CASCADE")
                known = known_settings(database.dsn, web, certificate, place)
                found = one_round(
                    lambda k=known, p=place: Chain(database, k, web, addresses, p),
                    BREAKS[name],
                    dice,
                )
                good += found is None
                if found:
                    print(f"{name}: {found}", flush=True)
            print(f"{name}: {good} of {arguments.rounds} told rightly", flush=True)
            right, total = right + good, total + arguments.rounds
    fate.MOST_A_DAY = usual
    print(f"{right} of {total} breaks: one message that names the hop, one that says what it was")
    return 0 if right == total else 1


def known_settings(url: str, web: Web, certificate: Certificate, folder: Path) -> Settings:
    """Return the alerter's settings: a phone that rings by day and by night."""
    return settings.read(
        {
            "DATABASE_URL": url,
            "ALERT_NTFY_URL": f"{web.url}/topic",
            "ALERT_CA_FILE": str(certificate.ca),
            "ALERT_STATE_PATH": str(folder / "state.json"),
            "ALERT_QUIET": "0:00-0:00",
        }
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
