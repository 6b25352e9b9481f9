"""The contract of a sample: which one is good, and what is said of the others."""

import math
from datetime import UTC, datetime, timedelta

import pytest

from edge_lib.shared.fields import MAX_PLACES, ReadingError
from edge_lib.shared.sample import SAMPLE
from edge_lib.shared.timestamps import format_ts, parse_ts
from tests.support.batches import NOT_NULL, NUMBERS, OPTIONAL, REQUIRED, TEXTS, WHOLE, full_sample
from tests.support.samples import a_sample

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def faults(sample: object) -> list[tuple[str, str]]:
    """The fields at fault, each with its type."""
    try:
        SAMPLE.check(sample, NOW)
    except ReadingError as error:
        return [(place.field, place.type) for place in error.places]
    return []


def test_a_full_sample_is_good_and_its_time_comes_back_in_utc():
    ts = SAMPLE.check(full_sample(ts="2026-11-23T14:00:05.123456+02:00"), NOW)
    assert ts == datetime(2026, 11, 23, 12, 0, 5, 123456, UTC)
    assert ts.utcoffset() == timedelta(0)


def test_the_required_fields_alone_are_enough():
    assert faults(a_sample()) == []


@pytest.mark.parametrize("name", NUMBERS)
def test_both_ends_of_a_range_are_inside(name):
    _, low, high = NUMBERS[name]
    for value in (low, high, float(low), float(high)):
        assert faults(a_sample(**{name: value})) == [], value


@pytest.mark.parametrize("name", NUMBERS)
def test_just_beyond_a_range_is_outside(name):
    _, low, high = NUMBERS[name]
    beyond = (low - 1, high + 1) if name in WHOLE else (low - 1e-6, high + 1e-6)
    for value in (*beyond, -(10**300), 10**300, -1e308, 1e308):
        assert faults(a_sample(**{name: value})) == [(name, "out_of_range")], value


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [True, False, "5", "", [], {}, [5], "null", "NaN"])
def test_what_is_no_number_is_refused_wherever_a_number_belongs(name, value):
    assert faults(a_sample(**{name: value})) == [(name, "number_type")]


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_neither_nan_nor_infinity_is_a_value(name, value):
    assert [field for field, _ in faults(a_sample(**{name: value}))] == [name]


@pytest.mark.parametrize("name", WHOLE)
def test_a_code_is_whole_but_may_be_written_with_a_point(name):
    assert faults(a_sample(**{name: 3.0})) == []
    assert faults(a_sample(**{name: 2.5})) == [(name, "number_type")]


@pytest.mark.parametrize("name", ["device_id", "ts", *REQUIRED])
def test_a_required_key_must_be_there(name):
    sample = a_sample()
    del sample[name]
    assert faults(sample) == [(name, "missing")]


@pytest.mark.parametrize("name", NOT_NULL)
def test_these_are_never_null(name):
    assert faults(a_sample(**{name: None})) == [(name, "null")]


@pytest.mark.parametrize("name", [*sorted(REQUIRED.keys() - set(NOT_NULL)), *OPTIONAL, *TEXTS])
def test_all_others_may_be_null(name):
    assert faults(a_sample(**{name: None})) == []


@pytest.mark.parametrize("name", [*OPTIONAL, *TEXTS])
def test_an_optional_field_may_be_absent(name):
    sample = full_sample()
    del sample[name]
    assert faults(sample) == []


@pytest.mark.parametrize("value", ["a", "A.b_c-9", "x" * 64])
def test_a_device_id_is_one_to_sixty_four_of_its_letters(value):
    assert faults(a_sample(device_id=value)) == []


@pytest.mark.parametrize("value", ["", "x" * 65, "a b", "ü", "a\0", "a\n", "a/b", 5, None, ["a"]])
def test_anything_else_is_no_device_id(value):
    assert faults(a_sample(device_id=value)) == [("device_id", "string_pattern")]


@pytest.mark.parametrize("value", ["0", "f" * 32, "0123456789abcdefABCDEF"])
def test_a_boot_is_up_to_thirty_two_hex_digits(value):
    assert faults(a_sample(boot=value)) == []


@pytest.mark.parametrize("value", ["", "f" * 33, "g", "0x1", "a\0", "\u0661", 5, True, ["a"]])
def test_anything_else_is_no_boot(value):
    assert faults(a_sample(boot=value)) == [("boot", "string_pattern")]


