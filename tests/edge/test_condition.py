"""What the edge tells of itself with its counts, to a real server over TLS."""

import gzip
import json
import os
from contextlib import closing
from datetime import timedelta
from email.utils import format_datetime

import pytest

from edge_lib.config import UploadConfig
from edge_lib.poll_counts import PollCounts
from edge_lib.shared.timestamps import to_us
from edge_lib.spool.reports import Slot
from edge_lib.spool.spool import Spool
from edge_lib.upload import condition
from edge_lib.upload.uploader import Uploader
from tests.support.clocks import FakeClock
from tests.support.tls_server import Authority, TlsServer, message

TOKEN = "token-that-nobody-may-see"
NAMES = {
    *("spool_state", "spool_used_pct", "disk_free_mb", "ring_count", "thinned", "unsalvaged"),
    *("uptime_s", "restarts_24h", "last_poll_error", "last_upload_error", "cert_days"),
    *("throttled", "ip_failures", "upgrading"),
}


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("pki") / "own")


@pytest.fixture(scope="module")
def certificate(authority):
    return authority.certificate("good")


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def spool(tmp_path, clock):
    with closing(Spool(tmp_path / "spool.db", 7, clock)) as made:
        yield made


@pytest.fixture
def server(certificate, clock):
    def taken(wire):
        content = {"inserted": 0, "duplicates": 0, "conflicts": []}
        if wire.request.method == "POST":
            content["batch_id"] = json.loads(gzip.decompress(wire.request.body))["batch_id"]
        date = format_datetime(clock.now(), usegmt=True)
        wire.send(message(200, content, {"Date": date}))

    with TlsServer(certificate, taken) as made:
        yield made


@pytest.fixture
def uploader(spool, clock, server, authority):
    config = UploadConfig(server.url, TOKEN, authority.ca_file, 10, 500, 300)
    counts = PollCounts(spool, clock)
    with closing(Uploader(config, spool, clock, counts=counts)) as made:
        yield made


@pytest.fixture
def told(uploader, server, clock):
    """Poll, and return what goes with the newest report a minute later."""

    def next_report() -> dict:
        clock.pass_s(61)
        uploader.poll_counts[next(iter(uploader.poll_counts))].polled()
        assert uploader.upload_once() is False
        return json.loads(gzip.decompress(server.requests[-1].body))["reports"][-1]

    return next_report


def test_all_of_it_goes_with_the_newest_report(told, clock):
    report = told()
    assert report.keys() >= NAMES
    assert (report["spool_state"], report["ring_count"], report["thinned"]) == ("ok", 0, 0)
    assert 0 <= report["spool_used_pct"] < 1
    assert report["disk_free_mb"] > 1
    assert report["uptime_s"] == clock.boottime_us() // 1_000_000
    assert (report["last_poll_error"], report["last_upload_error"]) == (None, None)
    assert (report["restarts_24h"], report["upgrading"], report["ip_failures"]) == (0, False, 0)
    assert report["cert_days"] is None  # no connection was made before
    assert told()["cert_days"] is not None


def test_an_error_is_told_for_an_hour_without_the_token_and_in_so_many_characters(
    told, uploader, clock
):
    uploader.condition.failed("poll", "timeout: no answer from 192.168.1.50")
    uploader.condition.failed("upload", f"http_401: {TOKEN} is unknown {'x' * 300}")
    report = told()
    assert report["last_poll_error"] == "timeout: no answer from 192.168.1.50"
    assert report["last_upload_error"].startswith("http_401: *** is unknown xxx")
    assert len(report["last_upload_error"]) == 200
    clock.pass_s(3600)
    report = told()
    assert (report["last_poll_error"], report["last_upload_error"]) == (None, None)


def test_a_token_at_the_edge_of_the_text_is_not_cut_into_half_a_secret(told, uploader):
    uploader.condition.failed("upload", "x" * 190 + TOKEN)
    assert "token" not in told()["last_upload_error"]


def test_an_upload_that_fails_is_told_by_the_next_that_does_not(told, uploader, server, clock):
    server.answers(lambda wire: wire.send(message(503, {"detail": "the database is away"}, {})))
    clock.pass_s(61)
    uploader.poll_counts[next(iter(uploader.poll_counts))].polled()
    uploader.upload_once()
    assert uploader.failures == 1
    assert told()["last_upload_error"].startswith("http_503: ")


def test_boots_of_the_last_day_are_counted(told, spool, clock):
    now_us = to_us(clock.now())
    for boot, hours in (("a", 40), ("b", 23), ("b", 22), ("c", 2)):
        at_us = now_us - hours * 3_600_000_000
        assert spool.write_slot(Slot(boot, at_us - at_us % 900_000_000, 1, {}))
    assert told()["restarts_24h"] == 2  # from b to c, and from c to now


def test_the_installers_mark_counts_for_half_an_hour(told, uploader, tmp_path, clock):
    uploader.condition.folder = tmp_path
    assert told()["upgrading"] is False
    mark = tmp_path / "upgrading"
    mark.touch()
    began = clock.now().timestamp()
    os.utime(mark, (began, began))
    assert told()["upgrading"] is True
    clock.pass_s(timedelta(minutes=31).total_seconds())
    assert told()["upgrading"] is False


@pytest.mark.parametrize(
    ("written", "expected"), [("0\n", 0), ("50005\n", 0x50005), ("", None), ("no\n", None)]
)
def test_a_pi_says_that_its_supply_is_weak(told, tmp_path, monkeypatch, written, expected):
    monkeypatch.setattr(condition, "THROTTLED", tmp_path / "get_throttled")
    (tmp_path / "get_throttled").write_text(written)
    assert told()["throttled"] == expected


def test_the_report_goes_without_what_cannot_be_told(told, uploader, monkeypatch):
    monkeypatch.setattr(uploader.condition, "figures", lambda: 1 / 0)
    report = told()
    assert not report.keys() & NAMES
    assert report["waiting"] == 0
