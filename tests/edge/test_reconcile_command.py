"""``edge.py reconcile`` says what happened: what the server lacked, took, refused, what waits."""

import pytest

from edge_lib import commands
from edge_lib.config import UploadConfig
from edge_lib.spool.spool import Spool
from edge_lib.upload.https import HttpsError
from edge_lib.upload.uploader import Uploader
from tests.support.edge_env import edge_env
from tests.support.edge_world import DEVICE, PRESENT, World

pytestmark = pytest.mark.slow  # each case starts the command

LOST = 10
QUEUED = "30 readings queued again: the server lacks some of them\n"


@pytest.fixture
def world(tmp_path):
    """A house whose readings were all delivered; then the server lost ten, and the edge ended."""
    one = World(tmp_path / "spool.db", PRESENT)
    one.start()
    one.poll(30)
    one.drain()
    one.stop()
    for ts in sorted(one.server.samples)[:LOST]:
        del one.server.samples[ts]
    one.server.batches.clear()
    return one


@pytest.fixture
def reconcile(world, ca, monkeypatch, capsys):
    """Run the command; return its exit status and what it printed to stdout and to stderr."""
    monkeypatch.setattr(commands.HttpsClient, "from_config", lambda _: world.server)
    monkeypatch.setattr(commands, "Clock", lambda: world.clock)
    env = edge_env(world.path.parent, ca.issue().ca, device_id=DEVICE, BATCH_SIZE="6")

    def run():
        status = commands.reconcile(env)
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


def depth(world) -> int:
    with Spool.strict(world.path) as spool:
        return spool.counts().depth


def test_what_was_lost_is_sent_again(reconcile, world):
    assert reconcile() == (0, "30 readings sent again\n", "")
    assert (len(world.server.samples), depth(world)) == (30, 0)
    assert reconcile() == (0, "the server has all that was delivered\n", "")


