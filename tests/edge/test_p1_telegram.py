"""Telegrams of every dialect become values; what is wrong in one costs no more than it must."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from dsmr_parser import telegram_specifications
from dsmr_parser.parsers import TelegramParser

from edge_lib.p1.crc import crc16
from edge_lib.p1.framing import MOST_BYTES, Framer
from edge_lib.p1.telegram import Told, has_version_4, parse
from edge_lib.shared.p1_reading import P1
from tests.support.p1_telegrams import DSMR3, DSMR4, DSMR5, FLUVIUS, changed, crc_by_bits, telegram
from tests.support.p1_telegrams import whole as meter

NOW = datetime(2026, 11, 28, 17, 15, 31, tzinfo=UTC)
SPECIFICATIONS = {
    "5": telegram_specifications.V5,
    "4": telegram_specifications.V4,
    "3": telegram_specifications.V3,
    "fluvius": telegram_specifications.BELGIUM_FLUVIUS,
}


def told_by(data: bytes, now: datetime = NOW) -> Told:
    (frame,) = Framer().feed(data)
    return parse(frame, now)


def told(lines: dict[str, str], now: datetime = NOW, **by_name: str | None) -> Told:
    return told_by(telegram(changed(lines, **by_name)), now)


def test_a_telegram_of_dsmr_5():
    assert told_by(meter("5")) == (
        {
            "power_w": -204.0,
            "import_power_w": 0.0,
            "energy_import_kwh": 10524.579,
            "energy_export_kwh": 3580.245,
            "import_t1_kwh": 4711.123,
            "import_t2_kwh": 5813.456,
            "export_t1_kwh": 1234.567,
            "export_t2_kwh": 2345.678,
            "tariff": 2,
            # As in a posted telegram: what L1 exports is netted with the others at each moment.
            "power_l1_w": -491.0,
            "power_l2_w": 177.0,
            "power_l3_w": 110.0,
            "voltage_l1_v": 234.1,
            "voltage_l2_v": 231.9,
            "voltage_l3_v": 229.6,
            "current_l1_a": 2.0,
            "current_l2_a": 1.0,
            "current_l3_a": 0.0,
            "meter_ts": "2026-11-28T18:15:30+01:00",
            "meter_id": "E0047000012345678",
            "gas_m3": 3456.789,
            "gas_ts": "2026-11-28T18:10:00+01:00",
        },
        (),
        (),
        datetime(2026, 11, 28, 17, 15, 30, tzinfo=UTC),
    )


def test_a_telegram_of_fluvius_with_capacity_and_water():
    values, peaks, doubts, clock = told_by(meter("fluvius"))
    assert (
        values
        | {
            "power_w": 1193.0,
            "import_power_w": 1193.0,
            "demand_w": 2351.0,
            "month_peak_w": 2589.0,
            "month_peak_ts": "2026-10-09T13:45:00+02:00",
            "current_l1_a": 5.19,
            "gas_m3": 112.384,
            "gas_ts": "2026-10-25T02:25:00+01:00",
            "water_m3": 872.234,
            "water_ts": "2026-10-25T02:24:55+01:00",
            "meter_id": "1SAG1100000292",
        }
        == values
    )
    assert [peak._asdict() for peak in peaks] == [
        {
            "month": f"2026-{month}-01T00:00:00+02:00",
            "peak_ts": f"2026-{at}+02:00",
            "peak_w": watts,
        }
        for month, at, watts in (
            ("08", "07-15T18:15:00", 4329.0),
            ("09", "08-03T19:45:00", 4529.0),
            ("10", "09-30T07:00:00", 5007.0),
        )
    ]
    assert not doubts
    assert clock == datetime(2026, 10, 25, 1, 30, 5, tzinfo=UTC)  # the second 02:30


def test_a_telegram_of_dsmr_3_has_the_gas_on_its_next_line_and_no_clock():
    values, _, doubts, clock = told_by(meter("3"))
    assert (values["power_w"], values["energy_import_kwh"]) == (980.0, 14690.789)
    assert (values["gas_m3"], values["gas_ts"]) == (123.25, "2012-05-17T02:00:00+02:00")
    assert "meter_ts" not in values
    assert clock is None
    assert not doubts


@pytest.mark.parametrize("name", SPECIFICATIONS)
def test_what_is_read_is_a_reading_by_the_contract(name):
    values = told_by(meter(name)).values
    P1.check({"device_id": "home-1", "ts": "2026-11-28T17:15:31Z", **values}, NOW)


# Their name of what is ours, times 1000 where theirs is in kW.
NAMES = {
    "import_t1_kwh": "ELECTRICITY_USED_TARIFF_1",
    "import_t2_kwh": "ELECTRICITY_USED_TARIFF_2",
    "export_t1_kwh": "ELECTRICITY_DELIVERED_TARIFF_1",
    "export_t2_kwh": "ELECTRICITY_DELIVERED_TARIFF_2",
    "tariff": "ELECTRICITY_ACTIVE_TARIFF",
    "meter_ts": "P1_MESSAGE_TIMESTAMP",
    "demand_w": "BELGIUM_CURRENT_AVERAGE_DEMAND",
    **{f"voltage_l{n}_v": f"INSTANTANEOUS_VOLTAGE_L{n}" for n in (1, 2, 3)},
    **{f"current_l{n}_a": f"INSTANTANEOUS_CURRENT_L{n}" for n in (1, 2, 3)},
}
NETS = {
    "power_w": ("CURRENT_ELECTRICITY_USAGE", "CURRENT_ELECTRICITY_DELIVERY"),
    **{
        f"power_l{n}_w": tuple(
            f"INSTANTANEOUS_ACTIVE_POWER_L{n}_{side}" for side in ("POSITIVE", "NEGATIVE")
        )
        for n in (1, 2, 3)
    },
}


def by_the_library(data: bytes, specification: dict) -> dict:
    """Return what the library dsmr-parser makes of a telegram, by our names."""
    found = TelegramParser(specification).parse(data.decode("latin-1"))
    theirs = {name: getattr(found, name) for name, _ in found}
    values = {ours: theirs[name].value for ours, name in NAMES.items() if name in theirs}
    for ours, (imported, exported) in NETS.items():
        if imported in theirs:
            values[ours] = (theirs[imported].value - theirs[exported].value) * 1000
    if "demand_w" in values:
        values["demand_w"] *= 1000
    for device in getattr(found, "MBUS_DEVICES", ()):
        kind = vars(device).get("MBUS_DEVICE_TYPE") or device.DEVICE_TYPE
        reading = vars(device).get("MBUS_METER_READING") or device.HOURLY_GAS_METER_READING
        name = {3: "gas", 7: "water"}[int(kind.value)]
        values |= {f"{name}_m3": reading.value, f"{name}_ts": reading.datetime}
    if "BELGIUM_MAXIMUM_DEMAND_MONTH" in theirs:
        peak = theirs["BELGIUM_MAXIMUM_DEMAND_MONTH"]
        values |= {"month_peak_w": peak.value * 1000, "month_peak_ts": peak.datetime}
    return values


def comparable(value: object) -> object:
    if isinstance(value, str) and "T" in value:
        return datetime.fromisoformat(value)
    return value if isinstance(value, datetime) else round(float(value), 6)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("name", ["5", "4", "fluvius"])
def test_the_library_reads_the_same_in_random_telegrams(name, seed):
    chance = random.Random(f"{name} {seed}")
    lines = {"5": DSMR5, "4": DSMR4, "fluvius": FLUVIUS}[name]
    data = telegram(shuffled_digits(list(lines.values()), chance))
    ours = told_by(data).values
    theirs = by_the_library(data, SPECIFICATIONS[name])
    assert len(theirs) > 10
    same = {field: comparable(ours.get(field)) for field in theirs}
    assert same == {field: comparable(value) for field, value in theirs.items()}


def shuffled_digits(lines: list[str], chance: random.Random) -> list[str]:
    """Return the lines with other numbers in front of a unit, each no larger than before."""
    found = []
    for line in lines:
        head, star, unit = line.rpartition("*")
        start = head.rfind("(") + 1
        if star and line.count("*") == 1:
            digits = (str(chance.randint(0, int(c))) if c.isdigit() else c for c in head[start:])
            line = head[:start] + "".join(digits) + star + unit
        found.append(line)
    return found


def test_the_library_reads_the_same_peaks():
    (frame,) = Framer().feed(meter("fluvius"))
    found = TelegramParser(telegram_specifications.BELGIUM_FLUVIUS).parse(meter("fluvius").decode())
    theirs = [
        (peak.datetime, peak.occurred, float(peak.value) * 1000)
        for peak in found.BELGIUM_MAXIMUM_DEMAND_13_MONTHS
    ]
    ours = [
        (datetime.fromisoformat(peak.month), datetime.fromisoformat(peak.peak_ts), peak.peak_w)
        for peak in parse(frame, NOW).peaks
    ]
    assert ours == theirs


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ({"import": "1-0:1.7.0(00.300*kW)", "export": "1-0:2.7.0(00.000*kW)"}, 300.0),
        ({"import": "1-0:1.7.0(00.000*kW)", "export": "1-0:2.7.0(00.000*kW)"}, 0.0),
        ({"import": "1-0:1.7.0(300*W)", "export": "1-0:2.7.0(0*W)"}, 300.0),
        # One side is always 0, so the other one is enough unless it is 0 itself.
        ({"import": "1-0:1.7.0(0x.300*kW)", "export": "1-0:2.7.0(00.204*kW)"}, -204.0),
        ({"import": "1-0:1.7.0(00.300*kW)", "export": "1-0:2.7.0(00.2)"}, 300.0),
        ({"import": "1-0:1.7.0(00.000*kW)", "export": "1-0:2.7.0(00.2)"}, None),
        ({"import": "1-0:1.7.0()", "export": "1-0:2.7.0(00.000*kW)"}, None),
        ({"import": None, "export": "1-0:2.7.0(00.000*kW)"}, None),
        # A meter without a register of export.
        ({"import": "1-0:1.7.0(00.000*kW)", "export": None}, 0.0),
        ({"import": None, "export": None}, None),
        ({"import": "1-0:1.7.0(00.300*kVA)", "export": None}, None),
        ({"import": "1-0:1.7.0(999999.000*kW)", "export": "1-0:2.7.0(00.000*kW)"}, None),
    ],
)
def test_net_power_is_import_less_export_and_never_invented(lines, expected):
    values = told(DSMR5, **lines).values
    assert values["power_w"] == expected
    assert values.get("import_power_w") == (None if expected is None else max(expected, 0))


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ({}, 10524.579),
        ({"total": "1-0:1.8.0(010524.600*kWh)"}, 10524.6),
        ({"total": "1-0:1.8.0(broken)"}, 10524.579),
        ({"import_t2": "1-0:1.8.2(broken)"}, None),  # half of it would be a lie
        ({"import_t2": "1-0:1.8.2(broken)", "total": "1-0:1.8.0(010524.600*kWh)"}, 10524.6),
        ({"import_t2": None}, 4711.123),
        ({"import_t1": None, "import_t2": None}, None),
        ({"third": "1-0:1.8.3(000100.000*kWh)"}, 10624.579),
        ({"import_t1": "1-0:1.8.1(4711123*Wh)"}, 10524.579),
    ],
)
def test_the_total_is_the_meters_own_or_the_sum_of_all_tariffs(lines, expected):
    values = told({**DSMR5, "total": None, "third": None}, **lines).values
    assert values.get("energy_import_kwh") == expected


BAD_GAS = {
    "no data": "0-1:24.2.1(632525252525S)(00000.000)",
    "no data, with a unit": "0-1:24.2.1(632525252525S)(00000.000*m3)",
    "never, no unit": "0-1:24.2.1(700101010000W)(00000000)",
    "never": "0-1:24.2.1(700101010000W)(00000.000*m3)",
    "no unit": "0-1:24.2.1(261128181000W)(03456.789)",
    "another unit": "0-1:24.2.1(261128181000W)(03456.789*GJ)",
    "no time": "0-1:24.2.1(03456.789*m3)",
    "empty": "0-1:24.2.1()",
    "both empty": "0-1:24.2.1()()",
    "thirteenth month": "0-1:24.2.1(261328181000W)(03456.789*m3)",
    "other digits": "0-1:24.2.1(261128181000W)(0345६.789*m3)".encode().decode("latin-1"),
    "no bracket": "0-1:24.2.1(261128181000W)(03456.789*m3",
    "two values": "0-1:24.2.1(261128181000W)(03456.789*m3)(1*m3)",
}


@pytest.mark.parametrize("line", BAD_GAS.values(), ids=BAD_GAS)
@pytest.mark.parametrize("lines", [DSMR5, FLUVIUS], ids=["5", "fluvius"])
def test_a_bad_line_of_the_gas_meter_costs_that_line(lines, line):
    good = told(lines)
    bad = told(lines, gas=line)
    without_gas = {k: v for k, v in good.values.items() if not k.startswith("gas_")}
    assert bad.values == without_gas
    assert bad.peaks == good.peaks


def test_a_gas_time_a_year_ahead_is_told_as_it_is():
    values = told(DSMR5, gas="0-1:24.2.1(271128181000W)(03456.789*m3)").values
    assert values["gas_ts"] == "2027-11-28T18:10:00+01:00"
    assert values["gas_m3"] == 3456.789


@pytest.mark.parametrize("name", [name for name in DSMR5 if name not in ("version",)])
@pytest.mark.parametrize("damage", ["{}garbage(((", "({}", "\x00{}", "{}\xff"])
def test_a_bad_line_anywhere_costs_no_other(name, damage):
    good = told(DSMR5).values
    bad = told(DSMR5, **{name: damage.format(DSMR5[name])}).values
    lost = good.keys() - bad.keys() | {field for field in bad if bad[field] != good[field]}
    its_own = {
        "import": {"power_w", "import_power_w"},
        "export": {"power_w", "import_power_w"},
        "clock": {"meter_ts"},
        "id": {"meter_id"},
        "gas_type": {"gas_m3", "gas_ts"},
        "gas": {"gas_m3", "gas_ts"},
        "import_t1": {"import_t1_kwh", "energy_import_kwh"},
        "import_t2": {"import_t2_kwh", "energy_import_kwh"},
        "export_t1": {"export_t1_kwh", "energy_export_kwh"},
        "export_t2": {"export_t2_kwh", "energy_export_kwh"},
        "tariff": {"tariff"},
    }
    phase = {f"{name[:2]}_v": f"voltage_{name[:2]}_v", f"{name[:2]}_a": f"current_{name[:2]}_a"}
    allowed = its_own.get(name, {phase.get(name, f"power_{name[:2]}_w")})
    assert lost <= allowed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("261025023000S", "2026-10-25T02:30:00+02:00"),
        ("261025023000W", "2026-10-25T02:30:00+01:00"),
        ("260329033000S", "2026-03-29T03:30:00+02:00"),
        ("000101000000W", "2000-01-01T00:00:00+01:00"),  # as some stand for months
        ("000101000000", "2000-01-01T00:00:00+01:00"),
        ("260701120000", "2026-07-01T12:00:00+02:00"),
        ("261128181530", "2026-11-28T18:15:30+01:00"),
        ("260329023000", "2026-03-29T02:30:00+01:00"),  # an hour that was left out
        ("261128181530X", None),
        ("26112818153W", None),
        ("632525252525S", None),
        ("700101000000W", None),
        ("260229120000W", None),
        ("261128240000W", None),
        ("", None),
    ],
)
def test_the_meters_clock(text, expected):
    found = told(DSMR5, clock=f"0-0:1.0.0({text})")
    assert found.values.get("meter_ts") == expected
    assert (found.clock is None) == (expected is None)
    assert bool(found.doubts) == (expected is None)


@pytest.mark.parametrize(("minutes", "offset"), [(-20, 2), (40, 1)])
def test_the_doubled_hour_without_a_letter_is_the_one_that_is_nearer(minutes, offset):
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    found = told(
        DSMR3,
        first + timedelta(minutes=minutes),
        gas="0-1:24.3.0(261025023000)(08)(60)(1)(0-1:24.2.1)(m3)",
    )
    assert found.values["gas_ts"] == f"2026-10-25T02:30:00+0{offset}:00"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("4530303437303030303132333435363738", "E0047000012345678"),
        ("K8EG004046395507", "K8EG004046395507"),
        ("00ff", "00ff"),
        ("", None),
        ("   ", None),
        ("é", None),
        ("A" * 65, None),
    ],
)
def test_the_meters_number_is_decoded_where_it_is_hex(given, expected):
    assert told(DSMR5, id=f"0-0:96.1.1({given})").values.get("meter_id") == expected


@pytest.mark.parametrize("channel", [1, 2, 4, 17])
def test_gas_and_water_are_found_on_any_channel(channel):
    found = told(
        {**DSMR4, "water_type": "", "water": "", "heat_type": "", "heat": ""},
        gas_type=f"0-{channel}:24.1.0(003)",
        gas=f"0-{channel}:24.2.1(260704120000S)(00980.035*m3)",
        water_type=f"0-{channel + 1}:24.1.0(007)",
        water=f"0-{channel + 1}:24.2.1(260704115500S)(00011.222*m3)",
        heat_type=f"0-{channel + 2}:24.1.0(012)",
        heat=f"0-{channel + 2}:24.2.1(260704115500S)(00012.345*GJ)",
    )
    assert (found.values["gas_m3"], found.values["water_m3"]) == (980.035, 11.222)
    assert not found.doubts


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("(261128181000W)(00100.000*m3)", "(261128181000W)(00007.000*m3)", 100.0),
        ("(261128180500W)(00100.000*m3)", "(261128181000W)(00007.000*m3)", 100.0),
        ("(261028181000W)(00100.000*m3)", "(261128181000W)(00007.000*m3)", 7.0),  # replaced
        ("(632525252525S)(00000.000)", "(261128181000W)(00007.000*m3)", 7.0),
        ("(261128181000W)(00100.000*m3)", "(632525252525S)(00000.000)", 100.0),
    ],
)
def test_of_two_gas_meters_it_is_the_first_that_still_speaks(first, second, expected):
    lines = {**DSMR5, "second_type": "0-2:24.1.0(003)", "second": f"0-2:24.2.1{second}"}
    assert told(lines, gas=f"0-1:24.2.1{first}").values["gas_m3"] == expected


AUGUST = "(260901000000S)(260803194500S)(04.529*kW)"


@pytest.mark.parametrize(
    ("history", "watts"),
    [
        ("0-0:98.1.0(0)(1-0:1.6.0)(1-0:1.6.0)", []),
        ("0-0:98.1.0()", []),
        ("0-0:98.1.0", []),
        ("0-0:98.1.0(1)(1-0:1.6.0)(1-0:1.6.0)(260801000000S)(260715181500S)(04.329*kW)", [4329]),
        ("1-0:98.1.0(1)(1-0:1.6.0)(1-0:1.6.0)(260801000000S)(260715181500S)(04.329*kW)", [4329]),
        (
            "0-0:98.1.0(2)(1-0:1.6.0)(1-0:1.6.0)(260801000000S)(632525252525W)(00.000*kW)"
            "(260901000000S)(260803194500S)(04.529*kW)",
            [4529],
        ),
        (
            "0-0:98.1.0(2)(1-0:1.6.0)(1-0:1.6.0)(260801000000S)(260715181500S)(04.329*kW)"
            "(260901000000S)(260803194500S)",
            [4329],
        ),
        # A month that lacks a group costs that month; one without its length, nothing.
        (f"0-0:98.1.0(2)(1-0:1.6.0)(1-0:1.6.0)(260801000000S)(04.329*kW){AUGUST}", [4529]),
        (f"0-0:98.1.0(2)(1-0:1.6.0)(1-0:1.6.0)(260715181500S)(04.329*kW){AUGUST}", [4529]),
        (f"0-0:98.1.0(2)(1-0:1.6.0)(1-0:1.6.0)(260801000000S)(260715181500S){AUGUST}", [4529]),
        (f"0-0:98.1.0(2)(1-0:1.6.0)(1-0:1.6.0)(04.329*kW){AUGUST}", [4529]),
        (f"0-0:98.1.0(2)(1-0:1.6.0)(1-0:1.6.0)()()(){AUGUST}", [4529]),
        (f"0-0:98.1.0(1-0:1.6.0)(1-0:1.6.0){AUGUST}", [4529]),
        (f"0-0:98.1.0{AUGUST}", [4529]),
    ],
)
def test_the_history_of_peaks_as_far_as_it_can_be_read(history, watts):
    assert [peak.peak_w for peak in told(FLUVIUS, history=history).peaks] == watts


def test_thirteen_months_of_peaks_come_at_once():
    months = [(2025 + (m + 8) // 12, (m + 8) % 12 + 1) for m in range(13)]
    rows = "".join(
        f"({y % 100}{m:02}01000000{'W' if m in (1, 2, 3, 11, 12) else 'S'})"
        f"({y % 100 if m > 1 else y % 100 - 1}{m - 1 or 12:02}15181500W)({m:02}.500*kW)"
        for y, m in months
    )
    found = told(FLUVIUS, history=f"0-0:98.1.0(13)(1-0:1.6.0)(1-0:1.6.0){rows}")
    assert len(found.peaks) == 13
    assert not found.doubts


def test_a_value_that_cannot_be_is_left_out_and_named():
    found = told(DSMR5, l1_v="1-0:32.7.0(9999.9*V)")
    assert "voltage_l1_v" not in found.values
    assert found.doubts == ("voltage_l1_v: 9999.9 is outside 0 to 1500",)


@pytest.mark.parametrize("lines", [[], ["0-0:96.13.0()"], ["1-0:1.7.0(abc)"]])
def test_a_telegram_that_says_nothing_is_not_a_reading(lines):
    assert not told_by(telegram(lines)).is_reading


# Framing.


def test_the_crc_is_the_one_of_the_standard():
    assert crc16(b"123456789") == crc_by_bits(b"123456789") == 0xBB3D
    for length in range(200):
        data = random.Random(length).randbytes(length)
        assert crc16(data) == crc_by_bits(data)


@pytest.mark.parametrize("name", SPECIFICATIONS)
def test_a_telegram_is_whole_by_its_crc_alone(name):
    (frame,) = Framer().feed(meter(name))
    assert frame.is_whole == (name != "3")
    assert has_version_4(frame) == (name != "3")


def unpadded() -> bytes:
    """Return a telegram whose CRC begins with 0, written without it, as some meters do."""
    for n in range(1000):
        data = telegram([f"0-0:96.13.0({n})", *DSMR5.values()], crc="{:X}")
        if len(data.rpartition(b"!")[2]) < 6:
            return data
    raise AssertionError


@pytest.mark.parametrize(
    "data",
    [
        unpadded(),
        telegram(DSMR5.values(), crc="{:04x}"),
        telegram(DSMR5.values())[:-2] + b"\x00\r\n",
    ],
    ids=["unpadded", "small letters", "a NUL before the line end"],
)
def test_the_crc_as_meters_write_it(data):
    (frame,) = Framer().feed(data)
    assert frame.is_whole
    assert parse(frame, NOW).values["power_w"] == -204.0


@pytest.mark.parametrize("size", [1, 2, 7, 64, 1000, 100_000])
def test_telegrams_are_found_however_the_bytes_arrive(size):
    stream = meter("5")[300:] + meter("5") + b"\x00\xffnoise!\r\n!12\r\n" + meter("4") + meter("5")
    framer, frames = Framer(), []
    for at in range(0, len(stream), size):
        frames += framer.feed(stream[at : at + size])
    assert [frame.body for frame in frames] == [
        meter(name).rpartition(b"!")[0] + b"!" for name in ("5", "4", "5")
    ]
    assert all(frame.is_whole for frame in frames)
    assert framer.cut == 0


def test_a_telegram_that_is_cut_costs_itself_alone():
    framer = Framer()
    (frame,) = framer.feed(meter("5")[:400] + meter("4"))
    assert frame.is_whole
    assert framer.cut == 1


@pytest.mark.parametrize(
    "noise", [b"\x00", b"/", b"\n", b"(", b"1-0:1.7.0(1*kW)\r\n", b"/x\r\n", b"!", b"!!\n", b"/\n"]
)
@pytest.mark.parametrize("before", [b"", b"/TST5", b"/\r\n\xdb"])
def test_noise_without_end_fills_no_memory_and_a_telegram_behind_it_is_found(before, noise):
    framer = Framer()
    framer.feed(before)
    for _ in range(20):
        assert not [f for f in framer.feed(noise * (MOST_BYTES // len(noise))) if f.is_whole]
        assert len(framer._buffer) <= MOST_BYTES
    assert [f.is_whole for f in framer.feed(b"\r\n" + meter("5"))][-1]


def test_dripping_noise_costs_no_more_than_it_is_long():
    framer = Framer()
    for _ in range(3 * MOST_BYTES):
        framer.feed(b"x")
    assert len(framer._buffer) <= MOST_BYTES


SMARTY = bytes.fromhex("db08534147670000000182018a30000000") + bytes(range(64)) * 4
KAIFA = bytes.fromhex("68fafa6853ff000167db084b464d6750000009") + bytes(range(64)) * 3


@pytest.mark.parametrize("data", [SMARTY, KAIFA, bytes(100) + SMARTY])
def test_an_encrypted_meter_is_recognised(data):
    for size in (1, 1000):
        framer = Framer()
        for at in range(0, len(data), size):
            assert not framer.feed(data[at : at + size])
        assert framer.is_binary


@pytest.mark.parametrize("name", SPECIFICATIONS)
def test_no_telegram_is_taken_for_an_encrypted_one(name):
    framer = Framer()
    framer.feed(meter(name) * 5)
    assert not framer.is_binary
