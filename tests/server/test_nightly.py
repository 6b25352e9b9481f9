"""``python -m server.nightly``: a clear day against a direct computation, and what is redone."""

import math
import random
import statistics
import threading
import time
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from psycopg2.extensions import cursor as Cursor  # noqa: N812  a type, not a function

from server.battery import settings_table
from server.database import deletions, sites, zones
from server.nightly import envelope, runner
from server.nightly.__main__ import main
from server.nightly.jobs import JOBS, Job
from server.rebuild import main as rebuild
from tests.support.batches import READ_TOKEN, app_on, assert_error, get
from tests.support.commands import runner as command
from tests.support.readings import connected, new_device, reading, rows, store, utc
from tests.support.samples import DEVICE

pytestmark = pytest.mark.server

SITE = "Europe/Berlin"
STEP = timedelta(minutes=45)
# Two years with a gap, a leap day, the turn of a year, and both changes of Berlin's clock.
SPANS = (
    ("2023-12-24", "2024-01-09"),
    ("2024-02-20", "2024-03-12"),
    ("2026-02-24", "2026-03-31"),
    ("2026-10-20", "2026-10-27"),
)


@pytest.fixture
def every_job(url, monkeypatch, capsys, tmp_path):
    """Run the command; return its exit status, lines of stdout, lines of stderr."""
    run = command(main, monkeypatch, capsys, tmp_path)
    return lambda *argv: run(*argv, DATABASE_URL=url)


@pytest.fixture
def nightly(every_job):
    """Run the one job ``envelope``."""
    return lambda *argv: every_job("--job", "envelope", *argv)