FAILURES = {
    "503": (503, None, "http_503: the server cannot take the batch now"),
    "500": (500, None, "http_500"),
    "401": (401, None, "http_401: the server does not know the token: check VPS_TOKEN"),
    "403": (403, None, "http_403: the token may not write for this device"),
    "404": (404, None, "http_404: there is no ingest at this address"),
    "429": (429, None, "http_429: the server wants fewer requests"),
    "400": (400, None, "http_400"),
    "redirect": (302, None, "redirect: the server sends us elsewhere"),
    "no network": (
        200,
        HttpsError("unreachable", "no route to localhost"),
        "unreachable: no route",
    ),
    "TLS": (200, HttpsError("tls_expired", "its certificate has expired"), "tls_expired: its cert"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_what_could_not_be_sent_is_said_with_the_reason_and_waits(reconcile, world, failure):
    status, error, reason = FAILURES[failure]
    answering = world.server.post

    def fails(*args):  # /v1/hours goes on answering
        world.server.status, world.server.error = status, error
        try:
            return answering(*args)
        finally:
            world.server.status, world.server.error = 200, None

    world.server.post = fails
    code, out, err = reconcile()
    assert code == 1
    assert out == f"{QUEUED}0 readings sent\n"
    assert f"30 readings still wait ({reason}" in err
    assert "systemctl start sungrow-edge" in err
    assert depth(world) == 30
    world.server.post = answering
    assert reconcile()[0] == 0
    assert len(world.server.samples) == 30


def test_where_part_goes_through_it_says_how_much(reconcile, world):
    answering, left = world.server.post, [2]

    def fails_later(*args):
        left[0] -= 1
        world.server.status = 200 if left[0] >= 0 else 503
        return answering(*args)

    world.server.post = fails_later
    code, out, err = reconcile()
    assert (code, out) == (1, f"{QUEUED}12 readings sent\n")
    assert "18 readings still wait (http_503" in err
    assert depth(world) == 18


def test_where_the_server_cannot_be_asked_nothing_is_queued(reconcile, world):
    world.server.error = HttpsError("unreachable", "no route")
    code, out, err = reconcile()
    assert (code, out) == (1, "")
    assert err.startswith("no route")
    world.server.error = None
    assert depth(world) == 0


def test_what_the_server_refuses_is_parked_and_said(reconcile, world):
    world.server.refuses = lambda sample: sample["seq"] in (2, 3)
    code, out, err = reconcile()
    assert (code, out) == (1, f"{QUEUED}28 readings sent\n")
    assert err == "2 readings were refused, and are parked; see: edge.py parked\n"
    assert depth(world) == 0


def test_conflicts_are_parked_and_said(reconcile, world):
    world.server.conflicts = lambda sample: sample["seq"] == 2
    code, _, err = reconcile()
    assert (code, err) == (1, "1 readings were refused, and are parked; see: edge.py parked\n")


def test_a_hold_is_said(reconcile, world, monkeypatch):
    monkeypatch.setattr("edge_lib.upload.receipt.Verdicts.LEAST", 5)
    world.server.refuses = lambda _: True
    code, out, err = reconcile()
    assert (code, "0 readings sent" in out) == (1, True)
    assert "30 readings still wait (held: too many samples refused" in err
    assert depth(world) == 30


def test_readings_that_wait_since_before_are_not_said_to_be_there(reconcile, world):
    world.start()
    world.poll(4)
    world.stop()
    world.server.samples |= {  # nothing was lost after all
        s["ts"]: s for s in (row for row in delivered(world)) if s["ts"] not in world.server.samples
    }
    world.server.status = 503
    hours = world.server.get

    def answers(*args, **kwargs):
        world.server.status = 200
        try:
            return hours(*args, **kwargs)
        finally:
            world.server.status = 503

    world.server.get = answers
    code, out, err = reconcile()
    assert (code, out) == (1, "0 readings sent\n")
    assert err.startswith("4 readings still wait (http_503")


def delivered(world) -> list[dict]:
    with Spool.strict(world.path) as spool:
        (hour,) = spool.delivered_hours()
        spool.requeue_hour(hour)
        rows = spool.oldest(99)
        spool.delivered([row.id for row in rows if row.sample["seq"] <= 30])
        return [row.sample for row in rows]


def test_readings_that_the_server_calls_too_early_are_said_to_wait(reconcile, world):
    answering = world.server.post

    def early(*args):
        world.server.refuses = lambda _: True
        answer = answering(*args)
        return answer._replace(body=answer.body.replace(b'"value"', b'"ts_in_future"'))

    world.server.post = early
    code, out, err = reconcile()
    assert (code, out) == (1, f"{QUEUED}0 readings sent\n")
    assert "30 readings still wait (the server says that they lie in the future" in err


def test_what_the_server_takes_and_does_not_keep_is_said(reconcile, world):
    lost = sorted(set(all_times(world)) - world.server.samples.keys())
    world.server.forgotten = set(lost)
    code, out, err = reconcile()
    assert (code, err) == (0, "")
    assert out == (
        "30 readings sent again\n"
        "hours that differ for good (readings in conflict, or deleted there on purpose): 1\n"
    )


def all_times(world) -> list[str]:
    return [batch_sample["ts"] for batch_sample in delivered(world)]


def test_readings_that_vanish_again_are_said_to_be_missing(reconcile, world):
    hours, asked = world.server.get, []

    def loses(*args, **kwargs):
        asked.append(1)
        if len(asked) == 2:
            world.server.samples.popitem()
            world.server.samples.popitem()
        return hours(*args, **kwargs)

    world.server.get = loses
    code, _, err = reconcile()
    assert code == 1
    assert err == "the server still lacks some of 30 readings; run this again\n"


def test_a_server_that_is_gone_afterwards_is_said_to_be_unasked(reconcile, world):
    hours, asked = world.server.get, []

    def goes(*args, **kwargs):
        asked.append(1)
        if len(asked) == 2:
            raise HttpsError("unreachable", "no route")
        return hours(*args, **kwargs)

    world.server.get = goes
    code, out, err = reconcile()
    assert (code, out) == (1, "30 readings sent again\n")
    assert "did not answer again" in err


def test_the_uploader_tells_a_failure_from_an_empty_queue(world):
    world.server.status = 503
    with Spool.strict(world.path) as spool:
        (hour,) = spool.delivered_hours()
        spool.requeue_hour(hour)
        config = UploadConfig("https://x", "t", None, 10.0, 500, 300.0)
        uploader = Uploader(config, spool, world.clock, client=world.server)
        assert uploader.upload_once() is False
        assert (uploader.failures, spool.counts().depth) == (1, 30)
