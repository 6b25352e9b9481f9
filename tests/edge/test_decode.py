"""From recorded words to values. The expected values were worked out by hand from the words."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_lib.dongle.decode import decode, facts, value
from edge_lib.dongle.registers import BLOCKS, BY_NAME, FIRMWARE, FOUR_STRINGS, REGISTERS, Register
from edge_lib.shared import sample

DUMPS = Path(__file__).parents[1] / "dumps"
SH15T, MORNING, NIGHT, V112 = FULL = (
    "sh15t_winet_s2_2026-09",
    "sh80rt20_2026-05-22_morning",
    "sh80rt20_2026-05-22_night",
    "sh80rt_v112_winet_s_wlan_2026-09-08",
)


def dump(name):
    """Return a recorded dump's words by the document's number: the file has wire addresses."""
    content = json.loads((DUMPS / f"{name}.json").read_text())
    return {int(address) + 1: word for address, word in content["input"].items()}


def through_a_dongle(words):
    """Return what a poll of all blocks gets where 0 stands for what the dongle does not have."""
    blocks = (*BLOCKS, FOUR_STRINGS, FIRMWARE)
    return dict.fromkeys((b.number + at for b in blocks for at in range(b.count)), 0) | {
        number: word
        for number, word in words.items()
        if any(b.number <= number < b.number + b.count for b in blocks)
    }


def low_first(number, raw):
    """Return the two words of a 32-bit value."""
    return {number: raw & 0xFFFF, number + 1: raw >> 16 & 0xFFFF}


# A sample's required words, and a battery that says nothing of its direction.
REQUIRED = {**low_first(5017, 3000), **low_first(13008, 900), **low_first(13010, 100)}
METER = low_first(5601, -100)  # any value but 0 shows that there is one
BATTERY = {13020: 2000, 13023: 500}


# Field, the document's number of its first word; then for each of FULL the raw words and the value.
# fmt: off
BY_HAND = [
    ("pv_power_w", 5017, ((0, 0), 0), ((610, 0), 610), ((0, 0), 0), ((4574, 0), 4574)),
    ("pv_daily_kwh", 13002, ((285,), 28.5), ((6,), 0.6), ((0,), 0.0), ((332,), 33.2)),
    # 2 * 65536 + 30040 = 161112; 2 * 65536 + 30034 = 161106; 5 * 65536 + 7546 = 335226
    ("pv_total_kwh", 13003, ((50096, 0), 5009.6), ((30040, 2), 16111.2),
     ((30034, 2), 16110.6), ((7546, 5), 33522.6)),
    # 60952 - 65536 = -4584: another inverter feeds in behind the same meter
    ("load_power_w", 13008, ((839, 0), 839), ((60952, 65535), -4584),
     ((435, 0), 435), ((3825, 0), 3825)),
    # 65443 - 65536 = -93; 65312 - 65536 = -224
    ("export_power_w", 13010, ((10, 0), 10), ((65443, 65535), -93),
     ((65312, 65535), -224), ((581, 0), 581)),
    # 60551 - 65536 = -4985 by the device's sign; the last dump lacks it and its 13022 is 0
    ("battery_power_w", 5214, ((928, 0), -928), ((60551, 65535), 4985), ((332, 0), -332), ((), 0)),
    # 65391 - 65536 = -145; 65338 - 65536 = -198 (minutes before that dump's battery power)
    ("battery_current_a", 5631, ((20,), -2.0), ((65391,), 14.5), ((10,), -1.0), ((65338,), 19.8)),
    ("battery_soc_pct", 13023, ((978,), 97.8), ((947,), 94.7), ((697,), 69.7), ((846,), 84.6)),
    ("battery_soh_pct", 13024, ((1000,), 100.0), ((970,), 97.0), ((970,), 97.0), ((970,), 97.0)),
    ("battery_temp_c", 13025, ((184,), 18.4), ((240,), 24.0), ((220,), 22.0), ((250,), 25.0)),
    ("battery_voltage_v", 13020, ((4642,), 464.2), ((3412,), 341.2),
     ((3297,), 329.7), ((1988,), 198.8)),
    ("battery_daily_charge_kwh", 13040, ((120,), 12.0), ((56,), 5.6), ((0,), 0.0), ((83,), 8.3)),
    ("battery_daily_discharge_kwh", 13026, ((62,), 6.2), ((34,), 3.4), ((18,), 1.8), ((45,), 4.5)),
    # 65536 + 8669 = 74205; 65536 + 8613 = 74149
    ("battery_total_charge_kwh", 13041, ((21703, 0), 2170.3), ((8669, 1), 7420.5),
     ((8613, 1), 7414.9), ((51826, 0), 5182.6)),
    # 65536 + 6930 = 72466; 65536 + 6912 = 72448
    ("battery_total_discharge_kwh", 13027, ((19967, 0), 1996.7), ((6930, 1), 7246.6),
     ((6912, 1), 7244.8), ((49801, 0), 4980.1)),
    ("daily_direct_consumption_kwh", 13017, ((88,), 8.8), ((0,), 0.0), ((0,), 0.0), ((93,), 9.3)),
    # 65536 + 64968 = 130504; 65536 + 64958 = 130494
    ("total_import_kwh", 13037, ((951, 0), 95.1), ((64968, 1), 13050.4),
     ((64958, 1), 13049.4), ((32525, 0), 3252.5)),
    # 2 * 65536 + 17792 = 148864; 2 * 65536 + 17791 = 148863; 3 * 65536 + 37582 = 234190
    ("total_export_kwh", 13046, ((24916, 0), 2491.6), ((17792, 2), 14886.4),
     ((17791, 2), 14886.3), ((37582, 3), 23419.0)),
    # 65526 - 65536 = -10
    ("grid_power_w", 5601, ((65526, 65535), -10), ((93, 0), 93), ((224, 0), 224), ((68, 0), 68)),
    # 60869 - 65536 = -4667
    ("inverter_power_w", 13034, ((829, 0), 829), ((60869, 65535), -4667),
     ((225, 0), 225), ((4407, 0), 4407)),
    ("inverter_temp_c", 5008, ((420,), 42.0), ((479,), 47.9), ((419,), 41.9), ((471,), 47.1)),
    ("grid_frequency_hz", 5036, ((), None), ((499,), 49.9), ((499,), 49.9), ((499,), 49.9)),
    ("grid_voltage_v", 5019, ((2430,), 243.0), ((2351,), 235.1),
     ((2367,), 236.7), ((2306,), 230.6)),
    ("running_state", 13000, ((33280,), 33280), ((0,), 0), ((0,), 0), ((0,), 0)),
    ("power_flow_status", 13001, ((12,), 12), ((163,), 163), ((44,), 44), ((25,), 25)),
    ("bms_max_charge_a", 5635, ((16,), 16), ((16,), 16), ((30,), 30), ((30,), 30)),
    ("bms_max_discharge_a", 5636, ((30,), 30), ((30,), 30), ((30,), 30), ((30,), 30)),
    ("mppt1_voltage_v", 5011, ((994,), 99.4), ((5433,), 543.3), ((0,), 0.0), ((5655,), 565.5)),
    ("mppt1_current_a", 5012, ((0,), 0.0), ((7,), 0.7), ((0,), 0.0), ((10,), 1.0)),
    ("mppt2_voltage_v", 5013, ((995,), 99.5), ((2543,), 254.3), ((0,), 0.0), ((4291,), 429.1)),
    ("mppt2_current_a", 5014, ((0,), 0.0), ((8,), 0.8), ((0,), 0.0), ((90,), 9.0)),
    # an SH-RT has two strings: its 0 is the dongle's word for "no value"
    ("mppt3_voltage_v", 5015, ((1006,), 100.6), ((0,), None), ((0,), None), ((0,), None)),
    ("mppt3_current_a", 5016, ((0,), 0.0), ((0,), None), ((0,), None), ((0,), None)),
    ("mppt4_voltage_v", 5115, ((), None), ((), None), ((), None), ((0,), None)),
    ("mppt4_current_a", 5116, ((), None), ((), None), ((), None), ((0,), None)),
]
# fmt: on
SOURCES = {SH15T: "signed", MORNING: "signed", NIGHT: "signed", V112: "zero"}
ROWS = [
    pytest.param(dump_name, field, number, *cell, id=f"{field}-{dump_name}")
    for field, number, *cells in BY_HAND
    for dump_name, cell in zip(FULL, cells, strict=True)
]


@pytest.mark.parametrize(("dump_name", "field", "number", "raw", "expected"), ROWS)
def test_each_field_of_a_full_dump_is_right(dump_name, field, number, raw, expected):
    words = dump(dump_name)
    recorded = tuple(words[number + at] for at in range(2) if at < len(raw))
    assert recorded == raw, "the words of this test are those of the dump"
    assert raw or number not in words
    assert decode(words).values[field] == expected


@pytest.mark.parametrize("dump_name", FULL)
def test_a_full_dump_is_a_sample_without_doubts_and_the_table_names_each_of_its_fields(dump_name):
    values, problems, doubts = decode(dump(dump_name))
    assert (problems, doubts) == ((), ())
    assert values.keys() == {field for field, *_ in BY_HAND} | {"battery_power_source", "faults"}
    assert values["faults"] == ""
    assert values["battery_power_source"] == SOURCES[dump_name]
    assert values.keys() == set(sample.NAMES) - {
        *("device_id", "ts", "interval_s", "boot", "seq", "ts_src")
    }


@pytest.mark.parametrize("dump_name", FULL)
def test_a_dongle_that_answers_0_for_what_it_lacks_changes_no_value(dump_name):
    expected = decode(dump(dump_name)).values | {"battery_power_source": "signed"}
    assert decode(through_a_dongle(dump(dump_name))).values == expected


@pytest.mark.parametrize("dump_name", FULL)
def test_load_is_what_the_inverter_gives_and_does_not_export(dump_name):
    values = decode(dump(dump_name)).values
    expected_w = values["inverter_power_w"] - values["export_power_w"]
    assert abs(values["load_power_w"] - expected_w) <= 40


@pytest.mark.parametrize(
    ("dump_name", "words", "expected"),
    [
        (
            "trace_evcc_16704_sh15t_partial",
            {5017: 493, 5018: 0, 13003: 4367, 13004: 0, 13010: 0, 13011: 0, 13037: 5194, 13038: 0},
            {
                "pv_power_w": 493,
                "grid_voltage_v": 239.0,  # 2390 at 5019
                "pv_total_kwh": 436.7,
                "export_power_w": 0,
                "total_import_kwh": 519.4,
            },
        ),
        (
            "trace_evcc_18838_discharging_partial",
            {13001: 0, 13003: 1027, 13004: 0, 13021: 13, 13022: 184, 13023: 694, 13027: 1038},
            {
                "pv_total_kwh": 102.7,
                "power_flow_status": 0,
                "battery_soc_pct": 69.4,
                "battery_total_discharge_kwh": 103.8,
                # 184 W and 1.3 A, and nothing that says which way: unknown, and no guess
                "battery_power_w": None,
                "battery_current_a": None,
                "battery_power_source": None,
            },
        ),
        (
            "trace_evcc_pr18473_charging_partial",
            {13001: 43, 13021: 294, 13022: 7977, 13023: 44, 13027: 28620, 13028: 0},
            {
                "power_flow_status": 43,  # 0b101011: bit 1 is set, bit 2 is not
                "battery_power_w": 7977,
                "battery_current_a": 29.4,
                "battery_power_source": "flow_bits",
                "battery_soc_pct": 4.4,
                "battery_total_discharge_kwh": 2862.0,
            },
        ),
    ],
)
def test_a_partial_trace_gives_what_it_holds_and_null_for_the_rest(dump_name, words, expected):
    recorded = dump(dump_name)
    assert words.items() <= recorded.items()
    values, problems, doubts = decode(recorded)
    assert values == dict.fromkeys(values) | expected
    assert doubts == ()
    assert {text.split(":")[0] for text in problems} == {"pv_power_w"} - expected.keys()


# --- one register ---


@pytest.mark.parametrize(
    ("kind", "words", "expected"),
    [
        ("U16", [0xFFFF], None),
        ("U16", [0xFFFE], 65534),
        ("U16", [0x7FFF], 32767),
        ("S16", [0x7FFF], None),
        ("S16", [0xFFFF], -1),
        ("S16", [0x8000], -32768),
        ("U32", [0xFFFF, 0xFFFF], None),
        ("U32", [0xFFFF, 0x0000], 65535),
        ("U32", [0x0000, 0xFFFF], 4294901760),
        ("U32", [0x0001, 0x0002], 131073),
        ("S32", [0xFFFF, 0x7FFF], None),
        ("S32", [0x7FFF, 0xFFFF], -32769),
        ("S32", [0xFFF6, 0xFFFF], -10),
        ("S32", [0xFFFF, 0xFFFF], -1),
        ("S32", [0x0000, 0x8000], -2147483648),
    ],
)
def test_no_value_is_a_value_and_not_a_word_and_the_low_word_comes_first(kind, words, expected):
    register = Register(100, "any", kind, len(words), 1.0, "", None, None, "this test")
    assert value(dict(enumerate(words, 100)), register) == expected


@pytest.mark.parametrize("missing", [13008, 13009])
def test_half_a_value_is_no_value(missing):
    words = low_first(13008, 435)
    del words[missing]
    assert value(words, BY_NAME["load_power"]) is None


def test_a_scaled_value_is_the_decimal_that_the_words_mean():
    register = BY_NAME["total_export_energy"]
    for raw in range(0, 10_000_000, 9973):
        assert value(low_first(13046, raw), register) == float(f"{raw // 10}.{raw % 10}")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        # 0x4132 0x3130 is "A2", "10"; 0x3500 is "5" and the padding's first byte
        ([0x4132, 0x3130, 0x3500, 0, 0, 0, 0, 0, 0, 0], "A2105"),
        ([0] * 10, None),
        ([0x0041, 0x4242, 0, 0, 0, 0, 0, 0, 0, 0], None),
        ([0xFFFF] * 10, None),
        ([0x4107, 0x4242, 0, 0, 0, 0, 0, 0, 0, 0], None),
        ([0x4141] * 10, "A" * 20),
        ([0x4141] * 9, None),
    ],
)
def test_a_string_has_its_high_byte_first_and_ends_at_nul(words, expected):
    assert value(dict(enumerate(words, 4990)), BY_NAME["serial_number"]) == expected


# --- facts ---


@pytest.mark.parametrize(
    ("dump_name", "expected", "capacity_kwh"),
    [
        (SH15T, ("A123456789", 0x0E25, "SH15T", 15000, None), 44.8),
        (MORNING, (None, 0x0E12, "SH8.0RT-20", 8000, "SAPPHIRE-H_01011.95.10"), 16.0),
        (NIGHT, (None, 0x0E12, "SH8.0RT-20", 8000, "SAPPHIRE-H_01011.95.10"), 16.0),
        (V112, (None, 0x0E0E, "SH8.0RT-V112", 8000, "SAPPHIRE-H_01011.95.13"), 9.6),
    ],
)
def test_the_facts_of_a_full_dump(dump_name, expected, capacity_kwh):
    names = ("serial", "device_type_code", "model", "nominal_power_w", "firmware")
    seen = facts(dump(dump_name))
    assert seen == dict(zip(names, expected, strict=True)) | {
        "has_meter": True,
        "has_battery": True,
        "battery_capacity_kwh": capacity_kwh,
    }


def test_no_words_no_facts_but_all_their_keys():
    assert set(facts({}).values()) == {None}
    assert len(facts({})) == 8


def test_an_unknown_model_keeps_its_code():
    assert facts({5000: 0x0E99})["device_type_code"] == 0x0E99
    assert facts({5000: 0x0E99})["model"] is None


@pytest.mark.parametrize("code", [0, 0xFFFF])
def test_no_type_code_is_none(code):
    assert facts({5000: code, 5001: 0})["device_type_code"] is None
    assert facts({5000: code, 5001: 0})["nominal_power_w"] is None


# What a WiNet-S serves where there is no meter: zeros, and as load what the inverter gives.
METERLESS = {
    **low_first(5017, 2000),
    **low_first(5601, 0),
    **low_first(13008, 1900),
    **low_first(13010, 0),
    13017: 31,
    **low_first(13034, 1900),
    **low_first(13037, 0),
    **low_first(13046, 0),
}
# What a LAN port says there instead.
NO_VALUES = {
    **METERLESS,
    **low_first(5601, 0x7FFFFFFF),
    **low_first(13008, 0x7FFFFFFF),
    **low_first(13010, 0x7FFFFFFF),
    **low_first(13037, 0xFFFFFFFF),
    **low_first(13046, 0xFFFFFFFF),
}
OF_THE_METER = (
    "load_power_w",
    "export_power_w",
    "grid_power_w",
    "total_import_kwh",
    "total_export_kwh",
    "daily_direct_consumption_kwh",
)


@pytest.mark.parametrize("words", [METERLESS, NO_VALUES], ids=["WiNet-S", "LAN port"])
def test_without_a_meter_all_that_only_a_meter_knows_is_null(words):
    values, problems, doubts = decode(words)
    assert [values[name] for name in OF_THE_METER] == [None] * 6
    assert (values["pv_power_w"], values["inverter_power_w"]) == (2000, 1900)
    assert (problems, doubts) == ((), ())
    assert facts(words)["has_meter"] is False


def test_a_meter_that_was_seen_before_may_say_zero():
    values = decode(METERLESS, meter_seen=True).values
    assert [values[name] for name in OF_THE_METER] == [1900, 0, 0, 0, 0, 3.1]


def test_a_meter_that_was_seen_before_may_have_no_value_for_once():
    values, problems, doubts = decode(NO_VALUES, meter_seen=True)
    assert [values[name] for name in OF_THE_METER] == [None] * 5 + [3.1]
    assert (problems, doubts) == ((), ())


def test_a_slave_without_a_load_is_a_sample():
    """On a LAN port a slave says "no value" for the load, and knows the meter's power."""
    values, problems, _ = decode({**NO_VALUES, **low_first(5601, -700), **low_first(13010, 700)})
    assert [values[name] for name in OF_THE_METER[:3]] == [None, 700, -700]
    assert problems == ()


