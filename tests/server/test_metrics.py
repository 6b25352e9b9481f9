"""``GET /metrics``: who may ask, the text format, and that every number is true whoever answers."""

import gc
import http.client
import os
import re
import shutil
import ssl
import stat
import tempfile
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge_lib import VERSION
from edge_lib.shared.env import ConfigError
from server import sandbox
from server.api.limiter import BAD_TOKENS
from server.app import make_app
from server.metrics import worker_counters
from server.metrics.prometheus import Metric, text
from server.metrics.worker_counters import VERDICTS, WorkerCounters
from tests.support import documents
from tests.support.batches import (
    OTHER_TOKEN,
    READ_TOKEN,
    TOKEN,
    LogLines,
    app_on,
    assert_error,
    get,
    migrated,
    post,
    send,
)
from tests.support.disks import small_disk
from tests.support.readings import new_device
from tests.support.samples import a_sample, a_ts

METRICS_TOKEN = "metrics-token-4711"
NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"'
LINE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? (-?[0-9.eE+-]+)")
KINDS = ("counter", "gauge")
NO_VERDICTS = {(kind, one): 0 for kind, verdicts in VERDICTS.items() for one in verdicts}


def parse(page: str) -> dict[str, dict[frozenset, float]]:
    """Read the page as strictly as the format is written: each line, its place, no series twice."""
    assert page.endswith("\n")
    found: dict[str, dict[frozenset, float]] = {}
    lines = iter(page.removesuffix("\n").split("\n"))
    for line in lines:
        if line.startswith("# HELP "):
            name, _, about = line.removeprefix("# HELP ").partition(" ")
            assert re.fullmatch(NAME, name)
            assert about.endswith(".")
            kind = re.fullmatch(rf"# TYPE {name} (\w+)", next(lines))[1]
            assert kind in KINDS
            assert name.endswith("_total") == (kind == "counter")
            assert name not in found, "all values of a metric stand together"
            found[name] = {}
            continue
        matched = LINE.fullmatch(line)
        assert matched, line
        assert matched[1] == name, "values follow the head of their metric"
        labels = frozenset((pair[0], pair[1]) for pair in re.findall(LABEL, matched[2] or ""))
        assert labels not in found[name], line
        found[name][labels] = float(line.rpartition(" ")[2])
    return found


def labels(**pairs: object) -> frozenset:
    return frozenset((name, str(value)) for name, value in pairs.items())


def scrape(client) -> dict:
    answer = get(client, "/metrics", METRICS_TOKEN)
    assert answer.status_code == 200
    return parse(answer.text)


@pytest.fixture
def device() -> str:
    return new_device()


@pytest.fixture
def settings(tmp_path, device) -> dict:
    """Counts and a device of the test's own."""
    return {
        "METRICS_TOKEN": METRICS_TOKEN,
        "RUNTIME_DIRECTORY": str(tmp_path),
        "DEVICE_TOKENS": f"{TOKEN}:{device}",
        "READ_TOKENS": f"{READ_TOKEN}:{device}",
    }


@pytest.fixture
def client(database_url, settings):
    return app_on(database_url, **settings).test_client()


def test_without_a_metrics_token_there_are_no_metrics(database_url):
    client = app_on(database_url).test_client()
    for token in (TOKEN, METRICS_TOKEN):
        assert_error(get(client, "/metrics", token), 404)
    assert_error(client.post("/metrics"), 404)


@pytest.mark.parametrize("token", [TOKEN, READ_TOKEN, "x", METRICS_TOKEN[:-1], f"{METRICS_TOKEN}x"])
def test_another_token_is_401_and_too_many_are_429(client, token):
    for _ in range(BAD_TOKENS):
        answer = get(client, "/metrics", token)
        assert_error(answer, 401)
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert_error(get(client, "/metrics", token), 429)
    assert get(client, "/metrics", METRICS_TOKEN).status_code == 200


