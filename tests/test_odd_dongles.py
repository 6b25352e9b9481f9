"""Dongles that hang up, stutter and start: what they serve is read all the same."""

import pytest

from edge_lib.registers import BLOCKS, wire_address
from tests import wire_proxy as wire
from tests.test_inverter import (
    A,
    B,
    C,
    D,
    clock,
    connect,
    inverter,
    named,
    proxy,
    server,
    unit,
    words_of,
)

__all__ = ["clock", "connect", "inverter", "proxy", "server", "unit"]  # fixtures


@pytest.fixture
def gentle(connect, proxy):
    """An inverter that keeps the pauses, in which a farewell of the dongle arrives."""
    return connect(proxy.port, timeout_s=0.3)


def span(part):
    number, count = part
    return range(number, number + count)


# --- it says more than an exception --------------------------------------------------------------


def behind(fault, strays, late_s=0.0):
    """The exception, and these bytes after it."""
    return wire.Fault(
        f"{fault.name} and {strays.hex()}, {late_s} s later",
        lambda answer, former: fault.change(answer, former) + strays,
        piece=9 if late_s else 0,
        between_s=late_s,
    )


STRAYS = [
    behind(refusal, strays, late_s)
    for refusal in (wire.exception(2), wire.short_exception(2))
    for strays in (b"\2", b"\2\2", bytes(9))
    for late_s in (0, 0.01, 0.04)  # before the next request, and after it
]


@pytest.mark.parametrize("fault", STRAYS, **named)
@pytest.mark.parametrize("block", [B, C], ids=lambda block: block.name)
def test_what_follows_an_exception_costs_neither_it_nor_another_block(gentle, proxy, block, fault):
    for number in span(block[1:3]):
        proxy.always(fault, wire_address(number))
    rest = words_of(*(other for other in BLOCKS if other is not block))
    assert [gentle.read_words(BLOCKS) for _ in range(2)] == [rest] * 2
    assert gentle.refused == ((block.number, block.count),)
    assert proxy.accepted == 1


WRONG = [fault for fault in wire.MISMATCHES if fault is not wire.FORMER_FIRST]


@pytest.mark.parametrize("fault", WRONG, **named)
def test_a_wrong_answer_after_a_refusal_is_none_either(gentle, proxy, fault):
    proxy.always(wire.exception(2), wire_address(B.number))
    proxy.once(fault, wire_address(C.number))
    assert gentle.read_words(BLOCKS) == words_of(A, D)
    assert gentle.read_words(BLOCKS) == words_of(A, C, D)


def test_an_exception_said_twice_is_one(gentle, proxy):
    twice = wire.Fault("twice", lambda answer, _: 2 * wire.exception(2).change(answer, b""))
    proxy.once(twice, wire_address(B.number))
    assert gentle.read_words(BLOCKS) == words_of(A, C, D)
    assert proxy.accepted == 1
