"""Dongles that hang up, stutter and start: what they serve is read all the same."""

import logging

import pytest

from edge_lib.dongle.registers import BLOCKS, wire_address
from tests.edge.test_inverter import (
    ALL,
    FOUR,
    A,
    B,
    C,
    D,
    asked,
    clock,
    connect,
    inverter,
    named,
    proxy,
    reason,
    served_in_full,
    server,
    unit,
    used_words,
    words_of,
)
from tests.support import wire_proxy as wire
from tests.support.quick import quick

__all__ = ["clock", "connect", "inverter", "proxy", "server", "unit"]  # fixtures


@pytest.fixture
def gentle(connect, proxy):
    """An inverter that keeps the pauses, in which a farewell of the dongle arrives."""
    return connect(proxy.port, timeout_s=0.3)


def span(part):
    number, count = part
    return range(number, number + count)


# --- it hangs up ---------------------------------------------------------------------------------


@pytest.mark.parametrize("after", ["close", "reset"])
def test_a_dongle_that_hangs_up_after_each_answer_serves_every_block(gentle, proxy, after):
    proxy.always(wire.Fault("hang up after the answer", after=after))
    for _ in range(5):
        before = len(proxy.requests)
        assert gentle.read_words(BLOCKS) == ALL
        assert asked(proxy, before) == FOUR
    assert proxy.most_open == 1


@pytest.mark.parametrize("after", ["close", "reset"])
@pytest.mark.parametrize("block", quick(BLOCKS), ids=lambda block: block.name)
def test_a_dongle_that_hangs_up_after_a_block_serves_the_next(gentle, proxy, block, after):
    proxy.always(wire.Fault("hang up after the answer", after=after), wire_address(block.number))
    for _ in range(5):
        assert gentle.read_words(BLOCKS) == ALL
    assert proxy.most_open == 1


REFUSALS = [wire.exception(2), wire.short_exception(2), wire.short_exception(2, stray=False)]


@pytest.mark.parametrize("refusal", REFUSALS, **named)
@pytest.mark.parametrize("block", quick([B, C, D]), ids=lambda block: block.name)
def test_a_dongle_that_hangs_up_after_a_refusal_serves_the_rest(gentle, proxy, block, refusal):
    for number in span(block[1:3]):
        proxy.always(refusal._replace(after="close"), wire_address(number))
    rest = words_of(*(other for other in BLOCKS if other is not block))
    assert [gentle.read_words(BLOCKS) for _ in range(3)] == [rest] * 3
    assert gentle.refused == ((block.number, block.count),)
    assert proxy.most_open == 1


def test_a_dongle_that_hangs_up_while_a_block_falls_apart_serves_its_parts(gentle, unit, proxy):
    unit.refuse((13001, 1))
    proxy.always(wire.Fault("hang up after the answer", after="close"))
    for _ in range(3):
        assert used_words(gentle.read_words(BLOCKS)) == served_in_full({13001})
    assert proxy.most_open == 1


def go_away_after(block, proxy):
    """Let the port close with the answer for this block."""
    gone = wire.Fault("gone", lambda answer, _: proxy.refuse() or answer, after="close")
    proxy.once(gone, wire_address(block.number))


@pytest.mark.parametrize(("last", "left"), [(A, [A]), (B, [A, B]), (C, [A, B, C])])
def test_of_a_dongle_that_goes_away_during_a_poll_what_it_gave_is_kept(
    gentle, proxy, last, left, caplog
):
    caplog.set_level(logging.WARNING, "sungrow.edge")
    for _ in range(2):
        go_away_after(last, proxy)
        assert gentle.read_words(BLOCKS) == words_of(*left)
        assert reason(gentle) == "unreachable"
        proxy.listen()
    assert [record.message for record in caplog.records] == ["a poll was cut short"]
    assert gentle.read_words(BLOCKS) == ALL


def test_a_poll_without_what_each_sample_needs_is_none_when_the_dongle_goes_away(
    gentle, unit, proxy
):
    unit.refuse(A)
    go_away_after(B, proxy)
    assert reason(gentle) == "unreachable"