def test_words_without_any_of_a_meters_registers_tell_nothing_of_one():
    assert facts({**low_first(5017, 2000), **low_first(13008, 1900)})["has_meter"] is None
    assert (
        decode({**low_first(5017, 2000), **low_first(13008, 1900)}).values["load_power_w"] is None
    )


@pytest.mark.parametrize("number", [5601, 13010, 13037, 13046])
def test_one_word_that_only_a_meter_knows_shows_the_meter(number):
    assert facts({**low_first(5601, 0), **low_first(13010, 0), **low_first(number, 7)})["has_meter"]


@pytest.mark.parametrize(
    "words",
    [
        low_first(13010, 158_000_000),
        low_first(13010, -400_001),
        low_first(5601, 400_001),
        low_first(13037, 10_000_001),
        low_first(13046, 4_000_000_000),
    ],
)
def test_what_no_meter_can_say_shows_no_meter(words):
    assert facts({**METERLESS, **words})["has_meter"] is False
    values, problems, _ = decode({**METERLESS, **words})
    assert [values[name] for name in OF_THE_METER] == [None] * 6
    assert problems == ()


# --- strings by model ---


@pytest.mark.parametrize(
    ("code", "count"),
    [
        ({5000: 0x0D18}, 2),
        ({5000: 0x0E25}, 3),
        ({5000: 0x0D1A}, 4),
        ({5000: 0x0E3D}, 4),
        ({5000: 0x0D0E}, 2),
        # Block A holds a third string's registers in any case; what they say shows whether it is.
        ({5000: 0x0E99}, 3),
        ({}, 3),
    ],
    ids=["SH4.0RS", "SH15T", "SH8.0RS", "SH125CX has ten", "SH4.6RS", "unknown", "not read"],
)
def test_a_model_has_as_many_strings_as_its_table_says(code, count):
    words = {5011: 3001, 5012: 11, 5013: 3002, 5014: 12, 5015: 3003, 5016: 13, 5115: 3004, 5116: 14}
    values = decode({**REQUIRED, **words, **code}).values
    voltages = [values[f"mppt{index}_voltage_v"] for index in (1, 2, 3, 4)]
    currents = [values[f"mppt{index}_current_a"] for index in (1, 2, 3, 4)]
    assert voltages == [300.1, 300.2, 300.3, 300.4][:count] + [None] * (4 - count)
    assert currents == [1.1, 1.2, 1.3, 1.4][:count] + [None] * (4 - count)