def lives(dice: random.Random) -> list[dict]:
    """Return samples of some spans of days; a tenth of them stand for too little."""
    found = []
    for first, end in SPANS:
        for n in range((utc(f"{end} 00:00") - utc(f"{first} 00:00")) // STEP):
            ts = utc(f"{first} 00:00") + n * STEP + timedelta(seconds=dice.randrange(290))
            sun = max(0.0, math.sin(math.pi * (ts.hour - 5) / 14))
            pv, interval_s = dice.uniform(0, 5000) * sun, dice.choice([269.9] + 9 * [270.0])
            found.append(reading(ts, pv_power_w=pv, interval_s=interval_s))
            if dice.random() < 0.05:  # two of the same five minutes: by their mean, and together
                after = ts.replace(minute=ts.minute // 5 * 5 + 4, second=59)
                found.append(reading(after, pv_power_w=dice.uniform(0, 900), interval_s=100.0))
    return list({one["ts"]: one for one in found}.values())


def expected(database, device_id: str) -> dict[tuple[int, int], tuple[float | None, int]]:
    """Return the table by plain Python, from the samples."""
    slots = defaultdict(list)
    for one in rows(database, "SELECT * FROM sungrow_samples WHERE device_id = %s", device_id):
        ts = one["ts"].astimezone(UTC)
        slots[ts.date(), (ts.hour * 60 + ts.minute) // 5].append(one)
    by_day = defaultdict(list)
    for (day, slot), samples in slots.items():
        if math.fsum(one["interval_s"] for one in samples) / 300 >= 0.9:
            by_day[int(day.strftime("%j")), slot].append(
                statistics.fmean(one["pv_power_w"] for one in samples)
            )
    table = {}
    for day in range(1, 367):
        near = [
            other for other in range(1, 367) if min(abs(day - other), 366 - abs(day - other)) <= 10
        ]
        for slot in range(288):
            values = [value for other in near for value in by_day.get((other, slot), ())]
            if values:
                table[day, slot] = (percentile(values) if len(values) >= 10 else None, len(values))
    return table


def percentile(values: list[float]) -> object:
    # A hundred parts of which 95 are below.
    cut = statistics.quantiles(values, n=20, method="inclusive")[-1]
    return pytest.approx(cut, rel=1e-9, abs=1e-9)


def stored(database, device_id: str) -> dict:
    found = rows(database, "SELECT * FROM sungrow_envelope WHERE device_id = %s", device_id)
    return {(row["day_of_year"], row["slot"]): (row["pv_w"], row["n_days"]) for row in found}


def assert_true(database, device_id: str) -> dict:
    found = stored(database, device_id)
    assert found == expected(database, device_id)
    return found


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Pacific/Kiritimati", "America/St_Johns"])
def test_it_is_what_the_samples_say_whatever_came_late_or_went(
    database, nightly, monkeypatch, capsys, tmp_path, url, zone
):
    device_id, dice = new_device(), random.Random(zone)
    insert = "INSERT INTO sungrow_devices (device_id, timezone) VALUES (%s, %s)"
    rows(database, insert, device_id, zone)
    late, *others = lives(dice)
    store(database, device_id, others)
    assert nightly("--device", device_id)[::2] == (0, [])
    found = assert_true(database, device_id)
    assert {n for _, n in found.values()} >= {1, 9, 10, 11, 20}
    assert all((pv is None) == (n < 10) for pv, n in found.values())
    assert {366, 1, 60, 61} <= {day for day, _ in found}

    assert "nothing changed" in nightly("--device", device_id)[1][0]
    # One late sample concerns its day, and what is within ten days of it.
    store(database, device_id, [late])
    before = stored(database, device_id)
    (said,) = nightly("--device", device_id)[1]
    assert "21 days of the year" in said or "22 days of the year" in said
    after = assert_true(database, device_id)
    assert any(before.get(key) != value for key, value in after.items())

    with database, database.cursor(cursor_factory=Cursor) as cursor:
        gone = (utc("2024-02-28 12:00"), utc("2024-03-05 01:00"))
        assert deletions.forget(cursor, device_id, *gone).samples > 100
    assert nightly("--device", device_id)[0] == 0
    assert_true(database, device_id)

    correct = (
        "UPDATE sungrow_samples SET pv_power_w = 9000 WHERE device_id = %s AND ts > '2026-10-01'"
    )
    rows(database, correct, device_id)
    again = command(rebuild, monkeypatch, capsys, tmp_path)
    assert again("--device", device_id, DATABASE_URL=url)[0] == 0
    assert nightly("--device", device_id)[0] == 0
    assert_true(database, device_id)

    with database, database.cursor(cursor_factory=Cursor) as cursor:
        zones.change_device(cursor, device_id, "Asia/Kathmandu", shrink=False)
    assert nightly("--device", device_id)[0] == 0
    assert_true(database, device_id)

    with database, database.cursor(cursor_factory=Cursor) as cursor:
        deletions.forget(cursor, device_id, None, None)
    assert nightly("--device", device_id)[0] == 0
    assert stored(database, device_id) == {}
    left = "SELECT count(*) AS n FROM sungrow_nightly WHERE device_id = %s"
    assert rows(database, left, device_id) == [{"n": 0}]


def a_week(database) -> str:
    """Return a house with a sample at noon of each day of a week."""
    device_id = new_device()
    days = [utc("2025-06-01 12:00") + timedelta(days=n) for n in range(7)]
    store(database, device_id, [reading(ts, interval_s=300.0) for ts in days])
    return device_id


def test_a_rebuild_has_its_days_done_again_whatever_it_changed(
    database, nightly, monkeypatch, capsys, tmp_path, url
):
    device_id = a_week(database)
    assert "7 local days" in nightly("--device", device_id)[1][0]
    again = command(rebuild, monkeypatch, capsys, tmp_path)
    span = ("--from", "2025-06-03T00:00:00Z", "--to", "2025-06-03T22:00:00Z")
    assert again("--device", device_id, *span, DATABASE_URL=url)[0] == 0
    assert "1 local days" in nightly("--device", device_id)[1][0]
    assert "nothing changed" in nightly("--device", device_id)[1][0]


def test_a_range_takes_all_its_days_and_no_others(database, nightly):
    device_id = a_week(database)
    span = ("--from", "2025-06-03T00:00:00Z", "--to", "2025-06-04T22:00:00Z")
    ran = "SELECT count(*) AS n FROM sungrow_nightly_runs WHERE device_id = %s"
    for _ in range(2):
        assert "2 local days" in nightly("--device", device_id, *span)[1][0]
        assert rows(database, ran, device_id) == [{"n": 0}], "the others are still to be done"
    assert "5 local days" in nightly("--device", device_id)[1][0]
    assert rows(database, ran, device_id) == [{"n": 1}]
    assert "7 local days" in nightly("--device", device_id, "--to", "2025-06-30T00:00:00Z")[1][0]
    assert "3 local days" in nightly("--device", device_id, "--from", "2025-06-05T12:00:00Z")[1][0]


def test_a_job_that_fails_is_named_the_others_run_and_it_takes_up_where_it_stopped(
    database, every_job, monkeypatch
):
    first, second = sorted(a_week(database) for _ in range(2))
    asked: list[tuple[str, int]] = []
    fails = iter((True, True, False))

    def breaks(cursor, device_id: str, days: list) -> str:
        asked.append((device_id, len(days)))
        cursor.execute("DELETE FROM sungrow_envelope WHERE device_id = %s", (device_id,))
        if device_id == first and next(fails):
            cursor.execute("SELECT 1 / 0")
        return "done"

    monkeypatch.setattr(runner, "JOBS", (Job("breaks", breaks), *JOBS))
    monkeypatch.setattr("server.nightly.__main__.NAMES", ("breaks", "envelope"))
    status, out, err = every_job()
    assert status == 1
    assert err[0] == f"breaks of {first} failed: division by zero"
    assert err[1].startswith(f"1 of the jobs failed: breaks of {first}")
    assert any(line.startswith(f"{second}: breaks: done") for line in out)
    assert any(line.startswith(f"{first}: envelope: ") for line in out)
    assert stored(database, first), "nothing of a job that failed is kept"
    assert every_job()[0] == 1
    assert every_job()[0] == 0
    assert [days for device, days in asked if device == first] == [7, 7, 7]
    assert [days for device, days in asked if device == second] == [7]


def test_two_runs_at_once_take_turns_and_the_second_finds_nothing_left(url, database, monkeypatch):
    """The timer's, and one by hand."""
    device_id = a_week(database)
    inside, together, said = [], threading.Barrier(2), []

    def slow(cursor: Cursor, device_id: str, days: list) -> str:
        inside.append(len(days))
        until = time.monotonic() + 0.5  # long enough for the other to come in, if it could
        while time.monotonic() < until and len(inside) < 2:
            threading.Event().wait(0.02)
        return "done"

    monkeypatch.setattr(runner, "JOBS", (Job("slow", slow),))
    wanted = runner.Wanted(("slow",), (device_id,), runner.Span())

    def run() -> None:
        together.wait(10)
        said.append(runner.run(url, wanted))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert said == [[], []]
    assert inside == [7]


def again(cursor: Cursor, device_id: str) -> None:
    del cursor  # it has connections of its own
    assert rebuild(["--device", device_id]) == 0


WAITING = {
    "rebuild": again,
    "forget": lambda cursor, of: deletions.forget(cursor, of, None, utc("2025-06-03 00:00")),
    "site": lambda cursor, of: sites.change(cursor, of, {"latitude": 52.0, "longitude": 5.0}, {}),
    "battery": lambda cursor, of: settings_table.change(cursor, of, {"cells": 64}),
}


@pytest.mark.parametrize("what", WAITING)
def test_who_has_days_done_again_waits_for_a_first_night_under_way(
    url, database, monkeypatch, what
):
    """It has noted nothing yet that could be marked."""
    monkeypatch.setenv("DATABASE_URL", url)
    device_id, asked, others = a_week(database), [], []

    def change() -> None:
        with connected(url) as own, own, own.cursor(cursor_factory=Cursor) as cursor:
            WAITING[what](cursor, device_id)

    def work(cursor: Cursor, of: str, days: list) -> str:
        asked.append(len(days))
        if not others:
            others.append(threading.Thread(target=change))
            others[0].start()
            while others[0].is_alive() and not rows(database, waits)[0]["n"]:
                threading.Event().wait(0.02)
        return "done"

    waits = "SELECT count(*) AS n FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    name = what if what == "battery" else "roof"
    monkeypatch.setattr(runner, "JOBS", (Job(name, work),))
    wanted = runner.Wanted((name,), (device_id,), runner.Span())
    assert runner.run(url, wanted) == []
    others[0].join(30)
    assert runner.run(url, wanted) == []
    assert asked == [7, 3 if what == "forget" else 7]  # its last day is forgotten in part


def test_what_is_not_there_is_named(nightly, database):
    a_week(database)
    status, out, err = nightly("--device", "home-99")
    assert (status, out) == (1, [])
    assert "nothing is stored for home-99; devices: " in err[0]
    assert nightly("--job", "no such")[0] == 2
    assert nightly("--from", "2025-06-03T00:00:00Z", "--to", "2025-06-03T00:00:00Z")[0] == 2


def test_a_database_that_is_not_current_is_refused(databases, monkeypatch, capsys, tmp_path):
    run = command(main, monkeypatch, capsys, tmp_path)
    status, out, err = run(DATABASE_URL=databases.empty())
    assert (status, out) == (1, [])
    assert "migrate" in err[0]


def test_the_circle_of_the_year_is_closed():
    assert envelope.around(1) == [*range(357, 367), *range(1, 12)]
    assert envelope.around(366) == [*range(356, 367), *range(1, 11)]
    assert all(len(set(envelope.around(day))) == 21 for day in range(1, 367))


# GET /v1/envelope


@pytest.fixture(scope="module")
def client(url, database):
    store(database, DEVICE, lives(random.Random(1)))
    assert runner.run(url, runner.Wanted(("envelope",), (DEVICE,), runner.Span())) == []
    return app_on(url).test_client()


def asked(client, day: str | None = None) -> dict:
    query = f"?device_id={DEVICE}" + (f"&date={day}" if day else "")
    answer = get(client, f"/v1/envelope{query}", READ_TOKEN)
    assert answer.status_code == 200, answer.text
    return answer.json


@pytest.mark.parametrize(
    ("zone", "day", "count"),
    [
        ("Europe/Berlin", "2026-03-29", 276),
        ("Europe/Berlin", "2026-10-25", 300),
        ("Europe/Berlin", "2024-02-29", 288),
        ("Europe/Berlin", "2031-12-31", 288),
        ("Asia/Kathmandu", "2026-03-01", 288),
        ("America/St_Johns", "2024-01-01", 288),
        ("Australia/Lord_Howe", "2026-10-04", 282),
    ],
)
def test_a_local_day_has_the_five_minutes_of_its_time(client, database, zone, day, count):
    with database, database.cursor(cursor_factory=Cursor) as cursor:
        zones.change_device(cursor, DEVICE, zone, shrink=False)
    answer, table, local = asked(client, day), stored(database, DEVICE), ZoneInfo(zone)
    start = datetime.fromisoformat(day).replace(tzinfo=local)
    end = datetime.fromisoformat(day) + timedelta(days=1)
    about = {"device_id": DEVICE, "date": day, "timezone": zone, "from": start.isoformat()}
    assert {name: answer[name] for name in about} == about
    assert answer["to"] == end.replace(tzinfo=local).isoformat()
    assert len(answer["series"]) == count
    for n, row in enumerate(answer["series"]):
        at = start.astimezone(UTC) + n * timedelta(minutes=5)
        assert row["bucket"] == at.astimezone(local).isoformat()
        key = (int(at.strftime("%j")), (at.hour * 60 + at.minute) // 5)
        assert (row["pv_w"], row["n_days"]) == table.get(key, (None, 0))
    known = [row["pv_w"] for row in answer["series"] if row["pv_w"] is not None]
    kwh = math.fsum(known) / 12_000 if known else None
    assert answer["kwh"] == (kwh and pytest.approx(kwh))
    assert answer["so_far_kwh"] == (answer["kwh"] if day < str(date.today()) else None)  # noqa: DTZ011


def test_today_is_summed_up_to_now(url, database):
    device_id, now = "other-house", datetime.now(UTC)
    fill = (
        "INSERT INTO sungrow_envelope SELECT %s, day, slot, 1200, 20"
        " FROM generate_series(1, 366) day, generate_series(0, 287) slot"
    )
    rows(database, fill, device_id)
    env = {"READ_TOKENS": f"reads:{device_id}"}
    answer = get(app_on(url, **env).test_client(), "/v1/envelope", "reads").json
    begun = datetime.fromisoformat(answer["from"])
    least, most = ((at - begun) / timedelta(hours=1) for at in (now, datetime.now(UTC)))
    assert least * 1.2 <= answer["so_far_kwh"] <= most * 1.2
    assert answer["kwh"] == pytest.approx(1.2 * len(answer["series"]) / 12)


def test_a_house_without_a_history_has_nothing_to_tell(client):
    answer = get(client, "/v1/envelope", READ_TOKEN)
    assert_error(answer, 422)  # of two houses
    rest = get(client, "/v1/envelope?device_id=other&date=2026-06-01", READ_TOKEN)
    if rest.status_code == 200:
        assert rest.json["kwh"] is rest.json["so_far_kwh"] is None
        assert {row["pv_w"] for row in rest.json["series"]} == {None}


@pytest.mark.parametrize("day", ["", "today", "2026-02-30", "9999-12-31"])
def test_what_is_no_date_is_unprocessable(client, day):
    assert_error(get(client, f"/v1/envelope?device_id={DEVICE}&date={day}", READ_TOKEN), 422)
