"""What goes into the analysis of a roof: clear sky, rows that are no evidence, a small day."""

import json
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from edge_lib.shared.sun import Sun, position
from server.plane import Plane
from server.roof import cells, digest, limited, model
from server.roof.rows import DOUBTFUL, FiveMinutes, Settings, StringRow
from tests.support import roofs

NOON = Sun(180.0, 60.0)


def test_a_plane_in_the_east_gives_most_in_the_morning():
    east = Plane(35.0, 90.0)
    morning = model.plane_w_per_kwp(Sun(95.0, 30.0), east, 120)
    evening = model.plane_w_per_kwp(Sun(265.0, 30.0), east, 120)
    assert morning > 4 * evening > 0


def test_the_azimuth_counts_from_north_clockwise():
    sun = Sun(170.0, 35.0)
    powers = {a: model.plane_w_per_kwp(sun, Plane(60.0, a), 80) for a in range(0, 360, 10)}
    assert max(powers, key=powers.get) == 170


@pytest.mark.parametrize(
    ("elevation", "low", "high"), [(90, 950, 975), (30, 730, 780), (10, 380, 440), (3, 80, 190)]
)
def test_the_beam_of_a_clear_sky_is_that_of_meinel(elevation, low, high):
    assert low < model.beam_w_per_m2(elevation, 91) < high


def test_there_is_no_beam_at_night():
    assert model.beam_w_per_m2(-1, 91) == 0
    assert model.plane_w_per_kwp(Sun(0.0, -1.0), roofs.SOUTH, 91) == 0


@pytest.mark.parametrize(
    ("azimuth", "elevation", "edges"),
    [(0, 30, (0.0, 2.5)), (49, 49, (0.0, 2.5)), (50, 50, (5.0, 5.0)), (3599, 899, (355.0, 87.5))],
)
def test_a_bin_has_its_lower_edges(azimuth, elevation, edges):
    assert cells.edges(cells.bin_of(azimuth, elevation)) == edges


def test_bins_in_the_north_are_neighbours():
    assert cells.bin_of(3590, 100) in cells.neighbours(cells.bin_of(10, 100))
    assert len(cells.groups([cells.bin_of(3590, 100), cells.bin_of(10, 100), 1000])) == 2


PLAIN = FiveMinutes(0, (StringRow(1, 2000, 400, 5, 30, 0),), 2000.0, 1500.0, running_state=0)
LIMITS = Settings(export_limit_w=3000.0, nominal_w=4000.0)
HOUSE = LIMITS._replace(has_battery=True)


@pytest.mark.parametrize(
    ("changed", "settings", "cause"),
    [
        ({}, LIMITS, None),
        ({"inverter_w": 3945.0}, LIMITS, "clipping"),
        ({"inverter_w": 3935.0}, LIMITS, None),
        ({"inverter_w": 3945.0}, LIMITS._replace(nominal_w=None), None),
        ({"running_state": 0x8100}, LIMITS, "derating"),
        ({"running_state": 0x0080}, LIMITS, "derating"),
        ({"running_state": 0x8200}, LIMITS, "dispatch"),
        ({"export_w": 2960.0}, LIMITS, "export_limit"),
        ({"export_w": 3059.0}, LIMITS, "export_limit"),
        ({"export_w": 2900.0}, LIMITS, None),
        ({"export_w": 2960.0}, LIMITS._replace(export_limit_w=None), None),
        ({"export_w": None}, LIMITS, None),
        ({"export_w": 2990.0, "soc_pct": 100.0}, HOUSE, "full_battery"),
        ({"export_w": 2990.0, "may_charge": False}, HOUSE, "full_battery"),
        ({"export_w": 2990.0, "soc_pct": 60.0, "battery_w": 3000.0}, HOUSE, "export_limit"),
        # A battery that takes and gives holds the export at 0 without any limit.
        ({"export_w": 5.0, "soc_pct": 60.0}, HOUSE._replace(export_limit_w=0.0), None),
        ({"export_w": 5.0, "soc_pct": 100.0}, HOUSE._replace(export_limit_w=0.0), "full_battery"),
        ({"export_w": 5.0}, LIMITS._replace(export_limit_w=0.0), "export_limit"),
        ({"strings": (StringRow(1, 2000, 400, 5, 30, 20),)}, LIMITS, "clipping"),
        ({"strings": (StringRow(1, 2000, 400, 5, 30, 1),)}, LIMITS, None),
    ],
)
def test_a_row_is_no_evidence_where_the_inverter_held_back(changed, settings, cause):
    assert limited.cause_of(PLAIN._replace(**changed), settings) == cause


def test_no_export_limit_is_ever_assumed():
    for export_w in (-3000.0, 0.0, 5.0, 3000.0):
        row = PLAIN._replace(export_w=export_w, soc_pct=100.0, may_charge=False)
        assert limited.cause_of(row, Settings(has_battery=True)) is None