@pytest.mark.parametrize("nothing", [(0, 0), (0xFFFF, 0xFFFF)])
def test_an_unknown_model_whose_third_string_says_nothing_has_two(nothing):
    values = decode({**REQUIRED, 5000: 0x0E99, 5015: nothing[0], 5016: nothing[1]}).values
    assert (values["mppt3_voltage_v"], values["mppt3_current_a"]) == (None, None)


def test_a_string_that_the_model_lacks_raises_no_doubt():
    assert decode({**REQUIRED, 5000: 0x0D18, 5015: 0xFFFE}).doubts == ()


# --- the battery's sign ---


ZERO = {5214: 0, 5215: 0}


@pytest.mark.parametrize(
    ("dump_name", "signed", "expected"),
    [
        (MORNING, {}, (4985, "signed")),
        (MORNING, ZERO, (4985, "current")),
        (MORNING, None, (4985, "current")),
        (NIGHT, {}, (-332, "signed")),
        (NIGHT, ZERO, (-332, "current")),
        (NIGHT, None, (-332, "current")),
        (SH15T, {}, (-928, "signed")),
        (SH15T, ZERO, (-928, "current")),
        (SH15T, None, (-928, "current")),
        (V112, ZERO, (0, "signed")),
        (V112, None, (0, "zero")),
        (V112, {5214: 3, 5215: 0}, (-3, "signed")),
    ],
)
def test_charging_discharging_and_idle_with_5214_served_zero_and_refused(
    dump_name, signed, expected
):
    words = dump(dump_name)
    if signed is None:
        words = {number: word for number, word in words.items() if number not in ZERO}
    values = decode({**words, **(signed or {})}).values
    assert (values["battery_power_w"], values["battery_power_source"]) == expected


