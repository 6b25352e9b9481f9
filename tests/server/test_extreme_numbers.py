"""Readings of next to nothing, and of the most there may be: every frame and view answers.

What one bad client sends must never keep a history from being shown.
"""

import itertools
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server import create_app
from server.database import migrations
from tests.support import before
from tests.support.commands import edition_of
from tests.support.energies import COUNTERS
from tests.support.quick import short
from tests.support.readings import connected, insert_by_hand, reading, rows, store, utc

pytestmark = pytest.mark.server

TINY = (5e-324, 2.2e-308, 1e-300, 2e-300, 9e-281, 2e-280, 1e-200, 1e-160, 1e-100, 1e-12, 1e-9)
DAY, SECOND = utc("2026-06-01 10:00"), timedelta(seconds=1)
FRAMES = ("frame=day&date=2026-06-01", "frame=month&date=2026-06-01", "frame=year&date=2026-01-01")
FRAMES += ("frame=all", "from=2026-06-01&to=2026-06-03&bucket=5m")
VIEWS = ("sungrow_hourly", "sungrow_daily", "sungrow_monthly", "sungrow_energy")
VIEWS += ("sungrow_completeness",)
TOKEN = "read-all"
_HOUSES = [f"tiny-{number}" for number in range(400)]
_unused = iter(_HOUSES)


@pytest.fixture(scope="module")
def url(databases) -> str:
    return databases.migrated()


@pytest.fixture(scope="module")
def client(url):
    return client_on(url)


def client_on(url: str):
    readers = ",".join(f"{TOKEN}:{name}" for name in _HOUSES)
    settings = {"DATABASE_URL": url, "DEVICE_TOKENS": "token:none", "READ_TOKENS": readers}
    return create_app(settings).test_client()


def answers(client, database, device_id: str) -> dict[str, list[dict]]:
    """Ask for everything; return what was answered."""
    found = {}
    for query in FRAMES:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        path = f"/v1/series?device_id={device_id}&{query}"
        answer = client.get(path, headers=headers)
        assert answer.status_code == 200, (query, answer.text)
        found[query] = answer.json["series"]
    for view in VIEWS:
        statement = f"SELECT * FROM {view} WHERE device_id = %s"  # noqa: S608 - our own names
        found[view] = rows(database, statement, device_id)
        assert found[view]
    return found


def two_days(device_id: str, interval_s: float, powers: dict, kwh: float = 60.0) -> list[dict]:
    """Return two samples of a day, between which every counter counts, and one of the next day."""
    moments = (DAY, DAY + timedelta(hours=2), DAY + timedelta(days=1))
    totals = (10_000.0, 10_000.0 + kwh, 10_000.0 + kwh)
    still = dict.fromkeys(powers, 0.0)
    return [
        reading(
            ts,
            device_id=device_id,
            interval_s=interval_s,
            **(powers if ts == DAY else still),
            **dict.fromkeys(COUNTERS, total),
        )
        for ts, total in zip(moments, totals, strict=True)
    ]


def signed(value: float, sign: int) -> dict:
    names = ("battery_power_w", "load_power_w", "export_power_w")
    return {"pv_power_w": value, **dict.fromkeys(names, sign * value)}


@pytest.mark.parametrize("interval_s", short([1.0, 3600.0], every=2))
@pytest.mark.parametrize("value", short([*TINY, 200_000.0], every=2, first=1))
def test_every_answer_holds_whatever_was_measured(client, database, value, interval_s):
    for sign in (1, -1):
        device_id = next(_unused)
        store(database, device_id, two_days(device_id, interval_s, signed(value, sign)))
        found = answers(client, database, device_id)
        first = found["sungrow_energy"][0]
        if value < 1:  # else the powers say so much more that the counter is not believed
            assert first["pv_kwh"] == first["pv_counter_kwh"] == pytest.approx(60, abs=1)
        assert found["frame=all"][0]["pv_integral_kwh"] == pytest.approx(
            value * interval_s / 3.6e6, rel=1e-9, abs=1e-280
        )


@pytest.mark.parametrize("kwh", short([*TINY, 1e8], every=2, first=1))
def test_a_counter_of_next_to_nothing_is_not_read(client, database, kwh):
    device_id = next(_unused)
    samples = two_days(device_id, 5.0, signed(100.0, 1))
    for sample, times in zip(samples, (1, 1.5, 3), strict=True):
        sample |= dict.fromkeys(COUNTERS, min(kwh * times, 1e8))
    store(database, device_id, samples)
    first = answers(client, database, device_id)["sungrow_energy"][0]
    assert first["pv_counter_kwh"] == (None if kwh < 1 else 0)


