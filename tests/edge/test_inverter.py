"""The Modbus side of a poll, against real servers, through a wire that breaks."""

import asyncio
import contextlib
import itertools
import logging
import os
import random
import socket
import subprocess
import sys
import threading
import time

import pytest
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice
from pyModbusTCP.server import DataBank, DataHandler, ModbusServer

from edge_lib.dongle.inverter import Inverter, InverterError, next_delay_s
from edge_lib.dongle.lock import DongleLock
from edge_lib.dongle.registers import (
    BLOCKS,
    DUMP_BLOCKS,
    FIRMWARE,
    FOUR_STRINGS,
    MODELS,
    REGISTERS,
    USED,
    wire_address,
)
from tests.support import wire_proxy as wire
from tests.support.clocks import SkippingClock
from tests.support.quick import quick

A, B, C, D = BLOCKS
SH40RS, SH10RS = 0x0D18, 0x0D1B
TIMEOUT_S = 1.0
DELAY_S = 0.02


def word(number):
    """A word that tells which register it is from."""
    return number * 7 % 65536


def words_of(*ranges, type_code=SH40RS):
    """The words of (number, count) ranges or blocks, as a unit of this type serves them."""
    numbers = [n for r in ranges for n in range(*_ends(r))]
    return {n: type_code if n == 5000 else word(n) for n in numbers}


def _ends(span):
    number, count = span if len(span) == 2 else (span.number, span.count)
    return number, number + count


class Unit(DataBank):
    """What the inverter serves: a word for each register, but those refused."""

    def __init__(self):
        super().__init__(virtual_mode=True)
        self.reset()

    def reset(self):
        self.type_code = SH40RS
        self.refused, self.refused_starts = set(), set()
        self.code = 2

    def refuse(self, *spans):
        self.refused |= {n for span in spans for n in range(*_ends(span))}

    def get_input_registers(self, address, number=1, _=None):
        first = address + 1
        words = words_of((first, number), type_code=self.type_code)
        if self.refused & words.keys() or first in self.refused_starts:
            return None
        return list(words.values())


class Engine(DataHandler):
    """Refuses with the unit's own code; the library knows 2 alone."""

    def read_i_regs(self, address, count, srv_info):
        found = super().read_i_regs(address, count, srv_info)
        return found if found.ok else self.Return(exp_code=self.data_bank.code)


@pytest.fixture(scope="module")
def server():
    unit = Unit()
    served = ModbusServer("127.0.0.1", 0, no_block=True, data_hdl=Engine(data_bank=unit))
    served.start()
    assert served._evt_running.wait(5)
    unit.address = served._service.server_address
    yield unit
    served.stop()


@pytest.fixture
def unit(server):
    server.reset()
    return server


@pytest.fixture
def proxy(unit):
    with wire.WireProxy(unit.address) as proxy:
        yield proxy


@pytest.fixture
def clock():
    return SkippingClock()


@pytest.fixture
def connect(clock):
    made = []

    def make(port, host="127.0.0.1", wait=None, timeout_s=TIMEOUT_S, delay_s=DELAY_S):
        made.append(
            Inverter(host, port, 1, timeout_s, delay_s, clock, wait or threading.Event().wait)
        )
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def inverter(connect, proxy):
    return connect(proxy.port, wait=lambda _: False)


@pytest.fixture
def impatient(connect, proxy):
    """An inverter for whose silence no test waits long."""
    return connect(proxy.port, wait=lambda _: False, timeout_s=0.3)


def reason(inverter):
    with pytest.raises(InverterError) as caught:
        inverter.read_words()
    assert not inverter._wire.is_open
    return caught.value.reason


def until(condition):
    for _ in range(1000):
        if condition():
            return
        threading.Event().wait(0.005)
    pytest.fail("it never came")


def asked(proxy, since=0):
    return [(seen.address + 1, seen.count) for seen in proxy.requests[since:]]


FOUR = [(b.number, b.count) for b in BLOCKS]
ALL = words_of(*BLOCKS)


# --- the poll ------------------------------------------------------------------------------------


def test_a_poll_reads_the_four_blocks_with_function_4_over_one_connection(inverter, proxy):
    assert inverter.read_words() == ALL
    assert asked(proxy) == FOUR
    assert {seen.function for seen in proxy.requests} == {4}
    assert inverter.read_words(BLOCKS) == ALL
    assert proxy.accepted == 1


