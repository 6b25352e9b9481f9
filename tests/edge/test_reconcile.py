"""A server that lost what it had proved is whole again by itself."""

import random
import subprocess
import sys
import threading
from datetime import timedelta

import pytest

from edge_lib.config import UploadConfig
from edge_lib.shared.timestamps import format_ts
from edge_lib.spool.spool import Spool
from edge_lib.upload.https import HttpsClient
from edge_lib.upload.reconcile import AGAIN_S, MOST_HOURS, Reconciler, _spans
from edge_lib.upload.uploader import Uploader
from server import sandbox
from tests.support.clocks import SkippingClock
from tests.support.edge_env import edge_env
from tests.support.samples import a_sample

pytestmark = pytest.mark.server

DEVICE = "reconciled"


@pytest.fixture
def clock():
    return SkippingClock()


@pytest.fixture
def spool(tmp_path):
    with Spool.strict(tmp_path / "spool.db") as opened:
        yield opened


@pytest.fixture
def server(https_server, tokens):
    return https_server(DEVICE_TOKENS=f"{tokens.device}:{DEVICE}")


@pytest.fixture
def uploader(server, spool, clock, tokens):
    client = HttpsClient(server.url, tokens.device, server.certificate.ca)
    config = UploadConfig(server.url, tokens.device, server.certificate.ca, 10, 500, 300)
    uploader = Uploader(config, spool, clock, client)
    yield uploader
    uploader.close()


@pytest.fixture
def reconciler(uploader, spool, clock):
    return Reconciler(spool, uploader._client, clock, DEVICE, spread=0)


@pytest.fixture(autouse=True)
def empty(database_url):
    sandbox.execute(database_url, "TRUNCATE sungrow_samples, sungrow_5min, sungrow_local_daily")


def fill(spool, clock, count=60, hours=3):
    """Store readings of the last hours."""
    begin = clock.now() - timedelta(hours=hours)
    for n in range(count):
        ts = format_ts(begin + n * timedelta(hours=hours) / count)
        sample = a_sample(device_id=DEVICE, ts=ts, boot="ab", seq=n + 1, ts_src=0)
        spool.put(sample, n * 5_000_000)


def deliver(uploader, spool):
    while uploader.upload_once():
        pass
    assert spool.counts().depth == 0


def count(url) -> int:
    import psycopg2

    connection = psycopg2.connect(url)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM sungrow_samples")
        found = cursor.fetchone()[0]
    connection.close()
    return found


def test_a_server_that_has_all_is_sent_nothing(uploader, reconciler, spool, clock):
    fill(spool, clock)
    deliver(uploader, spool)
    assert reconciler.compare() == 0


def test_what_the_server_lost_is_sent_again_and_nothing_else(
    uploader, reconciler, spool, clock, database_url
):
    fill(spool, clock)
    deliver(uploader, spool)
    lost = "DELETE FROM sungrow_samples WHERE ts > now() - interval '70 minutes'"
    sandbox.execute(database_url, lost)
    missing = 60 - count(database_url)
    queued = reconciler.compare()
    assert missing <= queued < 60
    deliver(uploader, spool)
    assert count(database_url) == 60
    assert reconciler.compare() == 0


def test_as_many_samples_of_other_times_are_not_the_same(
    uploader, reconciler, spool, clock, database_url
):
    fill(spool, clock, count=3, hours=0.01)
    deliver(uploader, spool)
    moved = "UPDATE sungrow_samples SET ts = ts + interval '1 ms' WHERE seq = 2"
    sandbox.execute(database_url, moved)
    assert reconciler.compare() > 0
    deliver(uploader, spool)
    assert count(database_url) == 4