def negative(number):
    return 65536 - number


def sun(pv_w, ac_w):
    return {**low_first(5017, pv_w), **low_first(13034, ac_w)}


RT, RS = {5000: 0x0E12}, {5000: 0x0D18}
BALANCE = {**low_first(5017, 1000), **low_first(13034, 2200)}  # 1200 W come from the battery
INTO = {**low_first(5017, 3000), **low_first(13034, 1700)}  # 1300 W go into it
CHAIN = [
    # 5214
    ("charging", low_first(5214, -700), (700, "signed")),
    ("discharging", low_first(5214, 700), (-700, "signed")),
    ("it wins over all others", {**low_first(5214, 700), 13022: 690, 13001: 2}, (-700, "signed")),
    ("its 0 counts if 13022 is 0", {**ZERO, 13022: 0, 13001: 2}, (0, "signed")),
    ("its 0 alone is no evidence", {**ZERO}, (None, None)),
    ("no value", {**low_first(5214, 0x7FFFFFFF), 13022: 500, 13001: 4}, (-500, "flow_bits")),
    ("impossible", {**low_first(5214, 1_000_000), 13022: 500, 13001: 4}, (-500, "flow_bits")),
    # 13022
    ("0 needs no sign", {13022: 0, 13001: 2, 5631: 30}, (0, "zero")),
    ("signed", {13022: negative(700), 13001: 4}, (700, "legacy_signed")),
    ("nothing read", {13001: 2, 5631: 30}, (None, None)),
    # the currents
    ("5631 charging", {13022: 700, 5631: negative(30)}, (700, "current")),
    ("5631 discharging", {13022: 700, 5631: 30}, (-700, "current")),
    ("5631 before 13021", {13022: 700, 5631: 30, 13021: negative(30)}, (-700, "current")),
    ("13021 negative", {13022: 700, 5631: 0, 13021: negative(30)}, (700, "current")),
    ("13021 positive on RS", {**RS, 13022: 700, 13021: 30, 13001: 2}, (-700, "current")),
    ("13021 positive on RT", {**RT, 13022: 700, 13021: 30}, (None, None)),
    ("13021 positive, unknown model", {13022: 700, 13021: 30}, (None, None)),
    # the bits
    ("bit 1", {**RT, 13022: 700, 13021: 30, 13001: 0b0010_1011}, (700, "flow_bits")),
    ("bit 2", {**RT, 13022: 700, 13021: 30, 13001: 0b0000_1100}, (-700, "flow_bits")),
    ("both bits", {13022: 700, 13001: 0b0110}, (None, None)),
    ("neither bit", {13022: 700, 13001: 0b1001}, (None, None)),
    # the balance: within 20 % + 100 W + 8 % of the throughput, above 50 W, and one way only
    ("from the battery", {13022: 1200, **BALANCE}, (-1200, "balance")),
    ("into the battery", {13022: 1200, **INTO, 13001: 0}, (1200, "balance")),
    ("nearly too much", {13022: 1840, **BALANCE}, (-1840, "balance")),
    ("nearly too little", {13022: 780, **BALANCE}, (-780, "balance")),
    ("too much", {13022: 1850, **BALANCE}, (None, None)),
    ("too little", {13022: 760, **BALANCE}, (None, None)),
    ("too small", {13022: 50, **low_first(5017, 0), **low_first(13034, 70)}, (None, None)),
    ("both ways", {13022: 80, **low_first(5017, 0), **low_first(13034, 5)}, (None, None)),
    (
        "small, but clear",
        {13022: 90, **low_first(5017, 0), **low_first(13034, 90)},
        (-90, "balance"),
    ),
    # Discharging 100 W beside the sun: what the inverter loses hides it (V112, 168 W of losses).
    *(
        (f"lost in the losses of {pv_w} W", {13022: 100, **sun(pv_w, ac_w)}, (None, None))
        for pv_w, ac_w in ((4574, 4506), (5000, 4950), (4000, 3960), (7000, 6930), (7000, 7100))
    ),
    ("a lot beside the sun", {13022: 1500, **sun(7000, 8150)}, (-1500, "balance")),
    # Charging 2500 of 4000 W, and both old registers positive: on an SH-RS their sign is no more
    # certain than elsewhere.
    (
        "13021 positive on RS, and the balance leaves no doubt",
        {**RS, 13022: 2500, 13021: 120, **sun(4000, 1400)},
        (2500, "balance"),
    ),
    (
        "13021 positive on RS, and the balance agrees",
        {**RS, 13022: 2500, 13021: 120, **sun(1000, 3400)},
        (-2500, "current"),
    ),
    ("13021 positive on an SH4.6RS", {5000: 0x0D0E, 13022: 700, 13021: 30}, (-700, "current")),
    ("no roof read", {13022: 1200, **low_first(13034, 2200), 5017: 1}, (None, None)),
]


