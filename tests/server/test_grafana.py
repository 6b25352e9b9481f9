"""Grafana cannot be had here; so what it would ask is asked: all SQL, as its role, expanded."""

import contextlib
import functools
import importlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import NamedTuple

import psycopg2
import pytest
from psycopg2.extensions import make_dsn
from psycopg2.extras import RealDictCursor

from edge_lib.shared.sample import NAMES
from server import create_app, sandbox
from server.grafana import panels as grafana_panels
from server.grafana import provision, rules
from server.sandbox.postgres import postgres_bin_dir
from tests.support import grafana, history
from tests.support.p1 import p1_reading, store_p1
from tests.support.readings import connected, reading, rows, store

STEP = timedelta(minutes=5)
ROLE = f"sungrow_grafana_test_{os.getpid()}"
PASSWORD = "only-of-this-test"
BATTERY_FIGURES = (
    *("capacity_kwh", "capacity_pct", "soh_reported_pct", "round_trip_pct", "standby_w"),
    *("full_cycles", "days_since_full"),
)
WHOLE, BARE, UNHEARD = "whole", "bare", "o'hara"  # with all there is; panels alone; never heard of
BOARDS = grafana.dashboards()
# By hand, from the contract; what is not a number has none, and a share is 0 to 1.
UNITS = {
    "_w": "watt",
    "_kwh": "kwatth",
    "_pct": "percent",
    "_v": "volt",
    "_hz": "hertz",
    "_s": "s",
    "_m3": "m3",
    "_mb": "decmbytes",
    "_bytes": "decbytes",
    "_days": "d",
    "_ts": "dateTimeAsIso",
}
SHARES = {"self_sufficiency", "self_consumption", "completeness"}
# Fields with a unit that are this page's own, beside those of contract and tables.
OWN = {"age_s", "highest_w", "database_bytes", "duration_s", "last_success_ts"}
OWN |= {"capacity_pct", "soh_reported_pct", "round_trip_pct", "standby_w", "since_full_days"}
OWN |= {"soc_from_pct", "rest_v", "insight_kwh", "jump_ts", "from_pct", "to_pct"}
OWN |= {"shade_loss_kwh", "soiling_pct", "trend_year_pct", "lost_kwh", "shade_kwh", "outage_kwh"}
OWN |= {f"{name}_kwh" for name in ("clipping", "export_limit", "full_battery", "derating")}
OWN |= {"dispatch_kwh", "voltage_kwh"}
OWN |= {f"{name}_before_kwh" for name in ("pv", "load", "import", "export")}


@functools.cache
def now() -> datetime:
    """Return the last full five minutes, once: a test may begin long after its import."""
    at = datetime.now(UTC).replace(second=0, microsecond=0)
    return at - timedelta(minutes=at.minute % 5)


def begin() -> datetime:
    """Return when the houses began."""
    return now() - timedelta(days=2)


def hole() -> tuple[datetime, datetime]:
    """Return when one of them was silent."""
    return now() - timedelta(hours=30), now() - timedelta(hours=28)


def zone_of_a_day() -> str:
    """Return a zone in which it is day: midnights and ends of months are tested elsewhere."""
    hour = now().hour
    return "Asia/Tokyo" if hour < 6 else "UTC" if hour < 18 else "America/New_York"


class Target(NamedTuple):
    """One query of a panel."""

    board: str
    panel: dict
    sql: str

    @property
    def fields(self) -> list[str]:
        return [one["matcher"]["options"] for one in self.panel["fieldConfig"]["overrides"]]

    @property
    def is_curve(self) -> bool:
        return self.panel["targets"][0]["format"] == "time_series"


TARGETS = [
    Target(name, panel, target["rawSql"])
    for name, board in BOARDS.items()
    for panel in grafana.panels(board)
    for target in panel.get("targets", ())
    if "rawSql" in target
]
each_target = pytest.mark.parametrize(
    "target", TARGETS, ids=lambda t: f"{t.board.removeprefix('sungrow-')}: {t.panel['title']}"
)


class Frame(NamedTuple):
    """What the database answers."""

    columns: list[str]
    rows: list[dict]