@pytest.mark.slow
def test_a_hundred_polls_with_an_outage_stay_gentle_to_the_dongle(connect, proxy):
    """At most 4 requests a poll, 20 ms of quiet before each, never two connections."""
    inverter = connect(proxy.port)
    outcomes = []
    for poll in range(100):
        before = len(proxy.requests)
        if poll == 40:
            proxy.refuse()
            proxy.hang_up()
            until(lambda: inverter._wire.unread() == b"")
        if poll == 60:
            proxy.listen()
        if poll in (20, 70):
            proxy.once(wire.RESET, wire_address(A.number))
        try:
            words = inverter.read_words()
            assert words == (words_of(A, B, FIRMWARE, D) if poll == 1 else ALL)
            assert len(proxy.requests) - before == 4
            outcomes.append("ok")
        except InverterError as error:
            outcomes.append(error.reason)
        assert len(proxy.requests) - before <= 4
    assert outcomes[20] == outcomes[70] == "reset"
    assert outcomes[40:60] == ["unreachable"] * 20
    assert outcomes.count("ok") == 78
    assert proxy.most_open == 1
    assert proxy.accepted == 4
    pairs = itertools.pairwise(proxy.requests)
    assert min(later.asked_s - former.answered_s for former, later in pairs) >= DELAY_S


def test_the_pause_comes_before_each_request_failed_ones_and_other_polls_included(connect, proxy):
    pauses = []
    inverter = connect(proxy.port, wait=lambda pause_s: pauses.append(pause_s))
    proxy.once(wire.exception(6), wire_address(A.number))
    assert reason(inverter) == "exception_6"
    inverter.read_words()
    assert pauses == [DELAY_S] * 5
    assert len(proxy.requests) == 5


def test_a_stop_during_the_pause_ends_the_poll_at_once(connect, proxy):
    stop = threading.Event()
    inverter = connect(proxy.port, wait=stop.wait, delay_s=600)
    reasons = []
    thread = threading.Thread(target=lambda: reasons.append(reason(inverter)))
    thread.start()
    until(lambda: proxy.accepted)
    stop.set()
    thread.join(10)
    assert reasons == ["stopped"]
    assert proxy.requests == []


def test_a_stop_between_two_requests_sends_no_further_one(connect, proxy):
    answers = iter((False, False, True))
    inverter = connect(proxy.port, wait=lambda _: next(answers))
    assert reason(inverter) == "stopped"
    assert asked(proxy) == FOUR[:2]


@pytest.mark.parametrize(
    ("failures", "delay_s"), [(0, 0), (1, 5), (2, 20), (3, 45), (4, 90), (5, 90), (10**6, 90)]
)
def test_failures_in_a_row_wait_longer_and_longer(failures, delay_s):
    assert next_delay_s(failures) == delay_s


# --- models with four strings, and the firmware --------------------------------------------------


@pytest.mark.parametrize("type_code", sorted(MODELS))
def test_a_fifth_request_goes_out_only_to_models_with_four_strings(unit, inverter, type_code):
    unit.type_code = type_code
    four = MODELS[type_code].mppt_count >= 4
    expected = words_of(*BLOCKS, *([FOUR_STRINGS] if four else []), type_code=type_code)
    assert inverter.read_words() == expected


def test_the_models_with_four_strings_never_get_a_sixth_request(unit, inverter, proxy):
    unit.type_code = SH10RS
    for _ in range(4):
        before = len(proxy.requests)
        inverter.read_words()
        assert len(proxy.requests) - before == 5


def test_an_unknown_type_code_gets_four_requests(unit, inverter, proxy):
    unit.type_code = 0xBEEF
    inverter.read_words()
    assert asked(proxy) == FOUR


def firmware_reads(proxy):
    return asked(proxy).count((FIRMWARE.number, FIRMWARE.count))


def test_the_firmware_is_read_once_in_place_of_block_c_in_the_second_good_poll(inverter, proxy):
    assert inverter.read_words() == ALL
    proxy.once(wire.RESET)
    assert reason(inverter) == "reset"
    assert firmware_reads(proxy) == 0
    second = len(proxy.requests)
    assert inverter.read_words() == words_of(A, B, FIRMWARE, D)
    assert asked(proxy, second) == [FOUR[0], FOUR[1], (FIRMWARE.number, FIRMWARE.count), FOUR[3]]
    assert [inverter.read_words() for _ in range(3)] == [ALL] * 3
    assert firmware_reads(proxy) == 1


def test_a_refused_firmware_costs_one_request_and_no_poll(unit, inverter, proxy):
    unit.refuse(FIRMWARE)
    assert inverter.read_words() == ALL
    assert inverter.read_words() == words_of(A, B, D)
    assert [inverter.read_words() for _ in range(3)] == [ALL] * 3
    assert firmware_reads(proxy) == 1


