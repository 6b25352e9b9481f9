"""``python -m server.doctor``: each fault is named with what helps; a sound server is all ok."""

import hashlib
import json
import logging
import ssl
import threading
from datetime import UTC, datetime, timedelta

import pytest
from psycopg2 import sql
from psycopg2.extensions import parse_dsn

from edge_lib import VERSION
from edge_lib.shared.findings import FAILED, OK, WARNING, Finding, Group
from server import sandbox, settings
from server.database.health import Edition
from server.doctor import backup, database, timers
from server.doctor.__main__ import checked, main
from server.doctor.database import clock, disk, edition, room_mb
from server.doctor.front import certificate
from server.doctor.timers import Timer
from tests.support.batches import TOKEN, app_on, get, migrated, rows, send
from tests.support.disks import small_disk
from tests.support.readings import new_device
from tests.support.samples import a_sample
from tests.support.tls_server import Authority, TlsServer, answer

SECRET = "never-shown-8f3a"
HASH = f"sha256${hashlib.sha256(TOKEN.encode()).hexdigest()}"
NAMES = (
    *("DATABASE_URL", "DATABASE_URL_FILE", "DEVICE_TOKENS", "DEVICE_TOKENS_FILE", "READ_TOKENS"),
    *("READ_TOKENS_FILE", "METRICS_TOKEN", "METRICS_TOKEN_FILE", "REDIS_URL", "SITE_TIMEZONE"),
)
SCHEDULER = (
    "SELECT FROM pg_stat_activity WHERE datname = current_database()"
    " AND backend_type = 'TimescaleDB Background Worker Scheduler'"
)


@pytest.fixture
def device() -> str:
    return new_device()


@pytest.fixture
def client(database_url, device):
    return app_on(database_url, DEVICE_TOKENS=f"{TOKEN}:{device}").test_client()


@pytest.fixture
def doctor(monkeypatch, capsys, tmp_path, database_url, device):
    """Run the command; return its exit status, and its findings by check."""
    monkeypatch.setattr(settings, "DOTENV", tmp_path / "dotenv")
    for name in ("FOLDER", "WANTED", "NOTED"):  # this machine may have some of its own
        monkeypatch.setattr(backup, name, tmp_path / f"backup-{name}")
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    # As in a process of its own; what an app of the test left there writes to a closed stderr.
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    monkeypatch.setattr(logging.getLogger(), "level", logging.WARNING)

    def run(*argv: str, **env: str) -> tuple[int, dict[str, list[tuple[str, str]]]]:
        with monkeypatch.context() as patch:
            given = {"DATABASE_URL": database_url, "DEVICE_TOKENS": f"{HASH}:{device}"} | env
            for name, value in given.items():
                patch.setenv(name, value)
            capsys.readouterr()
            status = main([*argv, "--json"])
        words = capsys.readouterr()
        assert words.err == ""
        assert SECRET not in words.out
        told = json.loads(words.out)
        states = [check["state"] for check in told["checks"]]
        assert told["status"] == max(states, key=(OK, WARNING, FAILED).index)
        assert status == (told["status"] == FAILED)
        found: dict[str, list[tuple[str, str]]] = {}
        for check in told["checks"]:
            assert check.keys() == {"check", "state", "text"}
            assert "\n" not in check["text"]
            found.setdefault(check["check"], []).append((check["state"], check["text"]))
        return status, found

    return run


@pytest.fixture
def ailing(doctor, request):
    """Run the command, which has to find just this; return its text."""

    def run(check: str, state: str, *argv: str, **env: str) -> str:
        if state != FAILED:
            request.getfixturevalue("working_jobs")
        status, found = doctor(*argv, **env)
        assert status == (state == FAILED)
        ((seen, text),) = (pair for pair in found[check] if pair[0] != OK)
        assert seen == state
        return text

    return run


def fresh(client, device: str, version: str = VERSION) -> None:
    """Let the edge have sent something a moment ago."""
    sample = a_sample(device_id=device, ts=datetime.now(UTC).isoformat())
    assert send(client, sample, device={"edge_version": version}).status_code == 200


def execute(url: str, *statements: str) -> None:
    for statement in statements:
        sandbox.execute(url, statement)


