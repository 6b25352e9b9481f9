"""Time zones: a name that PostgreSQL and Python would read differently gets nowhere."""

import re
import shutil
import zoneinfo
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg2
import pytest

from edge_lib.shared.env import ConfigError
from server import migrate, rebuild, sandbox, settings
from server.api import query_args
from server.database import health, zone_names
from server.database.pool import Database
from server.doctor import __main__ as doctor
from tests.support.batches import TOKEN, LogLines, app_on, assert_error, get, verdict
from tests.support.commands import runner
from tests.support.quick import short
from tests.support.readings import connected, rows
from tests.support.samples import DEVICE, a_sample

LATE_EVENING = "2026-07-14T22:30:00Z"  # where it is summer time, of the next day already

# What somebody may write, and the name to take instead.
REFUSED = {
    "CET": "Europe/Brussels",
    "MET": "Europe/Brussels",
    "EET": "Europe/Athens",
    "WET": "Europe/Lisbon",
    "right/Europe/Berlin": "Europe/Berlin",
    "right/UTC": "UTC",
    "right/CET": "Europe/Brussels",
    "posix/Asia/Tokyo": "Asia/Tokyo",
    "posix/EET": "Europe/Athens",
    "europe/brussels": "Europe/Brussels",
    "EUROPE/BRUSSELS": "Europe/Brussels",
    "America/New York": "America/New_York",
    "utc": "UTC",
    "localtime": None,
    "posixrules": None,
    "Factory": None,
    "CEST": None,
    "BST": None,
    "MSK": None,
    "PST": None,
    "UTC+3": None,
    "CET-1CEST": None,
    "CET-1CEST,M3.5.0,M10.5.0/3": None,
    "<+03>-3": None,
    "+01:00": None,
    "+1": None,
    "zone.tab": None,
    "Europe": None,
    "Europe/": None,
    "Europe/Nowhere": None,
    "../UTC": None,
    "Europe/../Europe/Berlin": None,
    "/usr/share/zoneinfo/Europe/Berlin": None,
}


@pytest.mark.slow
@pytest.mark.parametrize("every", short([5, 1], every=2))
def test_what_may_be_used_is_read_alike_at_every_moment(databases, every):
    database = Database(databases.admin_url)
    with database.transaction() as cursor:
        cursor.execute("select name from pg_timezone_names")
        known = {name for (name,) in cursor.fetchall()}
    usable = sorted(n for n in zoneinfo.available_timezones() & known if not zone_names.problem(n))
    assert len(usable) > 400
    assert {n for n in usable[::every] if health.zone_disagreement(database, n)} == set()


def test_of_the_names_of_places_only_those_that_differ_are_refused(databases):
    database = Database(databases.admin_url)
    names = zoneinfo.available_timezones() - {"localtime", "Factory", "posixrules"}
    refused = {n for n in names if zone_names.problem(n) and not n.startswith(("posix/", "right/"))}
    assert refused == {"CET", "MET", "EET", "WET"} & names  # not every machine has the old names
    for name in refused:
        assert health.zone_disagreement(database, name), name
        assert health.zone_disagreement(database, zone_names.instead(name)) is None


def test_every_offset_is_one_that_buckets_of_five_minutes_know():
    for name in zoneinfo.available_timezones():
        if not zone_names.problem(name):
            zone = zoneinfo.ZoneInfo(name)
            for days in range(0, 9000, 30):
                moment = datetime(2010, 1, 1, tzinfo=UTC) + timedelta(days=days)
                assert moment.astimezone(zone).utcoffset() % timedelta(minutes=15) == timedelta(0)


@pytest.mark.parametrize(("name", "better"), REFUSED.items())
def test_other_names_are_refused_with_the_name_to_take(name, better):
    with pytest.raises(ConfigError) as refusal:
        settings.site_timezone({"SITE_TIMEZONE": name})
    words = str(refusal.value)
    assert words.startswith(f"SITE_TIMEZONE={name!r} ")
    assert words.endswith(f"; example: SITE_TIMEZONE={better or 'Europe/Berlin'}")
    if better:
        assert better in words.partition("example")[0]


@pytest.mark.parametrize(
    "name", ["UTC", "GMT", "Etc/GMT-1", "Etc/GMT+5", "Europe/Kyiv", "Asia/Kolkata"]
)
def test_names_of_places_and_fixed_ones_are_taken(name):
    assert settings.site_timezone({"SITE_TIMEZONE": f" {name} "}) == name


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Run a command's ``main``; return its exit status and its lines."""

    def run(main, *argv: str, **env: str) -> tuple[int, list[str], list[str]]:
        return runner(main, monkeypatch, capsys, tmp_path)(*argv, **env)

    return run


@pytest.mark.parametrize(
    ("name", "better"), [pair for pair in REFUSED.items() if pair[0][0] != "-"]
)
def test_no_command_takes_another_name(run, database_url, name, better):
    url = database_url
    status, _, err = run(rebuild.main, "--device", DEVICE, f"--timezone={name}", DATABASE_URL=url)
    assert status == 2
    assert (better or "Europe/Berlin") in err[-1]
    for main in (migrate.main, rebuild.main):
        status, out, (line,) = run(main, DATABASE_URL=url, SITE_TIMEZONE=name)
        assert (status, out) == (78, [])
        assert line.startswith("SITE_TIMEZONE=")
    with connected(url) as connection:
        assert rows(connection, "select timezone from sungrow_site") == [{"timezone": "UTC"}]