@pytest.mark.parametrize("fault", [wire.SILENCE, wire.exception(4), wire.TWICE])
def test_a_firmware_that_fails_costs_no_poll_and_is_never_asked_for_again(impatient, proxy, fault):
    proxy.always(fault, wire_address(FIRMWARE.number))
    assert impatient.read_words() == ALL
    assert impatient.read_words() == words_of(A, B, D)
    assert [impatient.read_words() for _ in range(3)] == [ALL] * 3
    assert firmware_reads(proxy) == 1


def test_given_blocks_are_read_as_given(unit, inverter, proxy):
    unit.type_code = SH10RS
    for _ in range(3):
        assert inverter.read_words([A, D]) == words_of(A, D, type_code=SH10RS)
    assert asked(proxy) == [FOUR[0], FOUR[3]] * 3


# --- the wire breaks -----------------------------------------------------------------------------

BROKEN = [
    *((fault, "mismatch") for fault in wire.MISMATCHES),
    *((wire.exception(code), f"exception_{code}") for code in (0, 1, 3, 4, 5, 6, 7, 8, 10, 11)),
    *((wire.exception(code), f"exception_{code}") for code in (12, 255)),
    *((fault, "timeout") for fault in (wire.SILENCE, wire.HALF, wire.DRIP)),
    *((fault, "reset") for fault in (wire.RESET, wire.RESET_HALFWAY, wire.HANG_UP)),
]


LASTING = (0, 1, 3, 7, 8, 12, 255)
PASSING = (4, 5, 6, 10, 11)
named = {"ids": lambda fault: getattr(fault, "name", None)}


@pytest.mark.parametrize(("fault", "why"), BROKEN, **named)
def test_a_broken_answer_for_what_each_sample_needs_fails_the_poll(impatient, proxy, fault, why):
    assert impatient.read_words() == ALL
    proxy.once(fault, wire_address(A.number))
    if why in map("exception_{}".format, LASTING):
        assert used_words(impatient.read_words(BLOCKS)) == served_in_full(set())
        assert proxy.accepted == 1
        return
    assert reason(impatient) == why
    assert impatient.refused == ()
    assert impatient.read_words(BLOCKS) == ALL
    assert (proxy.accepted, proxy.most_open) == (2, 1)


@pytest.mark.parametrize("block", quick([B, D]), ids=lambda block: block.name)
@pytest.mark.parametrize(("fault", "why"), BROKEN, **named)
def test_a_broken_answer_for_another_block_costs_that_block(impatient, proxy, fault, why, block):
    assert impatient.read_words() == ALL
    proxy.once(fault, wire_address(block.number))
    rest = words_of(*(other for other in BLOCKS if other is not block))
    words = impatient.read_words(BLOCKS)
    if why in map("exception_{}".format, LASTING):
        assert used_words(words) | words_of(B).keys() == served_in_full(set())
        assert words.keys() >= rest.keys()
    else:
        assert words == rest
        assert impatient.refused == ()
        assert impatient.read_words(BLOCKS) == ALL
    sound = why.startswith("exception")
    assert (proxy.accepted, proxy.most_open) == (1 if sound else 2, 1)


@pytest.mark.parametrize("stray", [True, False], ids=["with its code", "without it"])
@pytest.mark.parametrize("code", quick([2, *LASTING, *PASSING], every=5))
@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.name)
def test_an_exception_cut_short_costs_one_poll_at_the_most(inverter, proxy, block, code, stray):
    """A WiNet-S announces two bytes and sends three; decoders that read two call it exception 0."""
    assert inverter.read_words() == ALL
    proxy.once(wire.short_exception(code, stray), wire_address(block.number))
    with contextlib.suppress(InverterError):
        got = inverter.read_words(BLOCKS)
        assert got.items() <= ALL.items()
        assert got.keys() >= words_of(*(b for b in BLOCKS if b is not block)).keys()
    assert inverter.read_words(BLOCKS).items() <= ALL.items()
    assert inverter.read_words([*BLOCKS]).keys() >= words_of(B).keys() - words_of(block).keys()