@pytest.mark.usefixtures("working_jobs")
def test_on_a_sound_server_all_is_ok(doctor, client, device, redis_server):
    fresh(client, device)
    status, found = doctor(REDIS_URL=redis_server.url)
    assert status == 0
    assert {state for pairs in found.values() for state, _ in pairs} == {OK}
    assert list(found) == [
        *("settings", "secrets", "tokens", "database", "edition", "clock", "disk", "schema"),
        *("zone", "jobs", "alerts", "nightly", "device", "edge", "redis"),
    ]
    documented = (sandbox.ROOT / "docs/server.md").read_text()
    assert not [check for check in found if f"`{check}`" not in documented]


def test_a_grid_meter_is_looked_at_where_there_is_one(doctor, client, device):
    fresh(client, device)
    now = datetime.now(UTC)
    assert "p1" not in doctor()[1]
    numbered = {"device_id": device, "power_w": 5, "boot": "ab"}
    readings = [
        numbered | {"seq": seq, "ts": (now - timedelta(minutes=30 - seq)).isoformat()}
        for seq in (1, 2, 5)
    ]
    parked = {"kind": "p1", "boot": "ab", "seq": 9, "ts": now.isoformat(), "reason": "why"}
    assert send(client, p1_samples=readings, parked=[parked]).status_code == 200
    sandbox.execute(
        client.application.extensions["settings"].database_url,
        "UPDATE sungrow_seqs SET received_at = now() - interval '1 hour' WHERE kind = 'p1'",
    )
    found = doctor()[1]
    ((state, text),) = found["p1"]
    assert (state, f"the grid meter of {device} has been silent since" in text) == (WARNING, True)
    assert any("2 P1 readings" in text for _, text in found["lost"])
    assert any(f"1 P1 readings of {device}" in text for _, text in found["parked"])
    fresh_one = numbered | {"seq": 6, "ts": now.isoformat()}
    assert send(client, p1_samples=[fresh_one]).status_code == 200
    ((state, text),) = doctor()[1]["p1"]
    assert (state, "newest P1 reading" in text) == (OK, True)


def test_a_house_with_a_grid_meter_alone_lacks_nothing(doctor, client, device):
    now = datetime.now(UTC).isoformat()
    reading = {"device_id": device, "ts": now, "power_w": 5}
    assert send(client, p1_samples=[reading]).status_code == 200
    found = doctor()[1]
    assert found["device"] == [
        (OK, f"{device}: only its grid meter has sent readings so far, no inverter")
    ]
    assert found["p1"][0][0] == OK


@pytest.mark.parametrize("sent", ["nothing", "what is parked", "a P1 report"])
def test_a_grid_meter_of_which_no_reading_was_stored_is_no_house(doctor, client, device, sent):
    now = datetime.now(UTC).isoformat()
    parts = {
        "nothing": {},
        "what is parked": {
            "parked": [{"kind": "p1", "boot": "ab", "seq": 9, "ts": now, "reason": "why"}]
        },
        "a P1 report": {"reports": [{"kind": "p1", "boot": "ab", "slot": now, "polled": 9}]},
    }
    assert send(client, **parts[sent]).status_code == 200
    found = doctor()[1]
    assert [state for state, text in found["device"] if "has never sent" in text] == [WARNING]
    told = [text for _, text in found.get("p1", []) if "could be stored yet" in text]
    assert len(told) == (sent != "nothing")


def test_a_house_whose_only_token_is_of_its_meter_is_looked_at(doctor, client, device):
    alone = f"{device}-garden"
    tokens = {"DEVICE_TOKENS": f"{TOKEN}:{device},of-p1:{alone}/p1"}
    url = client.application.extensions["settings"].database_url
    sender = app_on(url, **tokens).test_client()
    fresh(sender, device)
    reading = {"device_id": "p1-main", "ts": "2026-01-02T03:04:05Z", "power_w": 1}
    answer = sender.post(
        "/p1/v1/ingest", json={"samples": [reading]}, headers={"Authorization": "Bearer of-p1"}
    )
    assert answer.json["inserted"] == 1
    ((state, text),) = doctor(**tokens)[1]["p1"]
    assert state == WARNING
    assert text.startswith(f"the grid meter of {alone} has been silent since 2026-01-02T03:04:05")


@pytest.mark.usefixtures("working_jobs")
def test_it_prints_a_line_a_check(doctor, client, device, monkeypatch, capsys, database_url):
    fresh(client, device)
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("DEVICE_TOKENS", f"{HASH}:{device}")
    assert main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines[:2]] == [["ok", "settings"], ["ok", "secrets"]]
    assert {line[9:].partition(" ")[0] for line in lines} > {"database", "schema", "redis"}