@pytest.mark.parametrize(("words", "expected"), [c[1:] for c in CHAIN], ids=[c[0] for c in CHAIN])
def test_each_rule_of_the_chain(words, expected):
    values = decode({**BATTERY, **words}).values
    assert (values["battery_power_w"], values["battery_power_source"]) == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ({5631: negative(45), 13021: 44}, 4.5),
        ({5631: 45}, -4.5),
        ({5631: 0, 13021: 44, **low_first(5214, 900)}, -4.4),
        ({5631: 0, 13021: 44, **low_first(5214, -900)}, 4.4),
        ({13021: negative(44), 13022: 900}, 4.4),
        ({13021: negative(44), 13022: 0}, 4.4),
        ({13021: 44, 13022: 900}, None),
        ({13021: 44, 13022: 0}, None),
        ({5631: 0, 13021: 0}, 0),
        ({13021: 0}, 0),
        ({5631: 0}, None),
        ({}, None),
    ],
)
def test_the_battery_current_is_positive_while_charging(words, expected):
    assert decode({**BATTERY, **words}).values["battery_current_a"] == expected


NO_BATTERY = [
    ("voltage 0, whatever was set up", {13020: 0, 13023: 640, 13039: 96}),
    ("all 0 but a residual voltage", {13020: 31, 13023: 0, 13022: 0, 13021: 0, 5639: 0}),
    ("no value anywhere", {13020: 0xFFFF, 13023: 0xFFFF, 13022: 0xFFFF, 13021: 0xFFFF}),
]


