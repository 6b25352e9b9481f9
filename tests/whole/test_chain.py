"""The whole chain, every part real: dongle, edge process, TLS, gunicorn, PostgreSQL. Nothing lost.

Time alone runs faster (``fast_edge``): minutes of polling in seconds. ``seq`` counts a boot's
readings, so a database that holds 1 to N once each has lost and doubled nothing.
"""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg2
import pytest
import requests

from edge_lib.clock import Clock
from edge_lib.shared.timestamps import format_ts
from edge_lib.simulator.fake_dongle import FakeDongle, HouseholdSource
from server import sandbox
from tests.support.edge_env import edge_env

pytestmark = pytest.mark.server

SPEED = 50
PATIENCE_S = 60
_pause = threading.Event().wait


class FastEdge:
    """The edge as a process of its own, against a dongle and a server."""

    def __init__(self, folder: Path, dongle_port: int, server, token: str, device_id: str):
        self.folder, self.start_s = folder, time.monotonic()
        settings = edge_env(
            folder,
            server.certificate.ca,
            dongle_port=dongle_port,
            url=server.url,
            device_id=device_id,
            token=token,
            MODBUS_TIMEOUT_S="30",
            MAX_BACKOFF_S="30",
        )
        self.env = sandbox.environment(**settings)
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        argv = [sys.executable, "tests/support/fast_edge.py", str(SPEED), str(self.start_s)]
        log = (self.folder / "edge.log").open("a")
        with log:
            self.process = subprocess.Popen(argv, env=self.env, cwd=sandbox.ROOT, stderr=log)

    def end(self, how: signal.Signals) -> int:
        self.process.send_signal(how)
        return self.process.wait(PATIENCE_S)

    def spooled(self) -> int:
        """Return how many readings have been committed so far."""
        path = self.folder / "spool.db"
        if not path.exists():
            return 0
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as db:
            try:
                return db.execute("SELECT coalesce(max(id), 0) FROM samples").fetchall()[0][0]
            except sqlite3.OperationalError:  # not made yet
                return 0

    def waiting(self) -> int:
        return self.health()["spool_count"] if (self.folder / "health.json").exists() else 0

    def health(self) -> dict:
        return json.loads((self.folder / "health.json").read_text())


@pytest.fixture
def dongle():
    with FakeDongle(HouseholdSource(Clock(), speed=SPEED)) as running:
        yield running


@pytest.fixture
def fast_edge(tmp_path, dongle, https_server, tokens):
    device_id = f"chain-{os.urandom(4).hex()}"
    server = https_server(DEVICE_TOKENS=f"{tokens.device}:{device_id}")
    edge = FastEdge(tmp_path, dongle.port, server, tokens.device, device_id)
    edge.server, edge.device_id = server, device_id
    yield edge
    if edge.process and edge.process.poll() is None:
        edge.end(signal.SIGKILL)


def until(condition, what: str) -> None:
    for _ in range(PATIENCE_S * 20):
        if condition():
            return
        _pause(0.05)
    raise AssertionError(f"{what}: not within {PATIENCE_S} s")


def stored(url: str, device_id: str) -> list[int]:
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT seq FROM sungrow_samples WHERE device_id = %s ORDER BY seq", (device_id,)
        )
        return [seq for (seq,) in cursor.fetchall()]


def assert_nothing_lost_or_doubled(edge: FastEdge, url: str) -> int:
    """Let the edge deliver all it has, stop it, and compare; return the count."""
    target = edge.spooled()
    until(lambda: len(stored(url, edge.device_id)) >= target, "all readings delivered")
    assert edge.end(signal.SIGTERM) == 0
    edge.start()
    until(lambda: len(stored(url, edge.device_id)) >= edge.spooled() - 20, "the rest delivered")
    edge.end(signal.SIGTERM)
    found = stored(url, edge.device_id)
    assert found == list(range(1, len(found) + 1))
    assert len(found) >= target
    return len(found)


def test_readings_of_a_server_outage_arrive_once_it_is_back(fast_edge, database_url):
    fast_edge.start()
    until(lambda: stored(database_url, fast_edge.device_id), "first reading")
    fast_edge.server.stop()
    before = fast_edge.spooled()
    until(lambda: fast_edge.spooled() >= before + 60, "five minutes of polls")
    fast_edge.server.start()
    assert assert_nothing_lost_or_doubled(fast_edge, database_url) >= before + 60


def test_an_edge_killed_again_and_again_loses_and_doubles_nothing(fast_edge, database_url):
    dice = random.Random(4)
    for _ in range(12):
        fast_edge.start()
        before = fast_edge.spooled()
        until(lambda before=before: fast_edge.spooled() > before, "a reading after the start")
        _pause(dice.uniform(0, 0.7))
        fast_edge.end(signal.SIGKILL)
    fast_edge.start()
    assert assert_nothing_lost_or_doubled(fast_edge, database_url) >= 12


