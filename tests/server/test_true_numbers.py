"""Every number of every bucket equals a direct computation from the raw rows, whatever came how.

Batches go in through ``POST /v1/ingest``, in any order, some twice, some changed, some 400 days
late, around the days on which the clock changes. What comes out is compared column by column: both
rollups, the three UTC views, and each frame and width of ``GET /v1/series``.

The long form, which prints the number of examples:
``pytest tests/server/test_true_numbers.py --hypothesis-profile=long --hypothesis-show-statistics``.
"""

import itertools
import random
import threading
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from server import create_app
from server.api.series import MINIMUM_KWH
from tests.support import direct, local_time
from tests.support.direct import FIVE_MINUTES, KEY_OF
from tests.support.history import COLUMNS, ENERGIES
from tests.support.local_time import ZONES, next_month
from tests.support.readings import connected, reading, rows

pytestmark = pytest.mark.server

SITE = "Australia/Adelaide"
MINUTE = timedelta(minutes=1)


def monday(day: date) -> date:
    return day - timedelta(days=day.isoweekday() - 1)


# Each frame's width, and of a day the local dates from and to which the frame goes that holds it.
FRAMES = {
    "day": ("1h", lambda day: (day, day + timedelta(days=1))),
    "week": ("1d", lambda day: (monday(day), monday(day) + timedelta(days=7))),
    "month": ("1d", lambda day: (day.replace(day=1), next_month(day.replace(day=1)))),
    "year": ("1mo", lambda day: (date(day.year, 1, 1), date(day.year + 1, 1, 1))),
    "all": ("1mo", lambda _: (date(2023, 1, 1), date(2027, 1, 1))),
}
HOUSES = 10 + 2 * len(ZONES) * settings().max_examples  # a new one for each example
# What the powers alone decide; the rest of the columns are the counters' part.
BY_POWERS = [n for n in COLUMNS if n not in ("bucket", "estimated") and "_kwh" not in n]
BY_POWERS += [n for n in COLUMNS if "integral" in n or "_to_" in n or n == "loss_kwh"]


class House:
    """One device: what was sent to it, and what it may be asked."""

    _numbers = itertools.count(1)

    def __init__(self, app: Flask, database, zone: str):
        self.app, self.zone, self.local = app, zone, ZoneInfo(zone)
        self.device_id = f"house-{next(self._numbers)}"
        own = None if zone == SITE else zone
        insert = "INSERT INTO sungrow_devices (device_id, timezone) VALUES (%s, %s)"
        rows(database, insert, self.device_id, own)
        self.samples: dict[datetime, dict] = {}

    def send(self, batch: list[dict]) -> None:
        """Ingest a batch, and check the verdict on each of its samples."""
        conflicts, before = [], len(self.samples)
        for index, sample in enumerate(batch):
            if self.samples.setdefault(sample["ts"], sample) != sample:
                conflicts.append(index)
        inserted = len(self.samples) - before
        answer = self.post(batch)
        assert answer.status_code == 200, answer.text
        duplicates = len(batch) - inserted - len(conflicts)
        expected = {"inserted": inserted, "duplicates": duplicates, "conflicts": conflicts}
        assert answer.json == expected

    def post(self, batch: list[dict]) -> TestResponse:
        least = {"device_id": self.device_id, "pv_daily_kwh": None, "battery_temp_c": None}
        samples = [{**least, **sample, "ts": sample["ts"].isoformat()} for sample in batch]
        return self.app.test_client().post(
            "/v1/ingest", json={"samples": samples}, headers=self._who
        )

    def groups(self, raw: list[dict], width: str) -> dict:
        """Return the samples of each bucket."""
        return direct.group(raw, lambda ts: KEY_OF[width](ts, self.local))

    def series(self, **query: object) -> list[dict]:
        answer = self.app.test_client().get("/v1/series", query_string=query, headers=self._who)
        assert answer.status_code == 200, answer.text
        found = answer.json
        assert found["timezone"] == self.zone
        return found["series"]

    @property
    def _who(self) -> dict[str, str]:
        return {"Authorization": f"Bearer token-{self.device_id}"}


@pytest.fixture(scope="module")
def house(url, database) -> Callable[[str], House]:
    tokens = ",".join(f"token-house-{n}:house-{n}" for n in range(1, HOUSES))
    app = create_app({"DATABASE_URL": url, "DEVICE_TOKENS": tokens})
    return lambda zone: House(app, database, zone)


# What a bucket of /v1/series has to say


@cache
def midnight(day: date, zone: str) -> datetime:
    return local_time.midnight(day, ZoneInfo(zone))