@pytest.mark.parametrize("block", [B, C, D, FIRMWARE], ids=lambda block: block.name)
@pytest.mark.parametrize(
    "stray",
    [True, pytest.param(False, marks=pytest.mark.slow)],
    ids=["with its code", "without it"],
)
def test_a_unit_that_refuses_a_block_by_short_exceptions_is_polled_on(
    inverter, proxy, block, stray
):
    for number in range(*_ends(block)):
        proxy.always(wire.short_exception(2, stray), wire_address(number))
    rest = served_in_full(set(range(*_ends(block))))
    for _ in range(4):
        assert used_words(inverter.read_words(BLOCKS)) == rest
    assert inverter.read_words().items() >= words_of(A).items()
    assert inverter.read_words().items() >= words_of(A).items()
    assert proxy.accepted == 1


@pytest.mark.parametrize("late_s", quick([0.05, 0.2]))
def test_the_code_of_a_short_exception_may_come_late(connect, proxy, late_s):
    inverter = connect(proxy.port, delay_s=0.2)
    proxy.once(wire.short_exception(2, late_s=late_s), wire_address(B.number))
    assert inverter.read_words() == words_of(A, C, D)
    assert inverter.read_words(BLOCKS) == words_of(A, C, D)
    assert proxy.accepted == 1


@pytest.mark.parametrize("fault", [wire.SLOW, wire.FRAGMENTS], ids=lambda fault: fault.name)
def test_a_slow_or_cut_answer_is_an_answer(inverter, proxy, fault):
    proxy.always(fault)
    assert inverter.read_words() == ALL
    assert proxy.accepted == 1


def test_the_error_names_block_registers_and_cause(inverter, proxy):
    proxy.once(wire.exception(4), wire_address(A.number))
    with pytest.raises(InverterError, match=r"block A, registers 4990 to 5036: exception 4"):
        inverter.read_words()


def wrong_byte(position, value):
    return wire.Fault("byte", lambda a, _: a[:position] + bytes((value,)) + a[position + 1 :])


@pytest.mark.parametrize("position", range(9))
def test_no_byte_of_the_head_can_be_wrong_without_notice(connect, proxy, position):
    """Each byte before the words gets several wrong values: never other words, no other error."""
    inverter = connect(proxy.port, wait=lambda _: False, timeout_s=0.1)
    for value in (0, 1, 2, 3, 0x7F, 0x80, 0x83, 0x84, 0xFE, 0xFF):
        for block in (A, B):
            before = len(proxy.requests)
            proxy.once(wrong_byte(position, value))
            with contextlib.suppress(InverterError):
                assert inverter.read_words([block]) == words_of(block)
            assert len(proxy.requests) - before <= 5
    assert inverter.refused == ()


def test_the_time_limit_covers_the_whole_answer(inverter, proxy):
    """The dripping answer would take ten seconds and each of its bytes comes in time."""
    proxy.always(wire.DRIP)
    assert reason(inverter) == "timeout"
    assert proxy.requests == []  # noted with an answer's last bytes: it was not over yet


def test_an_answer_whose_second_half_comes_too_late_is_none(inverter, proxy):
    """Each half comes within the time limit of one wait, and both together do not."""
    halves = wire.Fault("halves", before_s=0.6, piece=60, between_s=0.9)
    proxy.once(halves, wire_address(A.number))
    assert reason(inverter) == "timeout"


def test_transaction_ids_do_not_repeat_on_a_new_connection_either(inverter, proxy):
    ids = []
    proxy.always(wire.Fault("none", lambda a, _: ids.append(a[0] << 8 | a[1]) or a))
    for _ in range(3):
        inverter.read_words(BLOCKS)
        inverter.close()
    assert ids == list(range(ids[0], ids[0] + 12))


def test_a_socket_closed_under_a_poll_is_a_reset(connect, proxy):
    inverter = connect(proxy.port, wait=lambda _: inverter.close())
    assert reason(inverter) == "reset"


def test_a_late_answer_never_meets_the_next_request(inverter, proxy):
    late = wire.Fault("late", before_s=TIMEOUT_S + 0.3)
    proxy.once(late, wire_address(B.number))
    assert inverter.read_words() == words_of(A, C, D)
    assert [inverter.read_words(BLOCKS) for _ in range(3)] == [ALL] * 3


def test_bytes_that_come_between_two_polls_drop_the_socket(inverter, proxy):
    assert inverter.read_words() == ALL
    proxy.say(bytes(9))
    until(inverter._wire.unread)
    assert reason(inverter) == "mismatch"
    assert inverter.read_words() == words_of(A, B, FIRMWARE, D)
    assert len(proxy.requests) == 8  # none went out on the spoilt connection


def test_a_connection_that_the_dongle_closed_between_two_polls_costs_no_reading(inverter, proxy):
    for fault in (wire.HANG_UP_AFTER, wire.HANG_UP_AFTER, wire.Fault("none")):
        proxy.once(fault, wire_address(D.number))
        assert inverter.read_words(BLOCKS) == ALL
        if fault.after:
            until(lambda: inverter._wire.unread() == b"")
    assert proxy.most_open == 1