def test_a_bad_setting_is_named_and_what_does_not_hang_on_it_is_looked_at(doctor):
    _, found = doctor(CACHE_TTL_S="soon")
    ((state, text),) = found["settings"]
    assert state == FAILED
    assert text.startswith("CACHE_TTL_S=")
    assert found["schema"] == [(OK, "current")]


@pytest.mark.usefixtures("doctor")
def test_settings_that_are_no_text_are_named(tmp_path, capsys):
    (tmp_path / "dotenv").write_bytes(b"\xff")
    assert main([]) == 78
    assert "has to be UTF-8" in capsys.readouterr().err


def test_a_missing_database_url_is_named(doctor):
    _, found = doctor(DATABASE_URL="")
    assert "DATABASE_URL is missing; example" in found["settings"][0][1]
    assert found["database"][0][0] == FAILED
    assert "schema" not in found


def test_a_file_of_secrets_that_others_may_read_is_named(ailing, tmp_path):
    path = tmp_path / "read-tokens"
    path.write_text(f"{SECRET}:home-1")
    path.chmod(0o644)
    text = ailing("secrets", FAILED, READ_TOKENS_FILE=str(path))
    assert f"chmod 640 {path}" in text


def test_a_dotenv_that_others_may_read_is_named(ailing, tmp_path):
    (tmp_path / "dotenv").write_text("")
    (tmp_path / "dotenv").chmod(0o644)
    assert "chmod 640" in ailing("secrets", FAILED)


def test_a_file_of_tokens_that_is_not_there_is_named(ailing, tmp_path):
    text = ailing("secrets", FAILED, READ_TOKENS_FILE=str(tmp_path / "none"))
    assert text.startswith("READ_TOKENS_FILE: cannot read")


def test_a_malformed_token_is_named_but_not_shown(ailing):
    bad = f"{HASH}:home-1,{SECRET}"
    assert "DEVICE_TOKENS: entry 2 " in ailing("tokens", FAILED, DEVICE_TOKENS=bad)


def test_plain_tokens_are_advised_against(ailing):
    text = ailing("tokens", WARNING, DEVICE_TOKENS=f"{SECRET}:home-1")
    assert text.startswith("1 are kept in plain text")
    assert "server.tokens new" in text


def test_more_than_two_tokens_of_a_device_are_named(ailing):
    three = ",".join(f"sha256${digit * 64}:home-1" for digit in "abc")
    assert "home-1 has 3 tokens" in ailing("tokens", WARNING, DEVICE_TOKENS=three)


def test_a_database_that_is_away_is_named_and_its_password_is_not_shown(doctor):
    status, found = doctor(DATABASE_URL=f"postgresql://nobody:{SECRET}@127.0.0.1:1/none")
    assert status == 1
    ((state, text),) = found["database"]
    assert state == FAILED
    assert "is it running, and is DATABASE_URL right?" in text
    assert not {"schema", "device"} & found.keys(), "nothing waits for it a second time"


@pytest.mark.slow
def test_a_database_that_hangs_ends_as_a_failure(doctor, tmp_path):
    with sandbox.Postgres(tmp_path, fast=True) as mine:
        url = migrated(mine)
        mine.pause()
        _, found = doctor(DATABASE_URL=url)
        mine.resume()
    assert found["database"][0][0] == FAILED


def test_a_check_that_hangs_or_breaks_does_not_stand_for_ok():
    forever = threading.Event()
    groups = [
        Group("hanging", lambda: iter([Finding("one", OK, "yes")] * (not forever.wait()))),
        Group("empty", list),
        Group("good", lambda: [Finding("two", OK, "yes")]),
    ]
    found = checked(groups, patience_s=0.1)
    forever.set()
    assert [(f.check, f.state) for f in found] == [
        ("hanging", FAILED),
        ("empty", FAILED),
        ("two", OK),
    ]


