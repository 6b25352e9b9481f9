"""The fault words of a poll, as the field ``faults`` of its sample."""

import itertools
import re
from datetime import UTC, datetime

import pytest

from edge_lib.clock import Clock
from edge_lib.dongle.decode import decode
from edge_lib.dongle.inverter import Inverter
from edge_lib.dongle.registers import BLOCKS, FAULT_WORDS
from edge_lib.shared.fields import ReadingError
from edge_lib.shared.sample import SAMPLE
from edge_lib.simulator.fake_dongle import FakeDongle, HouseholdSource
from tests.support.samples import a_sample

NUMBERS = tuple(range(13050, 13079, 2))  # of the document
NOW = datetime(2026, 5, 5, tzinfo=UTC)
ZEROS = dict.fromkeys(range(13050, 13080), 0)
D = BLOCKS[3]


def words(**values: int) -> dict[int, int]:
    """Return all words, 0 but for ``w13066=0x4000``."""
    return ZEROS | dict(
        itertools.chain.from_iterable(
            ((int(name[1:]), value & 0xFFFF), (int(name[1:]) + 1, value >> 16))
            for name, value in values.items()
        )
    )


def faults(read: dict[int, int]) -> str | None:
    return decode(read).values["faults"]


@pytest.mark.parametrize("number", NUMBERS)
def test_each_bit_of_each_word_has_its_place(number):
    for bit in range(32):
        assert faults(words(**{f"w{number}": 1 << bit})) == f"{number}={1 << bit:X}"


NO_VALUE = 0xFFFF_FFFF


@pytest.mark.parametrize(
    ("read", "expected"),
    [
        (ZEROS, ""),
        ({}, None),
        ({5017: 1}, None),
        (words(w13066=0x4000), "13066=4000"),
        (words(w13078=1, w13050=0x4000_0001), "13050=40000001 13078=1"),
        # Not available is none of 32 faults; 31 of them are faults.
        (words(w13066=NO_VALUE), "13066=?"),
        (words(w13066=0xFFFF_FFFE), "13066=FFFFFFFE"),
        (words(w13066=0xFFFF), "13066=FFFF"),
        (words(w13066=0xFFFF_0000), "13066=FFFF0000"),
        # A word of which a half was refused.
        ({n: 0 for n in ZEROS if n != 13053}, "13052=?"),
        ({n: 0 for n in ZEROS if n < 13064} | {13050: 1},
         "13050=1 13064=? 13066=? 13072=? 13074=? 13076=? 13068=? +"),
        # Four of eight digits fit; where more are set the gravest stay.
        (words(**{f"w{n}": 0xF000_0000 for n in (13050, 13052, 13054, 13060)}),
         "13050=F0000000 13052=F0000000 13054=F0000000 13060=F0000000"),
        (words(**{f"w{n}": 0xF000_0000 for n in NUMBERS}),
         "13060=F0000000 13064=F0000000 13054=F0000000 13056=F0000000 +"),
        (words(**{f"w{n}": 0xF000_0000 for n in (13050, 13052, 13068, 13070, 13078)}),
         "13052=F0000000 13050=F0000000 13068=F0000000 13070=F0000000 +"),
        # What only says that it is not known makes room for what is.
        (words(**{f"w{n}": NO_VALUE for n in NUMBERS[:-1]}, w13078=2),
         "13078=2 13060=? 13064=? 13054=? 13056=? 13058=? 13062=? +"),
    ],
)  # fmt: skip
def test_the_words_are_told_as_the_contract_has_them(read, expected):
    assert faults(read) == expected


def test_whatever_is_set_the_text_is_one_that_a_server_takes():
    for count in range(1, 16):
        for value in (1, 0xF, 0x12345, 0xF000_0000, NO_VALUE):
            text = faults(words(**{f"w{n}": value for n in NUMBERS[-count:]}))
            assert SAMPLE.check(a_sample(faults=text), NOW)
            assert len(text) <= 64
            assert text.endswith("+") == (len(text.split()) - text.endswith("+") < count)


@pytest.mark.parametrize(
    "text",
    ["13066=", "13066=0", "13066=04", "13066=4a", "13066=123456789", "1306=1", "b13070=1", "=1",
     "+", " ", "13066=1  13068=1", "13066=1 ", "13066=1+", "13066=1\n", " ".join(["13066=1"] * 9)],
)  # fmt: skip
def test_another_text_is_refused(text):
    with pytest.raises(ReadingError):
        SAMPLE.check(a_sample(faults=text), NOW)


def polls(refused: list[tuple[int, int]], count: int) -> list[dict[int, int]]:
    class Source(HouseholdSource):
        def refused(self) -> list[tuple[int, int]]:
            return [*super().refused(), *refused]

    with FakeDongle(Source(Clock())) as dongle:
        inverter = Inverter(dongle.host, dongle.port, 1, 2.0, 0.0, Clock(), lambda _: False)
        try:
            return [inverter.read_words() for _ in range(count)]
        finally:
            inverter.close()


def test_a_unit_that_does_not_serve_the_words_is_read_as_before():
    for read in polls([(13049, 13078)], 3):
        values = decode(read).values
        assert values["faults"] is None
        assert values["load_power_w"] is not None
        assert {*range(13000, 13048)} <= read.keys()
        assert not read.keys() & ZEROS.keys()


def test_the_words_cost_no_request():
    (read,) = polls([], 1)
    assert read.keys() >= ZEROS.keys()
    assert decode(read).values["faults"] == ""
    assert (D.number, D.count) == (13000, 80)
    assert {r.number for r in FAULT_WORDS} == set(NUMBERS)
    assert re.fullmatch("[a-z_0-9]+", "".join(r.name for r in FAULT_WORDS))
