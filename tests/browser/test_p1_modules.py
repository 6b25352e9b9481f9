"""What the page makes of the answers about a house with a grid (P1) meter."""

import pytest

from tests.browser.test_modules import bucket

P1 = {"grid_source": "p1", "import_p1_kwh": 7.0, "import_kwh": 7.0}
P1 |= {"export_p1_kwh": 8.0, "export_kwh": 8.0, "gas_m3": 1.5, "water_m3": None}
BALANCE = {"load_counter_kwh": 9.0, "load_kwh": 9.0}
HALF = {"coverage": 1.0, "grid_coverage": 0.5}
OWN = {"import_counter_kwh": 7.0, "export_counter_kwh": 8.0}
MIXED = {
    **P1,
    **BALANCE,
    **OWN,
    "grid_source": "mixed",
    "import_p1_kwh": None,
    "export_p1_kwh": None,
}
MONTH = {"isMonth": True}
AT_THE_METER = "load_kwh import_kwh export_kwh"


@pytest.mark.parametrize(
    ("changes", "parts", "lacks_flows"),
    [
        ({**P1, **BALANCE}, "", False),
        ({**P1, **BALANCE, **HALF}, "", True),
        ({**P1, **HALF}, "load_kwh", True),  # within a day the house's use has no counter
        ({**MIXED, **HALF}, "", True),
        ({**P1, **BALANCE, **MONTH}, "", False),
        ({**P1, **BALANCE, **HALF, **MONTH}, f"{AT_THE_METER} gas_m3", True),
        ({**MIXED, **HALF, **MONTH}, f"{AT_THE_METER} gas_m3", True),
        ({**P1, **BALANCE, "coverage": 0.5, "grid_coverage": 0.5},
         "pv_kwh battery_charge_kwh battery_discharge_kwh", False),
        # The inverter's own meter alone is judged as in a house without a P1 meter.
        ({**MIXED, **HALF, "grid_source": "inverter"}, AT_THE_METER, True),
    ],
)  # fmt: skip
def test_counters_of_a_p1_meter_tell_of_the_whole_of_a_day(called, changes, parts, lacks_flows):
    row = {**bucket([(1000, 200, 500, 300, True)], 24), **changes}
    frame = "year" if row.pop("isMonth", False) else "month"
    (answer,) = called("grid_source", "marked", [[{"frame": frame, "series": [row]}]])
    (found,) = called("energy", "total", [[answer["series"]]])
    assert set(found["parts"]) == set(parts.split())
    assert bool(found["lacksFlows"]) == lacks_flows


def test_gas_of_which_one_day_is_not_known_is_a_part(called):
    day = {**bucket([(1000, 200, 500, 300, True)], 24), **P1, **BALANCE}
    both, one, none = called(
        "energy",
        "total",
        [[[day, day]], [[day, {**day, "gas_m3": None}]], [[{**day, "gas_m3": None}]]],
    )
    assert (both["gas_m3"], "gas_m3" in both["parts"]) == (3.0, False)
    assert (one["gas_m3"], "gas_m3" in one["parts"]) == (1.5, True)
    assert (none["gas_m3"], none["parts"]) == (None, [])
    assert both["water_m3"] is None


@pytest.mark.parametrize(
    ("sources", "all_of_them"),
    [
        (["p1", "p1"], "p1"), (["p1", None], "p1"), (["p1", "inverter"], "mixed"),
        (["mixed"], "mixed"), (["inverter", "inverter"], "inverter"), ([None], None), ([], None),
    ],
)  # fmt: skip
def test_a_sum_is_the_word_of_whom_its_rows_are(called, sources, all_of_them):
    assert called("grid_source", "sourceOf", [[[{"grid_source": s} for s in sources]]]) == [
        all_of_them
    ]


NOUGHTS = {"load_power_w": 600.0, "export_power_w": 0.0}
METERLESS = {"has_meter": False, "p1_first_ts": "2026-06-10T00:00:00Z"}


@pytest.mark.parametrize(
    ("source", "is_kept"), [("p1", True), ("mixed", True), ("inverter", False), (None, False)]
)
def test_noughts_of_an_older_edge_are_no_word_but_those_of_a_p1_meter_are(called, source, is_kept):
    reading = {**NOUGHTS, "grid_source": source}
    row = {"avg_load_power_w": 600.0, "avg_export_power_w": 0.0, "grid_source": source}
    now, series = called("meter", "heard", [[reading, METERLESS], [{"series": [row]}, METERLESS]])
    assert now["load_power_w"] == (600.0 if is_kept else None)
    assert series["series"][0]["avg_export_power_w"] == (0.0 if is_kept else None)
    assert now["grid_source"] == (source if is_kept else None)


@pytest.mark.parametrize(
    ("asked", "is_month"),
    [({"frame": "year"}, True), ({"frame": "all"}, True), ({"bucket": "1mo"}, True),
     ({"frame": "month"}, False), ({"bucket": "1d"}, False)],
)  # fmt: skip
def test_months_are_known_as_such(called, asked, is_month):
    answer = {**asked, "series": [{**P1, **HALF}, {**P1, "grid_source": "inverter"}]}
    (found,) = called("grid_source", "marked", [[answer]])
    assert found["series"][0]["wholes"] == ([] if is_month else ["import_kwh", "export_kwh"])
    assert found["series"][1] == answer["series"][1]
