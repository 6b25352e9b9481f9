"""The simulated house's grid meter agrees with the house's physics, on every line it speaks."""

import socket
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from edge_lib.clock import Clock
from edge_lib.p1.framing import Framer
from edge_lib.p1.homewizard import of_v1, of_v2
from edge_lib.p1.telegram import parse
from edge_lib.shared.p1_reading import P1
from edge_lib.simulator.fake_dongle import HouseholdSource
from edge_lib.simulator.grid_meter import MeteredHousehold
from edge_lib.simulator.household import Household
from edge_lib.simulator.p1_server import FAULTS, HomeWizardServer, TelegramServer
from edge_lib.simulator.p1_shapes import data_v1, measurement_v2, telegram
from tests.support.p1_lines import meter, read_for

pytestmark = pytest.mark.slow  # each case waits for telegrams

BRUSSELS = ZoneInfo("Europe/Brussels")
MIDSUMMER = datetime(2026, 6, 20, tzinfo=BRUSSELS)


def shown_by(house: MeteredHousehold):
    (frame,) = Framer().feed(telegram(house.grid_meter()))
    assert frame.is_whole
    told = parse(frame, house.at)
    assert not told.doubts
    return told


@pytest.mark.slow
@pytest.mark.parametrize(
    "start",
    [
        MIDSUMMER + timedelta(hours=6),
        datetime(2026, 1, 9, 16, tzinfo=BRUSSELS),
        datetime(2026, 3, 28, 22, tzinfo=BRUSSELS),
        datetime(2026, 10, 24, 22, tzinfo=BRUSSELS),
        datetime(2026, 10, 31, 12, 7, 13, tzinfo=ZoneInfo("America/New_York")),
    ],
)
def test_the_meter_shows_the_houses_own_flow_and_its_exact_integral(start):
    house, at = MeteredHousehold(start), start.astimezone(UTC)
    imported_ws = exported_ws = 0.0
    begun = house.truth.total_kwh
    for _ in range(1200):
        # Within a minute nothing changes but at its end: so this is the integral itself.
        step_s = min(23.5, 60 - at.timestamp() % 60)
        net = -house.truth.export_power_w
        imported_ws += max(net, 0) * step_s
        exported_ws += max(-net, 0) * step_s
        at += timedelta(seconds=step_s)
        house.advance(at)
        values, truth = shown_by(house).values, house.truth
        assert abs(values["power_w"] + truth.export_power_w) <= 1
        assert sum(values[f"power_l{n}_w"] for n in (1, 2, 3)) == values["power_w"]
        # Two counters, each of which shows the whole Wh that have flowed.
        for name, before, ws in (
            ("import", begun.imported, imported_ws),
            ("export", begun.exported, exported_ws),
        ):
            flowed = before + ws / 3.6e6
            assert -1e-6 <= flowed - values[f"energy_{name}_kwh"] <= 0.002 + 1e-6
    assert imported_ws + exported_ws > 0


def test_the_house_lives_as_it_does_without_a_meter():
    plain, metered = Household(MIDSUMMER, seed=3), MeteredHousehold(MIDSUMMER, seed=3)
    for hours in (1, 5, 20, 44):
        for house in (plain, metered):
            house.advance(MIDSUMMER + timedelta(hours=hours))
        assert plain.truth == metered.truth
        assert plain.words() == metered.words()


def test_the_month_peak_is_the_highest_quarter_and_the_month_becomes_history():
    house = MeteredHousehold(datetime(2026, 1, 30, tzinfo=BRUSSELS))
    at, quarters = house.at, {}
    before = house.truth.total_kwh.imported
    while at < datetime(2026, 2, 2, tzinfo=BRUSSELS):
        at = (at.astimezone(UTC) + timedelta(minutes=15)).astimezone(BRUSSELS)
        house.advance(at)
        now = house.truth.total_kwh.imported
        quarters[at], before = (now - before) * 4000, now
        told = shown_by(house)
        midnight = datetime(2026, 2, 1, tzinfo=BRUSSELS)
        month = {q: w for q, w in quarters.items() if (q <= midnight) == (at < midnight)}
        if at == midnight:
            assert "month_peak_w" not in told.values
            continue
        best = max(month, key=month.get)
        assert told.values["month_peak_w"] == pytest.approx(month[best], abs=1)
        assert datetime.fromisoformat(told.values["month_peak_ts"]) == best
    january = told.peaks[-1]
    best = max((q for q in quarters if q <= midnight), key=quarters.get)
    assert january.month == "2026-02-01T00:00:00+01:00"
    assert january.peak_w == pytest.approx(quarters[best], abs=1)
    assert len(told.peaks) == 13
    assert [p.month for p in told.peaks] == sorted(p.month for p in told.peaks)