@pytest.mark.parametrize(
    ("found", "state", "words"),
    [
        (Edition("plain", "14.9", None), FAILED, "15 or later"),
        (Edition("plain", "15.18", None), OK, "PostgreSQL 15.18"),
        (Edition("community", "15.18", "2.18.0"), WARNING, "ALTER EXTENSION timescaledb UPDATE"),
        (Edition("community", "16.1", "2.9.3"), WARNING, "before 2.18.1"),
        (Edition("community", "16.1", "2.18.1"), OK, "TimescaleDB 2.18.1 (community)"),
        (Edition("apache", "17.11", "2.19.3"), OK, "(apache) on PostgreSQL 17.11"),
    ],
)
def test_versions_that_are_too_old_are_named(found, state, words):
    told = edition(found)
    assert told.state == state
    assert words in told.text


def test_clocks_apart_are_named():
    now = datetime.now(UTC)
    assert clock(now - timedelta(seconds=1.9), now).state == OK
    for apart in (timedelta(seconds=3), timedelta(days=-2)):
        told = clock(now + apart, now)
        assert told.state == WARNING
        assert "time server" in told.text


def test_a_disk_without_room_is_named(tmp_path):
    with small_disk(tmp_path / "small", "300m") as folder:
        assert disk(1 << 30, True, str(folder)).state == FAILED
        hidden = folder / "not" / "there"
        assert disk(0, is_local=True, folder=str(hidden)).state == OK, "nothing is to be seen"
    with small_disk(tmp_path / "larger", "1g") as folder:
        told = disk(5 << 20, True, str(folder))
        assert told.state == WARNING
        assert told.text.startswith("the database has 5 MB, 10")


def test_a_disk_elsewhere_is_not_ours_to_judge(tmp_path):
    assert "is not on this machine" in disk(0, False, str(tmp_path)).text


def test_room_is_that_of_the_nearest_folder_we_may_see(tmp_path):
    assert room_mb(tmp_path) > 0


@pytest.fixture
def own_database(databases):
    """A database for what no other test may see."""
    return databases.migrated()


def test_a_database_in_another_encoding_is_named_with_the_command(doctor, databases):
    url = databases.empty()
    empty = parse_dsn(url)["dbname"]
    name = f"{empty}_ascii"
    words = "create database {} template template0 encoding 'SQL_ASCII' locale 'C'"
    sandbox.execute(databases.admin_url, sql.SQL(words).format(sql.Identifier(name)))
    try:
        _, found = doctor(
            DATABASE_URL=url.replace(f"/{name.removesuffix('_ascii')}", f"/{name}", 1)
        )
    finally:
        drop = sql.SQL("drop database {} with (force)").format(sql.Identifier(name))
        sandbox.execute(databases.admin_url, drop)
    ((state, text),) = found["database"]
    assert (state, "createdb -T template0 -E UTF8" in text) == (FAILED, True)
    assert "is it running" not in text
    assert not {"schema", "device"} & found.keys()


def test_a_library_of_another_version_is_named_with_the_command(ailing, other_library):
    name = parse_dsn(other_library)["dbname"]
    text = ailing("database", FAILED, DATABASE_URL=other_library)
    assert f"psql -X -d {name} -c 'ALTER EXTENSION timescaledb UPDATE'" in text


def test_files_that_were_not_applied_are_named(ailing, databases):
    empty = databases.empty()
    assert "run: python -m server.migrate" in ailing("schema", FAILED, DATABASE_URL=empty)


def test_an_edited_file_is_named(ailing, own_database):
    execute(own_database, "UPDATE schema_migrations SET checksum = 'other' WHERE number = 3")
    text = ailing("schema", FAILED, DATABASE_URL=own_database)
    assert "was edited after it was applied" in text


def test_a_zone_that_differs_is_named(ailing):
    text = ailing("zone", FAILED, SITE_TIMEZONE="Europe/Berlin")
    assert text.startswith("SITE_TIMEZONE is Europe/Berlin, ")
    assert "UTC" in text


def test_a_redis_that_is_away_is_a_warning(ailing):
    assert "REDIS_URL" in ailing("redis", WARNING, REDIS_URL="unix:///nowhere.sock")


def test_a_device_that_never_sent_anything_is_named(ailing, device):
    assert f"{device} has never sent" in ailing("device", WARNING)


def test_a_silent_device_is_named(ailing, client, device):
    send(client, a_sample(device_id=device, ts="2026-01-02T03:04:05Z"))
    assert f"{device} has been silent since 2026-01-02T03:04:05" in ailing("device", WARNING)