def test_no_token_is_401_and_the_metrics_token_opens_nothing_else(client):
    assert_error(client.get("/metrics"), 401)
    assert_error(get(client, "/v1/realtime", METRICS_TOKEN), 401)
    assert_error(post(client, {"samples": []}, METRICS_TOKEN), 401)


def test_the_token_may_come_from_a_file(database_url, settings, tmp_path):
    path = tmp_path / "metrics-token"
    path.write_text(f"{METRICS_TOKEN}\n")
    path.chmod(0o600)
    files = settings | {"METRICS_TOKEN": "", "METRICS_TOKEN_FILE": str(path)}
    assert scrape(app_on(database_url, **files).test_client())


def test_the_answer_is_in_the_text_format(client):
    answer = get(client, "/metrics", METRICS_TOKEN)
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    found = parse(answer.text)
    assert all(name.startswith("sungrow_") for name in found)
    ((build, one),) = found["sungrow_build_info"].items()
    assert ("version", VERSION) in build
    assert one == 1


def test_requests_are_counted_by_endpoint_and_status(client, device):
    send(client, a_sample(device_id=device))
    send(client, a_sample(device_id=device, pv_power_w="much"))
    for path in ("/v1/realtime", "/v1/realtime", "/v1/nothing", "/favicon.ico"):
        get(client, path)
    client.get("/v1/realtime")
    client.delete("/v1/ingest")
    scrape(client)
    requests = scrape(client)["sungrow_http_requests_total"]
    assert requests == {
        labels(endpoint="/v1/ingest", status=200): 1,
        labels(endpoint="/v1/ingest", status=422): 1,
        labels(endpoint="/v1/realtime", status=200): 2,
        labels(endpoint="/v1/realtime", status=401): 1,
        labels(endpoint="/metrics", status=200): 1,
        labels(endpoint="other", status=404): 2,
        labels(endpoint="other", status=405): 1,
    }


def test_samples_are_counted_by_verdict(client, device):
    one, two, three = (a_sample(device_id=device) for _ in range(3))
    send(client, one, two)
    send(client, two, three, {**one, "load_power_w": 401})
    send(client, {**three, "ts": "never"})
    samples = scrape(client)["sungrow_ingest_samples_total"]
    assert samples == {
        labels(verdict="inserted"): 3,
        labels(verdict="duplicate"): 1,
        labels(verdict="conflict"): 1,
    }


def test_readings_of_the_grid_meter_are_counted_by_verdict_whoever_sends_them(
    database_url, settings, device
):
    settings = settings | {"DEVICE_TOKENS": f"{TOKEN}:{device},of-p1:{device}/p1"}
    client = app_on(database_url, **settings).test_client()
    one, two, three = ({"device_id": device, "ts": a_ts(), "power_w": 5} for _ in range(3))
    send(client, a_sample(device_id=device), p1_samples=[one, {**one, "power_w": 6}])
    send(client, p1_samples=[one, two])
    other = [{**two, "power_w": 7}, three, {**three, "power_w": "much"}, 0]
    assert client.post(
        "/p1/v1/ingest", json={"samples": other}, headers={"Authorization": "Bearer of-p1"}
    ).json == {"inserted": 1, "duplicates": 0, "conflicts": [0], "parked": [2, 3]}
    found = scrape(client)
    assert found["sungrow_ingest_samples_total"][labels(verdict="inserted")] == 1
    assert found["sungrow_ingest_p1_samples_total"] == {
        labels(verdict="inserted"): 3,
        labels(verdict="duplicate"): 1,
        labels(verdict="conflict"): 2,
        labels(verdict="parked"): 2,
    }