@pytest.mark.parametrize("value", ["", "Signed", "a b", "a\0", "x" * 33, "\ud800", 1])
def test_the_source_of_the_sign_is_a_short_word(value):
    assert faults(a_sample(battery_power_source=value)) == [
        ("battery_power_source", "string_pattern")
    ]


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-11-23T12:00:05Z", "2026-11-23T12:00:05.000000Z"),
        ("2026-11-23t12:00:05z", "2026-11-23T12:00:05.000000Z"),
        ("2026-11-23T12:00:05.1Z", "2026-11-23T12:00:05.100000Z"),
        ("2026-11-23T12:00:05.12Z", "2026-11-23T12:00:05.120000Z"),
        ("2026-11-23T12:00:05.123Z", "2026-11-23T12:00:05.123000Z"),
        ("2026-11-23T12:00:05.1234Z", "2026-11-23T12:00:05.123400Z"),
        ("2026-11-23T12:00:05.12345Z", "2026-11-23T12:00:05.123450Z"),
        ("2026-11-23T12:00:05.123456Z", "2026-11-23T12:00:05.123456Z"),
        ("2026-11-23T12:00:05.000001-00:00", "2026-11-23T12:00:05.000001Z"),
        ("2026-11-23T12:00:05+05:45", "2026-11-23T06:15:05.000000Z"),
        ("2026-11-23T12:00:05-12:30", "2026-11-24T00:30:05.000000Z"),
        ("2026-11-23T00:00:00+23:59", "2026-11-22T00:01:00.000000Z"),
        ("2024-02-29T23:59:59Z", "2024-02-29T23:59:59.000000Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_a_time_comes_back_in_utc_to_the_microsecond(text, utc):
    assert format_ts(parse_ts(text)) == utc
    assert parse_ts(utc) == parse_ts(text)


BAD_TIMES = [
    "2026-11-23T12:00:05",  # no offset
    "2026-11-23T12:00:05.1234567Z",
    "2026-11-23T12:00:05.Z",
    "2026-11-23T12:00:05,5Z",
    "2026-11-23T12:00:60Z",
    "2026-11-23T23:59:60Z",
    "2026-11-23T24:00:00Z",
    "2026-11-23T12:60:00Z",
    "2026-11-23T12:00Z",
    "2026-11-23",
    "2026-11-23 12:00:05Z",
    "20261123T120005Z",
    "2026-W48-1T12:00:05Z",
    "2026-11-23T12:00:05+0100",
    "2026-11-23T12:00:05+01",
    "2026-11-23T12:00:05+24:00",
    "2026-11-23T12:00:05+01:00:30",
    "2026-11-23T12:00:05UTC",
    " 2026-11-23T12:00:05Z",
    "2026-11-23T12:00:05Z\n",
    "2026-11-23T12:00:05Z\0",
    "٢٠٢٦-11-23T12:00:05Z",
    "2026-02-29T00:00:00Z",
    "2026-13-01T00:00:00Z",
    "2026-00-01T00:00:00Z",
    "2026-11-31T00:00:00Z",
    "0000-01-01T00:00:00Z",
    "0001-01-01T00:00:00+00:01",  # before the calendar
    "9999-12-31T23:59:59-00:01",  # after it
    "-2026-11-23T12:00:05Z",
    "now",
    "infinity",
    "-infinity",
    "epoch",
    "today",
    "",
    "null",
    1_700_000_000,
    1.7e9,
    None,
    True,
    [],
    {},
]


@pytest.mark.parametrize("text", BAD_TIMES)
def test_anything_else_is_no_time(text):
    with pytest.raises(ValueError, match=r"."):
        parse_ts(text)
    assert faults(a_sample() | {"ts": text}) == [("ts", "datetime")]


@pytest.mark.parametrize(
    ("ahead", "kind"),
    [
        (timedelta(hours=1), None),
        (timedelta(hours=1, microseconds=1), "ts_in_future"),
        (timedelta(days=9000), "ts_in_future"),
    ],
)
def test_an_hour_ahead_is_the_most(ahead, kind):
    assert faults(a_sample(ts=format_ts(NOW + ahead))) == ([("ts", kind)] if kind else [])


def test_nothing_is_older_than_2010():
    assert faults(a_sample(ts="2010-01-01T00:00:00Z")) == []
    assert faults(a_sample(ts="2010-01-01T00:59:59+01:00")) == [("ts", "ts_too_old")]
    assert faults(a_sample(ts="0001-01-01T00:00:00Z")) == [("ts", "ts_too_old")]


@pytest.mark.parametrize("sample", [None, 5, "a", [], True, [["device_id", "house"]]])
def test_a_sample_is_an_object(sample):
    assert faults(sample) == [("", "object_type")]


def test_at_most_five_places_are_named():
    assert len(faults({})) == MAX_PLACES == 5
    assert len(faults(dict.fromkeys(NUMBERS, "x"))) == 5


def test_a_refusal_says_the_value_but_never_at_length():
    with pytest.raises(ReadingError) as refusal:
        SAMPLE.check(a_sample(pv_power_w=10**300), NOW)
    assert "pv_power_w: 1000000" in str(refusal.value)
    assert len(str(refusal.value)) < 100


@pytest.mark.parametrize(
    "value", [0, -1, 2**53 + 1, 10**300, 1e300, 1e-300, 0.1 + 0.2, "", "x" * 64, "grün 🌞", None]
)
def test_an_unknown_field_may_be_a_number_null_or_a_short_text(value):
    sample = a_sample(new_field_w=value)
    assert faults(sample) == []
    assert SAMPLE.unknown(sample) == {"new_field_w": value}


@pytest.mark.parametrize(
    "value",
    ["x" * 65, "a\0", "\0", "\ud800", "\udc00b", True, False, [], {}, [1], math.nan, math.inf],
)
def test_an_unknown_field_is_nothing_else(value):
    assert faults(a_sample(new_field_w=value)) == [("new_field_w", "extra_value")]


@pytest.mark.parametrize("name", ["a", "a" * 64, "a_9", "extra", "received_at"])
def test_an_unknown_field_has_a_name_like_a_field(name):
    assert faults(a_sample(**{name: 1})) == []


@pytest.mark.parametrize(
    "name", ["", "A", "9a", "_a", "a" * 65, "a-b", "a b", "ä", "a\0", "\ud800"]
)
def test_anything_else_is_no_name(name):
    ((field, kind),) = faults(a_sample(**{name: 1}))
    assert kind == "field_name"
    assert len(field) <= 400
    assert field.isascii()


def test_thirty_two_unknown_fields_are_the_most():
    many = {f"new_{number}": number for number in range(33)}
    assert faults(a_sample(**many)) == [("", "too_many_fields")]
    del many["new_0"]
    assert faults(a_sample(**many)) == []