def days_of(client) -> dict[str, list[str]]:
    """On which local days the only sample is, by everybody who is asked."""
    month = get(client, "/v1/series?frame=month&date=2026-07-01").json["series"]
    ranged = get(client, "/v1/series?from=2026-07-13&to=2026-07-17&bucket=1d").json["series"]
    hours = [
        f"2026-07-{day}"
        for day in (13, 14, 15, 16)
        if get(client, f"/v1/series?frame=day&date=2026-07-{day}").json["series"]
    ]
    whole = get(client, "/v1/completeness?from=2026-07-13&to=2026-07-17").json["days"]
    return {
        "month": [bucket["bucket"][:10] for bucket in month],
        "range": [bucket["bucket"][:10] for bucket in ranged if bucket["sample_count"]],
        "hours": hours,
        "completeness": [day["date"] for day in whole if day["stored"]],
    }


@pytest.mark.parametrize("name", ["CET", "MET", "EET", "WET"])
def test_with_the_name_that_is_named_a_summer_evening_is_of_one_day_in_all(run, databases, name):
    _, _, (line,) = run(migrate.main, DATABASE_URL=databases.empty(), SITE_TIMEZONE=name)
    better = re.search(r"example: SITE_TIMEZONE=(\S+)", line)[1]
    client = app_on(databases.migrated(better), SITE_TIMEZONE=better).test_client()
    ts = LATE_EVENING if name != "WET" else "2026-07-14T23:30:00Z"
    assert verdict(client, a_sample(ts=ts)) == (1, 0, [])
    found = days_of(client)
    assert len(found) == 4
    assert set(map(tuple, found.values())) == {("2026-07-15",)}, found


# Zones that stand in the database, from before or by hand

CUT_BY_DAYS = (
    "series?frame=month",
    "series?frame=day",
    "series?from=2026-07-14&to=2026-07-15&bucket=5m",
    "gaps?from=2026-07-14&to=2026-07-15",
)
STORED = ["CET", "EET", "europe/berlin", "MSK", "UTC+3", "right/Europe/Berlin", "posixrules"]


def set_by_hand(url: str, whose: str, zone: str) -> None:
    statement = {
        "device": "insert into sungrow_devices (device_id, timezone) values ('house', %s)"
        " on conflict (device_id) do update set timezone = excluded.timezone",
        "site": "update sungrow_site set timezone = %s",
    }
    sandbox.execute(url, statement[whose], (zone,))


@pytest.mark.parametrize("whose", ["device", "site"])
@pytest.mark.parametrize("zone", STORED)
def test_a_zone_set_by_hand_is_named_by_the_doctor_with_what_mends_it(run, databases, zone, whose):
    url = databases.migrated()
    try:
        set_by_hand(url, whose, zone)
    except psycopg2.errors.InvalidParameterValue:
        pytest.skip("the database of this machine does not know the name, and does not store it")
    client = app_on(url).test_client()
    assert verdict(client, a_sample(ts=LATE_EVENING)) == (1, 0, [])
    query_args._log_once.cache_clear()
    with LogLines() as log:
        for path in CUT_BY_DAYS:
            answer = get(client, f"/v1/{path}")
            assert_error(answer, 503)
            assert repr(zone) in answer.json["detail"]
    assert [line["event"] for line in log.fields()] == ["zone cannot be used"]
    for path in ("realtime", "devices", "status", "completeness?date=2026-07-15"):
        assert get(client, f"/v1/{path}").status_code == 200

    env = {"SITE_TIMEZONE": "Europe/Berlin"} if whose == "site" else {}
    (text,) = findings(run, url, **env)
    assert text.startswith("failed ")
    assert zone in text
    arguments = text.partition("run: python -m server.rebuild")[2].split()
    assert run(rebuild.main, *arguments, DATABASE_URL=url, **env)[0] == 0
    for path in CUT_BY_DAYS:
        assert get(client, f"/v1/{path}").status_code == 200
    (text,) = findings(run, url, **env)
    assert text.startswith("ok ")


def findings(run, url: str, **env: str) -> list[str]:
    """What the doctor says of zones."""
    settings = {"DATABASE_URL": url, "DEVICE_TOKENS": f"{TOKEN}:{DEVICE}", **env}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEVICE_TOKENS", settings.pop("DEVICE_TOKENS"))
        _, out, _ = run(doctor.main, **settings)
    return [line for line in out if line.split()[1] == "zone"]


def test_lists_of_zones_of_different_years_are_told(run, databases, tmp_path):
    url = databases.migrated("Europe/Berlin")
    env = {"SITE_TIMEZONE": "Europe/Berlin"}
    (line,) = findings(run, url, **env)
    assert line.startswith("ok ")
    other = tmp_path / "zoneinfo"
    (other / "Europe").mkdir(parents=True)
    (source,) = [Path(p) for p in zoneinfo.TZPATH if (Path(p) / "Europe/Moscow").exists()][:1]
    for name in ("UTC", "Europe/Berlin"):
        shutil.copy(source / name.replace("Berlin", "Moscow"), other / name)
    try:
        zoneinfo.reset_tzpath([other])
        zoneinfo.ZoneInfo.clear_cache()
        (line,) = findings(run, url, **env)
    finally:
        zoneinfo.reset_tzpath()
        zoneinfo.ZoneInfo.clear_cache()
    assert line.startswith("warning ")
    assert "tzdata" in line


def test_a_bad_zone_in_the_settings_does_not_break_the_doctors_check(run, databases):
    told = findings(run, databases.migrated(), SITE_TIMEZONE="CET")
    assert len(told) == 1
    assert told[0].startswith("failed ")
    assert "Europe/Brussels" in told[0]