def test_each_grid_meter_has_its_numbers(database_url, settings, device):
    mute, alone = new_device(), new_device()
    tokens = f"{TOKEN}:{device},{OTHER_TOKEN}:{mute},of-p1:{alone}/p1"
    client = app_on(database_url, **settings | {"DEVICE_TOKENS": tokens}).test_client()
    now = datetime.now(UTC).replace(microsecond=250_000)
    slot = now.replace(minute=0, second=0, microsecond=0)
    report = {"kind": "p1", "boot": "ab", "slot": slot.isoformat(), "polled": 9, "waiting": 7}
    of_meter = {"device_id": device, "boot": "ab", "power_w": 5}
    readings = [
        of_meter | {"seq": seq, "ts": (now - timedelta(minutes=20 - n)).isoformat()}
        for n, seq in enumerate((1, 2, 5))
    ]
    parked = {"kind": "p1", "boot": "ab", "seq": 3, "reason": "why", "ts": now.isoformat()}
    send(client, p1_samples=readings, reports=[report], parked=[parked])
    at = (now - timedelta(hours=1)).isoformat()
    of_sibling = {"samples": [{"device_id": "p1-main", "ts": at, "power_w": 1}]}
    client.post("/p1/v1/ingest", json=of_sibling, headers={"Authorization": "Bearer of-p1"})
    found, of_device = scrape(client), labels(device_id=device)
    assert found["sungrow_device_p1_newest_timestamp_seconds"] == {
        of_device: (now - timedelta(minutes=18)).timestamp(),
        labels(device_id=alone): (now - timedelta(hours=1)).timestamp(),
    }
    reported = found["sungrow_device_p1_report_timestamp_seconds"]
    assert reported.keys() == {of_device}
    assert abs(reported[of_device] - now.timestamp()) < 60
    assert found["sungrow_device_p1_waiting_readings"] == {of_device: 7}
    for name, number in (("parked", 1), ("lost", 0)):
        numbers = {of_device: number, labels(device_id=alone): 0}
        assert found[f"sungrow_device_p1_{name}_readings"] == numbers
    assert "sungrow_device_newest_sample_timestamp_seconds" not in found


def test_each_device_with_a_token_has_its_numbers(database_url, settings, device):
    other = new_device()
    tokens = f"{TOKEN}:{device},{OTHER_TOKEN}:{other}"
    client = app_on(database_url, **settings | {"DEVICE_TOKENS": tokens}).test_client()
    now = datetime.now(UTC).replace(microsecond=250_000)
    slot = now.replace(minute=0, second=0, microsecond=0)
    report = {"boot": "ab", "slot": slot.isoformat(), "polled": 9, "waiting": 7, "parked": 2}
    numbered = [{"boot": "ab", "seq": seq} for seq in (1, 2, 5)]
    samples = [
        a_sample(device_id=device, ts=(now - timedelta(minutes=20 - m)).isoformat(), **number)
        for m, number in enumerate(numbered)
    ]
    send(client, *samples, reports=[{**report, "waiting": 0}], device={"edge_version": 'v"1\\'})
    found = scrape(client)
    newest = found["sungrow_device_newest_sample_timestamp_seconds"]
    assert newest == {labels(device_id=device): (now - timedelta(minutes=18)).timestamp()}
    reported = found["sungrow_device_report_timestamp_seconds"][labels(device_id=device)]
    assert abs(reported - now.timestamp()) < 60
    assert found["sungrow_device_waiting_readings"] == {labels(device_id=device): 0}
    assert found["sungrow_device_parked_readings"] == {labels(device_id=device): 2}
    lost = {labels(device_id=device): 2, labels(device_id=other): 0}
    assert found["sungrow_device_lost_readings"] == lost
    edge = labels(device_id=device, version=r"v\"1\\")
    assert found["sungrow_device_edge_info"] == {edge: 1}


def test_a_reading_of_the_future_is_not_the_newest(client, device):
    ahead = (datetime.now(UTC) + timedelta(minutes=30)).isoformat()
    send(client, *(a_sample(device_id=device, ts=ts) for ts in ("2026-01-01T00:00:00Z", ahead)))
    newest = scrape(client)["sungrow_device_newest_sample_timestamp_seconds"]
    assert newest == {labels(device_id=device): datetime(2026, 1, 1, tzinfo=UTC).timestamp()}


