"""JSON of a request: what the standard means by it, and no more."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.api.strict_json import MAX_DEPTH, NotJson, parse


def test_what_is_json_comes_out_as_it_is():
    text = '{"a": [1, -2.5e3, "ü\\u0000\\ud83c\\udf1e", true, false, null, {}, []], "": 0}'
    expected = {"a": [1, -2500.0, "ü\0🌞", True, False, None, {}, []], "": 0}
    assert parse(text.encode()) == expected


@pytest.mark.parametrize(
    "text",
    [
        "NaN",
        "Infinity",
        "-Infinity",
        '{"a": NaN}',
        "[1, Infinity]",
        '{"samples": [{"a": -Infinity}]}',
    ],
)
def test_nan_and_infinity_are_not_json(text):
    with pytest.raises(NotJson, match="is not JSON"):
        parse(text.encode())


@pytest.mark.parametrize(
    "text",
    [
        "1e400",
        "-1e400",
        "1.8e308",
        f"{2**1024}",
        f"-{2**1024}",
        "1" + "0" * 309,
        "9" * 4300,
        "[[1e999]]",
        '{"a": {"b": -1e999}}',
    ],
)
def test_a_number_beyond_a_double_is_refused(text):
    with pytest.raises(NotJson, match="beyond a double"):
        parse(text.encode())


def test_more_digits_than_anybody_reads_are_refused():
    with pytest.raises(NotJson):
        parse(b"9" * 100_000)
    with pytest.raises(NotJson):
        parse(b"[-" + b"9" * 5000 + b"]")


@pytest.mark.parametrize(
    "text", ["1.7976931348623157e308", "5e-324", "1e-400", "-0.0", f"{10**308}"]
)
def test_a_number_that_a_double_holds_is_taken(text):
    assert parse(text.encode()) == json.loads(text)


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1, "a": 1}',
        '{"a": 1, "\\u0061": 2}',
        '{"samples": [{"ts": 1, "b": 2, "ts": 3}]}',
        '{"": 1, "": 2}',
    ],
)
def test_a_key_twice_is_refused(text):
    with pytest.raises(NotJson, match="key occurs twice"):
        parse(text.encode())


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")])
def test_eight_levels_are_taken_and_nine_refused(opening, closing):
    levels = len(closing)
    times = MAX_DEPTH // levels
    assert MAX_DEPTH == 8
    assert parse((opening * times + "1" + closing * times).encode())
    with pytest.raises(NotJson, match="deeper than 8"):
        parse((opening * times + "[1]" + closing * times).encode())
    with pytest.raises(NotJson, match="deeper than 8"):
        parse((opening * times + "{}" + closing * times).encode())


@pytest.mark.parametrize("text", [b"[" * 1_000_000, b'{"a":' * 300_000, b"[" * 900 + b"]" * 900])
def test_absurd_depth_is_refused_and_harms_nobody(text):
    with pytest.raises(NotJson):
        parse(text)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b" ",
        b"nope",
        b"{",
        b'{"a": 1,}',
        b"[1] [2]",
        b"{'a': 1}",
        b"01",
        b"+1",
        b".5",
        b"1.",
        b"0x10",
        b"True",
        b'"\x01"',
        b'"\\x"',
        b"\xef\xbb\xbf{}",  # a byte order mark
        b'"\xff"',
        b'"\xed\xa0\x80"',  # half of a surrogate pair, in bytes
        b'"\xc0\x80"',  # NUL, written too long
        '{"a": 1}'.encode("utf-16"),
        b"\x1f\x8b\x08\x00",
        b"{}\x00",
    ],
)
def test_what_is_no_json_is_refused_with_a_reason(text):
    with pytest.raises(NotJson, match=r"."):
        parse(text)


def test_half_a_surrogate_pair_as_an_escape_is_left_to_those_who_know_the_field():
    assert parse(b'{"\\ud800": "\\udfff"}') == {"\ud800": "\udfff"}


@given(st.binary(max_size=64))
def test_bytes_of_any_kind_are_parsed_or_refused(text):
    try:
        parse(text)
    except NotJson as error:
        assert str(error)  # noqa: PT017


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**1000), 2**1000)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(JSON)
def test_whatever_is_shallow_json_comes_out_as_it_went_in(value):
    def depth(node):
        children = node.values() if isinstance(node, dict) else node
        return 1 + max(map(depth, children), default=0) if isinstance(node, dict | list) else 0

    text = json.dumps(value).encode()
    if depth(value) > MAX_DEPTH:
        with pytest.raises(NotJson):
            parse(text)
    else:
        assert parse(text) == value
        assert not isinstance(value, float) or math.copysign(1, parse(text)) == math.copysign(
            1, value
        )