SAYS_ON = """LoadState=loaded
ActiveState=active
UnitFileState=enabled
NextElapseUSecRealtime=Mon 2026-05-04 03:20:00 CEST
Result=success

Result=success
LoadState=loaded
ActiveState=inactive
UnitFileState=static"""
SAYS_OFF = SAYS_ON.replace("enabled", "disabled").replace("=active", "=inactive")
SAYS_STARTED_ONLY = SAYS_ON.replace("enabled", "disabled")
SAYS_NONE = SAYS_OFF.replace("loaded", "not-found")
SAYS_FAILED = SAYS_ON.replace("\n\nResult=success", "\n\nResult=exit-code")
NEXT = "Mon 2026-05-04 03:20:00 CEST"


@pytest.fixture
def systemd(monkeypatch, tmp_path):
    """Let ``systemctl`` print a text; without one there is no such program."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def say(text: str | None, exit_status: int = 0) -> None:
        program = folder / "systemctl"
        program.unlink(missing_ok=True)
        if text is not None:
            words = tmp_path / "said"
            words.write_text(text)
            program.write_text(f"#!/bin/sh\n/bin/cat {words}\nexit {exit_status}\n")
            program.chmod(0o755)

    return say


@pytest.mark.parametrize(
    ("said", "exit_status", "found"),
    [
        (SAYS_ON, 0, Timer("on", NEXT)),
        (SAYS_OFF, 0, Timer("off", NEXT)),
        (SAYS_STARTED_ONLY, 0, Timer("off", NEXT)),
        (SAYS_NONE, 0, Timer("none")),
        (SAYS_FAILED, 0, Timer("on", NEXT, has_failed=True)),
        ("", 0, Timer()),  # in a chroot
        ("System has not been booted with systemd as init system", 1, Timer()),
        (SAYS_ON, 1, Timer()),
        ("LoadState=loaded", 0, Timer()),
        (None, 0, Timer()),  # there is no systemd
    ],
)
def test_what_systemd_says_of_a_timer(systemd, said, exit_status, found):
    systemd(said, exit_status)
    assert timers.timer("sungrow-nightly") == found


@pytest.mark.parametrize(
    ("said", "state", "words"),
    [
        (SAYS_ON, OK, f"has not run yet; sungrow-nightly.timer runs it {NEXT}; or by hand"),
        (SAYS_FAILED, WARNING, "has never run; see journalctl -u sungrow-nightly; or by hand"),
        (SAYS_OFF, WARNING, "timer is off: systemctl enable --now sungrow-nightly.timer; or by"),
        (SAYS_NONE, WARNING, "nothing runs it at night here; or by hand"),
        (None, WARNING, "is its timer on (systemctl list-timers sungrow-nightly.timer)?; or by"),
    ],
)
def test_a_job_of_the_night_that_has_never_run(doctor, client, device, systemd, said, state, words):
    systemd(said)
    ts = (datetime.now(UTC) - timedelta(days=3)).isoformat()
    send(client, a_sample(device_id=device, ts=ts))
    told = doctor()[1]["nightly"]
    assert [seen for seen, _ in told] == [state] * 3
    for job, (_, text) in zip(("battery", "envelope", "roof"), told, strict=True):
        assert text.startswith(f"{job} of {device} has ")
        assert words in text
        assert text.endswith("by hand: python -m server.nightly")
        assert ("enable --now" in text) is (said == SAYS_OFF)


def test_a_night_without_its_jobs_is_named(doctor, client, device, database_url, systemd):
    ts = (datetime.now(UTC) - timedelta(days=3)).isoformat()
    send(client, a_sample(device_id=device, ts=ts))
    ran = "INSERT INTO sungrow_nightly_runs VALUES ('{}', '{}', now() - interval '{} hours')"
    execute(database_url, ran.format("envelope", device, 37))
    for job in ("battery", "roof"):
        execute(database_url, ran.format(job, device, 2))
    for said, words in (
        (SAYS_ON, "see journalctl -u sungrow-nightly"),
        (SAYS_OFF, "systemctl enable --now sungrow-nightly.timer"),
        (None, "see journalctl -u sungrow-nightly"),
    ):
        systemd(said)
        ((state, text),) = doctor()[1]["nightly"]
        assert state == FAILED
        assert f"envelope of {device} last succeeded 2" in text
        assert words in text
    execute(
        database_url, "UPDATE sungrow_nightly_runs SET finished_at = now() - interval '35 hours'"
    )
    ((state, text),) = doctor()[1]["nightly"]
    assert (state, text[:8]) == (OK, "ran last")


MAY_5 = datetime(2026, 5, 5, 10, tzinfo=UTC)
GOOD = {"time": "2026-05-05T02:10:00Z", "result": "ok", "by_hand": False}
LATE = GOOD | {"time": "2026-05-03T02:10:00Z"}
BAD = GOOD | {"result": "failed", "good": "2026-05-04T02:10:00Z"}
TIMER_ON, TIMER_OFF, KILLED = Timer("on", NEXT), Timer("off"), Timer("on", NEXT, True)


@pytest.mark.parametrize(
    ("noted", "timer", "state", "words"),
    [
        (GOOD, TIMER_ON, OK, ["the newest was made 2026-05-05T02:10:00.000000Z"]),
        (GOOD, Timer(), OK, ["the newest was made 2026-05-05"]),
        ({"time": GOOD["time"], "result": "ok"}, TIMER_ON, OK, ["the newest was made 2026-05-05"]),
        (GOOD, TIMER_OFF, WARNING, ["2026-05-05", "enable --now sungrow-server-backup.timer"]),
        (GOOD, Timer("none"), WARNING, ["2026-05-05", "systemd/install-server again"]),
        (GOOD, KILLED, FAILED, ["the last one failed; ", "made 2026-05-05", "journalctl -u"]),
        (GOOD | {"by_hand": True}, KILLED, OK, ["the newest was made 2026-05-05"]),
        (LATE, TIMER_ON, FAILED, ["made 2026-05-03", "journalctl -u sungrow-server-backup"]),
        (LATE, TIMER_OFF, WARNING, ["made 2026-05-03", "enable --now"]),
        (LATE, Timer(), FAILED, ["made 2026-05-03", "journalctl -u sungrow-server-backup"]),
        (BAD, TIMER_ON, FAILED, ["failed 2026-05-05", "made 2026-05-04", "journalctl -u"]),
        (BAD, TIMER_OFF, FAILED, ["failed 2026-05-05", "made 2026-05-04", "journalctl -u"]),
        (BAD | {"by_hand": True}, TIMER_ON, FAILED, ["by hand", "made 2026-05-04", "says why"]),
        (BAD | {"good": None}, TIMER_ON, FAILED, ["failed 2026-05-05", "none was made yet"]),
        (None, TIMER_ON, OK, ["none was made yet; the first one comes Mon 2026-05-04"]),
        (None, Timer("on"), OK, ["none was made yet; the first one comes in the night"]),
        (None, TIMER_OFF, WARNING, ["none was made yet", "enable --now"]),
        (None, KILLED, FAILED, ["the last one failed; none was made yet", "journalctl -u"]),
        (None, Timer(), WARNING, ["none was made yet", "systemctl list-timers sungrow-server-ba"]),
        ({}, TIMER_ON, OK, ["none was made yet"]),
        ({"time": "yesterday", "result": "ok"}, TIMER_ON, OK, ["none was made yet"]),
        ([], TIMER_ON, OK, ["none was made yet"]),
    ],
)
def test_the_backups(tmp_path, noted, timer, state, words):
    file = tmp_path / "backup.json"
    if noted is not None:
        file.write_text(json.dumps(noted))
    found = backup.backup(backup.read(file), timer, MAY_5)
    assert (found.check, found.state) == ("backup", state)
    assert [word for word in words if word not in found.text] == []
    by_hand = isinstance(noted, dict) and noted.get("by_hand")
    assert not (by_hand and "journalctl" in found.text)


@pytest.mark.parametrize("name", ["FOLDER", "WANTED"])
def test_backups_are_looked_at_where_somebody_set_them_up(doctor, systemd, monkeypatch, name):
    systemd(SAYS_ON)
    assert "backup" not in doctor()[1]
    path = getattr(backup, name)
    path.mkdir() if name == "FOLDER" else path.symlink_to("/lib/systemd/system/of-it.timer")
    backup.NOTED.write_text(json.dumps(GOOD | {"time": datetime.now(UTC).isoformat()}))
    ((state, text),) = doctor()[1]["backup"]
    assert (state, text[:20]) == (OK, "the newest was made ")


@pytest.mark.parametrize(("version", "words"), [("0.0.9", "older"), ("99.1", "newer")])
def test_an_edge_of_another_version_is_named(ailing, client, device, version, words):
    fresh(client, device, version)
    text = ailing("edge", WARNING)
    assert f"{device} runs {version}, {words} than this server's {VERSION}" in text


def test_lost_and_parked_readings_are_named(doctor, client, device):
    earlier = datetime.now(UTC) - timedelta(minutes=40)
    report = {"boot": "ab", "slot": earlier.isoformat(), "polled": 9, "waiting": 0, "parked": 3}
    for seq in (1, 9):
        ts = (earlier + timedelta(seconds=seq)).isoformat()
        send(client, a_sample(device_id=device, ts=ts, boot="ab", seq=seq), reports=[report])
    status, found = doctor()
    assert status == 1
    ((state, text),) = found["lost"]
    assert state == FAILED
    assert text.startswith(f"7 readings of {device}")
    assert found["parked"][0][0] == WARNING
    assert "edge.py parked" in found["parked"][0][1]


@pytest.fixture
def community(own_database, working_jobs):
    """A database whose jobs run, of the community edition; a superuser's."""
    if "(timescale)" not in sandbox.edition(own_database):
        pytest.skip("only the community edition has jobs")
    execute(own_database, "SELECT _timescaledb_functions.start_background_workers()")
    return own_database