@cache
def spans(first: date, end: date, width: str, zone: str) -> dict:
    """Return start and length of each bucket of some days, found by looking at the clock."""
    if width == "1mo":
        months = {(first + timedelta(days=n)).replace(day=1) for n in range((end - first).days)}
        return {m: span(m, next_month(m), zone) for m in sorted(months)}
    if width == "1d":
        days = [first + timedelta(days=n) for n in range((end - first).days)]
        return {day: span(day, day + timedelta(days=1), zone) for day in days}
    found: dict = {}
    start, local = midnight(first, zone), ZoneInfo(zone)
    step = MINUTE if width == "1m" else FIVE_MINUTES
    for n in range((midnight(end, zone) - start) // step):
        ts = start + n * step
        key = KEY_OF[width](ts, local)
        found[key] = found.get(key, (ts,))[0], found.get(key, (ts, timedelta()))[1] + step
    return found


def span(day: date, after: date, zone: str) -> tuple[datetime, timedelta]:
    return midnight(day, zone), midnight(after, zone) - midnight(day, zone)


def bucket_columns(samples: list[dict], length: timedelta) -> dict:
    """Return what a bucket says, but for its start and what the counters say."""
    if not samples:
        nothing = {"sample_count": 0, "coverage": 0, "grid_coverage": 0}
        return dict.fromkeys(BY_POWERS) | nothing
    integrals = direct.integrals(samples)
    if not direct.with_direction(samples):
        integrals |= dict.fromkeys(("battery_charge", "battery_discharge"))
    parts = direct.split(samples)
    flows = direct.flow_columns(samples)
    view = direct.view_columns(samples)
    averages = {name: view[name] for name in COLUMNS if name in view}
    charges = direct.known(samples, "battery_soc_pct")
    return {
        **averages,
        "min_pv_power_w": min(direct.known(samples, "pv_power_w")),
        "min_battery_soc_pct": min(charges, default=None),
        "max_battery_soc_pct": max(charges, default=None),
        **{f"{name}_integral_kwh": energy for name, energy in integrals.items()},
        **(flows if parts else dict.fromkeys(flows)),
        "coverage": coverage(samples, length),
        "grid_coverage": coverage(direct.with_grid(samples), length, slack=1e-9),
        "self_sufficiency": share(parts, "grid_to_house_kwh", "_to_house_kwh"),
        "self_consumption": share(parts, "solar_to_grid_kwh", "solar_to_"),
    }


def coverage(samples: list[dict], length: timedelta, slack: float = 0) -> object:
    share = min(1, direct.covered_s(samples) / length.total_seconds())
    return pytest.approx(share, rel=1e-9, abs=slack)


def share(parts: list[dict], without: str, of: str) -> object:
    whole = sum(part[name] for part in parts for name in part if of in name)
    if whole < MINIMUM_KWH:
        return None
    found = 1 - sum(part[without] for part in parts) / whole
    return pytest.approx(min(1, max(0, found)), rel=1e-9, abs=1e-9)


def assert_series(found: list[dict], expected: dict, groups: dict, house: House) -> None:
    """Compare buckets with ``expected``: for each key its start and length."""
    assert [b["bucket"] for b in found] == [
        start.astimezone(house.local).isoformat() for start, _ in expected.values()
    ]
    for bucket, (key, (_, length)) in zip(found, expected.items(), strict=True):
        assert tuple(bucket) == COLUMNS
        columns = bucket_columns(groups.get(key, []), length)
        assert {name: bucket[name] for name in columns} == columns


def assert_energies(days: list[dict], months: list[dict]) -> None:
    """Check that a day takes one of its opinions, and that months are the sums of their days.

    What a counter says of a day is the subject of other tests.
    """
    for name in ENERGIES:
        for day in days:
            counter, integral = day[f"{name}_counter_kwh"], day[f"{name}_integral_kwh"]
            assert day[f"{name}_kwh"] == (integral if counter is None else counter)
        for month in months:
            own = [day for day in days if day["bucket"][:7] == month["bucket"][:7]]
            for column in (f"{name}_kwh", f"{name}_counter_kwh", f"{name}_integral_kwh"):
                values = direct.known(own, column)
                assert month[column] == (direct.total(values) if values else None)


def assert_integrals(buckets: list[dict]) -> None:
    """Check that buckets of a part of a day take the integral, whatever the counters say."""
    for bucket in buckets:
        for name in ENERGIES:
            assert bucket[f"{name}_kwh"] == bucket[f"{name}_integral_kwh"]


def assert_frames(house: House, raw: list[dict]) -> None:
    days = {s["ts"].astimezone(house.local).date() for s in raw}
    for frame, (width, limits_of) in FRAMES.items():
        groups = house.groups(raw, width)
        for first, end in {limits_of(day) for day in days}:
            found = house.series(frame=frame, **({} if frame == "all" else {"date": first}))
            # Days and months without samples are there too where a counter tells of them.
            dark = [b for b in found if not b["sample_count"]]
            assert all(any(b[f"{name}_counter_kwh"] for name in ENERGIES) for b in dark)
            buckets = spans(first, end, width, house.zone)
            expected = {key: found for key, found in buckets.items() if key in groups}
            assert_series([b for b in found if b not in dark], expected, groups, house)


def assert_widths(house: House, raw: list[dict]) -> None:
    """Compare every width: the narrow ones around all samples, the wide ones over all time."""
    days = sorted({s["ts"].astimezone(house.local).date() for s in raw})
    answers = {}
    for width in KEY_OF:
        groups = house.groups(raw, width)
        for first, end in ranges(width, days):
            # Neither begins a bucket: both are moved down to where one does.
            later = timedelta(minutes=0 if width == "1m" else 4, microseconds=7)
            limits = {"from": midnight(first, house.zone), "to": midnight(end, house.zone)}
            query = {name: (moment + later).isoformat() for name, moment in limits.items()}
            answers[width] = house.series(**query, bucket=width)
            assert_series(answers[width], spans(first, end, width, house.zone), groups, house)
            if width not in ("1d", "1mo"):
                assert_integrals(answers[width])
    assert_energies(answers["1d"], answers["1mo"])


def ranges(width: str, days: list[date]) -> list[tuple[date, date]]:
    """Return the ranges of days to ask for."""
    if width in ("1d", "1mo"):
        return [(days[0].replace(day=1), next_month(days[-1].replace(day=1)))]
    if width == "1m":  # at most 36 hours of them
        return [(days[len(days) // 2], days[len(days) // 2] + timedelta(days=1))]
    return together(days)


def together(days: list[date]) -> list[tuple[date, date]]:
    """Return ranges of days that follow each other, each with the first day after it."""
    ranges: list[list[date]] = []
    for day in days:
        if ranges and day == ranges[-1][1]:
            ranges[-1][1] += timedelta(days=1)
        else:
            ranges.append([day, day + timedelta(days=1)])
    return [tuple(limits) for limits in ranges]


# What is sent


def tenths(low: int, high: int):
    return st.integers(low * 10, high * 10).map(lambda n: n / 10)


def power(low: int, high: int):
    # Below 1e-280 W the rollups say 0: a test of its own.
    floats = st.floats(low, high).map(lambda power_w: power_w if abs(power_w) > 1e-280 else 0.0)
    return st.one_of(st.just(0.0), tenths(low, high), floats)


COUNTER = st.one_of(st.none(), st.just(0.0), tenths(1, 10**8))
FIELDS = {
    "pv_power_w": power(0, 200_000),
    "load_power_w": st.one_of(st.none(), power(-400_000, 400_000)),
    "export_power_w": st.one_of(st.none(), power(-400_000, 400_000)),
    "battery_power_w": st.one_of(st.none(), power(-200_000, 200_000)),
    "battery_soc_pct": st.one_of(st.none(), tenths(0, 100)),
    "interval_s": st.one_of(st.sampled_from((5.0, 60.0, 3600.0)), st.floats(1, 3600)),
    **dict.fromkeys(direct.COUNTERS, COUNTER),
}
# From local midnight: the edges of buckets, just before and after them, or anywhere.
OFFSETS_US = st.one_of(
    st.builds(
        lambda minutes, us: minutes * 60_000_000 + us,
        st.sampled_from((0, 5, 60, 90, 120, 150, 180, 1435, 1440, -5, -60)),
        st.sampled_from((-1, 0, 1, 123_456)),
    ),
    st.integers(-36 * 3_600_000_000, 60 * 3_600_000_000),
)
# In which samples the grid was measured: load and export, one of them, or neither.
METERS = st.sampled_from((("neither",), ("both",), ("both", "load", "export", "neither")))
# Some hours of a house: when they begin, how late they come, and a sample in so many seconds.
RUNS = st.tuples(
    OFFSETS_US,
    st.sampled_from((0, 0, 0, 1, 400)),
    st.sampled_from((5, 60, 300, 600, 3600)),
    st.integers(1, 100),
    st.booleans(),
    METERS,
)
ODD_ONES = st.tuples(OFFSETS_US, st.fixed_dictionaries(FIELDS))


@st.composite
def deliveries(draw, zone: str):
    """Return batches of samples of a zone in the order in which they come."""
    day = draw(st.sampled_from(odd_days(zone)))
    start = midnight(day, zone)
    dice = random.Random(draw(st.integers(0, 2**32)))
    # Every half hour of the day of the change, and of those beside it.
    whole = (-86_400_000_000, 0, 1800, 144, draw(st.booleans()), draw(METERS))
    runs = [whole, *draw(st.lists(RUNS, max_size=3))]
    samples = [sample for run in runs for sample in living(dice, start, *run)]
    for edge in (date(day.year, 1, 1), day.replace(day=1), next_month(day.replace(day=1))):
        for offset_us in (-1, 0):
            samples += living(dice, midnight(edge, zone), offset_us, 0, 5, 1, False, ("both",))
    for offset_us, fields in draw(st.lists(ODD_ONES, max_size=6)):
        samples.append(reading(start + timedelta(microseconds=offset_us), **fields))
    again = dice.sample(samples, len(samples) // 10)
    samples += again + [{**s, "pv_power_w": s["pv_power_w"] / 2 + 1} for s in again[::3]]
    if draw(st.booleans()):
        dice.shuffle(samples)
    most = draw(st.sampled_from((7, 50, 500)))
    return [samples[n : n + most] for n in range(0, len(samples), most)]


@cache
def odd_days(zone: str) -> list[date]:
    return local_time.notable_days(ZoneInfo(zone))


def living(
    dice, start, offset_us, days_late, step_s, count, has_counters, meters=("both",)
) -> Iterator[dict]:
    """Return samples of a house, by a die; its counters rise with time, or are not served."""
    first = start + timedelta(microseconds=offset_us) - timedelta(days=days_late)
    for n in range(count):
        ts = first + timedelta(seconds=n * step_s)
        kwh = round(50_000 + (ts - start).total_seconds() / 7200, 1) if has_counters else None
        grid = dice.choice(meters)
        load, export = dice.choice((412.5, dice.uniform(-4e5, 4e5))), dice.uniform(-4e5, 4e5)
        yield reading(
            ts,
            pv_power_w=dice.choice((0.0, dice.randrange(90_000) / 10, dice.uniform(0, 2e5))),
            battery_power_w=dice.choice((None, -250.5, 0.0, dice.uniform(-2e5, 2e5))),
            battery_soc_pct=dice.choice((None, dice.randrange(1000) / 10)),
            load_power_w=load if grid in ("both", "load") else None,
            export_power_w=dice.choice((0.0, export)) if grid in ("both", "export") else None,
            interval_s=float(step_s),
            **dict.fromkeys(direct.COUNTERS, kwh),
        )


@pytest.mark.parametrize("zone", ZONES)
@given(data=st.data())
def test_every_number_equals_a_direct_computation(house, database, zone, data):
    home = house(zone)
    for batch in data.draw(deliveries(zone)):
        home.send(batch)
    raw = direct.assert_exact(database, home.device_id, zone)
    assert {s["ts"]: {name: s[name] for name in home.samples[s["ts"]]} for s in raw} == home.samples
    direct.refresh(database)
    direct.assert_views_exact(database, home.device_id, raw)
    assert_frames(home, raw)
    assert_widths(home, raw)


@pytest.mark.parametrize("days_late", [0, 400])
def test_at_every_moment_while_many_write_the_rollups_hold_what_is_stored(
    house, url, database, days_late
):
    """Four at once send overlapping batches of one device; a reader looks on."""
    home = house("Europe/Berlin")
    start = midnight(odd_days(home.zone)[-1], home.zone) - timedelta(days=days_late)
    dice = random.Random(days_late)
    samples = list(living(dice, start, -20 * 60_000_000, 0, 5, 900, True))
    shares = [dice.sample(samples, 600) for _ in range(4)]
    together, problems = threading.Barrier(len(shares)), []

    def deliver(share: list[dict]) -> None:
        together.wait(30)
        for n in range(0, len(share), 50):
            answer = home.post(share[n : n + 50])
            if answer.status_code != 200 or answer.json["conflicts"]:
                problems.append(answer.text)

    writers = [threading.Thread(target=deliver, args=(share,)) for share in shares]
    for writer in writers:
        writer.start()
    with connected(url) as reader:
        # One snapshot for the plan too: a first chunk that is made between plan and count is
        # counted in the rollups alone.
        reader.set_session(isolation_level="REPEATABLE READ")
        while any(writer.is_alive() for writer in writers):
            (counts,) = rows(reader, COUNTS, *[home.device_id] * 3)
            assert len(set(counts.values())) == 1
    for writer in writers:
        writer.join()
    assert not problems
    raw = direct.assert_exact(database, home.device_id, home.zone)
    assert {s["ts"] for s in raw} == {s["ts"] for share in shares for s in share}


COUNTS = """
    SELECT (SELECT count(*) FROM sungrow_samples WHERE device_id = %s) AS raw,
           (SELECT coalesce(sum(sample_count), 0) FROM sungrow_5min WHERE device_id = %s) AS short,
           (SELECT coalesce(sum(sample_count), 0) FROM sungrow_local_daily
             WHERE device_id = %s) AS long
"""