def test_a_dongle_that_needs_quiet_after_a_lost_connection_serves_all_but_the_silent_block(
    gentle, proxy
):
    """Each silence costs the connection, and then nobody is let in for a while."""
    silent = wire.Fault("silent, and refuses", lambda _a, _f: proxy.refuse() or b"")
    for _ in range(3):
        proxy.once(silent, wire_address(B.number))
        assert gentle.read_words(BLOCKS) == words_of(A)
        assert reason(gentle) == "unreachable"
        proxy.listen()
    proxy.refuse()
    assert [reason(gentle) for _ in range(3)] == ["unreachable"] * 3
    proxy.listen()
    before = len(proxy.requests)
    assert [gentle.read_words(BLOCKS) for _ in range(3)] == [words_of(A, C, D)] * 3
    assert FOUR[1] not in asked(proxy, before)


@pytest.mark.parametrize("silent", [B, C], ids=lambda block: block.name)
def test_a_silent_block_beside_a_refused_one_is_left_alone(unit, connect, proxy, silent):
    """Nothing is asked any more of the refused one, so nothing answers behind the silent one."""
    inverter = connect(proxy.port, wait=lambda _: False, timeout_s=0.3)
    unit.refuse(D)
    proxy.always(wire.SILENCE, wire_address(silent.number))
    for _ in range(3):
        inverter.read_words(BLOCKS)
    before = len(proxy.requests)
    for _ in range(3):
        assert inverter.read_words(BLOCKS) == words_of(A, *{B, C} - {silent})
    assert (silent.number, silent.count) not in asked(proxy, before)


@pytest.mark.slow
def test_of_several_silent_blocks_one_at_a_time_is_tried_again(connect, proxy, clock):
    inverter = connect(proxy.port, wait=lambda _: False, timeout_s=0.3)
    for block in (B, C, D):
        proxy.always(wire.SILENCE, wire_address(block.number))
    for _ in range(3):
        assert inverter.read_words(BLOCKS) == words_of(A)
    clock.skip(3601)
    assert inverter.read_words(BLOCKS) == words_of(A)
    proxy.faults = proxy.faults[:1]
    assert inverter.read_words(BLOCKS) == words_of(A)
    clock.skip(61)
    assert inverter.read_words(BLOCKS) == words_of(A, C, D)
    clock.skip(3600)
    proxy.faults.clear()
    assert inverter.read_words(BLOCKS) == ALL


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
    for strays in (b"\2", b"\2\2", bytes(9))
    for refusal in (wire.exception(2), wire.short_exception(2))
    for late_s in (0, 0.01, 0.04)  # before the next request, and after it
]


@pytest.mark.parametrize("fault", quick(STRAYS, 6), **named)
@pytest.mark.parametrize("block", quick([B, C]), ids=lambda block: block.name)
def test_what_follows_an_exception_costs_neither_it_nor_another_block(gentle, proxy, block, fault):
    for number in span(block[1:3]):
        proxy.always(fault, wire_address(number))
    rest = words_of(*(other for other in BLOCKS if other is not block))
    assert [gentle.read_words(BLOCKS) for _ in range(2)] == [rest] * 2
    assert gentle.refused == ((block.number, block.count),)
    assert proxy.accepted == 1


WRONG = [fault for fault in wire.MISMATCHES if fault is not wire.FORMER_FIRST]


@pytest.mark.parametrize("fault", quick(WRONG, every=4), **named)
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


# --- refusals come and go ------------------------------------------------------------------------


@pytest.mark.parametrize("code", [2, 3])
@pytest.mark.parametrize("hole", [13001, 13023, 5631, 5008])
@pytest.mark.parametrize("block", [C, D], ids=lambda block: block.name)
def test_a_block_that_is_refused_for_a_minute_is_back_within_two(
    unit, inverter, clock, block, hole, code
):
    """Also where the unit refuses something for good, and so is read in parts."""
    unit.code = code
    unit.refuse((hole, 1))
    for _ in range(12):
        assert used_words(inverter.read_words(BLOCKS)) == served_in_full({hole})
        clock.skip(5)
    unit.refuse(block)
    for _ in range(12):
        assert used_words(inverter.read_words(BLOCKS)).isdisjoint(words_of(block))
        clock.skip(5)
    unit.reset()
    unit.refuse((hole, 1))
    clock.skip(60)
    assert used_words(inverter.read_words(BLOCKS)) == served_in_full({hole})