def test_a_failing_job_is_named_with_its_reason_and_counted(ailing, community, tmp_path):
    execute(
        community,
        "CREATE PROCEDURE broken(job_id int, config jsonb) LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'broken on purpose'; END $$",
        "SELECT add_job('broken', interval '1 hour', initial_start => now())",
    )
    failed = "SELECT FROM timescaledb_information.job_stats WHERE last_run_status = 'Failed'"
    if not sandbox.wait_until(lambda: rows(community, SCHEDULER), 75):
        pytest.skip("other databases of this server have taken all its background workers")
    assert sandbox.wait_until(lambda: rows(community, failed), 60)
    assert sandbox.wait_until(
        lambda: rows(community, "SELECT FROM timescaledb_information.job_errors"), 20
    )
    text = ailing("jobs", FAILED, DATABASE_URL=community)
    assert text.startswith("broken fails: broken on purpose; by hand: CALL run_job(")
    given = {"METRICS_TOKEN": "m", "RUNTIME_DIRECTORY": str(tmp_path)}
    page = get(app_on(community, **given).test_client(), "/metrics", "m").text
    assert "\nsungrow_timescaledb_failing_jobs 1\n" in page


def test_a_job_without_a_success_for_long_is_named(ailing, community):
    execute(
        community,
        "SELECT _timescaledb_functions.stop_background_workers()",
        "UPDATE schema_migrations SET applied_at = now() - interval '2 hours'",
        "DELETE FROM _timescaledb_internal.bgw_job_stat",
    )
    text = ailing("jobs", FAILED, DATABASE_URL=community)
    assert text.startswith("policy_refresh_continuous_aggregate of sungrow_hourly has not")
    assert "is its scheduler running?" in text


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path / "authority")