def test_the_edition_is_told(client, database_url):
    ((info, one),) = scrape(client)["sungrow_database_info"].items()
    words = sandbox.edition(database_url)
    shown = dict(info)
    assert one == 1
    assert f"PostgreSQL {shown['postgresql']}" in words
    assert (shown["edition"] == "plain") == words.startswith("plain")
    assert shown["timescaledb"] in words


@pytest.mark.usefixtures("working_jobs")
def test_jobs_are_there_on_the_community_edition_alone(client):
    found = scrape(client)
    ((info, _),) = found["sungrow_database_info"].items()
    is_community = ("edition", "community") in info
    for name in ("sungrow_timescaledb_failing_jobs", "sungrow_timescaledb_behind_jobs"):
        assert found.get(name) == ({frozenset(): 0} if is_community else None)


@pytest.mark.server
def test_a_database_that_is_away_is_a_number_not_an_error(tmp_path, settings):
    with sandbox.Postgres(tmp_path, fast=True) as mine:
        client = app_on(migrated(mine), **settings).test_client()
        assert scrape(client)["sungrow_database_up"] == {frozenset(): 1}
        mine.stop(immediate=True)
        found = scrape(client)
        assert found["sungrow_database_up"] == {frozenset(): 0}
        assert "sungrow_database_info" not in found
        assert found["sungrow_http_requests_total"]


def test_the_cache_is_told_where_there_is_one(database_url, settings, redis_server):
    def up(**more: str) -> dict | None:
        client = app_on(database_url, **settings, **more).test_client()
        return scrape(client).get("sungrow_cache_up")

    assert up() is None
    assert up(REDIS_URL=redis_server.url) == {frozenset(): 1}
    assert up(REDIS_URL="unix:///nowhere.sock") == {frozenset(): 0}


class Served:
    """A running server with several workers."""

    def __init__(self, server: sandbox.Gunicorn):
        self._pid, self._port = server.process.pid, server.port
        self._trust = ssl.create_default_context(cafile=server.certificate.ca)

    def ask(self, path: str = "/health", times: int = 1) -> str:
        """Ask, each time on a connection of its own; return the last answer."""
        for _ in range(times):
            connection = http.client.HTTPSConnection(
                "localhost", self._port, timeout=20, context=self._trust
            )
            connection.request("GET", path, headers={"Authorization": f"Bearer {METRICS_TOKEN}"})
            with connection.getresponse() as answer:
                words = answer.read().decode()
            connection.close()
        return words

    def counted(self) -> int:
        requests = parse(self.ask("/metrics"))["sungrow_http_requests_total"]
        return requests[labels(endpoint="/health", status=200)]

    def workers(self) -> set[int]:
        children = Path(f"/proc/{self._pid}/task/{self._pid}/children")
        return set(map(int, children.read_text().split()))