@pytest.mark.parametrize("number", sorted(served_in_full(set()))[::3])
def test_a_register_that_is_refused_for_once_is_back_within_a_minute(unit, inverter, clock, number):
    unit.refuse((13001, 1), (5008, 1))
    inverter.read_words(BLOCKS)
    unit.refuse((number, 1))
    inverter.read_words(BLOCKS)
    unit.reset()
    clock.skip(121)
    assert used_words(inverter.read_words(BLOCKS)) == served_in_full(set())


@pytest.mark.parametrize("some", [[(13000, 15)], [(13017, 13)], [A, B, C], [A, (13045, 3)]])
def test_an_inverter_that_starts_is_read_in_full_within_a_minute(
    unit, inverter, proxy, clock, some
):
    """It refuses all, then serves some, then everything."""
    proxy.always(wire.exception(2))
    assert [reason(inverter) for _ in range(3)] == ["exception_2"] * 3
    proxy.faults.clear()
    served = words_of(*some).keys()
    unit.refuse(*((number, 1) for number in ALL.keys() - served - words_of(A).keys()))
    for _ in range(6):
        assert used_words(inverter.read_words(BLOCKS)) <= served | words_of(A).keys()
        clock.skip(9)
    unit.reset()
    clock.skip(60)
    assert inverter.read_words(BLOCKS) == ALL


@pytest.mark.parametrize("code", [4, 6])
def test_a_look_at_the_whole_costs_no_part_where_the_whole_is_always_busy(
    unit, inverter, clock, code
):
    unit.code = code
    unit.refuse((13001, 1))
    for _ in range(4):
        inverter.read_words(BLOCKS)
    for _ in range(10):
        assert used_words(inverter.read_words(BLOCKS)) == served_in_full({13001})
        clock.skip(40)


def test_what_stays_refused_is_asked_for_ever_more_rarely(unit, inverter, proxy, clock):
    unit.refuse((13001, 1))
    inverter.read_words(BLOCKS)
    before = len(proxy.requests)
    for _ in range(600):
        inverter.read_words(BLOCKS)
        clock.skip(60)
    looks = asked(proxy, before).count(FOUR[3])
    assert 12 <= looks <= 16  # in ten hours


@pytest.mark.parametrize("code", [4, 5, 6, 10, 11])
@pytest.mark.parametrize("part", [A.pieces[1], A.pieces[3]])
def test_a_needless_part_of_the_needed_block_may_be_busy(unit, inverter, proxy, part, code):
    """The block is refused for its holes, and of its parts one says each time that it is busy."""
    unit.refuse((5006, 1))
    for number in span(part):
        proxy.always(wire.exception(code), wire_address(number))
    rest = served_in_full({5006}) - set(span(part))
    assert [used_words(inverter.read_words(BLOCKS)) for _ in range(3)] == [rest] * 3
    assert proxy.accepted == 1


@pytest.mark.parametrize("code", [4, 6])
def test_a_needless_part_may_be_busy_for_once(unit, inverter, proxy, code):
    unit.refuse((5006, 1))
    inverter.read_words(BLOCKS)
    proxy.once(wire.exception(code), wire_address(A.pieces[0][0]))
    rest = served_in_full({5006}) - set(span(A.pieces[0]))
    assert used_words(inverter.read_words(BLOCKS)) == rest
    assert used_words(inverter.read_words(BLOCKS)) == served_in_full({5006})


@pytest.mark.parametrize("code", [4, 6])
def test_the_needed_part_of_the_needed_block_must_not_be_busy(unit, inverter, proxy, code):
    unit.refuse((5006, 1))
    inverter.read_words(BLOCKS)
    proxy.once(wire.exception(code), wire_address(5011))
    assert reason(inverter) == f"exception_{code}"
    assert used_words(inverter.read_words(BLOCKS)) == served_in_full({5006})