def test_a_dongle_that_accepts_and_hangs_up_is_asked_once_a_poll(inverter, proxy):
    proxy.accepting = False
    assert [reason(inverter) for _ in range(3)] == ["reset"] * 3
    assert proxy.accepted == 3
    proxy.accepting = True
    assert inverter.read_words() == ALL


# --- the unit refuses registers ------------------------------------------------------------------


def test_a_refused_block_b_is_given_up(unit, inverter, proxy):
    unit.refuse(B)
    assert inverter.read_words() == words_of(A, C, D)
    assert inverter.refused == ((B.number, B.count),)
    before = len(proxy.requests)
    assert inverter.read_words(BLOCKS) == words_of(A, C, D)
    assert asked(proxy, before) == [FOUR[0], FOUR[2], FOUR[3]]
    assert proxy.accepted == 1


@pytest.mark.parametrize("block", [A, C, D], ids=lambda block: block.name)
def test_a_block_with_a_hole_is_read_in_pieces_from_then_on(unit, inverter, proxy, block):
    unit.refuse(*inverter_gaps(block))
    rest = [other for other in BLOCKS if other != block]
    assert inverter.read_words() == words_of(*rest, *block.pieces)
    before = len(proxy.requests)
    assert inverter.read_words(BLOCKS) == words_of(*rest, *block.pieces)
    read = asked(proxy, before)
    assert set(block.pieces) <= set(read)
    assert (block.number, block.count) not in read
    assert len(read) == 3 + len(block.pieces)
    assert inverter.refused == tuple(inverter_gaps(block))


def inverter_gaps(block):
    """The (number, count) between the pieces."""
    ends = [(first, first + count) for first, count in block.pieces]
    ends.append((block.number + block.count, 0))
    return [(b, c - b) for (_, b), (c, _) in itertools.pairwise(ends) if c > b]


def test_a_refused_piece_is_absent_and_not_asked_for_again(unit, inverter, proxy):
    unit.refuse((5033, 4))
    expected = words_of(B, C, D, *A.pieces[:3])
    assert inverter.read_words() == expected
    before = len(proxy.requests)
    assert inverter.read_words(BLOCKS) == expected
    assert asked(proxy, before) == [*A.pieces[:3], *FOUR[1:]]
    assert (5022, 15) in inverter.refused


@pytest.mark.parametrize("code", [0, 2, 3, 7, 255])
def test_a_unit_that_refuses_everything_is_not_ready_and_nothing_is_remembered(
    inverter, proxy, code
):
    proxy.always(wire.exception(code))
    assert [reason(inverter) for _ in range(2)] == [f"exception_{code}"] * 2
    assert inverter.refused == ()
    proxy.faults.clear()
    assert inverter.read_words() == ALL


def test_a_unit_without_what_each_sample_needs_gives_the_rest(unit, inverter, clock):
    unit.refuse(A)
    assert inverter.read_words() == words_of(B, C, D)
    unit.reset()
    clock.skip(61)
    assert inverter.read_words(BLOCKS) == ALL


def test_a_unit_that_is_not_ready_for_a_block_gets_it_back_within_minutes(unit, inverter, clock):
    unit.refuse(D)
    for _ in range(3):
        assert inverter.read_words(BLOCKS) == words_of(A, B, C)
        clock.skip(40)
    unit.reset()
    clock.skip(130)
    assert inverter.read_words(BLOCKS) == ALL


def test_what_is_refused_is_looked_at_again_after_a_minute(unit, inverter, proxy, clock):
    unit.refuse((13000, 1))
    assert used_words(inverter.read_words()) == served_in_full({13000})
    unit.reset()
    clock.skip(50)
    assert 13000 not in inverter.read_words(BLOCKS)
    clock.skip(20)
    assert inverter.read_words(BLOCKS) == ALL
    before = len(proxy.requests)
    assert inverter.read_words(BLOCKS) == ALL
    assert asked(proxy, before) == FOUR


def test_a_poll_of_given_blocks_without_any_word_fails(unit, inverter):
    unit.refuse(B)
    with pytest.raises(InverterError) as caught:
        inverter.read_words([B])
    assert caught.value.reason == "exception_2"
    assert inverter.refused == ()


USED_IN = {b: {r.number for r in USED if r.number in range(*_ends(b))} for b in BLOCKS}


