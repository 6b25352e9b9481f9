"""``python -m server.forget``: what it deletes is gone, from the rollups too, and stays gone."""

import contextlib
import io
import os
import threading
from datetime import UTC, datetime, timedelta

import psycopg2
import pytest
import redis

from edge_lib.shared.timestamps import format_ts
from server import settings
from server.database import deletions, rollups
from server.database.edition import edition
from server.database.pool import Database
from server.database.samples import TABLE
from server.forget import main
from server.sandbox import wait_until
from tests.support.batches import OTHER, OTHER_TOKEN, app_on, get, post, send, verdict
from tests.support.batches import rows as ask
from tests.support.readings import connected, new_device, reading, rows, store, utc
from tests.support.samples import DEVICE, a_sample

pytestmark = pytest.mark.server

SITE = "Australia/Adelaide"
NOON = utc("2026-05-05 12:00")
MINUTE = timedelta(minutes=1)
ROLLUPS = {"sungrow_5min": "bucket", "sungrow_local_daily": "bucket", "sungrow_seqs": "slot"}
ROLLUPS |= {"sungrow_strings_5min": "bucket, string"}


@pytest.fixture
def client(url):
    return app_on(url).test_client()


@pytest.fixture
def forget(monkeypatch, capsys, tmp_path, url):
    """Run the command; return its exit status, and what it printed on stdout and stderr."""
    monkeypatch.setattr(settings, "DOTENV", tmp_path / "no.env")
    for name in ("DATABASE_URL", "DATABASE_URL_FILE", "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)

    def run(*argv: str, sure: bool = True, **env: str | None) -> tuple[int, str, str]:
        with monkeypatch.context() as patch:
            for name, value in ({"DATABASE_URL": url} | env).items():
                if value:
                    patch.setenv(name, value)
            capsys.readouterr()
            try:
                status = main([*argv, "--yes"] if sure else list(argv))
            except SystemExit as stop:
                status = stop.code
        words = capsys.readouterr()
        return status, words.out, words.err

    return run


def between(first: datetime, end: datetime) -> tuple[str, ...]:
    return "--from", format_ts(first), "--to", format_ts(end)


def some(first: datetime, count: int, step: timedelta = MINUTE, **fields) -> list[dict]:
    return [
        reading(
            first + n * step,
            pv_power_w=100.0 * n,
            pv_total_kwh=1000.0 + n,
            mppt1_voltage_v=300.0 + n,
            mppt1_current_a=n / 10,
            boot="ab",
            seq=n,
            **fields,
        )
        for n in range(count)
    ]


def times(connection, device: str) -> list[datetime]:
    statement = "SELECT ts FROM sungrow_samples WHERE device_id = %s ORDER BY ts"
    return [row["ts"] for row in rows(connection, statement, device)]


def rollup(connection, table: str, device: str) -> list[dict]:
    order = ROLLUPS[table]
    statement = f"SELECT * FROM {table} WHERE device_id = %s ORDER BY {order}"  # noqa: S608
    found = rows(connection, statement, device)
    for row in found:
        del row["device_id"]
        row.pop("received_at", None)
    return found


def assert_as_if_stored_once(connection, device: str, remaining: list[dict]) -> None:
    """Each rollup equals that of another device which never had anything else."""
    twin = new_device()
    if remaining:
        store(connection, twin, remaining)
    assert times(connection, device) == [sample["ts"] for sample in remaining]
    for table in ROLLUPS:
        assert_same(rollup(connection, table, device), rollup(connection, table, twin))


def assert_same(found: list[dict], expected: list[dict]) -> None:
    """All equal, sums up to the order in which they were added."""
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        for column, value in other.items():
            right = pytest.approx(value, rel=1e-9) if type(value) is float else value
            assert one[column] == right, column


# What goes


@pytest.mark.parametrize(
    ("first", "end"),
    [
        (NOON, NOON + timedelta(hours=1)),
        (NOON + timedelta(minutes=2, seconds=30), NOON + timedelta(minutes=4, microseconds=1)),
        (NOON - timedelta(days=30), NOON + 2 * MINUTE),
        (utc("2026-05-05 14:29"), utc("2026-05-05 14:31")),  # around Adelaide's midnight
        (NOON + timedelta(hours=2), NOON + timedelta(days=2)),
    ],
)
def test_a_range_goes_and_the_rollups_are_as_if_it_had_never_been(forget, database, first, end):
    device, neighbour = new_device(), new_device()
    samples = some(NOON, 240)
    store(database, device, samples)
    store(database, neighbour, samples)
    remaining = [sample for sample in samples if not first <= sample["ts"] < end]
    status, out, err = forget(device, *between(first, end))
    assert (status, err) == (0, "")
    assert f"forgot {240 - len(remaining)} samples of {device}" in out
    assert len(out.splitlines()) == 1
    assert_as_if_stored_once(database, device, remaining)
    assert_as_if_stored_once(database, neighbour, samples)


def test_without_ends_all_goes(forget, database):
    device = new_device()
    ahead = datetime.now(UTC) + timedelta(minutes=50)
    store(database, device, [*some(utc("2010-01-01 00:00"), 3), reading(NOON), reading(ahead)])
    status, out, _ = forget(device)
    assert status == 0
    assert "forgot 5 samples" in out
    assert_as_if_stored_once(database, device, [])


def test_an_open_end_goes_to_the_newest_and_an_open_beginning_to_the_oldest(forget, database):
    device = new_device()
    samples = some(NOON, 100)
    store(database, device, samples)
    assert "forgot 40 samples" in forget(device, "--from", format_ts(NOON + 60 * MINUTE))[1]
    assert "forgot 10 samples" in forget(device, "--to", format_ts(NOON + 10 * MINUTE))[1]
    assert_as_if_stored_once(database, device, samples[10:60])


def test_parked_readings_and_gaps_of_the_range_go_too(forget, database):
    device, hour = new_device(), timedelta(hours=1)
    for seq, ts in enumerate((NOON - MINUTE, NOON, NOON + MINUTE, NOON + hour, None)):
        rows(
            database,
            "INSERT INTO sungrow_parked (device_id, boot, seq, ts, reason)"
            " VALUES (%s, 'ab', %s, %s, 'x')",
            device,
            seq,
            ts,
        )
    for start, end in ((-1, 1), (0, 1), (5, 59), (59, 61)):
        rows(
            database,
            "INSERT INTO sungrow_gaps (device_id, from_ts, to_ts, cause)"
            " VALUES (%s, %s, %s, 'thinned')",
            device,
            NOON + start * MINUTE,
            NOON + end * MINUTE,
        )
    status, out, _ = forget(device, *between(NOON, NOON + hour))
    assert status == 0
    assert out.rstrip().endswith("2 parked readings, 2 gaps")
    left = "SELECT seq FROM sungrow_parked WHERE device_id = %s ORDER BY seq"
    assert [row["seq"] for row in rows(database, left, device)] == [0, 3, 4]
    left = "SELECT count(*) FROM sungrow_gaps WHERE device_id = %s"
    assert rows(database, left, device) == [{"count": 2}]
    assert "3 parked readings, 2 gaps" in forget(device)[1]


def episode(database, device, begin, end) -> int:
    """Store an alert from one minute to another, None: it goes on; return its number."""
    moment = NOON + (begin + 1 if end is None else end) * MINUTE
    told = rows(
        database,
        "INSERT INTO sungrow_alerts (device_id, rule, severity, state, since, opened_at,"
        " last_true_at, closed_at, key) VALUES (%s, 'off_grid', 'warning', %s, %s, %s, %s, %s, %s)"
        " RETURNING id",
        *(device, "closed" if end else "open", NOON + begin * MINUTE, NOON + begin * MINUTE),
        *(moment, moment if end else None, f"{begin} {end}"),
    )
    return told[0]["id"]


def test_alerts_of_the_range_go_with_their_messages(forget, database):
    device, other = new_device(), new_device()
    for house in (device, other):
        store(database, house, [reading(NOON + minute * MINUTE) for minute in range(90)])
    spans = ((-1, 1), (0, 2), (5, 59), (59, 61), (20, None), (70, None))
    ids = [episode(database, device, *times) for times in spans]
    kept = episode(database, other, 5, 59)
    said = [([one], one, True) for one in [*ids, kept]] + [([one], None, True) for one in ids]
    said += [([ids[1], kept], None, True), ([ids[1], kept], None, False)]
    for about, alert_id, is_sent in said:
        rows(
            database,
            "INSERT INTO sungrow_alert_outbox (alert_id, channel, event, n, body, delivered_at)"
            " VALUES (%s, 'ntfy', %s, 0, jsonb_build_object('alert_ids', %s), %s)",
            *(alert_id, "opened" if alert_id else "digest", about, NOON if is_sent else None),
        )
    status, out, _ = forget(device, *between(NOON, NOON + timedelta(hours=1)))
    assert status == 0
    assert out.rstrip().endswith(", 3 alerts")
    left = [ids[0], ids[3], ids[5], kept]
    ask_for = "SELECT id FROM sungrow_alerts WHERE device_id = ANY (%s) ORDER BY id"
    assert [row["id"] for row in rows(database, ask_for, [device, other])] == left
    ask_for = (
        "SELECT body -> 'alert_ids' AS ids FROM sungrow_alert_outbox"
        " WHERE body -> 'alert_ids' @> ANY (SELECT to_jsonb(n) FROM unnest(%s) AS n)"
        " ORDER BY position"
    )
    found = [row["ids"] for row in rows(database, ask_for, [*ids, kept])]
    assert found == [[one] for one in left] + [[one] for one in left[:3]] + [[ids[1], kept]]
    assert ", 3 alerts" in forget(device)[1]


def known(url, device, at):
    """Return what the alerts know of a house at a moment, and what they would say."""
    from contextlib import closing

    from server.alerts.gather import gather
    from server.alerts.rules import hops
    from server.database.connection import connect

    with closing(connect(url, {})) as connection, connection.cursor() as cursor:
        (seen,) = [one for one in gather(cursor, at) if one.house.device_id == device]
    return seen.newest, [rule.check(seen, frozenset()) for rule in hops.OF_HOUSE[:2]]


def test_the_alerts_take_a_forgotten_house_neither_for_silent_nor_for_new(forget, database, url):
    """What is forgotten was there: nobody is told that readings stopped, or never came."""
    device = new_device()
    now = datetime.now(UTC)
    rows(database, "INSERT INTO sungrow_devices (device_id) VALUES (%s)", device)
    store(database, device, [reading(now - minute * MINUTE) for minute in range(120)])
    forget(device, *between(now - 60 * MINUTE, now + MINUTE))
    later = datetime.now(UTC) + MINUTE
    newest, (silent, never) = known(url, device, later)
    assert later - newest < 3 * MINUTE
    assert (silent, never) == ([], [])
    assert known(url, device, later + 20 * MINUTE)[1][0], "it is silent since then"
    forget(device)
    assert known(url, device, later + timedelta(days=3)) == (None, [[], []])


def test_the_same_again_deletes_nothing_and_is_no_error(forget, database):
    device = new_device()
    store(database, device, some(NOON, 3))
    hour = between(NOON, NOON + timedelta(hours=1))
    assert "forgot 3 samples" in forget(device, *hour)[1]
    status, out, _ = forget(device, *hour)
    assert (status, "forgot 0 samples" in out) == (0, True)
    ranges = "SELECT from_ts, to_ts FROM sungrow_forgotten WHERE device_id = %s"
    assert rows(database, ranges, device) == [{"from_ts": NOON, "to_ts": NOON + 60 * MINUTE}]


def test_compressed_chunks_give_up_any_number_of_rows(forget, database):
    if schema_edition(database) != "community":
        pytest.skip("only the community edition compresses")
    device = new_device()
    rows(
        database,
        "INSERT INTO sungrow_samples (device_id, ts, pv_power_w, load_power_w, export_power_w)"
        " SELECT %s, ts, 1, 1, 0"
        " FROM generate_series(timestamptz '2026-01-01Z', '2026-01-07 23:59:55Z', '5 seconds') ts",
        device,
    )
    rows(database, "SELECT count(compress_chunk(c)) FROM show_chunks('sungrow_samples') AS c")
    first, end = utc("2026-01-01 00:00") + MINUTE, utc("2026-01-08 00:00") - MINUTE
    assert f"forgot {120_960 - 24} samples" in forget(device, *between(first, end))[1]
    counts = "SELECT sum(sample_count)::int AS n FROM {} WHERE device_id = %s"
    for table in ("sungrow_5min", "sungrow_local_daily", "sungrow_hourly", "sungrow_daily"):
        assert rows(database, counts.format(table), device) == [{"n": 24}], table


def test_aggregates_of_the_community_edition_forget_at_once(forget, database, url):
    if schema_edition(database) != "community":
        pytest.skip("only the community edition has aggregates of its own")
    device = new_device()
    store(database, device, some(NOON, 100))
    with contextlib.closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            for name in ("sungrow_hourly", "sungrow_daily"):
                cursor.execute(
                    "CALL refresh_continuous_aggregate(%s, NULL, '2026-06-01Z')", (name,)
                )
    forget(device, *between(NOON, NOON + 90 * MINUTE))
    for name in ("sungrow_hourly", "sungrow_daily", "sungrow_monthly"):
        statement = f"SELECT sum(sample_count)::int AS n FROM {name} WHERE device_id = %s"  # noqa: S608
        assert rows(database, statement, device) == [{"n": 10}], name


def schema_edition(connection) -> str:
    with connection, connection.cursor(cursor_factory=psycopg2.extensions.cursor) as cursor:
        return edition(cursor)


def test_a_rebuild_of_untouched_samples_changes_nothing(database):
    device = new_device()
    samples = some(NOON - timedelta(days=20), 2000, 30 * MINUTE)
    store(database, device, samples)
    before = {table: rollup(database, table, device) for table in ROLLUPS}
    with database, database.cursor(cursor_factory=psycopg2.extensions.cursor) as cursor:
        rollups.rebuild(cursor, device, NOON - timedelta(days=19, hours=5), NOON)
    for table in ROLLUPS:
        assert_same(rollup(database, table, device), before[table])


# What stays gone


def sample_at(ts: datetime, **changes: object) -> dict:
    return a_sample(ts=format_ts(ts), **changes)


def count(url: str, device: str = DEVICE) -> int:
    return ask(url, "SELECT count(*) FROM sungrow_samples WHERE device_id = %s", device)[0][0]


@pytest.fixture
def gone(forget, url):
    """Forget an hour of the devices of the app, that no other test uses; return its start."""
    start = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(days=next(_days))
    make_known(url)
    for device in (DEVICE, OTHER):
        assert forget(device, *between(start, start + 60 * MINUTE))[0] == 0
    return start


_days = iter(range(1000))


def make_known(url: str) -> None:
    """Return the devices of the app a sample, from long before any test's."""
    with connected(url) as connection:
        for device in (DEVICE, OTHER):
            if not times(connection, device):
                store(connection, device, some(utc("2012-01-01 00:00"), 1))


def test_a_sample_of_a_forgotten_range_counts_as_duplicate_and_is_not_stored(client, url, gone):
    before = count(url)
    first, last = gone, gone + 60 * MINUTE - timedelta(microseconds=1)
    assert verdict(client, sample_at(first), sample_at(last)) == (0, 2, [])
    assert count(url) == before
    beside = (gone - timedelta(microseconds=1), gone + 60 * MINUTE)
    assert verdict(client, *map(sample_at, beside)) == (2, 0, [])


def test_a_batch_is_split_sample_by_sample(client, url, gone):
    inside, before = gone + MINUTE, gone - MINUTE
    assert verdict(client, sample_at(before)) == (1, 0, [])
    batch = [
        sample_at(inside),
        sample_at(before),
        sample_at(before - MINUTE),
        sample_at(inside, pv_power_w=1),  # its key twice with other values: gone all the same
        sample_at(before, pv_power_w=1),
    ]
    assert verdict(client, *batch) == (1, 3, [4])
    ts = "SELECT ts FROM sungrow_samples WHERE device_id = %s AND ts BETWEEN %s AND %s ORDER BY 1"
    stored = ask(url, ts, DEVICE, gone - timedelta(hours=1), gone + timedelta(hours=1))
    assert stored == [(before - MINUTE,), (before,)]


def test_parts_that_tell_of_forgotten_readings_are_acknowledged_and_dropped(client, url, gone):
    boot = f"{int(gone.timestamp()):032x}"

    def parked(seq: int, ts: datetime | None) -> dict:
        text = ts and format_ts(ts)
        return {"boot": boot, "seq": seq, "ts": text, "reason": "x", "content": {"secret": 1}}

    def gap(first: datetime, end: datetime) -> dict:
        return {"from_ts": format_ts(first), "to_ts": format_ts(end), "cause": "thinned"}

    moments = [gone, gone - MINUTE, None]
    gaps = [gap(gone, gone + MINUTE), gap(gone - MINUTE, gone)]
    answer = send(client, parked=[parked(n, ts) for n, ts in enumerate(moments)], gaps=gaps)
    assert answer.json == {"inserted": 0, "duplicates": 0, "conflicts": []}
    seqs = "SELECT seq FROM sungrow_parked WHERE boot = %s ORDER BY seq"
    assert ask(url, seqs, boot) == [(1,), (2,)]
    starts = "SELECT from_ts FROM sungrow_gaps WHERE device_id = %s AND to_ts BETWEEN %s AND %s"
    assert ask(url, starts, DEVICE, gone, gone + MINUTE) == [(gone - MINUTE,)]


def test_only_the_device_that_was_forgotten_loses_its_samples(client, url, forget):
    make_known(url)
    ts = datetime(2024, 12, 1, tzinfo=UTC)
    forget(DEVICE, *between(ts, ts + MINUTE))
    answer = send_as_other(client, a_sample(ts=format_ts(ts), device_id=OTHER))
    assert answer == (1, 0)
    assert verdict(client, sample_at(ts)) == (0, 1, [])


def send_as_other(client, sample: dict) -> tuple[int, int]:
    answer = post(client, {"samples": [sample]}, OTHER_TOKEN).json
    return answer["inserted"], answer["duplicates"]


def test_what_is_measured_after_all_was_forgotten_is_stored(client, forget, url):
    now = datetime.now(UTC)
    forget(OTHER, "--to", "2100-01-01T00:00:00Z")
    later = a_sample(ts=format_ts(now + 2 * MINUTE), device_id=OTHER)
    before = a_sample(ts=format_ts(now - MINUTE), device_id=OTHER)
    assert send_as_other(client, before) == (0, 1)
    assert send_as_other(client, later) == (1, 0)
    assert count(url, OTHER) == 1


def test_a_resend_of_what_was_forgotten_inserts_nothing_and_a_missing_number_is_explained(
    client, forget, url
):
    start = datetime(2024, 6, 1, tzinfo=UTC)
    batch = [sample_at(start + n * MINUTE, boot="f0" * 16, seq=n) for n in range(60)]
    assert verdict(client, *batch) == (60, 0, [])
    forget(DEVICE, *between(start + 20 * MINUTE, start + 30 * MINUTE))
    assert verdict(client, *batch) == (0, 60, [])
    (day,) = get(client, "/v1/completeness?date=2024-06-01").json["days"]
    assert (day["stored"], day["forgotten"], day["lost"]) == (50, 10, 0)


# At the same time


def waiting_for_the_lock(url: str) -> bool:
    return bool(ask(url, "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"))


def test_a_batch_that_waited_for_forget_sees_what_it_forgot(client, url):
    ts = datetime(2024, 7, 1, tzinfo=UTC)
    answers = []
    batch = threading.Thread(
        target=lambda: answers.append(verdict(client, sample_at(ts), sample_at(ts - MINUTE)))
    )
    with contextlib.closing(psycopg2.connect(url)) as connection:
        with connection, connection.cursor() as cursor:
            deletions.forget(cursor, DEVICE, ts, ts + MINUTE)
            batch.start()
            assert wait_until(lambda: waiting_for_the_lock(url), 10)
        batch.join()
    assert answers == [(1, 1, [])]


def test_forget_waits_for_a_batch_and_deletes_it(url, forget, database):
    device, ts = new_device(), datetime(2024, 7, 2, tzinfo=UTC)
    before = some(ts - timedelta(days=30), 1)
    store(database, device, before)
    outcome = []
    command = threading.Thread(
        target=lambda: outcome.append(forget(device, "--from", "2024-07-01T00:00:00Z"))
    )
    with contextlib.closing(psycopg2.connect(url)) as connection:
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT * FROM sungrow_lock_forgotten(%s, %s, %s)", (device, ts, ts))
            command.start()
            assert wait_until(lambda: waiting_for_the_lock(url), 10)
            cursor.execute(
                "INSERT INTO sungrow_samples (device_id, ts, pv_power_w, load_power_w,"
                " export_power_w) VALUES (%s, %s, 1, 1, 1)",
                (device, ts),
            )
        command.join()
    assert outcome[0][0] == 0
    assert_as_if_stored_once(database, device, before)


def test_a_duplicate_that_is_deleted_by_hand_while_it_is_compared_is_sent_again(
    client, database, monkeypatch
):
    ts = datetime(2024, 7, 4, tzinfo=UTC)
    kept, deleted = sample_at(ts - MINUTE), sample_at(ts)
    assert verdict(client, kept, deleted) == (2, 0, [])

    insert = TABLE.insert

    def insert_then_delete(*asked):
        found = insert(*asked)
        rows(database, "DELETE FROM sungrow_samples WHERE ts = %s", ts)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(TABLE, "insert", insert_then_delete)
        answer = send(client, kept, deleted)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert verdict(client, kept, deleted) == (1, 1, [])


def test_batches_do_not_wait_for_each_other(client, url):
    ts = datetime(2024, 7, 3, tzinfo=UTC)
    with contextlib.closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT * FROM sungrow_lock_forgotten(%s, %s, %s)", (DEVICE, ts, ts))
        assert verdict(client, sample_at(ts)) == (1, 0, [])


# The command


def test_the_cache_forgets_the_newest_sample(url, forget, redis_server):
    client = app_on(url, REDIS_URL=redis_server.url, CACHE_TTL_S="3600").test_client()
    now = datetime.now(UTC)
    device_key = f"sungrow:{Database(url).identity()}:realtime:{DEVICE}"
    with redis.Redis.from_url(redis_server.url) as keys:
        keys.delete(device_key)
        assert verdict(client, sample_at(now - MINUTE), sample_at(now))[0] == 2
        assert wait_until(lambda: keys.get(device_key) != b"", 10)
        newest = get(client, "/v1/realtime").json["ts"]
        assert newest == format_ts(now)
        assert keys.get(device_key)
        forget(DEVICE, "--from", format_ts(now), REDIS_URL=redis_server.url)
        assert get(client, "/v1/realtime").json["ts"] == format_ts(now - MINUTE)
        keys.delete(device_key)


def test_a_cache_that_is_away_is_said_and_no_failure(forget, database):
    device = new_device()
    store(database, device, some(NOON, 1))
    status, out, err = forget(device, REDIS_URL="redis://127.0.0.1:1/0", CACHE_TTL_S="7")
    assert status == 0
    assert "forgot 1 samples" in out
    assert "Redis is unavailable" in err
    assert "7 s" in err


@pytest.mark.parametrize(
    "argv",
    [
        (),
        ("a b",),
        ("house", "--from", "yesterday"),
        ("house", "--from", "2026-05-05T12:00:00"),
        ("house", "--from", "2026-05-05T12:00:00Z", "--to", "2026-05-05T12:00:00Z"),
        ("house", "garage"),
    ],
)
def test_a_wrong_command_line_is_refused(forget, argv):
    status, out, err = forget(*argv)
    assert (status, out) == (2, "")
    assert "usage:" in err


def test_without_yes_it_says_what_would_go_and_deletes_nothing(forget, database, monkeypatch):
    device = new_device()
    store(database, device, some(NOON, 7))
    hour = between(NOON, NOON + 5 * MINUTE)
    told = f"would delete permanently 5 samples of {device} from {hour[1]} to {hour[3]}, 0 parked"
    monkeypatch.setattr("sys.stdin", io.StringIO())
    status, out, err = forget(device, *hour, sure=False)
    assert (status, out) == (1, "")
    assert told in err
    assert "--yes" in err
    status, out, err = forget(device, *hour, "--dry-run", sure=False)
    assert (status, err) == (0, "")
    assert told in out
    assert len(times(database, device)) == 7
    assert rows(database, "SELECT FROM sungrow_forgotten WHERE device_id = %s", device) == []


@pytest.mark.parametrize(("typed", "is_it"), [("{}\n", True), ("y\n", False), ("", False)])
def test_at_a_terminal_the_name_of_the_device_is_to_be_typed(
    forget, database, monkeypatch, typed, is_it
):
    device = new_device()
    store(database, device, some(NOON, 3))
    terminal, its_other_end = os.openpty()
    os.write(terminal, typed.format(device).encode() or b"\x04")
    with os.fdopen(its_other_end) as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        status, out, err = forget(device, sure=False)
    os.close(terminal)
    assert f"would delete permanently 3 samples of {device}" in out
    assert f"type {device}: " in out
    assert (status, "forgot 3 samples" in out) == ((0, True) if is_it else (1, False))
    assert err == ("" if is_it else "nothing was deleted\n")
    assert len(times(database, device)) == (0 if is_it else 3)


@pytest.mark.parametrize("sure", [("--yes",), ("--dry-run",), ()])
def test_a_device_of_which_nothing_is_known_is_1_and_the_others_are_named(forget, database, sure):
    known, unknown = new_device(), new_device()
    store(database, known, some(NOON, 1))
    status, out, err = forget(unknown, *sure, sure=False)
    assert (status, out) == (1, "")
    assert f"nothing is known of {unknown}; the known devices are: " in err
    assert known in err
    assert rows(database, "SELECT FROM sungrow_forgotten WHERE device_id = %s", unknown) == []


def test_yes_and_a_dry_run_do_not_go_together(forget):
    assert forget("house", "--dry-run")[0] == 2


def test_a_range_of_the_future_forgets_nothing(forget, database):
    device = new_device()
    store(database, device, some(NOON, 2))
    status, out, _ = forget(device, "--from", "2090-01-01T00:00:00Z")
    assert (status, out.startswith("nothing to forget")) == (0, True)
    assert rows(database, "SELECT FROM sungrow_forgotten WHERE device_id = %s", device) == []
    assert len(times(database, device)) == 2


def test_a_bad_setting_is_78_and_one_line(forget):
    for env in ({"DATABASE_URL": None}, {"DATABASE_URL": "://"}, {"REDIS_URL": "nonsense"}):
        status, out, err = forget("house", **env)
        assert (status, out, len(err.splitlines())) == (78, "", 1)
        assert "example:" in err


def test_an_unreachable_or_empty_database_is_1_and_one_line(forget, empty_database_url):
    for url in ("postgresql://x@127.0.0.1:1/x", empty_database_url):
        status, out, err = forget("house", DATABASE_URL=url)
        assert (status, out, len(err.splitlines())) == (1, "", 1), err


def test_the_help_says_what_goes_and_what_stays(forget):
    status, out, _ = forget("--help")
    text = " ".join(out.split())
    assert status == 0
    for words in ("parked", "gaps", "rollups", "Facts of the device", "RFC 3339"):
        assert words in text