@pytest.mark.parametrize("nominal_w", [0.0, 5e-324, 1e-300, 1e-3, 1e9])
def test_no_nominal_power_stands_in_the_way(client, database, nominal_w):
    device_id = next(_unused)
    insert = "INSERT INTO sungrow_devices (device_id, nominal_power_w) VALUES (%s, %s)"
    rows(database, insert, device_id, nominal_w)
    store(database, device_id, two_days(device_id, 5.0, signed(1e-12, 1)))
    first, _ = answers(client, database, device_id)["sungrow_energy"]
    assert first["pv_counter_kwh"] == pytest.approx(60, abs=1)


POWERS = st.sampled_from([0.0, *TINY, *(1.0000001 * value for value in TINY), 1.0, 200_000.0])


@given(
    st.lists(
        st.tuples(POWERS, *[st.tuples(POWERS, st.sampled_from((1, -1)))] * 3),
        min_size=2,
        max_size=30,
    ),
    st.sampled_from((1.0, 3600.0)),
    st.sampled_from((1e-12, 0.1, 60.0)),
)
def test_no_mixture_of_them_is_out_of_range(client, database, powers, interval_s, kwh):
    device_id = next(_unused)
    samples = [
        reading(
            DAY + number * timedelta(hours=1),
            pv_power_w=pv,
            interval_s=interval_s,
            **{
                f"{name}_power_w": watts * sign
                for name, (watts, sign) in zip(("battery", "load", "export"), others, strict=True)
            },
            **dict.fromkeys(COUNTERS, 100 + number * kwh),
        )
        for number, (pv, *others) in enumerate(powers)
    ]
    for half in (samples[::2], samples[1::2]):  # added to what the first made
        store(database, device_id, half)
    answers(client, database, device_id)


@pytest.mark.parametrize("value", [1e-300, 1e-295, 1e-290, 9e-281, 2e-280, 1e-200])
def test_what_nearly_cancels_out_is_stored_too(client, database, value):
    """A loss of one sample, and in the next one as much of a gain, but for a ten-thousandth."""
    device_id, more = next(_unused), value * (1 + 2**-51)
    still = {"battery_power_w": None, "battery_soc_pct": None, "export_power_w": 0.0}
    samples = [
        reading(DAY, pv_power_w=more, load_power_w=value, interval_s=1.0, **still),
        reading(DAY + SECOND, pv_power_w=value, load_power_w=more, interval_s=1.0001, **still),
    ]
    assert store(database, device_id, samples) == 2
    answers(client, database, device_id)


@pytest.mark.parametrize("rest_kwh", [5e-324, -5e-324, 1e-310, 1e-300, 1e-200])
def test_a_loss_of_next_to_nothing_is_none(database, rest_kwh):
    statement = "SELECT sungrow_load(%s, 0, 0, 0, 0, 0, 0, 0.05) AS kwh"
    assert rows(database, statement, rest_kwh)[0]["kwh"] == pytest.approx(rest_kwh, abs=1e-100)


# What an older server stored


@pytest.fixture
def older(databases) -> str:
    """A database of before, whose trigger summed all of these readings as they are."""
    url = databases.empty()
    with connected(databases.migrated()) as connection:
        kind = edition_of(connection)
    before.make(url, kind, last=18)
    with connected(url) as connection:
        cases = itertools.product(TINY, (1.0, 3600.0))
        for name, (value, interval_s) in zip(_HOUSES, cases, strict=False):
            samples = two_days(name, interval_s, signed(value, 1))
            insert_by_hand(connection, samples)
            more = {"ts": DAY + timedelta(hours=1), **dict.fromkeys(COUNTERS, value)}
            insert_by_hand(connection, [samples[1] | more])
    before.make(url, kind, first=19)
    return url


@pytest.mark.slow
@pytest.mark.parametrize("every", short([5, 1], every=2))
def test_readings_that_are_stored_already_can_be_shown(older, every):
    assert list(migrations.migrate(older, "UTC"))
    client = client_on(older)
    with connected(older) as connection:
        for name in _HOUSES[: 2 * len(TINY) : every]:
            first = answers(client, connection, name)["sungrow_energy"][0]
            assert first["pv_counter_kwh"] == pytest.approx(60, abs=1)