def used_words(words):
    """Those of the words that a sample or the facts use."""
    return {n for r in USED for n in range(r.number, r.number + r.words) if n in words}


def served_in_full(refused):
    """The used registers of the four blocks none of whose words is refused."""
    return {
        n
        for r in USED
        if any(r.number in range(*_ends(b)) for b in BLOCKS)
        for n in range(r.number, r.number + r.words)
        if not refused & set(range(r.number, r.number + r.words))
    }


@pytest.mark.parametrize("code", quick([2, 3]))
@pytest.mark.parametrize("number", [n for b in BLOCKS for n in range(*_ends(b))])
def test_one_refused_register_costs_what_it_holds_and_nothing_else(
    unit, connect, proxy, number, code
):
    """Whole blocks, pieces and halves are refused as long as they touch it."""
    inverter = connect(proxy.port, wait=lambda _: False)
    unit.refuse((number, 1))
    unit.code = code
    for _ in range(2):
        words = inverter.read_words(BLOCKS)
        assert used_words(words) == served_in_full({number})
        assert words.items() <= ALL.items()
    assert proxy.accepted == 1


def test_any_refused_ranges_and_starts_cost_what_they_hold_and_nothing_else(unit, connect, proxy):
    """What the rule of a WiNet-S refuses, a read that starts in a hole, is asked for otherwise."""
    dice = random.Random(16)
    for _ in range(150):
        unit.reset()
        spans = [
            (dice.randrange(first, end), dice.choice((1, 1, 2, 5, 20)))
            for first, end in (
                dice.choice([_ends(b) for b in BLOCKS]) for _ in range(dice.randint(1, 4))
            )
        ]
        unit.refuse(*spans)
        holes = {n for b in BLOCKS for n in range(*_ends(b))} - {r.number for r in REGISTERS}
        unit.refused_starts = set(dice.sample(sorted(holes), 20))
        inverter = connect(proxy.port, wait=lambda _: False)
        before = len(proxy.requests)
        words = inverter.read_words(BLOCKS)
        assert used_words(words) == served_in_full(unit.refused), spans
        assert len(proxy.requests) - before < 130
        before = len(proxy.requests)
        assert inverter.read_words(BLOCKS) == words
        assert len(proxy.requests) - before < 40
        inverter.close()


# --- the unit is silent on a block ---------------------------------------------------------------


@pytest.mark.parametrize("silence", [wire.SILENCE, wire.HANG_UP, wire.TWICE], **named)
@pytest.mark.parametrize("block", quick([B, C, D]), ids=lambda block: block.name)
def test_a_block_that_stays_silent_is_left_alone_for_an_hour(connect, proxy, clock, block, silence):
    inverter = connect(proxy.port, wait=lambda _: False, timeout_s=0.3)
    rest = words_of(*(other for other in BLOCKS if other is not block))
    proxy.always(silence, wire_address(block.number))
    for _ in range(3):
        assert inverter.read_words(BLOCKS) == rest
    before = len(proxy.requests)
    for _ in range(5):
        assert inverter.read_words(BLOCKS) == rest
        clock.skip(600)
    assert (block.number, block.count) not in asked(proxy, before)
    clock.skip(601)
    assert inverter.read_words(BLOCKS) == rest
    assert asked(proxy, before).count((block.number, block.count)) == 1
    proxy.faults.clear()
    clock.skip(3599)
    assert inverter.read_words(BLOCKS) == rest
    clock.skip(2)
    assert inverter.read_words(BLOCKS) == ALL
    assert inverter.read_words(BLOCKS) == ALL


def test_a_silent_block_is_asked_again_on_a_new_connection(connect, proxy):
    inverter = connect(proxy.port, wait=lambda _: False, timeout_s=0.3)
    proxy.always(wire.SILENCE, wire_address(B.number))
    for _ in range(4):
        inverter.read_words(BLOCKS)
    proxy.hang_up()
    until(lambda: inverter._wire.unread() == b"")
    before = len(proxy.requests)
    assert inverter.read_words(BLOCKS) == words_of(A, C, D)
    assert asked(proxy, before).count(FOUR[1]) == 1
    assert inverter.read_words(BLOCKS) == words_of(A, C, D)
    assert asked(proxy, before).count(FOUR[1]) == 1


SHORT = (D.number, D.shorter)