@pytest.mark.parametrize("words", [c[1] for c in NO_BATTERY], ids=[c[0] for c in NO_BATTERY])
def test_without_a_battery_every_field_of_one_is_null(words):
    values, problems, doubts = decode({**REQUIRED, **words, 13024: 0, 13040: 0, 13001: 2})
    assert {v for name, v in values.items() if name.startswith("battery_")} == {None}
    assert (problems, doubts) == ((), ())
    assert facts(words)["has_battery"] is False


def test_a_pack_without_a_known_capacity_is_a_battery():
    words = {13020: 500, 13023: 640, 13022: 0, 13021: 0, 5639: 0, 13039: 0}
    assert facts(words)["has_battery"] is True
    assert decode(words).values["battery_soc_pct"] == 64.0


# --- out of range ---


@pytest.mark.parametrize(
    ("words", "field"),
    [
        ({13023: 1001}, "battery_soc_pct: register 13023 = 0x03E9: 100.1 % is outside 0 to 100"),
        ({5036: 700}, "grid_frequency_hz: register 5036 = 0x02BC: 70 Hz is outside 45 to 65"),
        ({5036: 7000}, "grid_frequency_hz: register 5036 = 0x1B58: 70 Hz is outside 45 to 65"),
        ({13025: 900}, "battery_temp_c: register 13025 = 0x0384: 90 °C is outside -40 to 80"),
        (
            low_first(13003, 10_000_001),
            "pv_total_kwh: register 13003 = 0x9681 0x0098: 1000000.1 kWh is outside 0 to 1000000",
        ),
        (
            {5001: 40, **low_first(5214, -15_001)},
            "battery_power: register 5214 = 0xC567 0xFFFF: -15001 W is outside -15000 to 15000",
        ),
    ],
)
def test_a_nullable_field_out_of_its_range_is_null_and_a_doubt_with_its_words(words, field):
    values, problems, doubts = decode({**REQUIRED, **BATTERY, **words})
    assert doubts == (field,)
    assert problems == ()
    assert values.get(field.split(":")[0]) is None