@pytest.fixture
def front(doctor, authority):
    """Look at a scripted proxy; return what is said of it."""

    def run(cert: object = None, status: int = 200, ca: object = None, **health: object) -> dict:
        body = {"status": "ok", "service": "sungrow", "version": VERSION, "database": "ok"} | health
        headers = {"Strict-Transport-Security": "max-age=31536000", "Location": "https://x/"}
        with TlsServer(cert or authority.certificate("localhost")) as server:
            server.answers(answer(status, body, headers))
            argv = ["--url", f"{server.url}/base/", "--ca", str(ca or authority.ca_file)]
            _, found = doctor(*argv)
            assert all(r.path == "/base/health" for r in server.requests)
        return {name: found[name] for name in ("tls", "front", "hsts") if name in found}

    return run


def test_a_sound_front_is_ok(front):
    found = front()
    assert {name: pairs[0][0] for name, pairs in found.items()} == dict.fromkeys(
        ("tls", "front", "hsts"), OK
    )


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("old", {"start": "20200101000000Z", "end": "20200201000000Z"}, "does its renewal work"),
        ("other", {"alt": "DNS:other.example.org"}, "not valid for 'localhost'"),
    ],
)
def test_a_certificate_that_the_edge_refuses_is_named(front, authority, name, given, words):
    found = front(authority.certificate(name, **given))
    assert list(found) == ["tls"]
    ((state, text),) = found["tls"]
    assert state == FAILED
    assert words in text