def test_a_quarter_of_which_the_house_has_lived_a_part_is_not_a_peak():
    house = MeteredHousehold(datetime(2026, 1, 9, 18, 7, tzinfo=BRUSSELS))
    house.advance(datetime(2026, 1, 9, 18, 29, 59, tzinfo=BRUSSELS))
    assert "month_peak_w" not in shown_by(house).values
    house.advance(datetime(2026, 1, 9, 18, 30, tzinfo=BRUSSELS))
    assert shown_by(house).values["month_peak_ts"] == "2026-01-09T18:30:00+01:00"


def test_the_running_demand_grows_through_its_quarter():
    house = MeteredHousehold(datetime(2026, 1, 9, 18, tzinfo=BRUSSELS))
    at, shown = house.at, []
    for _ in range(30):
        at += timedelta(seconds=60)
        house.advance(at)
        shown.append(shown_by(house).values["demand_w"])
    assert shown[:14] == sorted(shown[:14])
    assert shown[14] == 0.0  # a new quarter


def test_tariffs_gas_and_water():
    house, at = MeteredHousehold(datetime(2026, 1, 9, tzinfo=BRUSSELS)), None
    tariffs, volumes = {}, []
    for hour in range(48):
        at = datetime(2026, 1, 9, tzinfo=BRUSSELS) + timedelta(hours=hour, minutes=7)
        house.advance(at)
        values = shown_by(house).values
        tariffs[hour] = values["tariff"]
        volumes.append((values["gas_m3"], values["water_m3"]))
        assert values["gas_ts"] == f"{at.replace(minute=5).isoformat()}"
    assert {h for h, t in tariffs.items() if t == 1} == set(range(7, 22))  # a Friday; Saturday not
    assert volumes == sorted(volumes)
    assert volumes[-1][0] - volumes[0][0] > 1


def test_all_three_ways_say_the_same():
    house = MeteredHousehold(MIDSUMMER)
    house.advance(MIDSUMMER + timedelta(hours=9, seconds=17))
    raw = shown_by(house).values
    view, now = house.grid_meter(), house.at
    for told in (of_v1(data_v1(view), now), of_v2(measurement_v2(view), now)):
        assert not told.doubts
        different = {
            name
            for name, value in told.values.items()
            if (value != raw[name] if isinstance(value, str) else abs(value - raw[name]) > 0.5)
        }
        assert not different
        assert raw.keys() - told.values.keys() <= {"meter_ts"}
        P1.check({"device_id": "d", "ts": "2026-06-20T07:00:17Z", **told.values}, now)


@pytest.fixture
def served():
    source = HouseholdSource(Clock(), date(2026, 6, 21), speed=60, tz=BRUSSELS)
    with TelegramServer(source.grid_meter, every_s=0.1) as server:
        yield server, source


def test_it_is_read_by_the_edges_own_reader(served):
    server, source = served
    with closing(meter(f"tcp://127.0.0.1:{server.port}")) as m:
        first = read_for(m, 0.6)[-1].values
        second = read_for(m, 0.6)[-1].values
    assert datetime.fromisoformat(second["meter_ts"]) > datetime.fromisoformat(first["meter_ts"])
    assert m.bad == 0
    assert source.household.at > datetime(2026, 6, 21, 0, 0, 30, tzinfo=BRUSSELS)


def test_both_meters_of_the_house_show_the_same_moment(served):
    _, source = served
    words = source.words()
    assert words
    view = source.grid_meter()
    assert view.net_w == -source.household.truth.export_power_w


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_faults_that_can_be_asked_for(served, fault):
    server, _ = served
    with closing(meter(f"tcp://127.0.0.1:{server.port}")) as m:
        assert read_for(m, 0.5)
        good = m.good
        server.faults = {fault}
        read_for(m, 0.3)  # what was under way
        good = m.good
        assert read_for(m, 0.5) == []
        assert m.good == good
        assert (m.bad > 0) == (fault != "silence")
        server.faults = set()
        assert read_for(m, 0.5)


def test_a_fault_that_does_not_exist_is_refused(served):
    server, _ = served
    server.faults = {"fire"}
    with pytest.raises(ValueError, match="fire"):
        server.telegram()


def test_the_meters_clock_may_be_off(served):
    server, _ = served
    server.clock_off_s = -365 * 86_400
    with closing(meter(f"tcp://127.0.0.1:{server.port}")) as m:
        values = read_for(m, 0.5)[-1].values
    assert values["meter_ts"].startswith("2025-06-21T00:0")


def test_a_house_without_a_meter_has_none():
    source = HouseholdSource(Clock(), household=Household(MIDSUMMER))
    with pytest.raises(ValueError, match="no P1 meter"):
        source.grid_meter()


def test_a_server_ends_with_everybody_who_listens(served):
    server, source = served
    with HomeWizardServer(source.grid_meter) as dongle:
        other = socket.create_connection(("127.0.0.1", dongle.port))
        line = socket.create_connection(("127.0.0.1", server.port))
        assert line.recv(1) == b"/"
    server.stop()
    other.settimeout(5)
    line.settimeout(5)
    assert other.recv(1) == b""
    while line.recv(4096):
        pass
    other.close()
    line.close()