@pytest.mark.parametrize(
    ("number", "field"), [(5036, "grid_frequency_hz"), (13024, "battery_soh_pct")]
)
def test_a_zero_that_cannot_be_is_null_without_a_doubt(number, field):
    decoded = decode({**REQUIRED, **BATTERY, number: 0})
    assert decoded.values[field] is None
    assert decoded.doubts == ()


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ({5017: 0xFFFF, 5018: 0xFFFF}, "pv_power_w: register 5017 = 0xFFFF 0xFFFF: no value"),
        ({5017: None, 5018: None}, "pv_power_w: register 5017 = ---- ----: not read"),
        (
            {5017: 0xAFC8, 5018: 0},
            "pv_power_w: register 5017 = 0xAFC8 0x0000: 45000 W is outside 0 to 30000",
        ),
    ],
)
def test_a_required_field_that_is_missing_or_impossible_is_a_problem_with_its_words(words, problem):
    merged = {number: word for number, word in {**REQUIRED, **words}.items() if word is not None}
    values, problems, doubts = decode(merged)
    assert (problems, doubts) == ((problem,), ())
    assert values[problem.split(":")[0]] is None


@pytest.mark.parametrize(
    ("nominal", "power_w", "is_sample"),
    [
        (80, 45_000, False),  # 8 kW
        (250, 45_000, True),  # 25 kW: up to 30 kW * 25 / 15
        (250, 50_001, False),
        (1250, 200_000, True),
        (1250, 200_001, False),  # never beyond what a sample may hold
        (0xFFFE, 45_000, False),  # nobody's nominal power: it widens nothing
    ],
)
def test_a_bigger_inverter_may_have_more_power(nominal, power_w, is_sample):
    decoded = decode({**REQUIRED, **low_first(5017, power_w), 5001: nominal})
    assert (decoded.problems == ()) is is_sample


SH10, SH15, SH25 = 100, 150, 250  # register 5001


@pytest.mark.parametrize(
    ("nominal", "export_w", "load_w"),
    [
        (120, -38_000, 38_000),
        (40, -31_000, 31_000),  # an SH4.0RS in a house of 3 x 50 A
        (40, -43_000, 43_000),  # 3 x 63 A
        (SH10, 33_000, 900),  # a second inverter of 25 kW behind the same meter
        (SH10, -500, -32_000),
        (0, -399_999, 399_999),
    ],
)
def test_what_a_meter_sees_is_not_bounded_by_the_inverter(nominal, export_w, load_w):
    words = {
        **REQUIRED,
        5001: nominal,
        **low_first(5601, -export_w),
        **low_first(13008, load_w),
        **low_first(13010, export_w),
    }
    values, problems, doubts = decode(words)
    found = (values["export_power_w"], values["load_power_w"], values["grid_power_w"])
    assert found == (export_w, load_w, -export_w)
    assert (problems, doubts) == ((), ())