def test_a_dongle_outage_ends_by_itself(fast_edge, dongle, database_url):
    fast_edge.start()
    until(lambda: fast_edge.spooled() >= 3, "first readings")
    dongle.stop()
    until(lambda: "poll failed" in (fast_edge.folder / "edge.log").read_text(), "failure logged")
    dongle.start()
    before = fast_edge.spooled()
    until(lambda: fast_edge.spooled() >= before + 3, "readings again")
    until(lambda: "poll works again" in (fast_edge.folder / "edge.log").read_text(), "end logged")
    assert_nothing_lost_or_doubled(fast_edge, database_url)


def test_what_reaches_the_database_is_what_the_dongle_said(fast_edge, dongle, database_url):
    fast_edge.start()
    until(lambda: len(stored(database_url, fast_edge.device_id)) >= 20, "twenty readings")
    fast_edge.end(signal.SIGTERM)
    with closing(psycopg2.connect(database_url)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), max(abs(load_power_w - (inverter_power_w - export_power_w))),"
            "       bool_and(ts_src = 0), min(interval_s) >= 5, count(DISTINCT boot),"
            "       abs(extract(epoch FROM max(ts) - min(ts))"
            "           - sum(interval_s) FILTER (WHERE seq > 1))"
            "  FROM sungrow_samples WHERE device_id = %s",
            (fast_edge.device_id,),
        )
        count, imbalance_w, synchronised, is_a_period, boots, uncovered_s = cursor.fetchone()
        cursor.execute(
            "SELECT model, nominal_power_w, has_meter, has_battery, edge_version IS NOT NULL"
            "  FROM sungrow_devices WHERE device_id = %s",
            (fast_edge.device_id,),
        )
        facts = cursor.fetchone()
    assert count >= 20
    assert (imbalance_w, synchronised, is_a_period, boots) == (0, True, True, 1)
    assert uncovered_s < 0.1 * count + 5  # each is rounded to a tenth, and ts is of the poll's end
    assert facts == ("SH4.0RS", 4000, True, True, True)


def test_the_server_accounts_for_every_poll(fast_edge, dongle, database_url, tokens):
    fast_edge.start()
    until(lambda: fast_edge.spooled() >= 10, "first readings")
    dongle.stop()
    until(lambda: "poll failed" in (fast_edge.folder / "edge.log").read_text(), "failure logged")
    dongle.start()
    before = fast_edge.spooled()
    until(lambda: fast_edge.spooled() >= before + 30, "readings again")
    fast_edge.end(signal.SIGTERM)
    fast_edge.start()  # sends what the stop wrote down
    until(lambda: len(stored(database_url, fast_edge.device_id)) >= fast_edge.spooled() - 5, "all")
    until(lambda: sum(day["polled"] for day in account(fast_edge, tokens)) >= 40, "the report")
    days = account(fast_edge, tokens)
    assert sum(day["lost"] for day in days) == 0
    assert sum(day["failed"] for day in days) > 0
    assert {reason for day in days for reason in day["failed_reasons"]} <= REASONS


@pytest.mark.parametrize("cause", ["dongle_silent", "inverter_off", "edge_down"])
def test_the_server_knows_why_readings_are_missing(fast_edge, dongle, tokens, cause):
    fast_edge.start()
    until(lambda: fast_edge.spooled() >= 10, "first readings")
    words = dongle.source.words
    if cause == "edge_down":
        fast_edge.end(signal.SIGTERM)
        _pause(150 / SPEED)
        fast_edge.start()
    else:
        if cause == "dongle_silent":
            dongle.stop()
        else:
            dongle.source.words = dict
        until(lambda: fast_edge.health()["poll_failures"] >= 4, "four failures")
        dongle.source.words = words
        if cause == "dongle_silent":
            dongle.start()
    before = fast_edge.spooled()
    until(lambda: fast_edge.spooled() >= before + 12, "a minute of readings")
    until(lambda: first_gap(fast_edge, tokens)["cause"] == cause, f"the cause {cause}")
    assert first_gap(fast_edge, tokens)["duration_s"] > 60


def first_gap(edge: FastEdge, tokens) -> dict:
    """Ask for the gaps of the last hours; what the fast clock has before it is the last of them."""
    now = datetime.now(UTC)
    span = {"from": now - timedelta(hours=7), "to": now + timedelta(hours=1)}
    query = {name: format_ts(moment) for name, moment in span.items()}
    first, *_, last = ask(edge, tokens, "gaps", query)["gaps"]
    assert (first["running"], last["running"]) == (False, True)
    return first


REASONS = {"unreachable", "reset", "timeout"}


def account(edge: FastEdge, tokens) -> list[dict]:
    """Ask for the completeness of the last days."""
    today = datetime.now(UTC).date()
    span = {"from": str(today - timedelta(days=1)), "to": str(today)}
    return ask(edge, tokens, "completeness", span)["days"]


def ask(edge: FastEdge, tokens, endpoint: str, query: dict) -> dict:
    answer = requests.get(
        f"{edge.server.url}/v1/{endpoint}",
        query,
        headers={"Authorization": f"Bearer {tokens.device}"},
        verify=str(edge.server.certificate.ca),
        timeout=10,
    )
    assert answer.status_code == 200, answer.text
    return answer.json()
