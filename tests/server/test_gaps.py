"""Gaps: where they begin and end, what each cause is known by, and what ``/v1/gaps`` says."""

import itertools
import random
from datetime import UTC, date, datetime, timedelta

import pytest

from edge_lib.shared.timestamps import format_ts
from tests.support.batches import READ_TOKEN, TOKEN, app_on, assert_error, get, verdict
from tests.support.readings import connected, new_device, reading, store, utc
from tests.support.readings import rows as run
from tests.support.samples import DEVICE, a_sample

pytestmark = pytest.mark.server

SITE = "Europe/Berlin"
NOON = utc("2026-05-05 12:00")
DAY = (utc("2026-05-05 00:00"), utc("2026-05-06 00:00"))
STEP = timedelta(seconds=5)
QUARTER = timedelta(minutes=15)
_boots = itertools.count(1)


@pytest.fixture(scope="module")
def client(database_url):
    return app_on(database_url).test_client()


def at(text: str) -> datetime:
    """Return a time of the fifth of May, UTC."""
    return utc(f"2026-05-05 {text}")


class House:
    """A device whose edge polls every five seconds and reports every quarter hour."""

    def __init__(self, connection):
        self.connection, self.device = connection, new_device()
        self.boot = f"{next(_boots):032x}"
        self.seq = 0

    def polls(self, first: datetime, last: datetime, step: timedelta = STEP, **fields) -> None:
        """Store a reading at each step from first on and before last."""
        count = -((first - last) // step)
        self.put([first + step * n for n in range(count)], **fields)

    def put(self, times, **fields) -> None:
        known = {"boot": self.boot} | fields
        readings = [reading(ts, seq=self.seq + n, **known) for n, ts in enumerate(times, 1)]
        self.seq += len(readings)
        store(self.connection, self.device, readings)

    def report(self, slot: datetime, polled: int, failed: str = "{}", **columns) -> None:
        self.insert("sungrow_reports", boot=self.boot, slot=slot, polled=polled, failed=failed,
                    **{"received_at": slot + QUARTER, "waiting": 0, **columns})  # fmt: skip

    def reports(self, first: datetime, last: datetime, polled: int = 180, failed: str = "{}"):
        for n in range((last - first) // QUARTER):
            self.report(first + QUARTER * n, polled, failed)

    def insert(self, table: str, **row) -> None:
        row = {"device_id": self.device} | row
        marks = ", ".join(["%s"] * len(row))
        names = ", ".join(row)
        run(self.connection, f"INSERT INTO {table} ({names}) VALUES ({marks})", *row.values())  # noqa: S608

    def gaps(self, first: datetime = DAY[0], until: datetime = DAY[1]) -> list[dict]:
        statement = "SELECT * FROM sungrow_gap_list(%s, %s, %s)"
        return run(self.connection, statement, self.device, first, until)

    def told(self, first: datetime = DAY[0], until: datetime = DAY[1]) -> list[str]:
        """Return the gaps as ``12:00:05 12:10:00 cause``."""
        return [
            f"{gap['from_ts']:%H:%M:%S} {gap['to_ts']:%H:%M:%S} {gap['cause']}"
            for gap in self.gaps(first, until)
        ]


@pytest.fixture
def house(database):
    return House(database)


@pytest.fixture
def silent(house):
    """A house without readings between 12:10 and 13:05; what is said of that is the test's."""
    house.polls(at("11:30"), at("12:10"))
    house.polls(at("13:05"), at("13:30"))
    house.reports(at("11:30"), at("12:00"))
    house.reports(at("13:15"), at("13:30"))
    return house


AROUND = (at("11:30"), at("13:30"))
SILENCE = "12:10:00 13:05:00"


# Where a gap is


def test_a_database_without_statistics_does_not_go_through_all_reports_for_each_quarter(house):
    run(
        house.connection,
        "INSERT INTO sungrow_reports (device_id, boot, slot, polled, received_at)"
        " SELECT %s, %s, slot, 180, slot + interval '15 minutes'"
        " FROM generate_series(%s::timestamptz - interval '150 days', %s, '15 minutes') AS slot",
        *(house.device, house.boot, *DAY),
    )
    house.polls(at("00:00"), at("00:10"))
    explain = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT * FROM sungrow_gap_list(%s, %s, %s)"
    (row,) = run(house.connection, explain, house.device, *DAY)
    (plan,) = row["QUERY PLAN"]
    assert plan["Plan"]["Actual Rows"] > 0
    assert plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"] < 10_000


def test_where_nothing_is_missing_there_is_no_gap(house):
    house.polls(at("12:00"), at("12:30"))
    assert house.gaps(at("12:00"), at("12:30")) == []


def test_a_gap_lasts_from_the_end_of_the_last_interval_to_the_next_reading(house):
    house.polls(at("12:00"), at("12:10"))
    house.polls(at("12:13:20"), at("12:20"))
    (gap,) = house.gaps(at("12:00"), at("12:20"))
    assert (gap["from_ts"], gap["to_ts"]) == (at("12:10"), at("12:13:20"))
    assert (gap["duration_s"], gap["running"]) == (200, False)


@pytest.mark.parametrize(("missing_s", "count"), [(5, 0), (60, 0), (61, 1)])
@pytest.mark.parametrize("start", ["12:02:00", "12:04:30", "12:05:00"])
def test_a_minute_from_reading_to_reading_is_no_gap_yet(house, start, missing_s, count):
    last = at(start)
    house.polls(at("12:00"), last + STEP)
    house.polls(last + timedelta(seconds=missing_s), at("12:15"))
    assert len(house.gaps(at("12:00"), at("12:15"))) == count


def test_a_slow_poll_interval_asks_for_more_than_two_of_it(house):
    house.polls(at("10:00"), at("12:00"), timedelta(minutes=2), interval_s=120)
    house.put([at("12:02:50")], interval_s=120)
    assert house.gaps(at("10:00"), at("12:02:50")) == []
    house.put([at("12:10")], interval_s=120)
    assert len(house.gaps(at("10:00"), at("12:10"))) == 1


def test_the_time_before_the_first_reading_is_no_gap(house):
    assert house.gaps() == []
    house.polls(at("12:00"), at("12:10"))
    assert [gap["from_ts"] for gap in house.gaps()] == [at("12:10")]


def test_a_gap_is_cut_off_at_the_ends_of_the_range(silent):
    assert silent.told(at("12:30"), at("12:31")) == ["12:30:00 12:31:00 edge_down"]
    assert silent.told(at("12:00"), at("12:20")) == ["12:10:00 12:20:00 edge_down"]
    assert silent.told(at("13:00"), at("13:07:30")) == ["13:00:00 13:05:00 edge_down"]
    assert silent.told(at("12:02"), at("12:10")) == []


@pytest.mark.parametrize("before", ["11:40", "12:00"])
def test_a_gap_that_began_before_the_ranges_first_moment_is_found(house, before):
    house.put([at(before), at("12:03"), at("12:04")])
    assert house.told(at("12:01"), at("12:04"))[0] == "12:01:00 12:03:00 unknown"


def test_one_reading_between_two_gaps_parts_them(house):
    house.put([at("12:00"), at("12:20"), at("12:40")])
    assert house.told(at("12:00"), at("12:40")) == [
        "12:00:05 12:20:00 unknown",
        "12:20:05 12:40:00 unknown",
    ]


def test_the_time_since_the_newest_reading_is_a_running_gap(house):
    newest = datetime.now(UTC) - timedelta(hours=2)
    house.polls(newest - timedelta(minutes=10), newest)
    (gap,) = house.gaps(newest - timedelta(days=1), newest + timedelta(days=9))
    assert gap["running"]
    assert 7200 <= gap["duration_s"] < 7260
    (past,) = house.gaps(newest - timedelta(days=1), newest + timedelta(hours=1))
    assert not past["running"]


def test_a_clock_that_was_set_back_hides_no_gap_inside_five_minutes(house):
    for _ in range(2):  # 12:00 to 12:05 twice, neither time with anything from 12:01 to 12:04
        house.polls(at("12:00"), at("12:01"))
        house.polls(at("12:04"), at("12:05"))
        house.put([at("12:00") + timedelta(microseconds=n) for n in range(1, 60)])
    assert house.told(at("12:00"), at("12:05")) == ["12:01:00 12:04:00 unknown"]


def test_where_the_samples_are_gone_their_five_minutes_still_tell_what_is_missing(house):
    house.polls(at("12:00"), at("12:01"))
    house.polls(at("12:04"), at("12:10"))
    run(house.connection, "DELETE FROM sungrow_samples WHERE device_id = %s", house.device)
    (gap,) = house.gaps(at("12:00"), at("12:10"))
    assert gap["duration_s"] == 180
    assert gap["to_ts"] <= at("12:05")


@pytest.mark.parametrize("seed", range(4))
def test_gaps_are_those_of_the_bare_readings_in_whatever_order_they_came(house, seed):
    dice = random.Random(seed)
    times, now = [], at("08:00")
    while now < at("10:00"):
        times.append(now)
        now += STEP * dice.choice([*[1] * 30, 2, 9, 11, 12, 13, 40, 200])
    expected = [(a + STEP, b) for a, b in itertools.pairwise(times) if (b - a).total_seconds() > 60]
    shuffled = dice.sample(times, len(times))
    for n in range(0, len(times), 100):
        house.put(sorted(shuffled[n : n + 100]))
    found = house.gaps(times[0], times[-1])
    assert [(gap["from_ts"], gap["to_ts"]) for gap in found] == expected


# What is known of its cause


@pytest.mark.parametrize(
    ("failed", "cause"),
    [
        ('{"timeout": 10}', "dongle_silent"),
        ('{"unreachable": 10}', "dongle_silent"),
        ('{"reset": 6, "mismatch": 4}', "dongle_silent"),
        ('{"exception_4": 10}', "inverter_off"),
        ('{"inverter_off": 10}', "inverter_off"),
        ('{"inverter_off": 6, "timeout": 4}', "inverter_off"),
        ('{"timeout": 4, "exception_11": 3, "reset": 2}', "dongle_silent"),
        ('{"locked": 10}', "edge_down"),
    ],
)
def test_failed_polls_say_why(silent, failed, cause):
    silent.report(at("12:00"), 130, failed)
    silent.reports(at("12:15"), at("13:00"), 10, failed)
    silent.report(at("13:00"), 130, failed)
    assert silent.told(*AROUND) == [f"{SILENCE} {cause}"]


def test_too_few_failed_polls_for_so_long_a_time_are_not_its_cause(silent):
    silent.report(at("12:00"), 121, '{"timeout": 1}')
    silent.report(at("13:00"), 121, '{"timeout": 1}')
    assert silent.told(*AROUND) == [f"{SILENCE} edge_down"]


def test_a_time_without_polls_between_counted_ones_means_that_the_edge_was_down(silent):
    silent.report(at("12:00"), 120)
    silent.boot = "f" * 32
    silent.report(at("13:00"), 120)
    assert silent.told(*AROUND) == [f"{SILENCE} edge_down"]


def test_a_power_cut_that_took_the_counts_along_is_an_edge_that_was_down(silent):
    assert silent.told(*AROUND) == [f"{SILENCE} edge_down"]


def test_a_gap_of_several_causes_is_split_at_quarter_hours(silent):
    silent.report(at("12:00"), 125, '{"timeout": 5}')
    silent.report(at("12:15"), 10, '{"timeout": 10}')
    silent.report(at("12:30"), 10, '{"exception_4": 10}')
    assert silent.told(*AROUND) == [
        "12:10:00 12:30:00 dongle_silent",
        "12:30:00 12:45:00 inverter_off",
        "12:45:00 13:05:00 edge_down",
    ]


def test_before_the_first_report_nothing_is_known(house):
    house.put([at("10:00"), at("11:00"), at("12:00")])
    house.reports(at("11:00"), at("12:00"), 1)
    assert house.told(at("10:00"), at("12:00")) == [
        "10:00:05 11:00:00 unknown",
        "11:00:05 12:00:00 edge_down",
    ]


def test_another_device_explains_nothing(database, silent):
    other = House(database)
    other.reports(at("12:00"), at("13:00"), 10, '{"timeout": 10}')
    other.insert("sungrow_forgotten", from_ts=at("12:00"), to_ts=at("13:00"))
    assert silent.told(*AROUND) == [f"{SILENCE} edge_down"]


def test_forgotten_time_is_forgotten_to_the_second(silent):
    silent.insert("sungrow_forgotten", from_ts=at("12:20:30"), to_ts=at("12:40"))
    assert silent.told(*AROUND) == [
        "12:10:00 12:20:30 edge_down",
        "12:20:30 12:40:00 forgotten",
        "12:40:00 13:05:00 edge_down",
    ]


def test_less_than_a_minute_beside_a_longer_piece_goes_with_it(silent):
    silent.insert("sungrow_forgotten", from_ts=at("12:10:03"), to_ts=at("13:04:30"))
    assert silent.told(*AROUND) == [f"{SILENCE} forgotten"]


def test_parked_readings_are_the_cause_where_they_are(silent):
    for n in range(12 * 20):
        ts = at("12:15") + STEP * n
        silent.insert(
            "sungrow_parked", boot=silent.boot, seq=silent.seq + 1 + n, ts=ts, reason="no sample"
        )
    found = silent.told(*AROUND)
    assert [line.split()[2] for line in found] == ["edge_down", "parked", "edge_down"]
    assert found[1] == "12:14:30 12:35:25 parked"


def test_a_parked_reading_whose_time_is_unknown_explains_nothing(silent):
    row = {"boot": silent.boot, "reason": "no sample", "received_at": at("12:30")}
    silent.insert("sungrow_parked", seq=silent.seq + 1, ts=None, **row)
    assert silent.told(*AROUND) == [f"{SILENCE} edge_down"]


@pytest.mark.parametrize(
    ("cause", "shown"),
    [
        ("thinned", "thinned"),
        ("clock_step", "clock_unsynced"),
        ("inverter_off", "inverter_off"),
        ("a_word_of_tomorrow", "edge_down"),
    ],
)
def test_what_the_edge_says_of_a_span_counts(silent, cause, shown):
    span = {"from_ts": at("12:10:05"), "to_ts": at("13:04:55")}
    silent.insert("sungrow_gaps", cause=cause, count=100, **span)
    assert silent.told(*AROUND) == [f"{SILENCE} {shown}"]


def test_readings_that_were_counted_and_wait_at_the_edge_are_in_transit(silent):
    silent.report(at("12:00"), 180)
    silent.reports(at("12:15"), at("13:15"))
    silent.report(at("13:30"), 9, waiting=660, oldest_unsent_ts=at("12:10"))
    assert silent.told(*AROUND) == [f"{SILENCE} in_transit"]


def test_readings_that_were_counted_and_wait_nowhere_are_missing_for_an_unknown_cause(silent):
    silent.report(at("12:00"), 180)
    silent.reports(at("12:15"), at("13:15"))
    silent.report(at("13:30"), 9, waiting=3, oldest_unsent_ts=at("13:29"))
    assert silent.told(*AROUND) == [f"{SILENCE} unknown"]


def test_missing_numbers_keep_an_edge_from_being_called_down(house):
    house.polls(at("11:30"), at("12:10"))
    house.seq += 660
    house.polls(at("13:05"), at("13:30"))
    house.reports(at("11:30"), at("12:00"))
    house.report(at("13:15"), 180)
    assert house.told(*AROUND) == [f"{SILENCE} unknown"]
    house.report(at("13:30"), 9, waiting=660, oldest_unsent_ts=at("12:10"))
    assert house.told(*AROUND) == [f"{SILENCE} in_transit"]


def test_while_a_backlog_comes_what_lies_between_is_in_transit_and_not_down(house):
    # Newest and oldest in turn, the reports oldest first: of 12:15 to 13:15 nothing is here yet.
    house.polls(at("11:00"), at("12:00"))
    house.polls(at("13:20"), at("13:30"))
    report = {"waiting": 960, "oldest_unsent_ts": at("12:00"), "received_at": at("13:30")}
    house.reports(at("11:00"), at("11:45"))
    house.report(at("11:45"), 180, **report)
    assert house.told(at("11:00"), at("13:30")) == ["12:00:00 13:20:00 in_transit"]


def test_an_edge_that_does_not_know_the_time_holds_its_readings_back(house):
    # It sends what an earlier boot counted, and says that readings wait whose time is not known.
    now = datetime.now(UTC)
    newest = now - timedelta(hours=3)
    house.polls(newest - timedelta(minutes=10), newest)
    slot = newest.replace(minute=newest.minute // 15 * 15, second=0, microsecond=0)
    house.report(slot - QUARTER, 180)
    house.report(slot, 9, received_at=now, waiting=900, oldest_unsent_ts=None, clock="unknown")
    causes = [gap["cause"] for gap in house.gaps(newest, now + STEP)]
    assert causes[-1] == "clock_unsynced"
    known = "UPDATE sungrow_reports SET clock = 'synchronised' WHERE device_id = %s"
    run(house.connection, known, house.device)
    assert house.gaps(newest, now + STEP)[-1]["cause"] == "in_transit"


def test_an_edge_that_went_silent_is_an_unknown_cause(house):
    newest = datetime.now(UTC) - timedelta(hours=3)
    house.polls(newest - timedelta(minutes=30), newest)
    slot = newest.replace(minute=newest.minute // 15 * 15, second=0, microsecond=0)
    house.report(slot, 90, received_at=newest)
    (gap,) = house.gaps(newest - timedelta(minutes=30), newest + timedelta(days=1))
    assert (gap["cause"], gap["running"]) == ("unknown", True)


def test_the_last_minutes_before_the_next_report_go_on_with_the_cause(house):
    now = datetime.now(UTC)
    newest = now - timedelta(hours=2)
    house.polls(newest - timedelta(minutes=10), newest)
    slot = newest.replace(minute=newest.minute // 15 * 15, second=0, microsecond=0)
    while slot < now:
        received = min(slot + QUARTER, now - timedelta(minutes=2))
        if received > slot:
            house.report(slot, 11, '{"timeout": 11}', received_at=received)
        slot += QUARTER
    (gap,) = house.gaps(newest - timedelta(minutes=10), now + timedelta(minutes=5))
    assert (gap["cause"], gap["running"]) == ("dongle_silent", True)


def test_a_night_of_the_longest_local_day_is_one_gap_in_hours_that_passed(database):
    house = House(database)
    first, until = utc("2026-10-24 22:00"), utc("2026-10-25 23:00")  # a day in Berlin
    house.put([first, until - STEP])
    (gap,) = house.gaps(first, until)
    assert gap["duration_s"] == 25 * 3600 - 10


# What it costs


def test_a_year_is_read_by_indexes_and_by_few_samples(database):
    house = House(database)
    run(
        database,
        "INSERT INTO sungrow_samples (device_id, ts, pv_power_w, load_power_w, export_power_w,"
        " interval_s) SELECT %s, ts, 1, 1, 0, 300 FROM generate_series(timestamptz '2025-05-01Z',"
        " '2026-05-01Z', '5 minutes') AS ts",
        house.device,
    )
    house.polls(at("11:30"), at("11:32"))
    house.polls(at("11:34"), at("11:35"))
    house.reports(at("11:30"), at("11:45"))
    for table in ("sungrow_5min", "sungrow_samples", "sungrow_reports", "sungrow_seqs"):
        run(database, f"ANALYZE {table}")
    with database, database.cursor() as cursor:
        year = (house.device, utc("2025-05-01 00:00"), at("11:40"))
        cursor.execute("SELECT count(*) FROM sungrow_gap_list(%s, %s, %s)", year)
        assert cursor.fetchone()["count"] == 3
        cursor.execute(
            "SELECT relname, seq_scan, idx_tup_fetch, seq_tup_read FROM pg_stat_xact_user_tables"
        )
        scans = {row["relname"]: row for row in cursor}
    samples = [
        row for name, row in scans.items() if name == "sungrow_samples" or name.startswith("_hyper")
    ]
    assert sum(row["seq_tup_read"] + (row["idx_tup_fetch"] or 0) for row in samples) < 1000
    assert scans["sungrow_5min"]["seq_scan"] == 0


# GET /v1/gaps


def gaps(client, query: str, token: str = TOKEN) -> dict:
    answer = get(client, f"/v1/gaps?device_id={DEVICE}&{query}", token)
    assert answer.status_code == 200, answer.text
    return answer.json


@pytest.mark.parametrize("token", [TOKEN, READ_TOKEN])
@pytest.mark.parametrize(
    "query",
    [
        "from=2026-05-05&to=2026-05-06",
        "from=2026-05-05T00:00:00Z&to=2026-05-05T12:30:00Z",
        "from=2026-05-05&to=2026-05-05T12:30:00Z",
    ],
)
def test_the_endpoint_gives_the_gaps_of_a_range(client, token, query):
    times = [NOON + STEP * n for n in range(12)] + [NOON + timedelta(minutes=30)]
    times += [utc("2026-05-06 00:00")]
    verdict(client, *(a_sample(ts=format_ts(ts)) for ts in times))
    found = gaps(client, query, token)
    assert found["gaps"][0] == {
        "start": "2026-05-05T12:01:00.000000Z",
        "end": "2026-05-05T12:30:00.000000Z",
        "cause": "unknown",
        "duration_s": 1740,
        "running": False,
    }
    assert len(found.pop("gaps")) == (2 if query.endswith("06") else 1)
    assert found == {"device_id": DEVICE, "timezone": "UTC"}


def test_the_endpoint_gives_an_empty_list_where_nothing_is_missing(client):
    found = gaps(client, "from=2020-01-01&to=2020-01-02")
    assert found == {"device_id": DEVICE, "timezone": "UTC", "gaps": []}


def test_dates_are_those_of_the_devices_zone(databases):
    url = databases.migrated("Australia/Adelaide")
    with connected(url) as connection:
        store(connection, DEVICE, [reading(ts) for ts in (at("00:00"), utc("2026-05-08 00:00"))])
    found = gaps(app_on(url).test_client(), "from=2026-05-06&to=2026-05-07")
    (gap,) = found["gaps"]
    assert found["timezone"] == "Australia/Adelaide"
    assert gap["start"] == "2026-05-05T14:30:00.000000Z"
    assert gap["end"] == "2026-05-06T14:30:00.000000Z"


def test_what_the_edge_sends_reaches_the_answer(client):
    boot, slot = "ab" * 16, "2026-07-01T12:{:02}:00Z"
    samples = [
        a_sample(ts=f"2026-07-01T12:{n:02}:00Z", boot=boot, seq=n, interval_s=60) for n in (0, 40)
    ]
    reports = [
        {"boot": boot, "slot": slot.format(minute), "polled": 12, "failed": {"exception_4": 11}}
        for minute in (0, 15, 30)
    ]
    verdict(client, *samples, reports=reports)
    query = "from=2026-07-01T12:00:00Z&to=2026-07-01T12:40:00Z"
    (gap,) = gaps(client, query)["gaps"]
    assert (gap["cause"], gap["duration_s"]) == ("inverter_off", 2340)


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("", "from"),
        ("from=2026-01-01T00:00:00Z", "to"),
        ("to=2026-01-01", "from"),
        ("from=2026-01-02&to=2026-01-01", "to"),
        ("from=2026-01-02&to=2026-01-02", "to"),
        ("from=2025-01-01&to=2026-02-06", "to"),
        ("from=2025-01-01T00:00:00Z&to=2026-02-05T01:00:01Z", "to"),
        ("from=2026-13-01&to=2026-02-05", "from"),
        ("from=2026-01-01T00:00:00&to=2026-02-05T00:00:00Z", "from"),
        ("from=2026-01-01T00:00:00Z&to=x", "to"),
    ],
)
def test_a_wrong_range_is_named(client, query, name):
    answer = get(client, f"/v1/gaps?device_id={DEVICE}&{query}")
    assert_error(answer, 422)
    assert answer.json["detail"][0]["loc"] == ["query", name]


def test_a_range_may_be_as_long_as_it_says(client):
    first = date(2025, 1, 1)
    assert gaps(client, f"from={first}&to={first + timedelta(days=400)}")["gaps"] == []


def test_only_who_may_read_the_device_may_ask(client):
    query = "from=2026-05-05&to=2026-05-06"
    assert_error(client.get(f"/v1/gaps?device_id={DEVICE}&{query}"), 401)
    assert_error(get(client, f"/v1/gaps?device_id=garage&{query}"), 403)
    assert_error(get(client, f"/v1/gaps?{query}", READ_TOKEN), 422)
