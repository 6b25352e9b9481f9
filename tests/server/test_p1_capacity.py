"""Quarter peaks: what counts, what the meter says, the mean of a year, and what is left now."""

import random
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from server import sandbox
from server.p1 import history
from tests.support.batches import OTHER_TOKEN, READ_TOKEN, TOKEN, assert_error, get, rows
from tests.support.p1_edge import NAME, P1_TOKEN, emptied, p1_app, send_p1, told
from tests.support.samples import DEVICE

ZONE = "Europe/Brussels"
BRUSSELS = ZoneInfo(ZONE)
QUARTER = timedelta(minutes=15)
MONTH = datetime(2026, 3, 1, tzinfo=BRUSSELS).astimezone(UTC)
END = datetime(2026, 4, 1, tzinfo=BRUSSELS).astimezone(UTC)
PEAK = datetime(2026, 3, 12, 18, tzinfo=BRUSSELS).astimezone(UTC)
SPRING = datetime(2026, 3, 29, 3, tzinfo=BRUSSELS).astimezone(UTC)  # just after the clock changed
KEYS = [
    "device_id",
    "timezone",
    "month",
    "peak",
    "measured_quarters",
    "missing_quarters",
    "quarters",
    "days",
    "hours",
    "meter",
    "year",
    "live",
]


class House:
    """A meter whose counter rises by the mean power of each quarter hour."""

    def __init__(self, url: str):
        self.url = url
        self.client = p1_app(url).test_client()
        self._kwh = 16_306.0

    def live_through(self, first: datetime, powers: list[int], **fields: object) -> None:
        """Send a reading at each end of the quarter hours that have these powers."""
        readings = []
        for number, power in enumerate([*powers, 0]):
            ts = first + number * QUARTER
            readings.append(self.reading(ts, **fields))
            self._kwh += power / 4000
        self.send(readings)

    def reading(self, ts: datetime, more_wh: float = 0, **fields: object) -> dict:
        kwh = round(self._kwh + more_wh / 1000, 6)
        return told(ts, power_w=500, import_power_w=500, energy_import_kwh=kwh) | fields

    def send(self, readings: list[dict]) -> None:
        random.Random(3).shuffle(readings)
        for begin in range(0, len(readings), 1000):
            answer = send_p1(self.client, {"samples": readings[begin : begin + 1000]})
            assert answer.status_code == 200, answer.text
            assert (answer.json["parked"], answer.json["conflicts"]) == ([], [])

    def ask(self, query: str = "", token: str = TOKEN) -> dict:
        answer = get(self.client, f"/v1/p1/capacity?device_id={DEVICE}{query}", token)
        assert answer.status_code == 200, answer.text
        assert list(answer.json) == KEYS
        return answer.json

    def month(self, name: str) -> dict:
        path = f"/p1/v1/capacity/month/{name}?device_id={NAME}"
        answer = get(self.client, path, P1_TOKEN)
        assert answer.status_code == 200, answer.text
        assert list(answer.json) == [
            "month",
            "device_id",
            "peaks",
            "monthly_peak_w",
            "monthly_peak_ts",
        ]
        return answer.json


@pytest.fixture(scope="module")
def url(databases):
    return databases.migrated(ZONE)


@pytest.fixture
def house(url):
    return House(emptied(url))


@pytest.fixture
def at(monkeypatch):
    """Let it be that time for the server."""

    def at(moment: datetime) -> None:
        monkeypatch.setattr(history, "now", lambda: moment)

    return at