def test_an_hour_that_a_resend_does_not_change_is_settled_until_the_server_changes(
    uploader, reconciler, spool, clock, database_url
):
    fill(spool, clock, count=5, hours=0.01)
    deliver(uploader, spool)
    # A row that refuses to come back stands for one that was forgotten on purpose.
    sandbox.execute(database_url, "DELETE FROM sungrow_samples WHERE seq = 2")
    sandbox.execute(
        database_url,
        "CREATE FUNCTION gone() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN IF NEW.seq = 2 THEN RETURN NULL; END IF; RETURN NEW; END'",
    )
    sandbox.execute(
        database_url,
        "CREATE TRIGGER gone BEFORE INSERT ON sungrow_samples FOR EACH ROW EXECUTE FUNCTION gone()",
    )
    assert reconciler.compare() > 0
    spool.delivered([row.id for row in spool.oldest(100)])  # as the server's duplicates would
    assert reconciler.compare() == 0
    assert len(spool.settled_hours()) >= 1
    again = Reconciler(spool, uploader._client, clock, DEVICE, spread=0)
    assert again.compare() == 0
    sandbox.execute(database_url, "DROP TRIGGER gone ON sungrow_samples; DROP FUNCTION gone")
    sandbox.execute(database_url, "DELETE FROM sungrow_samples WHERE seq = 3")
    assert again.compare() > 0
    deliver(uploader, spool)
    assert count(database_url) == 5


def test_it_compares_at_the_start_after_sending_again_and_at_night(
    uploader, reconciler, spool, clock, database_url
):
    fill(spool, clock)
    deliver(uploader, spool)
    sandbox.execute(database_url, "TRUNCATE sungrow_samples")
    assert reconciler.step()
    assert not reconciler.step()
    deliver(uploader, spool)
    clock.skipped_s += AGAIN_S + 1
    assert not reconciler.step()
    sandbox.execute(database_url, "TRUNCATE sungrow_samples")
    clock.skipped_s += AGAIN_S
    assert not reconciler.step()
    clock.skipped_s += 86_400
    assert reconciler.step()


def test_a_server_that_cannot_be_asked_is_asked_later(reconciler, server, spool, clock, uploader):
    fill(spool, clock)
    deliver(uploader, spool)
    server.stop()
    assert not reconciler.step()
    server.start()
    assert not reconciler.step()
    clock.skipped_s += 1000
    assert not reconciler.step()
    assert spool.counts().depth == 0


def test_a_night_of_many_edges_is_spread_over_an_hour(spool, clock):
    dice = random.Random(2)
    waits_s = {
        Reconciler(spool, None, clock, DEVICE, spread=dice.random())._until_night_s()
        for _ in range(20)
    }
    assert len(waits_s) == 20
    assert all(0 <= wait_s <= 86_400 for wait_s in waits_s)


def test_a_long_reserve_is_asked_for_in_pieces():
    spans = list(_spans([5, 5 + MOST_HOURS, 6 + 2 * MOST_HOURS]))
    assert spans[0] == (5, 5 + MOST_HOURS)
    assert spans[-1][1] == 7 + 2 * MOST_HOURS
    assert list(_spans([])) == []


def test_one_hour_that_is_centuries_away_costs_one_request():
    assert list(_spans([5, 2_500_000])) == [(5, 5 + MOST_HOURS), (2_500_000, 2_500_001)]


def test_polling_goes_on_while_it_compares(uploader, reconciler, spool, clock):
    fill(spool, clock)
    deliver(uploader, spool)
    stop, failed = threading.Event(), []

    def poll():
        n = 100
        while not stop.is_set():
            try:
                n += 1
                ts = format_ts(clock.now())
                spool.put(a_sample(device_id=DEVICE, ts=ts, boot="ab", seq=n, ts_src=0), n)
            except Exception as error:  # noqa: BLE001 - told to the test below
                failed.append(error)

    thread = threading.Thread(target=poll)
    thread.start()
    for _ in range(5):
        reconciler.compare()
    stop.set()
    thread.join()
    assert not failed


def test_the_command_makes_the_server_whole(uploader, spool, clock, server, tmp_path, database_url):
    fill(spool, clock)
    deliver(uploader, spool)
    sandbox.execute(database_url, "TRUNCATE sungrow_samples")
    whose = {"url": server.url, "device_id": DEVICE, "token": "device-token"}
    settings = edge_env(tmp_path, server.certificate.ca, **whose)

    def reconcile():
        argv = [sys.executable, "edge.py", "reconcile"]
        env = sandbox.environment(**settings)
        return subprocess.run(argv, env=env, cwd=sandbox.ROOT, capture_output=True, text=True)

    assert reconcile().returncode == 3  # the spool is in use, as the service would
    spool.close()
    done = reconcile()
    assert (done.returncode, done.stdout) == (0, "60 readings sent again\n")
    assert count(database_url) == 60
    assert reconcile().stdout == "the server has all that was delivered\n"
    server.stop()
    assert reconcile().returncode == 1