class Asked:
    """A database as the role of Grafana sees it; what it said while it was empty."""

    def __init__(self, url: str):
        self.url = make_dsn(url, user=ROLE, password=PASSWORD)
        self.empty: dict[str, Frame] = {}

    def ask(self, statement: str) -> Frame:
        with (
            contextlib.closing(psycopg2.connect(self.url)) as connection,
            connection.cursor(cursor_factory=RealDictCursor) as cursor,
        ):
            cursor.execute(statement)
            return Frame([one.name for one in cursor.description], cursor.fetchall())

    def panel(self, target: Target, device: str, first=None, until=None, interval_s=300) -> Frame:
        return self.ask(
            grafana.expanded(target.sql, first or begin(), until or now(), device, interval_s)
        )


def psql(url: str, text: str) -> None:
    """Run what the command prints as an administrator would."""
    argv = [postgres_bin_dir() / "psql", "-X", "-q", "-d", url]
    done = subprocess.run(argv, input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def make_role(url: str) -> None:
    printed = provision.role()
    assert f"\\set role {provision.ROLE}\n" in printed
    text = printed.replace(f"\\set role {provision.ROLE}", f"\\set role {ROLE}")
    for _ in range(2):  # it may be run again
        psql(url, text)
    psql(url, f"ALTER ROLE {ROLE} PASSWORD '{PASSWORD}'")


@pytest.fixture(scope="module")
def asked(database_url) -> Iterator[Asked]:
    """A database, empty first, then with three houses."""
    make_role(database_url)
    asked = Asked(database_url)
    for number, target in enumerate(TARGETS):
        asked.empty[str(number)] = asked.panel(target, UNHEARD)
    for rule in every_rule():
        asked.empty[rule.name] = asked.ask(rule_sql(rule))
    with connected(database_url) as database:
        live(database)
    yield asked
    psql(database_url, f"DROP OWNED BY {ROLE}; DROP ROLE {ROLE}")


def live(database) -> None:
    """Let a house with all there is, and one with panels alone, live for two days."""
    for device in (WHOLE, BARE):
        add = "INSERT INTO sungrow_devices (device_id, timezone, serial) VALUES (%s, %s, 'A123')"
        rows(database, add, device, zone_of_a_day())
    times = [begin() + n * STEP for n in range((now() - begin()) // STEP + 1)]
    there = [ts for ts in times if not hole()[0] <= ts < hole()[1]]
    store(database, WHOLE, [whole(n, ts) for n, ts in enumerate(there)])
    nothing = dict.fromkeys(
        ("load_power_w", "export_power_w", "battery_power_w", "battery_soc_pct")
    )
    store(database, BARE, [reading(ts, interval_s=300.0, **nothing) for ts in there])
    half = timedelta(seconds=30)
    meter = [begin() + n * half for n in range(int((now() - begin()) / half) + 1)]
    store_p1(database, WHOLE, [of_the_meter(n, ts) for n, ts in enumerate(meter)])
    analyse(database, WHOLE)
    analyse_roof(database, WHOLE)
    report(database, WHOLE, now(), waiting=3, failed='{"timeout": 2}')
    report(database, WHOLE, now() - timedelta(hours=1), waiting=0, failed="{}")
    rows(
        database,
        "INSERT INTO sungrow_parked (device_id, boot, seq, ts, reason, content)"
        " VALUES (%s, 'b', 1, %s, 'value', '{}')",
        *(WHOLE, now() - timedelta(days=2)),
    )
    rows(database, "UPDATE sungrow_parked SET received_at = ts")
    rows(
        database,
        "INSERT INTO sungrow_alerts (device_id, rule, severity, state, since, opened_at,"
        " last_true_at, detail) VALUES (%s, 'no_data', 'critical', 'open', %s, %s, %s, %s)",
        *(WHOLE, now(), now(), now(), '{"title": "no data"}'),
    )
    rows(
        database,
        "INSERT INTO sungrow_alert_outbox (channel, event, n, body, created_at)"
        " VALUES ('ntfy', 'test', 0, '{}', %s)",
        now(),
    )


def analyse(database, device: str) -> None:
    """Store what a night would have found out of a battery."""
    figures = {name: {"value": 95.5} for name in BATTERY_FIGURES}
    insights = [{"id": "larger_battery", "kwh": 812.4, "value": 214, "unit": "days"}]
    jumps = [{"at": str(begin()), "from_pct": 9.4, "to_pct": 0.0, "points": -8.9}]
    result = json.dumps({"figures": figures, "insights": insights, "jumps": jumps})
    add = "INSERT INTO sungrow_battery_results VALUES (%s, %s, %s, '{}', true, true)"
    rows(database, add, device, now(), result)
    rows(
        database,
        "INSERT INTO sungrow_battery_hourly VALUES (%s, date_trunc('hour', %s::timestamptz), 3600,"
        " 2, 42, 20, 22, 1, 190, 1, 99, ARRAY[ROW(90, 15, 0.1, 1, 3600)::sungrow_battery_band])",
        *(device, begin() + timedelta(hours=1)),
    )
    add = "INSERT INTO sungrow_battery_anchors VALUES (%s, %s, %s, 'full', 'soc_100_tapered', 99)"
    rows(database, add, device, begin(), begin() + timedelta(hours=3))
    add = "INSERT INTO sungrow_battery_windows VALUES (%s, %s, %s, 'full_empty', 0, 0, 8.8, 9.05)"
    rows(database, add, device, begin(), begin() + timedelta(hours=12))


def analyse_roof(database, device: str) -> None:
    """Store what a night would have found out of a roof."""
    string = {"string": 1, "name": "east", "plane": {"tilt_deg": 35, "azimuth_deg": 90}}
    string |= {"share": {"value": 0.48, "usual": 0.5}, "shade_loss": {"kwh": 41.5}}
    string |= {"soiling": {"pct": None}, "trend": {"pct_year": -0.6}, "dead": None}
    losses = {"month": "2026-05", "string": 1, "shade_kwh": 4.1, "shade_kind": "at_least"}
    event = {"id": "new_shade", "string": 1, "from": "2026-05-01", "to": None, "text": "a tree"}
    share = {"day": str(begin().date()), "string": 1, "share": 0.48, "ratio7": 0.97}
    result = {"strings": [string], "losses_by_month": [losses], "events": [event]}
    result["share_by_day"] = [share, share | {"day": str(now().date())}]
    add = "INSERT INTO sungrow_roof_results (device_id, result) VALUES (%s, %s)"
    rows(database, add, device, json.dumps(result))
    add = "INSERT INTO sungrow_string_limits VALUES (%s, sungrow_slot(%s), 1, 'clipping', 120)"
    rows(database, add, device, begin() + timedelta(hours=1))
    add = "INSERT INTO sungrow_shade_bins (device_id, string, period, azimuth_deg, elevation_deg,"
    add += " n, days, performance, state) VALUES (%s, 1, 'all', 120, 12.5, 40, 12, 0.31, 'shaded')"
    rows(database, add, device)


def whole(number: int, ts: datetime) -> dict:
    late = ts > now() - timedelta(minutes=20)
    return reading(
        ts,
        interval_s=300.0,
        inverter_power_w=500.0,
        grid_voltage_v=231.5,
        mppt1_voltage_v=400.0,
        mppt1_current_a=1.2,
        grid_frequency_hz=50.0,
        battery_soh_pct=98.0,
        pv_total_kwh=1000 + number * 0.025,
        total_import_kwh=500 + number * 0.05,
        total_export_kwh=800.0,
        faults="13066=4000" if late else "",
    )


def of_the_meter(number: int, ts: datetime) -> dict:
    return p1_reading(
        ts + timedelta(seconds=3),
        import_power_w=600.0,
        energy_import_kwh=500 + number * 0.005,
        energy_export_kwh=100.0,
        gas_m3=30 + number / 10_000,
        voltage_l1_v=232.0,
        month_peak_w=3000.0,
    )


def report(database, device: str, slot: datetime, waiting: int, failed: str) -> None:
    rows(
        database,
        "INSERT INTO sungrow_reports (device_id, boot, slot, polled, failed, waiting, disk_free_mb)"
        " VALUES (%s, 'b', sungrow_slot(%s), 180, %s, %s, 9000)",
        *(device, slot, failed, waiting),
    )


# The files


def test_the_kept_files_are_those_that_the_command_makes():
    made = provision.files()
    there = {*provision.DASHBOARDS.iterdir(), provision.ALERTING}
    assert there == made.keys()
    for path, text in made.items():
        assert path.read_text(encoding="utf-8") == text, "python -m server.grafana write"


@pytest.mark.parametrize("name", BOARDS)
def test_a_dashboard_is_one_that_grafana_takes(name):
    board = BOARDS[name]
    assert board["uid"] == name
    assert len(name) <= 40
    assert board["schemaVersion"] == 39
    assert board["editable"] is False
    assert board["refresh"] in ("30s", "1m", "5m")
    found = list(grafana.panels(board))
    assert len({panel["id"] for panel in found}) == len(found)
    for panel in found:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for target in panel.get("targets", ()):
            assert target.get("format") in ("table", "time_series") or "expr" in target
    for one, other in combinations([panel["gridPos"] for panel in found], 2):
        assert not overlap(one, other)


def overlap(one: dict, other: dict) -> bool:
    return all(
        one[at] < other[at] + other[size] and other[at] < one[at] + one[size]
        for at, size in (("x", "w"), ("y", "h"))
    )


def test_the_seven_dashboards_are_there_and_lead_to_each_other():
    assert set(BOARDS) == {
        f"sungrow-{name}"
        for name in ("now", "energy", "grid", "battery", "roof", "fleet", "operations")
    }
    assert len({board["title"] for board in BOARDS.values()}) == 7
    assert all(set(board["links"][0]["tags"]) <= set(board["tags"]) for board in BOARDS.values())


@pytest.mark.parametrize("name", BOARDS)
def test_no_key_of_a_dashboard_is_misspelt(name):
    cog = "grafana_foundation_sdk.cog"
    encoder = pytest.importorskip(f"{cog}.encoder", reason="tests/requirements.txt has it")
    importlib.import_module(f"{cog}.plugins").register_default_plugins()
    models = importlib.import_module("grafana_foundation_sdk.models.dashboard")
    known = json.loads(encoder.JSONEncoder().encode(models.Dashboard.from_json(BOARDS[name])))
    # Of what a mark asks for, the SDK knows only Grafana's own kinds.
    assert not [
        at for at in lost(BOARDS[name], known) if not at.startswith(".annotations.list0.target.")
    ]


def lost(ours: object, known: object, at: str = "") -> list[str]:
    """Return where something of ours is not in what the SDK made of it."""
    if isinstance(ours, dict) and isinstance(known, dict):
        return [
            place
            for key, value in ours.items()
            for place in (
                lost(value, known[key], f"{at}.{key}") if key in known else [f"{at}.{key}"]
            )
        ]
    if isinstance(ours, list) and isinstance(known, list):
        return [
            p
            for n, (a, b) in enumerate(zip(ours, known, strict=True))
            for p in lost(a, b, f"{at}{n}")
        ]
    return [] if ours == known else [f"{at}: {ours!r} is {known!r}"]


@each_target
def test_only_known_macros_are_used_and_a_name_is_always_quoted(target):
    assert "'$" not in target.sql
    assert "$" not in grafana.expanded(target.sql, begin(), now(), UNHEARD)


@pytest.mark.parametrize("name", NAMES)
def test_a_field_of_the_contract_has_the_unit_of_its_suffix(name):
    suffix = f"_{name.rpartition('_')[2]}"
    assert grafana_panels.unit_of(name) == UNITS.get(suffix, "none") or suffix in ("_c", "_a")


def test_prometheus_is_asked_for_metrics_that_the_server_has():
    source = "".join(p.read_text() for p in (sandbox.ROOT / "server/metrics").glob("*.py"))
    asked = [
        target["expr"]
        for board in BOARDS.values()
        for panel in grafana.panels(board)
        for target in panel.get("targets", ())
        if "expr" in target
    ]
    assert len(asked) >= 5
    for name in re.findall(r"sungrow_\w+", " ".join(asked)):
        stem = re.sub(r"^sungrow_ingest_(\w+)_total$", r"\1", name)
        assert f'"{stem}"' in source, name


# The queries


@each_target
def test_each_query_runs_on_an_empty_house_and_says_nothing_of_it(asked, target):
    first = asked.empty[str(TARGETS.index(target))]
    for frame in (first, asked.panel(target, UNHEARD)):
        for row in frame.rows if is_of_one_house(target) else first.rows:
            told = {name: value for name, value in row.items() if name not in ("time", *ALWAYS)}
            assert set(told.values()) <= {None}, row
    assert target.panel["fieldConfig"]["defaults"]["noValue"] or target.panel["title"] == "Houses"


ALWAYS = ("database_bytes", "metric")


def is_of_one_house(target: Target) -> bool:
    return "${device" in target.sql and target.panel["title"] != "Times without readings"


@each_target
def test_each_query_answers_as_its_panel_expects(asked, target):
    frame = asked.panel(target, WHOLE)
    assert frame.rows, "the house with all there is has something to show"
    assert any(v is not None for row in frame.rows for n, v in row.items() if n != "time")
    values = [name for name in frame.columns if name not in ("time", "metric")]
    if target.fields:
        assert values == target.fields
    if target.is_curve:
        assert frame.columns[0] == "time"
        times = [row["time"] for row in frame.rows]
        assert all(isinstance(time, datetime) for time in times)
        assert times == sorted(times)
        if "metric" not in frame.columns:
            assert len(set(times)) == len(times)
    for name in values:
        kinds = {type(row[name]) for row in frame.rows} - {type(None)}
        assert not kinds & {dict, list}
        if grafana_panels.unit_of(name) not in ("none", "dateTimeAsIso"):
            assert {kind.__name__ for kind in kinds} <= {"float", "int", "Decimal"}


@each_target
def test_each_field_is_one_of_the_contract_or_of_a_table_with_its_unit(asked, database_url, target):
    with connected(database_url) as database:
        columns = {
            row["column_name"]
            for row in rows(
                database,
                "SELECT column_name FROM information_schema.columns WHERE table_schema = 'public'",
            )
        }
    contract = {*NAMES, *history.COLUMNS, "gas_m3", "water_m3", "import_p1_kwh", "export_p1_kwh"}
    for override in target.panel["fieldConfig"]["overrides"]:
        field = override["matcher"]["options"]
        unit = next((p["value"] for p in override["properties"] if p["id"] == "unit"), "none")
        wanted = UNITS.get(f"_{field.rpartition('_')[2]}", "none")
        assert unit == ("percentunit" if field in SHARES else wanted), field
        if unit not in ("none", "percentunit"):
            bare = re.sub(r"^(avg|min|max)_", "", field)
            assert {field, bare} & (contract | columns | OWN), field


@each_target
@pytest.mark.parametrize(
    ("first", "until", "interval_s"),
    [
        (timedelta(minutes=-7), timedelta(hours=1), 60),
        (timedelta(days=-400), timedelta(0), 7200),
        (timedelta(days=-42), timedelta(days=-40), 300),
    ],
    ids=["minutes", "a year", "before the first reading"],
)
def test_each_query_takes_any_time(asked, target, first, until, interval_s):
    frame = asked.panel(target, WHOLE, now() + first, now() + until, interval_s)
    assert len(frame.rows) <= 11_000


def of(board: str, title: str) -> Target:
    return next(t for t in TARGETS if (t.board, t.panel["title"]) == (f"sungrow-{board}", title))


def test_no_line_is_drawn_across_a_gap(asked):
    for title in ("Power", "Panels"):
        target = next(t for t in TARGETS if t.panel["title"] == title)
        lines = [r for r in asked.panel(target, WHOLE).rows if r.get("metric", WHOLE) == WHOLE]
        inside = [row for row in lines if hole()[0] <= row["time"] < hole()[1]]
        assert len(inside) == (hole()[1] - hole()[0]) // STEP
        assert {row["avg_pv_power_w"] for row in inside} == {None}
        assert target.panel["fieldConfig"]["defaults"]["custom"]["spanNulls"] is False
    gaps = asked.panel(of("now", "Times without readings"), WHOLE).rows
    assert [row for row in gaps if row["from_ts"] <= hole()[0] <= row["to_ts"]]


def test_no_more_chunks_are_read_than_the_time_has(asked, database_url):
    old = "old"
    weeks = [now() - timedelta(weeks=n) for n in range(10)]
    with connected(database_url) as database:
        store(database, old, [reading(ts, grid_voltage_v=230.0) for ts in weeks])
        store_p1(database, old, [p1_reading(ts, voltage_l1_v=230.0) for ts in weeks])
    for target in TARGETS:
        sql = grafana.expanded(target.sql, begin(), now(), old)
        plan = asked.ask(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {sql}")
        lines = [
            row["QUERY PLAN"] for row in plan.rows if "never executed" not in row["QUERY PLAN"]
        ]
        # Two tables, and two days may touch two weeks. Without TimescaleDB there are none.
        assert len(set(re.findall(r"_hyper_\w+_chunk", " ".join(lines)))) <= 4
    with connected(database_url) as database:
        remove(database, old)


def test_gaps_are_marked_with_begin_end_and_cause(asked):
    (mark,) = BOARDS["sungrow-now"]["annotations"]["list"]
    frame = asked.ask(grafana.expanded(mark["target"]["rawSql"], begin(), now(), WHOLE))
    assert frame.columns == ["time", "timeend", "text", "tags"]
    assert any(row["time"] <= hole()[0] < row["timeend"] for row in frame.rows)


def test_a_house_without_meter_and_battery_shows_no_number_of_them(asked):
    grid = re.compile(r"load|export|import|battery|_to_|self_")
    for target in TARGETS:
        if "${device" not in target.sql:
            continue
        for row in asked.panel(target, BARE).rows:
            assert not {n: v for n, v in row.items() if grid.search(n) and v is not None}, target


def test_the_choice_of_houses_has_each_once(asked):
    (variable,) = BOARDS["sungrow-now"]["templating"]["list"]
    assert [row["device_id"] for row in asked.ask(variable["query"]).rows] == [BARE, WHOLE]


def test_the_numbers_are_those_of_the_api(asked, database_url):
    settings = {"DATABASE_URL": database_url, "DEVICE_TOKENS": f"t:{WHOLE}", "LOG_LEVEL": "ERROR"}
    client = create_app(settings).test_client()

    def get(path: str) -> dict:
        answer = client.get(path, headers={"Authorization": "Bearer t"})
        assert answer.status_code == 200, answer.text
        return answer.json

    newest = get("/v1/realtime")
    (shown,) = asked.panel(of("now", "Now"), WHOLE).rows
    assert shown == {name: newest[name] for name in shown}
    since, end = (moment.strftime("%Y-%m-%dT%H:%M:%SZ") for moment in (begin(), now()))
    fine = get(f"/v1/series?from={since}&to={end}&bucket=5m")["series"]
    curve = asked.panel(of("now", "Power"), WHOLE).rows
    for row, bucket in zip(curve[: len(fine)], fine, strict=True):
        assert row["time"] == datetime.fromisoformat(bucket["bucket"])
        for name in row.keys() - {"time"}:
            assert row[name] == near(bucket[name])
    after = (now() + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")  # today is asked for, too
    days = get(f"/v1/series?from={since}&to={after}&bucket=1d")["series"]
    check_days(asked, days)


def near(value: float | None) -> object:
    """Return what a number has to be; None is not a number."""
    return value if value is None else pytest.approx(value, rel=1e-9, abs=1e-12)


def check_days(asked: Asked, days: list[dict]) -> None:
    for title in ("Local days", "Shares"):
        shown = {row.pop("time"): row for row in asked.panel(of("energy", title), WHOLE).rows}
        for day in days:
            row = shown[datetime.fromisoformat(day["bucket"])]
            assert {n: v for n, v in row.items() if v != near(day[n])} == {}
    totals = asked.panel(of("energy", "In this time"), WHOLE).rows[0]
    (flows,) = asked.panel(of("energy", "Where it went"), WHOLE).rows
    for name, value in (totals | flows).items():
        told = [day[name] for day in days if day[name] is not None]
        assert value == near(sum(told) if told else None), name


# The role


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO sungrow_devices (device_id) VALUES ('x')",
        "SET default_transaction_read_only = off; DELETE FROM sungrow_samples",
        "SET default_transaction_read_only = off; CREATE TABLE mine (x int)",
        "SELECT serial FROM sungrow_devices",
        "SELECT content FROM sungrow_parked",
        "SELECT body FROM sungrow_alert_outbox",
        "SELECT error FROM sungrow_alert_outbox",
        "SELECT * FROM sungrow_pairings",
        "SELECT * FROM schema_migrations",
        "SELECT * FROM sungrow_silences",
        "SELECT * FROM sungrow_battery_settings",
    ],
)
def test_the_role_may_do_nothing_else(asked, statement):
    with pytest.raises(
        (psycopg2.errors.InsufficientPrivilege, psycopg2.errors.ReadOnlySqlTransaction)
    ):
        asked.ask(statement)


def test_the_role_has_limits(asked):
    names = ("statement_timeout", "default_transaction_read_only", "jit", "timezone")
    told = [asked.ask(f"SHOW {name}").rows[0] for name in names]
    assert [next(iter(row.values())) for row in told] == ["10s", "on", "off", "UTC"]


# The alert rules


def every_rule() -> list[rules.Rule]:
    return [rule for group in rules.GROUPS.values() for rule in group]


def rule_sql(rule: rules.Rule) -> str:
    sql = rules.query(f"alert-{rule.name}")
    assert "$" not in sql  # a rule knows neither variables nor the time of a dashboard
    return sql


@pytest.mark.parametrize("rule", every_rule(), ids=lambda rule: rule.name)
def test_a_rule_is_quiet_where_all_is_well_and_names_the_house_where_not(asked, database_url, rule):
    assert asked.empty[rule.name] == (["device_id", "value"], [])
    assert asked.ask(rule_sql(rule)).rows == []
    device = f"bad-{rule.name}"
    with connected(database_url) as database:
        add = "INSERT INTO sungrow_devices (device_id, timezone) VALUES (%s, %s)"
        rows(database, add, device, zone_of_a_day())
        OFFENDERS[rule.name](database, device)
        try:
            (row,) = asked.ask(rule_sql(rule)).rows
        finally:
            remove(database, device)
    assert row["device_id"] == device
    assert row["value"] > rule.limit


TABLES_OF_A_HOUSE = (
    *("sungrow_samples", "sungrow_5min", "sungrow_local_daily", "sungrow_seqs", "sungrow_reports"),
    *("sungrow_parked", "p1_samples", "p1_5min", "p1_local_daily", "sungrow_house_5min"),
    *("sungrow_house_daily", "sungrow_devices"),
)


def remove(database, device: str) -> None:
    for table in TABLES_OF_A_HOUSE:
        rows(database, f"DELETE FROM {table} WHERE device_id = %s", device)  # noqa: S608


def recently(database, device: str, *, last: datetime | None = None, **fields: object) -> None:
    store(database, device, [reading(last or now(), **fields)])


def silent(database, device: str) -> None:
    recently(database, device, last=now() - timedelta(hours=1))


def waiting(database, device: str) -> None:
    recently(database, device)
    report(database, device, now(), waiting=121, failed="{}")


def parked(database, device: str) -> None:
    recently(database, device)
    add = (
        "INSERT INTO sungrow_parked (device_id, boot, seq, ts, reason, content)"
        " VALUES (%s, 'b', 7, %s, 'value', '{}')"
    )
    rows(database, add, device, now())


def numbers_missing(database, device: str) -> None:
    before = now() - timedelta(hours=2)
    told = [
        reading(before + n * timedelta(seconds=5), boot="b", seq=n) for n in range(20) if n != 9
    ]
    store(database, device, [*told, reading(now(), boot="b", seq=20)])
    report(database, device, now(), waiting=0, failed="{}")


def health(database, device: str) -> None:
    recently(database, device, last=now() - timedelta(days=8), battery_soh_pct=99.0)
    recently(database, device, battery_soh_pct=97.0)


def peak(database, device: str) -> None:
    """Import at 1 kW for the quarter before the running one, and at 2 kW in that."""
    at = datetime.now(UTC)
    slot = at.replace(minute=at.minute // 15 * 15, second=0, microsecond=0)
    kwh, told = 100.0, []
    for n in range(-62, 59):
        told.append(p1_reading(slot + n * timedelta(seconds=15), energy_import_kwh=kwh))
        kwh += (1 if n < 0 else 2) * 15 / 3600
    store_p1(database, device, told)


def meters(database, device: str) -> None:
    times = [now() - timedelta(hours=49) + n * timedelta(minutes=5) for n in range(49 * 12 + 1)]
    p1 = [p1_reading(ts, energy_import_kwh=50 + n * 0.05) for n, ts in enumerate(times)]
    own = [
        reading(ts, interval_s=300.0, export_power_w=-900.0, total_import_kwh=50 + n * 0.075)
        for n, ts in enumerate(times)
    ]
    store_p1(database, device, p1)
    store(database, device, own)


OFFENDERS = {
    "silent": silent,
    "waiting": waiting,
    "peak": peak,
    "lost": numbers_missing,
    "parked": parked,
    "health": health,
    "meters": meters,
}


def test_a_house_whose_inverter_is_off_is_not_called_silent(asked, database_url):
    with connected(database_url) as database:
        device, hour = "asleep", timedelta(hours=1)
        recently(database, device, last=now() - hour)
        for n in range(6):
            slot = now() - hour + n * timedelta(minutes=15)
            report(database, device, slot, waiting=0, failed='{"inverter_off": 180}')
        rows(
            database,
            "UPDATE sungrow_reports SET polled = 180 WHERE device_id = %s",
            device,
        )
        silent = next(rule for rule in every_rule() if rule.name == "silent")
        try:
            assert asked.ask(rule_sql(silent)).rows == []
        finally:
            remove(database, device)


def test_the_rules_are_whole():
    made = grafana.strict_json(provision.ALERTING)
    found = [rule for group in made["groups"] for rule in group["rules"]]
    assert len({rule["uid"] for rule in found}) == len(found) == len(OFFENDERS)
    for rule in found:
        assert rule["noDataState"] == "OK"
        assert "$" not in str(rule)
        asks, judges = rule["data"]
        assert judges["model"]["expression"] == asks["refId"]
        assert rule["condition"] == judges["refId"]


# The command


def printed(*arguments: str, **env: str) -> str:
    argv = [sys.executable, "-m", "server.grafana", *arguments]
    return sandbox.run(argv, sandbox.environment(**env), cwd=sandbox.ROOT)


def test_the_command_prints_role_source_and_folder():
    text = printed(DATABASE_URL="postgresql://someone:secret@/solar?host=/run/postgresql&port=5433")
    assert provision.ROLE_SQL.read_text(encoding="utf-8") in text
    assert '    url: "127.0.0.1:5433"\n' in text
    assert '    database: "solar"\n' in text
    assert f'      path: "{provision.DASHBOARDS}"\n' in text
    assert str(provision.ALERTING) in text
    assert "secret" not in text
    assert "someone" not in text


@pytest.mark.parametrize(
    ("url", "host", "mode", "shown"),
    [
        ("postgresql:///solar", None, "disable", "127.0.0.1:5432"),
        ("postgresql://localhost/solar", None, "disable", "localhost:5432"),
        ("postgresql://db.example.org:6000/solar", None, "verify-full", "db.example.org:6000"),
        ("postgresql:///solar", "solar.example.org", "verify-full", "solar.example.org:5432"),
        ("postgresql:///solar", "2001:db8::7", "verify-full", "[2001:db8::7]:5432"),
        ("postgresql://::1/solar".replace("::1", "[::1]"), None, "disable", "[::1]:5432"),
    ],
)
def test_nothing_travels_unencrypted(url, host, mode, shown):
    text = provision.datasource(provision.source(url, host))
    assert f"      sslmode: {mode}\n" in text
    assert f'    url: "{shown}"\n' in text


def test_the_folder_of_an_installed_server_is_that_of_the_release_in_use(monkeypatch):
    monkeypatch.setenv("SUNGROW_INSTALLED", "1")
    place = provision.place(provision.DASHBOARDS)
    assert str(place) == "/opt/sungrow-server/current/server/grafana/dashboards"


def test_a_server_does_not_know_of_grafana():
    program = "import sys, server.app; print([n for n in sys.modules if 'grafana' in n])"
    assert printed_by(program) == "[]\n"


def printed_by(program: str) -> str:
    argv = [sys.executable, "-c", program]
    return sandbox.run(argv, sandbox.environment(), cwd=sandbox.ROOT)
