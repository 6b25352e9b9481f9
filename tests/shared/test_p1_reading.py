"""The contract of a P1 reading: what is taken, and what is refused at which place."""

from datetime import UTC, datetime

import pytest

from edge_lib.shared.fields import ReadingError
from edge_lib.shared.p1_reading import FIELDS, P1

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


def a_reading(**fields) -> dict:
    return {"device_id": "home-1", "ts": "2026-11-28T11:59:58Z", "power_w": -1200, **fields}


def places(reading: object) -> list[tuple[str, str]]:
    with pytest.raises(ReadingError) as refusal:
        P1.check(reading, NOW)
    return [(place.field, place.type) for place in refusal.value.places]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"power_w": None},
        {"import_power_w": 0, "energy_import_kwh": 16306.123, "energy_export_kwh": 0.0},
        {"meter_ts": "2000-01-01T00:00:00+01:00", "gas_ts": None},
        {"meter_id": "1SAG1100000292", "boot": "0af3", "seq": 12, "ts_src": 0, "tariff": 2.0},
        {"power_l3_w": -491, "voltage_l3_v": 231.4, "current_l3_a": 2.04},
        {"a_field_of_a_newer_edge": 1.5},
    ],
)
def test_what_a_meter_tells_is_taken(fields):
    assert P1.check(a_reading(**fields), NOW) == datetime(2026, 11, 28, 11, 59, 58, tzinfo=UTC)


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"power_w": 400_001}, ("power_w", "out_of_range")),
        ({"power_w": "1200"}, ("power_w", "number_type")),
        ({"import_power_w": -1}, ("import_power_w", "out_of_range")),
        ({"energy_import_kwh": -0.001}, ("energy_import_kwh", "out_of_range")),
        ({"tariff": 1.5}, ("tariff", "number_type")),
        ({"meter_ts": "2026-11-28T11:59:58"}, ("meter_ts", "datetime")),
        ({"month_peak_ts": 20261128}, ("month_peak_ts", "datetime")),
        ({"meter_id": "x" * 65}, ("meter_id", "string_pattern")),
        ({"boot": "zz"}, ("boot", "string_pattern")),
        ({"ts": "2026-11-28T13:00:01Z"}, ("ts", "ts_in_future")),
    ],
)
def test_what_no_meter_tells_is_refused(fields, place):
    assert places(a_reading(**fields)) == [place]


def test_what_is_missing_is_named():
    assert places({}) == [(name, "missing") for name in ("device_id", "ts", "power_w")]
    assert places(["not", "an", "object"]) == [("", "object_type")]


def test_each_field_is_named_once_and_has_a_range():
    assert len(set(P1.names)) == len(P1.names)
    assert all(field.low < field.high and field.about for field in FIELDS)