def test_a_unit_that_refuses_so_many_words_at_once_is_asked_for_fewer(unit, inverter, proxy, clock):
    unit.refuse((13050, 30))
    short = words_of(A, B, C, SHORT)
    assert inverter.read_words(BLOCKS) == short
    before = len(proxy.requests)
    assert inverter.read_words(BLOCKS) == short
    assert asked(proxy, before) == [*FOUR[:3], SHORT]
    assert inverter.refused == ((13048, 32),)
    clock.skip(61)
    assert inverter.read_words(BLOCKS) == short
    unit.reset()
    clock.skip(121)
    before = len(proxy.requests)
    assert [inverter.read_words(BLOCKS) for _ in range(2)] == [ALL] * 2
    assert asked(proxy, before) == FOUR * 2


def test_a_dongle_that_cannot_give_so_many_words_at_once_gives_fewer(connect, proxy, clock):
    inverter = connect(proxy.port, wait=lambda _: False, timeout_s=0.3)
    longest = 9 + 2 * D.shorter
    unable = wire.Fault("only so long", lambda a, _: a if len(a) <= longest else b"")
    proxy.always(unable, wire_address(D.number))
    # One silence may be anything; of a second one it is taken to be the length.
    assert [inverter.read_words(BLOCKS) for _ in range(2)] == [words_of(A, B, C)] * 2
    before = len(proxy.requests)
    assert [inverter.read_words(BLOCKS) for _ in range(3)] == [words_of(A, B, C, SHORT)] * 3
    assert asked(proxy, before) == [*FOUR[:3], SHORT] * 3
    clock.skip(61)  # it is tried again, which costs the block of that poll, and no further one
    assert inverter.read_words(BLOCKS) == words_of(A, B, C)
    assert [inverter.read_words(BLOCKS) for _ in range(2)] == [words_of(A, B, C, SHORT)] * 2
    proxy.faults.clear()
    clock.skip(121)
    assert [inverter.read_words(BLOCKS) for _ in range(2)] == [ALL] * 2


@pytest.mark.slow
def test_a_unit_that_is_silent_on_all_blocks_but_one_is_polled_on(connect, proxy):
    inverter = connect(proxy.port, wait=lambda _: False, timeout_s=0.3)
    for block in (B, C, D):
        proxy.always(wire.SILENCE, wire_address(block.number))
    assert [inverter.read_words(BLOCKS) for _ in range(5)] == [words_of(A)] * 5
    assert proxy.most_open == 1


@pytest.mark.parametrize("code", PASSING)
def test_a_refusal_that_does_not_pass_lasts(unit, inverter, proxy, code):
    unit.refuse((13000, 1))
    unit.code = code
    for _ in range(3):
        assert inverter.read_words(BLOCKS) == words_of(A, B, C)
    for _ in range(2):
        assert used_words(inverter.read_words(BLOCKS)) == served_in_full({13000})
    assert proxy.accepted == 1


def test_another_unit_is_learned_anew(unit, inverter, proxy):
    unit.refuse(B)
    assert [inverter.read_words().keys() & words_of(B).keys() for _ in range(3)] == [set()] * 3
    unit.reset()
    inverter.forget_unit()
    assert inverter.read_words() == ALL
    assert inverter.read_words() == words_of(A, B, FIRMWARE, D)
    assert firmware_reads(proxy) == 2


def test_refused_string_registers_are_given_up_too(unit, inverter, proxy):
    unit.type_code = SH10RS
    unit.refuse(FOUR_STRINGS)
    assert inverter.read_words() == words_of(*BLOCKS, type_code=SH10RS)
    before = len(proxy.requests)
    inverter.read_words(BLOCKS)
    assert asked(proxy, before) == FOUR


def test_a_refusal_is_logged_once(unit, inverter, caplog):
    unit.refuse(B)
    with caplog.at_level(logging.WARNING, "sungrow.edge"):
        inverter.read_words()
        inverter.read_words(BLOCKS)
    assert [record.refused for record in caplog.records] == [((B.number, B.count),)]


@pytest.mark.parametrize("block", DUMP_BLOCKS, ids=lambda block: block.name)
def test_one_block_can_be_read_apart_with_what_is_refused_of_it(unit, inverter, block):
    assert inverter.read_block(block) == (words_of(block), (), None)
    unit.refuse(block)
    assert inverter.read_block(block) == ({}, ((block.number, block.count),), None)
    assert inverter.refused == ()


@pytest.mark.parametrize("fault", [wire.SILENCE, wire.exception(4), wire.RESET], **named)
def test_one_block_that_fails_says_why_and_another_is_read(inverter, proxy, fault):
    proxy.once(fault, wire_address(B.number))
    answer = inverter.read_block(B)
    assert answer.words == {}
    assert "block B, registers 5214 to 5215" in str(answer.failure)
    assert inverter.read_block(C) == (words_of(C), (), None)