def powers_of_march() -> list[int]:
    count = (END - MONTH) // QUARTER
    assert count == (31 * 24 - 1) * 4
    powers = [400 + (n * 37) % 1900 for n in range(count)]
    powers[(PEAK - MONTH) // QUARTER] = 5321
    powers[(SPRING - MONTH) // QUARTER] = 4000
    return powers


@pytest.fixture(scope="module")
def march(databases):
    house = House(databases.migrated(ZONE))
    house.live_through(
        MONTH, powers_of_march(), month_peak_w=5324, month_peak_ts=str_of(PEAK + QUARTER)
    )
    return house


def str_of(moment: datetime) -> str:
    return moment.isoformat()


def test_a_month_has_every_quarter_hour_as_that_api_has_it(march):
    found = march.month("2026-03")
    assert (found["month"], found["device_id"]) == ("2026-03", NAME)
    powers = powers_of_march()
    assert [one["avg_power_w"] for one in found["peaks"]] == powers
    assert found["peaks"][0]["bucket"] == "2026-03-01 00:00:00+01:00"
    assert found["peaks"][-1]["bucket"] == "2026-03-31 23:45:00+02:00"
    buckets = {one["bucket"] for one in found["peaks"]}
    assert "2026-03-29 03:00:00+02:00" in buckets
    assert not any("2026-03-29 02:" in bucket for bucket in buckets)
    assert (found["monthly_peak_w"], found["monthly_peak_ts"]) == (
        5321,
        "2026-03-12 18:00:00+01:00",
    )


def test_a_month_that_nobody_measured_has_no_peak(march):
    empty = {"peaks": [], "monthly_peak_w": None, "monthly_peak_ts": None}
    for name in ("2026-02", "2026-04", "2011-11"):
        assert march.month(name) == {"month": name, "device_id": NAME} | empty


@pytest.mark.parametrize(
    "month",
    [
        "2026-13",
        "2026-00",
        "2026-3",
        "26-03",
        "2026-03-01",
        "0000-01",
        "9999-12",
        "march",
        "2026-0\uff13",
    ],
)
def test_what_is_no_month_is_refused(march, month):
    assert_error(get(march.client, f"/p1/v1/capacity/month/{month}", P1_TOKEN), 400)
    assert_error(get(march.client, f"/v1/p1/capacity?month={month}", TOKEN), 422)


def test_the_peak_with_its_moment_days_and_hours(march, at):
    at(END + timedelta(days=9))
    found = march.ask("&month=2026-03")
    assert (found["device_id"], found["timezone"], found["month"]) == (DEVICE, ZONE, "2026-03")
    assert found["peak"] == {
        "from": "2026-03-12T18:00:00+01:00",
        "to": "2026-03-12T18:15:00+01:00",
        "avg_power_w": 5321,
        "estimated": False,
    }
    assert found["quarters"][0] == found["peak"]
    assert found["quarters"][1]["from"] == "2026-03-29T03:00:00+02:00"
    tops = [one["avg_power_w"] for one in found["quarters"]]
    assert tops == sorted(powers_of_march(), reverse=True)[:10]
    assert (found["measured_quarters"], found["missing_quarters"]) == (2972, 0)
    assert len(found["days"]) == 31
    twelfth, change = found["days"][11], found["days"][28]
    assert twelfth == {
        "date": "2026-03-12",
        **found["peak"],
        "measured_quarters": 96,
        "missing_quarters": 0,
    }
    assert (change["date"], change["avg_power_w"], change["measured_quarters"]) == (
        "2026-03-29",
        4000,
        92,
    )
    assert [one["hour"] for one in found["hours"]] == list(range(24))
    assert found["hours"][18]["avg_power_w"] == 5321
    assert found["hours"][3]["avg_power_w"] == 4000
    assert found["live"] is None


def test_the_meter_agrees(march, at):
    at(END + timedelta(days=9))
    assert march.ask("&month=2026-03")["meter"] == {
        "peak_w": 5324,
        "peak_ts": "2026-03-12T18:15:00+01:00",
        "difference_w": 3,
        "agreement": "agrees",
    }
    assert march.ask("&month=2026-02")["meter"] is None


def test_the_view_for_sql_has_the_same_quarter_hours(march):
    found = rows(
        march.url,
        "SELECT month, place, slot, slot_end, avg_power_w, estimated FROM p1_month_peak_quarters"
        " WHERE device_id = %s ORDER BY month, place",
        DEVICE,
    )
    assert len(found) == 10
    month, place, slot, slot_end, power, estimated = found[0]
    assert (month, place, slot, slot_end) == (date(2026, 3, 1), 1, PEAK, PEAK + QUARTER)
    assert power == pytest.approx(5321, abs=0.01)
    assert estimated is False


def test_a_quarter_hour_with_a_gap_at_its_end_is_never_a_peak(house, at):
    first = datetime(2026, 5, 4, 10, tzinfo=UTC)
    house.live_through(first, [500, 600])
    house._kwh += 3  # 12 kW for a quarter hour, of which nobody knows how it was spread
    house.live_through(first + 3 * QUARTER + timedelta(seconds=61), [])
    house.live_through(first + 5 * QUARTER, [700, 800])
    at(first + timedelta(days=40))
    found = house.ask("&month=2026-05")
    assert found["peak"]["avg_power_w"] == 800
    (day,) = [day for day in found["days"] if day["date"] == "2026-05-04"]
    assert (day["measured_quarters"], day["missing_quarters"]) == (4, 48 - 4)
    assert [one["avg_power_w"] for one in house.month("2026-05")["peaks"]] == [500, 600, 700, 800]


def test_what_lies_between_two_readings_near_the_ends_is_counted_whole(house, at):
    first = datetime(2026, 5, 4, 10, tzinfo=UTC)
    house.send([house.reading(first), house.reading(first + QUARTER, more_wh=2000)])
    at(first + timedelta(days=1))
    assert house.ask()["peak"]["avg_power_w"] == 8000, "the counter knows, though nobody looked"


@pytest.mark.parametrize("gap_s", [0, 50, 200])
def test_without_a_counter_the_powers_are_taken_where_they_cover_the_quarter_hour(house, at, gap_s):
    first = datetime(2026, 5, 4, 10, tzinfo=UTC)
    bare = {"energy_import_kwh": None, "energy_export_kwh": None, "import_power_w": 3000}
    moments = [first + timedelta(seconds=10 * n) for n in range(-6, 96)]
    lost = (first + timedelta(seconds=300), first + timedelta(seconds=300 + gap_s))
    house.send([house.reading(ts, **bare) for ts in moments if not lost[0] <= ts < lost[1]])
    at(first + timedelta(days=1))
    found = house.ask()
    if gap_s > 120:
        assert found["peak"] is None
        return
    assert (found["peak"]["avg_power_w"], found["peak"]["estimated"]) == (3000, True)
    assert found["peak"]["from"] == "2026-05-04T12:00:00+02:00"


def test_a_replaced_meter_makes_no_peak(house, at):
    first = datetime(2026, 5, 4, 10, tzinfo=UTC)
    house.live_through(first, [500, 600])
    house._kwh = 3.0
    house.live_through(first + 3 * QUARTER, [700, 800])
    house._kwh = 90_000.0
    house.live_through(first + 6 * QUARTER, [900])
    at(first + timedelta(days=1))
    assert house.ask()["peak"]["avg_power_w"] == 900
    assert [one["avg_power_w"] for one in house.month("2026-05")["peaks"]] == [
        500,
        600,
        700,
        800,
        900,
    ]


SAID = {
    "agrees": "Our highest quarter hour agrees with the meter's own peak of May 2026",
    "boundary_missed": "was not read close enough to the ends of that quarter hour",
    "not_measured": "is of a quarter hour that was not read",
}


def by_the_referee(house, first: str, end: str) -> tuple[list[dict], str]:
    """Return the months of /v1/referee, and what it says of them."""
    answer = get(house.client, f"/v1/referee?device_id={DEVICE}&from={first}&to={end}")
    assert answer.status_code == 200, answer.text
    texts = [one["text"] for one in answer.json["text"] if one["id"] == "capacity"]
    return answer.json["capacity"], " ".join(texts)


AGREEMENTS = {
    "agrees": (1000, 1010, 1, "agrees"),
    "agrees, a little less": (1000, 990, 1, "agrees"),
    "the meter saw more in a quarter hour that we have": (1000, 1011, 1, "boundary_missed"),
    "the meter saw less": (1000, 980, 1, "boundary_missed"),
    "the meter saw more when nobody looked": (1000, 4000, 12, "not_measured"),
}


@pytest.mark.parametrize(
    ("ours", "meters", "number", "agreement"), AGREEMENTS.values(), ids=AGREEMENTS
)
@pytest.mark.parametrize("off", [timedelta(0), timedelta(days=-9000), timedelta(hours=3)])
def test_how_the_meter_is_judged_whatever_its_clock_says(
    house, at, ours, meters, number, agreement, off
):
    first = datetime(2026, 5, 4, 10, tzinfo=UTC)
    house.live_through(first, [ours, 500, 300])
    last = first + 20 * QUARTER
    told_peak = {"month_peak_w": meters, "month_peak_ts": str_of(first + number * QUARTER + off)}
    house.send([house.reading(last, meter_ts=str_of(last + off), **told_peak)])
    at(last + timedelta(minutes=3))
    found = house.ask()["meter"]
    assert found["agreement"] == agreement
    (month,), text = by_the_referee(house, "2026-05-04", "2026-05-05")
    assert month == {"month": "2026-05", "peak": house.ask()["peak"], "meter": found}
    assert SAID[agreement] in text
    assert f"May 2026, {meters / 1000:.2f} kW" in text
    assert (found["peak_w"], found["difference_w"]) == (meters, meters - ours)


def test_a_peak_of_the_month_before_is_not_this_months(house, at):
    turn = datetime(2026, 5, 1, tzinfo=BRUSSELS).astimezone(UTC)
    house.live_through(turn - 2 * QUARTER, [2000, 3000, 700])
    last = turn + QUARTER + timedelta(seconds=5)
    # The quarter hour that ends with the month belongs to it.
    house.send([house.reading(last, month_peak_w=3000, month_peak_ts=str_of(turn))])
    at(last)
    assert house.ask()["meter"] is None
    assert house.ask()["peak"]["avg_power_w"] == 700
    assert house.ask("&month=2026-04")["peak"]["avg_power_w"] == 3000


def test_the_referee_judges_each_month_of_its_range_of_which_anything_is_known(house, at):
    house.live_through(datetime(2026, 4, 30, 10, tzinfo=UTC), [700, 800])
    house.live_through(datetime(2026, 5, 2, 10, tzinfo=UTC), [900, 600])
    at(datetime(2026, 6, 20, tzinfo=UTC))
    months, text = by_the_referee(house, "2026-04-25", "2026-05-05")
    assert [(one["month"], one["peak"]["avg_power_w"]) for one in months] == [
        ("2026-04", 800),
        ("2026-05", 900),
    ]
    assert text == "", "the meter says nothing"
    assert [one["month"] for one in by_the_referee(house, "2026-05-20", "2026-06-10")[0]] == [
        "2026-05"
    ]
    assert by_the_referee(house, "2026-06-05", "2026-06-10") == ([], "")


def test_what_the_meter_has_not_taken_up_yet_is_not_judged(house, at):
    first = datetime(2026, 5, 4, 10, tzinfo=UTC)
    old = {"month_peak_w": 900, "month_peak_ts": str_of(first)}
    house.live_through(first, [900, 4000], **old)
    at(first + 2 * QUARTER)
    assert house.ask()["meter"]["agreement"] is None
    late = first + 2 * QUARTER + timedelta(minutes=2)
    house.send([house.reading(late, **old)])
    at(late)
    assert house.ask()["meter"]["agreement"] == "boundary_missed"


def put_history(house: House, *peaks: tuple[date, int]) -> None:
    for month, watts in peaks:
        end = history.next_month(month)
        sandbox.execute(
            house.url,
            "INSERT INTO p1_month_peaks (device_id, month, peak_ts, peak_w)"
            " VALUES (%s, %s, %s, %s)",
            (
                DEVICE,
                datetime(end.year, end.month, end.day, tzinfo=BRUSSELS),
                datetime(month.year, month.month, 9, 17, 45, tzinfo=BRUSSELS),
                watts,
            ),
        )


def test_the_mean_of_twelve_months_has_the_floor_and_the_meters_own_history(house, at):
    put_history(house, (date(2025, 4, 1), 9000), *((date(2025, m, 1), 3000) for m in range(5, 13)))
    put_history(house, (date(2026, 1, 1), 1200))
    first = datetime(2026, 4, 4, 10, tzinfo=UTC)
    house.live_through(datetime(2026, 2, 3, tzinfo=UTC), [1000, 4000])
    house.live_through(first, [500, 600])
    at(first + timedelta(days=1))
    year = house.ask()["year"]
    months = year["months"]
    assert [one["month"] for one in months] == [
        *(f"2025-{m:02}" for m in range(5, 13)),
        *(f"2026-{m:02}" for m in range(1, 5)),
    ]
    assert months[0] == {
        "month": "2025-05",
        "peak_w": 3000,
        "peak_ts": "2025-05-09T17:45:00+02:00",
        "source": "meter",
        "billed_w": 3000,
    }
    assert [one["source"] for one in months[8:]] == ["meter", "quarters", None, "quarters"]
    assert [one["peak_w"] for one in months[8:]] == [1200, 4000, None, 600]
    assert [one["billed_w"] for one in months[8:]] == [2500, 4000, None, 2500]
    assert months[9]["peak_ts"] == "2026-02-03T01:30:00+01:00"
    assert year["known_months"] == 11
    assert year["mean_w"] == round((8 * 3000 + 2500 + 4000 + 2500) / 11)
    assert (year["floor_w"], year["floor"]) == (2500, "Flanders")
    bare = house.ask("&floor_w=0")["year"]
    assert (bare["floor_w"], bare["floor"]) == (0, None)
    assert bare["mean_w"] == round((8 * 3000 + 1200 + 4000 + 600) / 11)


@pytest.mark.parametrize("floor", ["-1", "x", "nan", "inf", "1e9", ""])
def test_a_floor_that_is_none_is_refused(march, floor):
    assert_error(get(march.client, f"/v1/p1/capacity?floor_w={floor}", TOKEN), 422)


def running(house: House, elapsed_s: int, used_wh: float, **fields: object) -> datetime:
    """Let the house be in a quarter hour, of which it has used so much, read once in 10 s."""
    slot = datetime(2026, 5, 4, 16, tzinfo=UTC)
    readings = [
        house.reading(
            slot + timedelta(seconds=s), more_wh=used_wh * max(s, 0) / elapsed_s, **fields
        )
        for s in range(-60, elapsed_s + 1, 10)
    ]
    house.send(readings)
    return slot + timedelta(seconds=elapsed_s)


def test_you_may_draw_so_much_until_then(house, at):
    house.live_through(datetime(2026, 5, 2, 10, tzinfo=UTC), [4000])
    ts = running(house, 600, 300, power_w=1800, import_power_w=1800, demand_w=1200)
    at(ts + timedelta(seconds=4))
    live = house.ask()["live"]
    assert live == {
        "ts": "2026-05-04T18:10:00+02:00",
        "from": "2026-05-04T18:00:00+02:00",
        "until": "2026-05-04T18:15:00+02:00",
        "power_w": 1800,
        "used_wh": 300.0,
        "demand_w": 1200,
        "limit_w": 4000,
        "may_draw_w": pytest.approx((1000 - 300) * 12, abs=1),
        "projected_w": (300 + 150) * 4,
    }
    # As it says: drawn until then, the quarter hour ends at the peak and no higher.
    whole_wh = 300 + live["may_draw_w"] / 12
    assert 999.8 <= whole_wh <= 1000


def test_the_floor_is_free_and_the_meters_peak_counts_too(house, at):
    at(running(house, 300, 100))
    assert house.ask()["live"]["limit_w"] == 2500
    assert house.ask("&floor_w=0")["live"]["limit_w"] == 0
    assert house.ask("&floor_w=0")["live"]["may_draw_w"] == 0, "it is a new peak in any case"
    peak = {"month_peak_w": 6000, "month_peak_ts": "2026-05-03T10:15:00+00:00"}
    ts = datetime(2026, 5, 4, 16, 5, 5, tzinfo=UTC)
    house.send([house.reading(ts, more_wh=100, **peak)])
    at(ts)
    assert house.ask()["live"]["limit_w"] == 6000


def test_exporting_uses_nothing_up(house, at):
    at(running(house, 300, 0, power_w=-2500, import_power_w=0))
    live = house.ask()["live"]
    assert (live["power_w"], live["used_wh"], live["projected_w"]) == (-2500, 0, 0)
    assert live["may_draw_w"] == 2500 * 900 // 600


def test_where_the_beginning_is_missing_the_meters_own_figure_is_taken_or_none(house, at):
    ts = datetime(2026, 5, 4, 16, 10, tzinfo=UTC)
    house.send([house.reading(ts)])
    at(ts)
    assert house.ask()["live"] is None
    later = ts + timedelta(seconds=5)
    house.send([house.reading(later, demand_w=1600)])
    at(later)
    assert house.ask()["live"]["used_wh"] == 400


def test_what_is_old_is_not_live(house, at):
    ts = running(house, 300, 100)
    at(ts + timedelta(seconds=60))
    assert house.ask()["live"]
    at(ts + timedelta(seconds=61))
    assert house.ask()["live"] is None
    at(ts)
    assert house.ask("&month=2026-04")["live"] is None


def test_the_running_quarter_hour_is_no_peak_yet(house, at):
    house.live_through(datetime(2026, 5, 4, 15, tzinfo=UTC), [800])
    at(running(house, 890, 900))
    assert house.ask()["peak"]["avg_power_w"] == 800


def test_a_house_without_a_meter(march, at):
    at(END)
    answer = get(march.client, "/v1/p1/capacity", OTHER_TOKEN)
    assert answer.status_code == 200
    found = answer.json
    assert (found["peak"], found["meter"], found["live"]) == (None, None, None)
    assert (found["days"], found["quarters"], found["measured_quarters"]) == ([], [], 0)
    assert (found["year"]["known_months"], found["year"]["mean_w"]) == (0, None)


def test_who_may_ask(march):
    assert march.ask("&month=2026-03", READ_TOKEN)["peak"]
    assert_error(get(march.client, "/v1/p1/capacity", READ_TOKEN), 422)
    assert_error(get(march.client, "/v1/p1/capacity?device_id=garage", TOKEN), 403)
    assert_error(get(march.client, "/v1/p1/capacity", P1_TOKEN), 403)
    assert_error(get(march.client, "/v1/p1/capacity", "nobody"), 401)


def test_a_past_month_is_computed_again_when_anything_of_it_changes(house, at):
    first = datetime(2026, 2, 3, 10, tzinfo=UTC)
    house.live_through(first, [1000, 2000])
    at(datetime(2026, 4, 2, tzinfo=UTC))

    def february() -> int | None:
        return house.ask()["year"]["months"][-3]["peak_w"]

    assert february() == 2000
    house.live_through(first + timedelta(hours=3), [1000, 4000])  # late
    assert february() == 4000
    sandbox.execute(house.url, "UPDATE p1_samples SET energy_import_kwh = 1, import_power_w = 0")
    assert february() == 4000, "as the rollups have it"
    emptied(house.url)
    assert february() is None
    house.live_through(first, [1500])
    assert february() == 1500