def test_an_unknown_ca_is_named(front, ca):
    ((state, text),) = front(ca=ca.cert)["tls"]
    assert state == FAILED
    assert "issuer" in text or "self-signed" in text or "self signed" in text
    assert "run systemd/install-server again" in text


def test_a_ca_file_that_cannot_be_read_is_named(front, tmp_path):
    assert front(ca=tmp_path / "none")["tls"][0][0] == FAILED


def test_a_certificate_that_ends_soon_is_a_warning():
    now = datetime(2026, 11, 23, tzinfo=UTC).timestamp()
    assert certificate("Dec 25 00:00:00 2026 GMT", now).state == OK
    told = certificate("Nov 30 00:00:00 2026 GMT", now)
    assert told.state == WARNING
    assert "in 7 days" in told.text


@pytest.mark.parametrize(
    ("given", "state", "words"),
    [
        ({"status": 301}, FAILED, "follows no redirect"),
        ({"service": "nginx"}, FAILED, "not from this project"),
        ({"service": "nginx", "status": 502}, FAILED, "the server behind it does not"),
        ({"version": "0.0.1"}, WARNING, "restart the server"),
    ],
)
def test_what_is_behind_the_front_is_named(front, given, state, words):
    ((seen, text),) = front(**given)["front"]
    assert seen == state
    assert words in text


@pytest.mark.usefixtures("working_jobs")
def test_a_real_server_without_hsts_is_warned_of(doctor, https_server):
    server = https_server()
    status, found = doctor("--url", server.url, "--ca", str(server.certificate.ca))
    assert status == 0
    assert found["tls"][0][0] == found["front"][0][0] == OK
    assert found["hsts"][0][0] == WARNING


def test_a_proxy_that_knows_no_certificate_for_the_name_is_named(doctor, authority):
    with TlsServer(authority.certificate("good")) as server:
        # As Caddy answers whoever asks for a name that it does not have.
        alert = ssl.AlertDescription.ALERT_DESCRIPTION_INTERNAL_ERROR
        server.context.sni_callback = lambda *_: alert
        _, found = doctor("--url", server.url, "--ca", str(authority.ca_file))
    ((state, text),) = found["tls"]
    assert state == FAILED
    assert "no certificate for this name" in text
    assert "SITE_ADDRESS" in text


def test_nobody_listening_is_named(doctor):
    _, found = doctor("--url", "https://localhost:1")
    assert found["tls"][0][0] == FAILED
    assert "cannot connect to localhost:1" in found["tls"][0][1]


@pytest.mark.parametrize("bad", ["http://localhost", "solar.example.org", "https://", "https://[x"])
def test_a_url_without_tls_is_a_usage_error(bad, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--url", bad])
    assert stop.value.code == 2


JUDGED = datetime(2026, 11, 2, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("row", "minutes", "state", "said"),
    [
        (None, 0, OK, "nobody is told when something is wrong"),
        ({"channels": ["ntfy", "mail"], "broken": []}, 1, OK, "told by ntfy, mail"),
        ({"channels": ["ntfy"], "broken": []}, 11, FAILED, "were last judged"),
        ({"channels": [], "broken": []}, 1, WARNING, "no channel"),
        ({"channels": ["ntfy"], "broken": ["ntfy"]}, 1, FAILED, "ntfy refuses messages"),
    ],
)
def test_it_says_whether_anybody_is_told(row, minutes, state, said):
    found = [row | {"finished_at": JUDGED}] if row else []
    finding = database.alerts(found, JUDGED + timedelta(minutes=minutes))
    assert finding.state == state
    assert said in finding.text


def test_a_run_of_the_timer_leaves_what_came_of_it(doctor, client, device, tmp_path):
    fresh(client, device)
    file = tmp_path / "doctor.json"
    doctor("--status", str(file))
    noted = json.loads(file.read_text())
    assert noted["result"] in ("ok", "failed")
    assert datetime.fromisoformat(noted["time"]).tzinfo
    assert noted["failed"] == [] or noted["result"] == "failed"
    disk = noted["disk"]
    assert disk is None or 0 < disk["free_bytes"] <= disk["size_bytes"]
    assert file.stat().st_mode & 0o777 == 0o644
