"""The Modbus side of a poll, against real servers, through a wire that breaks."""

import asyncio
import contextlib
import itertools
import logging
import os
import socket
import subprocess
import sys
import threading
import time

import pytest
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice
from pyModbusTCP.server import DataBank, ModbusServer

from edge_lib.clock import Clock
from edge_lib.dongle_lock import DongleLock
from edge_lib.inverter import Inverter, InverterError, next_delay_s
from edge_lib.registers import BLOCKS, DUMP_BLOCKS, FIRMWARE, FOUR_STRINGS, MODELS, wire_address
from tests import wire_proxy as wire

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
        self.refused = set()

    def refuse(self, *spans):
        self.refused |= {n for span in spans for n in range(*_ends(span))}

    def get_input_registers(self, address, number=1, _=None):
        first = address + 1
        words = words_of((first, number), type_code=self.type_code)
        return None if self.refused & words.keys() else list(words.values())


@pytest.fixture(scope="module")
def server():
    unit = Unit()
    served = ModbusServer("127.0.0.1", 0, no_block=True, data_bank=unit)
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
def connect():
    made = []

    def make(port, host="127.0.0.1", wait=None, timeout_s=TIMEOUT_S, delay_s=DELAY_S):
        made.append(
            Inverter(host, port, 1, timeout_s, delay_s, Clock(), wait or threading.Event().wait)
        )
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def inverter(connect, proxy):
    return connect(proxy.port, wait=lambda _: False)


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
            proxy.once(wire.RESET, wire_address(B.number))
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
    proxy.once(wire.exception(6), wire_address(B.number))
    assert reason(inverter) == "exception_6"
    inverter.read_words()
    assert pauses == [DELAY_S] * 6
    assert len(proxy.requests) == 6


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


@pytest.mark.parametrize(
    ("fault", "why"),
    [(wire.SILENCE, "timeout"), (wire.exception(4), "exception_4"), (wire.TWICE, "mismatch")],
)
def test_a_firmware_that_fails_the_poll_is_never_asked_for_again(inverter, proxy, fault, why):
    proxy.always(fault, wire_address(FIRMWARE.number))
    assert inverter.read_words() == ALL
    assert reason(inverter) == why
    assert [inverter.read_words() for _ in range(3)] == [ALL] * 3
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


@pytest.mark.parametrize(("fault", "why"), BROKEN, ids=[f"{fault.name}" for fault, _ in BROKEN])
def test_a_broken_answer_fails_the_poll_and_the_next_one_is_right(inverter, proxy, fault, why):
    assert inverter.read_words() == ALL
    proxy.once(fault, wire_address(D.number))
    assert reason(inverter) == why
    assert inverter.refused == ()
    assert inverter.read_words(BLOCKS) == ALL
    assert (proxy.accepted, proxy.most_open) == (2, 1)


@pytest.mark.parametrize("fault", [wire.SLOW, wire.FRAGMENTS], ids=lambda fault: fault.name)
def test_a_slow_or_cut_answer_is_an_answer(inverter, proxy, fault):
    proxy.always(fault)
    assert inverter.read_words() == ALL
    assert proxy.accepted == 1


def test_the_error_names_block_registers_and_cause(inverter, proxy):
    proxy.once(wire.exception(4), wire_address(C.number))
    with pytest.raises(InverterError, match=r"block C, registers 5601 to 5639: exception 4"):
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
    proxy.once(halves, wire_address(D.number))
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
    assert reason(inverter) == "timeout"
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


def test_a_refused_piece_is_absent_and_never_asked_for_again(unit, inverter, proxy):
    unit.refuse((5033, 1))
    expected = words_of(B, C, D, *A.pieces[:3])
    assert inverter.read_words() == expected
    before = len(proxy.requests)
    assert inverter.read_words(BLOCKS) == expected
    assert asked(proxy, before) == [*A.pieces[:3], *FOUR[1:]]
    assert (5022, 15) in inverter.refused


def test_a_unit_that_refuses_everything_is_not_ready_and_nothing_is_remembered(unit, inverter):
    unit.refuse((1, 20000))
    assert [reason(inverter) for _ in range(2)] == ["exception_2"] * 2
    assert inverter.refused == ()
    unit.reset()
    assert inverter.read_words() == ALL


@pytest.mark.parametrize("block", [A, D], ids=lambda block: block.name)
def test_a_unit_without_all_of_a_block_that_each_sample_needs_is_not_ready(unit, inverter, block):
    unit.refuse(block, B)
    assert reason(inverter) == "exception_2"
    assert inverter.refused == ()
    unit.reset()
    assert inverter.read_words() == ALL


def test_a_poll_of_given_blocks_without_any_word_fails(unit, inverter):
    unit.refuse(B)
    with pytest.raises(InverterError) as caught:
        inverter.read_words([B])
    assert caught.value.reason == "exception_2"
    assert inverter.refused == ()


def test_what_a_failed_poll_learned_is_forgotten(unit, inverter, proxy):
    unit.refuse(B)
    proxy.once(wire.RESET, wire_address(D.number))
    assert reason(inverter) == "reset"
    assert inverter.refused == ()
    unit.reset()
    assert inverter.read_words() == ALL


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
    assert inverter.read_block(block) == (words_of(block), ())
    unit.refuse(block)
    assert inverter.read_block(block) == ({}, ((block.number, block.count),))
    assert inverter.refused == ()


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
    assert inverter.read_block(FIRMWARE) == (words_of(FIRMWARE), ())


# --- the lock ------------------------------------------------------------------------------------

HOLD = (
    "import sys; from edge_lib.dongle_lock import DongleLock; lock = DongleLock(sys.argv[1], 502); "
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