@pytest.mark.parametrize(
    ("exports", "soc_pct", "codes"),
    [
        ((2000.0, 2010.0, 1990.0), 100.0, [DOUBTFUL] * 3),
        ((1500.0, 2000.0, 2040.0), 96.0, [0, DOUBTFUL, DOUBTFUL]),
        ((2000.0, 2010.0, 1990.0), 80.0, [0, 0, 0]),  # what is too much could go into the battery
        ((5.0, 700.0, -40.0), 100.0, [DOUBTFUL, 0, DOUBTFUL]),
        ((-800.0, -800.0, -800.0), 100.0, [0, 0, 0]),  # the house takes all of it
        ((None, 2000.0, None), 100.0, [0, 0, 0]),
    ],
)
def test_an_export_that_stays_the_same_beside_a_full_battery_is_doubtful(exports, soc_pct, codes):
    rows = [
        PLAIN._replace(bucket_s=300 * n, export_w=export_w, soc_pct=soc_pct)
        for n, export_w in enumerate(exports)
    ]
    assert limited.codes_of(rows, Settings(has_battery=True)) == codes
    assert DOUBTFUL not in limited.codes_of(rows, HOUSE)


def test_a_day_made_small_is_the_same_after_the_database():
    roof = roofs.Roof({1: roofs.SOUTH, 2: Plane(20, 90, 3.0)}, temp_c=None)
    one = roofs.digests(roof, date(2025, 6, 1), 1)[0]
    assert digest.from_json(digest.to_json(one)) == one
    assert len(digest.to_json(one)) < 6000
    assert max(one.powers[1]) > 1000
    assert one.energy_kwh[1] > 3
    assert min(one.elevations) >= 30


def test_the_sun_stands_in_the_middle_of_the_five_minutes():
    roof = roofs.Roof({1: roofs.SOUTH})
    one = roofs.digests(roof, date(2025, 6, 1), 1)[0]
    for slot, azimuth in list(zip(one.slots, one.azimuths, strict=True))[::20]:
        middle = position(slot * 300 + 150, roof.latitude, roof.longitude)
        assert azimuth == pytest.approx(middle.azimuth_deg * 10, abs=0.5001)


@pytest.mark.parametrize(
    ("at", "stored"),
    [(Sun(359.96, 40.0), (0, 400)), (Sun(0.04, 40.0), (0, 400)), (Sun(90.0, 89.97), (900, 899))],
)
def test_north_and_zenith_are_in_bins_that_have_neighbours(monkeypatch, at, stored):
    monkeypatch.setattr(digest.sun, "position", lambda *_: at)
    place = Settings(latitude=-34.0, longitude=151.0)
    one = digest.of_day(date(2025, 6, 1), [PLAIN], 0, 86_400, place)
    assert (one.azimuths, one.elevations) == ([stored[0]], [stored[1]])


@pytest.mark.parametrize(
    ("every_s", "covered_s", "row_s"),
    [
        (300, (None,), 300),
        (300, (60.0, 120.0), 300),  # what is missing is as the rest
        (300, (290.0, 310.0), 300),
        (300, (400.0, 200.0), 300),  # readings every 200 s
        (450, (450.0,), 450),
        (600, (600.0,), 600),
        (3600, (3600.0,), 3600),
    ],
)
def test_a_row_stands_for_what_is_between_readings(every_s, covered_s, row_s):
    begin_s = 43_200
    rows = [
        PLAIN._replace(bucket_s=begin_s + n * every_s // 300 * 300, covered_s=covered)
        for n, covered in enumerate(covered_s * (12 * 300 // every_s or 1))
    ]
    one = digest.of_day(date(1970, 1, 1), rows, 0, 86_400, Settings("UTC", 52.0, 5.0))
    assert one.row_s == row_s
    assert one.energy_kwh[1] == pytest.approx(2.0 * len(rows) * row_s / 3600)
    assert digest.from_json(digest.to_json(one)) == one
    of_before = json.loads(digest.to_json(one))
    del of_before["row_s"]
    assert digest.from_stored(of_before).row_s == 300


def test_without_a_place_a_day_has_energy_and_nothing_else():
    roof = roofs.Roof({1: roofs.SOUTH})
    one = roofs.digests(roof, date(2025, 6, 1), 1, Settings())[0]
    assert not one.slots
    assert one.energy_kwh[1] > 3
    assert one.first_s < one.last_s


@pytest.mark.parametrize("day", [date(2025, 3, 30), date(2025, 10, 26), date(2025, 7, 1)])
def test_a_local_day_is_what_its_midnights_say(day):
    zone = ZoneInfo("Australia/Sydney")  # its sun crosses the UTC midnight
    roof = roofs.Roof({1: roofs.SOUTH}, latitude=-34.0, longitude=151.0, clear=1.0)
    begin, end = (
        datetime(d.year, d.month, d.day, tzinfo=zone).timestamp()
        for d in (day, day + timedelta(days=1))
    )
    rows = [row for _, own, _, _ in roofs.days(roof, day - timedelta(days=1), 3) for row in own]
    one = digest.of_day(day, rows, begin, end, roof.settings(timezone=str(zone)))
    noon = datetime.fromtimestamp(one.slots[len(one.slots) // 2] * 300, UTC).astimezone(zone)
    assert noon.date() == day
    assert noon.hour in (11, 12, 13)


def test_a_string_that_was_not_read_is_not_known():
    rows = [
        FiveMinutes(43200 + 300 * n, (StringRow(1, 900, 300, 3, 30, 0),), 900.0) for n in range(3)
    ]
    both = rows[0]._replace(strings=(*rows[0].strings, StringRow(2, 500, 300, 2, 30, 0)))
    settings = Settings("UTC", 52.0, 5.0)
    one = digest.of_day(date(1970, 1, 1), [both, *rows[1:]], 0, 86400, settings)
    assert one.powers[2] == [500, -1, -1]