def test_counts_of_all_workers_are_one_and_outlive_a_worker(https_server, settings):
    server = Served(https_server(workers=3, threads=2, **settings))
    before = server.counted()
    askers = [threading.Thread(target=server.ask, args=("/health", 20)) for _ in range(4)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert {server.counted() for _ in range(12)} == {before + 80}, "every worker says the same"
    victim = min(server.workers())
    os.kill(victim, 9)
    assert sandbox.wait_until(lambda: victim not in server.workers(), 20)
    assert sandbox.wait_until(lambda: len(server.workers()) == 3, 20)
    server.ask(times=9)
    assert {server.counted() for _ in range(12)} == {before + 89}


def test_a_new_worker_goes_on_in_the_file_of_a_dead_one(tmp_path):
    folder = tmp_path / "counts"
    alive = WorkerCounters(folder, ["/a"])
    for _ in range(5):
        passing = WorkerCounters(folder, ["/a"])
        passing.count("/a", 200, {})
        del passing
    assert len(list(folder.iterdir())) == 2
    assert alive.totals()[0] == {("/a", 200): 5}


HARM = {
    "the first file": lambda folder: (folder / "0").unlink(),
    "a file between": lambda folder: (folder / "1").unlink(),
    "all files": lambda folder: [path.unlink() for path in folder.iterdir()],
    "the folder": shutil.rmtree,
    "the folder, moved away": lambda folder: folder.rename(folder.with_name("elsewhere")),
    "all above it": lambda folder: shutil.rmtree(folder.parent),
    "the length of all": lambda folder: [os.truncate(path, 0) for path in folder.iterdir()],
    "half of the length": lambda folder: [os.truncate(path, 8) for path in folder.iterdir()],
}


@pytest.mark.parametrize("harm", HARM)
def test_whatever_somebody_removes_the_living_workers_make_anew(tmp_path, harm):
    folder = tmp_path / "run" / "counts"
    workers = [WorkerCounters(folder, ["/a"]) for _ in range(3)]
    for number, worker in enumerate(workers, 1):
        for _ in range(number):
            worker.count("/a", 200, {"sample": (1, 0, 0)})
    HARM[harm](folder)
    for worker in workers:
        worker.count("/a", 200, {"sample": (0, 1, 0)})
    for worker in workers:
        requests, readings = worker.totals()
        assert requests == {("/a", 200): 9}
        assert readings == NO_VERDICTS | {("sample", "inserted"): 6, ("sample", "duplicate"): 3}
    newcomer = WorkerCounters(folder, ["/a"])
    newcomer.count("/a", 503, {})
    assert workers[0].totals()[0] == newcomer.totals()[0] == {("/a", 200): 9, ("/a", 503): 1}


def test_whoever_is_asked_first_heals_its_own_file_before_it_answers(tmp_path):
    worker = WorkerCounters(tmp_path / "counts", ["/a"])
    worker.count("/a", 200, {})
    shutil.rmtree(tmp_path / "counts")
    assert worker.totals()[0] == {("/a", 200): 1}
    assert WorkerCounters(tmp_path / "counts", ["/a"]).totals()[0] == {("/a", 200): 1}


def test_what_cannot_be_written_is_counted_on_and_written_later(tmp_path):
    with small_disk(tmp_path / "small", "64k") as disk:
        worker = WorkerCounters(disk / "counts", ["/a"])
        shutil.rmtree(disk / "counts")
        (disk / "full").write_bytes(b"x" * (os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize))
        with LogLines() as log:
            for _ in range(5):
                worker.count("/a", 200, {})
        assert [line["event"] for line in log.fields()] == [
            "this worker's counts cannot be written"
        ]
        assert worker.totals()[0] == {("/a", 200): 5}
        (disk / "full").unlink()
        worker.count("/a", 200, {})
        assert WorkerCounters(disk / "counts", ["/a"]).totals()[0] == {("/a", 200): 6}


def test_a_server_whose_counts_were_removed_tells_all_of_them_again(https_server, settings):
    server = Served(https_server(workers=3, threads=2, **settings))
    server.ask(times=30)
    before = server.counted()
    (folder,) = Path(settings["RUNTIME_DIRECTORY"]).iterdir()
    shutil.rmtree(folder)
    server.ask(times=60)  # every worker has answered some
    assert {server.counted() for _ in range(12)} == {before + 60}


def test_without_a_runtime_directory_it_counts_in_a_folder_of_its_own_that_is_found_again(
    database_url, settings, tmp_path, monkeypatch
):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    settings = {k: v for k, v in settings.items() if k != "RUNTIME_DIRECTORY"}
    for number in range(1, 4):
        client = app_on(database_url, **settings).test_client()
        client.get("/health")
        found = scrape(client)["sungrow_http_requests_total"]
        assert found[labels(endpoint="/health", status=200)] == number
        del client
        gc.collect()
    place = tmp_path / "home" / ".local" / "state" / "sungrow-server"
    (folder,) = place.iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not list(Path(tempfile.gettempdir()).glob(folder.name))


def test_where_there_is_no_such_folder_the_setting_is_named(database_url, settings, monkeypatch):
    monkeypatch.setenv("HOME", "/proc/nonexistent")
    settings = {k: v for k, v in settings.items() if k != "RUNTIME_DIRECTORY"}
    env = {"DATABASE_URL": database_url, **settings}
    with pytest.raises(ConfigError, match=r"METRICS_TOKEN: .*example: RUNTIME_DIRECTORY="):
        make_app(env)


def test_a_fork_after_loading_counts_for_itself(tmp_path):
    counts = WorkerCounters(tmp_path / "counts", ["/a"])
    counts.count("/a", 200, {})
    children = []
    for _ in range(3):
        pid = os.fork()
        if pid == 0:
            for _ in range(500):
                counts.count("/a", 200, {"sample": (1, 0, 2)})
            os._exit(0)
        children.append(pid)
    for pid in children:
        assert os.waitpid(pid, 0)[1] == 0
    assert counts.totals() == (
        {("/a", 200): 1501},
        NO_VERDICTS | {("sample", "inserted"): 1500, ("sample", "conflict"): 3000},
    )


def test_a_worker_that_stands_still_holds_up_nobody(tmp_path):
    first, second = (WorkerCounters(tmp_path / "counts", ["/a"]) for _ in range(2))
    first._lock.acquire()
    second.count("/a", 503, {})
    assert second.totals()[0] == {("/a", 503): 1}


def test_a_status_beyond_http_and_an_unknown_endpoint_are_no_error(tmp_path):
    counts = WorkerCounters(tmp_path / "counts", ["/a"])
    counts.count("/b", 200, {})
    counts.count("/a", 999, {"sample": (1, 1, 1)})
    assert counts.totals()[0] == {("other", 200): 1}


def test_a_folder_of_somebody_else_is_not_counted_in(tmp_path):
    (tmp_path / "counts").mkdir(mode=0o777)
    (tmp_path / "counts").chmod(0o777)
    with pytest.raises(ConfigError, match=r"METRICS_TOKEN: .*this user alone.*example: RUNTIME"):
        WorkerCounters(tmp_path / "counts", ["/a"])
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(ConfigError):
        WorkerCounters(tmp_path / "link", ["/a"])


def test_two_servers_do_not_share_counts_but_a_password_makes_no_other(tmp_path):
    def folders(*urls: str) -> set:
        for url in urls:
            worker_counters.of_server(tmp_path, url, ["/a"])
        return set(tmp_path.iterdir())

    assert len(folders("postgresql://u:one@h/a", "postgresql://u:two@h/a")) == 1
    assert len(folders("postgresql://u@h/b")) == 2


def test_what_a_label_holds_cannot_break_out_of_it():
    page = text([Metric("sungrow_x", "gauge", "About.", [({"v": 'a"} 1\nsungrow_y 1\\'}, 0.25)])])
    assert page.splitlines()[2] == r'sungrow_x{v="a\"} 1\nsungrow_y 1\\"} 0.25'
    assert len(parse(page)["sungrow_x"]) == 1


def test_the_documents_list_every_metric(client, device):
    report = {"boot": "a", "slot": a_ts(), "polled": 1, "waiting": 0, "parked": 0}
    reports = [report, report | {"kind": "p1"}]
    parts = {"reports": reports, "device": {"edge_version": VERSION}}
    p1 = {"device_id": device, "ts": a_ts(), "power_w": 5}
    send(client, a_sample(device_id=device), p1_samples=[p1], **parts)
    assert {name for name in scrape(client) if f"`{name}`" not in documents.everything()} == set()