@pytest.mark.parametrize("number", [5601, 13008, 13010])
@pytest.mark.parametrize("power_w", [158_000_000, -158_000_000, 400_001, -400_001])
def test_what_no_meter_of_a_house_can_see_is_null_and_costs_no_sample(number, power_w):
    values, problems, doubts = decode({**REQUIRED, **METER, **low_first(number, power_w)})
    field = {5601: "grid_power_w", 13008: "load_power_w", 13010: "export_power_w"}[number]
    assert values[field] is None
    assert problems == ()
    assert len(doubts) == 1


@pytest.mark.parametrize(
    ("nominal", "words", "power_w"),
    [
        (SH15, {}, 20_000),
        (SH25, {}, 28_000),
        (SH25, {}, -28_000),
        (40, {}, -6_600),
        (SH10, {13020: 4000, 5635: 60, 5636: 60}, 24_000),  # its BMS allows 60 A at 400 V
        (0, {}, -40_000),  # no size is known
    ],
)
def test_a_battery_may_do_what_its_model_or_its_bms_allows(nominal, words, power_w):
    values = decode({**REQUIRED, **BATTERY, 5001: nominal, **words, **low_first(5214, -power_w)})
    assert values.values["battery_power_w"] == power_w


@pytest.mark.parametrize(
    ("nominal", "power_w"), [(40, 65_536), (SH25, 65_536), (0, 158_000_000), (0, 200_001)]
)
def test_what_no_such_battery_can_do_is_null(nominal, power_w):
    decoded = decode({**REQUIRED, **BATTERY, 5001: nominal, **low_first(5214, power_w)})
    assert decoded.values["battery_power_w"] is None
    assert len(decoded.doubts) == 1


def test_a_low_voltage_pack_may_have_more_than_a_hundred_amperes():
    words = {**REQUIRED, 5000: 0x0D28, 13020: 512, 13023: 500, **low_first(5214, -6067)}
    assert decode({**words, 5631: negative(1185)}).values["battery_current_a"] == 118.5
    assert decode({**words, 5631: negative(5001)}).values["battery_current_a"] is None


@pytest.mark.parametrize(
    ("number", "word", "field", "expected"),
    [
        (5036, 499, "grid_frequency_hz", 49.9),
        (5036, 4998, "grid_frequency_hz", 49.98),
        (5036, 6001, "grid_frequency_hz", 60.01),
        (5036, 450, "grid_frequency_hz", 45),
        (5036, 6500, "grid_frequency_hz", 65),
        (13024, 990, "battery_soh_pct", 99),
        (13024, 99, "battery_soh_pct", 99),
        (13024, 100, "battery_soh_pct", 100),
        (13024, 101, "battery_soh_pct", 10.1),
        (13024, 1000, "battery_soh_pct", 100),
    ],
)
def test_a_value_is_known_by_its_scale(number, word, field, expected):
    assert decode({**REQUIRED, **BATTERY, number: word}).values[field] == expected


@pytest.mark.parametrize(
    ("words", "volts"),
    [
        ({5019: 2317}, 231.7),
        ({5002: 2, 5019: 4003}, 400.3),  # an SH125CX: between the phases
        ({5002: 1, 5019: 4003}, None),
        ({5019: 4003}, None),
        ({5002: 2, 5019: 8001}, None),
    ],
)
def test_a_line_voltage_is_one_where_the_unit_says_so(words, volts):
    assert decode({**REQUIRED, **words}).values["grid_voltage_v"] == volts


# --- whatever the words ---


EDGES = st.sampled_from([0, 1, 0x7FFF, 0x8000, 0xFFFE, 0xFFFF])
WORD = st.one_of(EDGES, st.integers(0, 0xFFFF))
NUMBERS = sorted({r.number + at for r in REGISTERS for at in range(r.words)})
NOW = datetime(2026, 11, 23, tzinfo=UTC)


@settings(max_examples=300, deadline=None, database=None)
@given(
    base=st.sampled_from([{}, REQUIRED, *map(dump, FULL)]),
    other=st.dictionaries(st.sampled_from(NUMBERS), WORD, max_size=60),
    missing=st.sets(st.sampled_from(NUMBERS), max_size=20),
)
def test_no_words_make_decode_raise_or_give_what_a_sample_may_not_hold(base, other, missing):
    words = {n: word for n, word in {**base, **other}.items() if n not in missing}
    before = dict(words)
    values, problems, _ = decode(words)
    facts(words)
    assert words == before
    nulls = {text.split(":")[0] for text in problems}
    assert {name for name in nulls if values[name] is not None} == set()
    completed = {
        **values,
        **dict.fromkeys(nulls, 0),
        "device_id": "roof",
        "ts": "2026-11-23T00:00:00Z",
    }
    sample.SAMPLE.check(completed, NOW)
    assert (values["battery_power_w"] is None) == (values["battery_power_source"] is None)