# --- the address ---------------------------------------------------------------------------------


def test_an_ipv6_address_is_an_address(unit, connect):
    try:
        proxy = wire.WireProxy(unit.address, ("::1", 0))
    except OSError:
        pytest.skip("no IPv6 here")
    with proxy:
        assert connect(proxy.port, "::1").read_words() == ALL


def test_of_a_name_with_several_addresses_the_one_that_answers_is_taken(
    connect, proxy, monkeypatch
):
    resolve = socket.getaddrinfo

    def several(host, port, *args, **kwargs):
        ports = (dead, port) if host == "dongle.test" else (port,)
        host = "127.0.0.1" if host == "dongle.test" else host
        return [found for port in ports for found in resolve(host, port, *args, **kwargs)]

    with wire.refusing_port() as dead:
        monkeypatch.setattr("socket.getaddrinfo", several)
        assert connect(proxy.port, "dongle.test").read_words() == ALL


def test_a_program_started_without_stdin_can_connect(connect, proxy):
    """Its first socket has the descriptor 0."""
    stdin = os.dup(0)
    os.close(0)
    inverter = connect(proxy.port)
    try:
        assert inverter.read_words() == ALL
        assert inverter._wire._sock.fileno() == 0
    finally:
        inverter.close()
        os.dup2(stdin, 0)
        os.close(stdin)


def test_a_name_that_does_not_resolve_is_unreachable(connect):
    assert reason(connect(502, "no-such-dongle.invalid")) == "unreachable"


def test_a_refused_port_is_unreachable(connect):
    with wire.refusing_port() as port:
        assert reason(connect(port)) == "unreachable"


def test_a_connect_that_nobody_answers_is_given_up(connect):
    """A full backlog drops further attempts, as a dead address does."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        fillers = [socket.socket() for _ in range(8)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        started_s = time.monotonic()
        assert reason(connect(port, timeout_s=0.3)) == "unreachable"
        assert 0.3 <= time.monotonic() - started_s < 30
        for filler in fillers:
            filler.close()


# --- a server that we did not write --------------------------------------------------------------


@pytest.fixture
def foreign():
    """A pymodbus server that knows the firmware and the blocks but B; gives its port."""
    data = [
        SimData(
            address=wire_address(block.number),
            values=list(words_of(block).values()),
            datatype=DataType.REGISTERS,
        )
        for block in sorted((A, C, D, FIRMWARE), key=lambda block: block.number)
    ]
    started, state = threading.Event(), {}

    async def serve():
        server = ModbusTcpServer(SimDevice(id=1, simdata=data), address=("127.0.0.1", 0))
        await server.serve_forever(background=True)
        state.update(server=server, loop=asyncio.get_running_loop())
        state["port"] = server.transport.sockets[0].getsockname()[1]
        started.set()
        await server.serving

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert started.wait(10)
    yield state["port"]
    asyncio.run_coroutine_threadsafe(state["server"].shutdown(), state["loop"]).result(10)
    thread.join(10)


def test_a_server_of_another_make_gives_the_same_words(foreign, connect):
    inverter = connect(foreign)
    assert inverter.read_words() == words_of(A, C, D)
    assert inverter.read_words() == words_of(A, FIRMWARE, D)
    assert inverter.read_words() == words_of(A, C, D)
    assert inverter.refused == ((B.number, B.count),)
    assert inverter.read_block(FIRMWARE) == (words_of(FIRMWARE), (), None)


# --- the lock ------------------------------------------------------------------------------------

HOLD = (
    "import sys; from edge_lib.dongle.lock import DongleLock; lock = DongleLock(sys.argv[1], 502); "
    "print(lock.acquire(), flush=True); sys.stdin.read()"
)


@pytest.mark.parametrize("domain", ["test", "x" * 200], ids=["short", "long"])
def test_two_processes_never_hold_one_dongle_and_a_killed_one_frees_it(proxy, domain):
    host = f"dongle-{proxy.port}.{domain}"
    command = [sys.executable, "-c", HOLD, host.upper()]
    with (
        DongleLock(host, 502) as lock,
        DongleLock(host, 502) as second,
        DongleLock(host, 503) as neighbour,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as other,
    ):
        assert other.stdout.readline() == "True\n"
        assert not lock.acquire()
        assert neighbour.acquire()
        other.kill()
        other.wait(10)
        assert lock.acquire()
        assert lock.acquire()
        assert not second.acquire()
        lock.release()
        lock.release()
        assert second.acquire()
