"""The fake dongle, asked by real Modbus clients."""

import json
import logging
import socket
import struct
import threading
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from pyModbusTCP.client import ModbusClient

from edge_lib.dongle.inverter import Inverter
from edge_lib.dongle.registers import BLOCKS, BY_NAME, wire_address
from edge_lib.simulator.fake_dongle import DumpSource, FakeDongle, HouseholdSource, local_zone
from edge_lib.simulator.household import Household
from tests.support.clocks import FakeClock

DUMPS = sorted((Path(__file__).parents[1] / "dumps").glob("*.json"))
REFUSING = Path(__file__).parents[1] / "dumps" / "sh80rt_v112_winet_s_wlan_2026-09-08.json"
BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 6, 10, 12, tzinfo=BERLIN)


class Words:
    """The smallest source there is."""

    def __init__(self, words=None, refused=()):
        self.image, self.ranges = words or {}, list(refused)

    def words(self):
        return self.image

    def refused(self):
        return self.ranges


def client(dongle, **options):
    return ModbusClient(dongle.host, dongle.port, unit_id=1, timeout=5, **options)


@pytest.fixture
def serve():
    """Starts a fake dongle for a source and gives it with a client; ends both."""
    opened = []

    def start(source, **options):
        dongle = FakeDongle(source, **options)
        dongle.start()
        opened.append(dongle.stop)
        asking = client(dongle)
        opened.append(asking.close)
        return dongle, asking

    yield start
    for end in reversed(opened):
        end()


def number_of(name):
    return BY_NAME[name].number


def read(asking, name):
    """The words of a register; None if refused."""
    register = BY_NAME[name]
    return asking.read_input_registers(wire_address(register.number), register.words)


def exception_of(asking):
    return asking.last_except


@pytest.mark.parametrize("path", DUMPS, ids=lambda path: path.stem)
def test_a_dump_is_served_word_by_word_and_0_where_it_has_none(serve, path):
    recorded = json.loads(path.read_text("utf-8"))
    _, asking = serve(DumpSource(path))
    for first in (*range(4939, 5035, 25), *range(5580, 5660, 40), *range(12990, 13100, 50)):
        words = asking.read_input_registers(first, 25)
        assert words == [recorded["input"].get(str(first + n), 0) for n in range(25)]


def test_the_holding_words_of_a_dump_are_served_apart_from_the_input_words(serve, tmp_path):
    path = tmp_path / "unit.json"
    path.write_text('{"input": {"4999": 3352}, "holding": {"4999": 2026, "5000": 5}}')
    _, asking = serve(DumpSource(path))
    assert asking.read_holding_registers(4998, 4) == [0, 2026, 5, 0]
    assert asking.read_input_registers(4998, 4) == [0, 3352, 0, 0]


@pytest.mark.parametrize(
    ("first", "count", "why"),
    [
        (2612, 48, "the range itself"),
        (2659, 1, "its last word"),
        (2600, 13, "its first word, at the end of a read"),
        (2659, 20, "its last word, at the start of a read"),
        (5000, 125, "all of another one inside a longer read"),
    ],
)
def test_a_read_that_touches_a_refused_range_gets_exception_2(serve, first, count, why):
    _, asking = serve(DumpSource(REFUSING))
    assert asking.read_input_registers(first, count) is None, why
    assert exception_of(asking) == 2


@pytest.mark.parametrize(("first", "count"), [(2600, 12), (2660, 20), (5000, 45), (5077, 64)])
def test_a_read_beside_a_refused_range_is_answered(serve, first, count):
    _, asking = serve(DumpSource(REFUSING))
    assert len(asking.read_input_registers(first, count)) == count


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("not json", "not a register dump"),
        ("[1, 2]", "not a register dump"),
        ("null", "not a register dump"),
        ("{}", "input"),
        ('{"input": [1]}', "not a register dump"),
        ('{"input": {"5000": 65536}}', "address 5000 holds 65536"),
        ('{"input": {"5000": -1}}', "address 5000 holds -1"),
        ('{"input": {"5000": "12"}}', "address 5000 holds '12'"),
        ('{"input": {"5000": true}}', "address 5000 holds True"),
        ('{"input": {"x": 1}}', "not a register dump"),
        ('{"input": {"70000": 1}}', "address 70000"),
        ('{"input": {}, "refused_input_ranges": [[5, 4]]}', "not a range"),
        ('{"input": {}, "refused_input_ranges": [[5]]}', "not a register dump"),
        ('{"input": {}, "refused_input_ranges": 7}', "not a register dump"),
    ],
)
def test_a_bad_dump_is_refused_with_a_sentence(tmp_path, content, why):
    path = tmp_path / "bad.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=why) as caught:
        DumpSource(path)
    assert "bad.json" in str(caught.value)


def test_a_missing_dump_is_refused_with_a_sentence(tmp_path):
    with pytest.raises(ValueError, match=r"cannot read the dump .*none\.json: No such file"):
        DumpSource(tmp_path / "none.json")


def test_nothing_can_be_written(serve):
    source = Words()
    source.holding = lambda: {13049: 0, 13050: 187}
    _, asking = serve(source)
    writes = (
        lambda: asking.write_single_register(13049, 2),
        lambda: asking.write_multiple_registers(13049, [2, 170]),
        lambda: asking.write_single_coil(1, True),
        lambda: asking.write_multiple_coils(1, [True]),
        lambda: asking.write_read_multiple_registers(13049, [2], 13049, 1),
        lambda: asking.read_coils(1),
        lambda: asking.read_discrete_inputs(1),
    )
    for write in writes:
        assert not write()
        assert exception_of(asking) == 1
    assert asking.read_holding_registers(13049, 3) == [0, 187, 0]


def test_only_its_own_unit_answers(serve):
    _, asking = serve(Words({0: 7}), unit_id=3)
    assert asking.read_input_registers(0, 1) is None
    assert exception_of(asking) == 11
    asking.unit_id = 3
    assert asking.read_input_registers(0, 1) == [7]


def test_the_whole_map_can_be_read_and_nothing_beyond_it(serve):
    _, asking = serve(Words({0xFFFF: 9}))
    assert asking.read_input_registers(0xFFFF - 9, 10) == [0] * 9 + [9]
    with socket.create_connection((asking.host, asking.port), 5) as raw:
        assert ask(raw, struct.pack(">BHH", 4, 0xFFFF, 2)) == b"\x84\x02"


def ask(raw, pdu):
    """Sends one request with these bytes and gives the answer's."""
    raw.sendall(struct.pack(">HHHB", 1, 0, len(pdu) + 1, 1) + pdu)
    answer = raw.recv(300)
    return answer[7:]


@pytest.mark.parametrize(
    ("pdu", "answer"),
    [
        (struct.pack(">BHH", 4, 0, 0), b"\x84\x03"),
        (struct.pack(">BHH", 4, 0, 126), b"\x84\x03"),
        (struct.pack(">BHH", 4, 0, 65535), b"\x84\x03"),
        (b"\x2b\x0e\x01\x00", b"\xab\x01"),
        (b"\x04\x00", b""),
        (b"\xff\x00", b""),
    ],
)
def test_a_malformed_request_harms_nobody_else(serve, pdu, answer):
    dongle, asking = serve(Words({5: 6}))
    with socket.create_connection((dongle.host, dongle.port), 5) as raw:
        assert ask(raw, pdu) == answer
    assert asking.read_input_registers(5, 1) == [6]


def test_requests_make_no_noise(serve, caplog):
    _, asking = serve(DumpSource(REFUSING))
    asking.open()
    assert asking.read_input_registers(4989, 47)
    caplog.clear()
    with caplog.at_level(logging.DEBUG):
        asking.read_input_registers(4989, 47)
        asking.read_input_registers(2612, 1)
    assert [r for r in caplog.records if "client" not in r.name] == []


def test_stop_hangs_up_and_leaves_no_thread():
    before = set(threading.enumerate())
    dongle = FakeDongle(Words({1: 2}))
    dongle.start()
    clients = [client(dongle, auto_open=False) for _ in range(5)]
    for asking in clients:
        assert asking.open()
        assert asking.read_input_registers(1, 1) == [2]
    dongle.stop()
    assert set(threading.enumerate()) == before
    for asking in clients:
        assert asking.read_input_registers(1, 1) is None
        asking.close()
        assert not asking.open()


def test_it_starts_again_on_its_port_and_a_second_stop_is_nothing():
    dongle = FakeDongle(Words({1: 2}))
    dongle.stop()
    with dongle:
        port = dongle.port
        with pytest.raises(OSError, match=f"in use: '127.0.0.1 port {port}'"):
            FakeDongle(Words(), port=port).start()
    dongle.stop()
    with dongle:
        assert dongle.port == port > 0
        asking = client(dongle)
        assert asking.read_input_registers(1, 1) == [2]
        asking.close()


def test_the_sources_words_may_change_between_two_requests(serve):
    source = Words({1: 2})
    _, asking = serve(source)
    assert asking.read_input_registers(1, 1) == [2]
    source.image = {1: 3}
    source.ranges = [(7, 8)]
    assert asking.read_input_registers(1, 1) == [3]
    assert asking.read_input_registers(8, 1) is None


@pytest.mark.parametrize(
    ("name", "fault", "words"),
    [
        ("battery_soc", "sentinel", [0xFFFF]),
        ("battery_temperature", "sentinel", [0x7FFF]),
        ("total_pv_generation", "sentinel", [0xFFFF, 0xFFFF]),
        ("export_power", "sentinel", [0xFFFF, 0x7FFF]),
        ("serial_number", "sentinel", [0] * 10),
        ("battery_soc", "zero", [0]),
        ("total_pv_generation", "zero", [0, 0]),
    ],
)
def test_a_fault_replaces_a_registers_words_while_it_lasts(serve, name, fault, words):
    dongle, asking = serve(HouseholdSource(FakeClock(NOON), tz=BERLIN))
    right = read(asking, name)
    assert right != words
    dongle.faults[number_of(name)] = fault
    assert read(asking, name) == words
    assert len(asking.read_input_registers(12999, 48)) == 48
    del dongle.faults[number_of(name)]
    assert read(asking, name) == right


def test_a_frozen_value_stands_still_while_the_others_go_on(serve):
    clock = FakeClock(NOON)
    dongle, asking = serve(HouseholdSource(clock, tz=BERLIN))
    dongle.faults[number_of("total_dc_power")] = "frozen"
    stuck = read(asking, "total_dc_power")
    moving = set()
    for _ in range(6):
        clock.pass_s(3600)
        assert read(asking, "total_dc_power") == stuck
        moving.add(tuple(read(asking, "total_pv_generation")))
    assert len(moving) == 6
    dongle.faults.clear()
    now = read(asking, "total_dc_power")
    assert now != stuck
    dongle.faults[number_of("total_dc_power")] = "frozen"
    assert read(asking, "total_dc_power") == now


def test_a_number_outside_the_table_can_fail_too(serve):
    dongle, asking = serve(Words({99: 5}))
    dongle.faults[100] = "sentinel"
    assert asking.read_input_registers(99, 1) == [0xFFFF]


def test_a_house_refuses_what_a_winet_s_refuses(serve):
    _, asking = serve(HouseholdSource(FakeClock(NOON), tz=BERLIN))
    for hole in (5006, 5008, 13014, 13043, 13047, 5740):
        assert asking.read_input_registers(hole, 1) is None
        assert exception_of(asking) == 2
        assert asking.read_input_registers(hole - 1, 5) is not None
    for refused in (2612, 5083, 6099, 13249):
        assert asking.read_input_registers(refused, 1) is None
        assert exception_of(asking) == 2
    for block in BLOCKS:
        assert asking.read_input_registers(wire_address(block.number), block.count)


def test_all_requests_of_one_poll_see_one_moment(serve):
    clock = FakeClock(NOON)
    source = HouseholdSource(clock, speed=600, tz=BERLIN)
    _, asking = serve(source)

    def poll():
        words = {}
        for block in BLOCKS:
            clock.pass_s(0.4)
            first = wire_address(block.number)
            words |= enumerate(asking.read_input_registers(first, block.count), first)
        return words

    at, first = source.household.at, poll()
    assert source.household.at == at
    assert {address: source.household.words()[address] for address in (5016, 13009)} == {
        address: first[address] for address in (5016, 13009)
    }
    clock.pass_s(0.5)
    second = poll()
    assert source.household.at == at + timedelta(seconds=600 * (4 * 0.4 + 0.5 + 0.4))
    assert all(
        second[address] == word
        for address, word in source.household.words().items()
        if address in second
    )
    assert first[13002] < second[13002]


def test_a_day_starts_at_its_midnight_and_runs_at_its_speed(serve):
    clock = FakeClock(NOON)
    source = HouseholdSource(clock, day=date(2026, 3, 29), speed=3600, tz=BERLIN)
    _, asking = serve(source)
    assert asking.read_holding_registers(4999, 6) == [2026, 3, 29, 0, 0, 0]
    assert read(asking, "daily_pv_generation") == [0]
    clock.pass_s(3)
    read(asking, "daily_pv_generation")
    assert asking.read_holding_registers(4999, 6) == [2026, 3, 29, 4, 0, 0]  # summer time began
    clock.pass_s(19)
    assert read(asking, "daily_pv_generation")[0] > 0
    assert source.household.at == datetime(2026, 3, 29, 23, tzinfo=BERLIN)
    clock.pass_s(1)
    assert read(asking, "daily_pv_generation") == [0]
    assert asking.read_holding_registers(4999, 6) == [2026, 3, 30, 0, 0, 0]


def test_without_a_day_the_house_lives_now_and_has_a_past_since_midnight(serve):
    clock = FakeClock(NOON)
    source = HouseholdSource(clock, tz=BERLIN)
    assert source.household.at == NOON
    assert source.household.truth.daily_kwh.pv > 3
    clock.pass_s(3600)
    source.words()
    assert source.household.at == NOON + timedelta(hours=1)


def test_a_house_of_ones_own_goes_on_from_where_it_stands(serve):
    clock = FakeClock(NOON)
    house = Household(datetime(2026, 1, 5, 7, tzinfo=BERLIN))
    source = HouseholdSource(clock, speed=60, household=house)
    clock.pass_s(60)
    source.words()
    assert source.household is house
    assert house.at == datetime(2026, 1, 5, 8, tzinfo=BERLIN)


def test_the_machines_zone_is_one_that_knows_its_changes():
    offset = local_zone().utcoffset(NOON.replace(tzinfo=None))
    assert offset == NOON.replace(tzinfo=None).astimezone().utcoffset()


def test_two_clients_at_once_get_the_right_answers(serve):
    source = HouseholdSource(FakeClock(NOON), tz=BERLIN)
    dongle, _ = serve(source)
    right = [source.words()[address] for address in range(13001, 13013)]
    wrong = []

    def hammer():
        asking = client(dongle)
        for _ in range(50):
            words = asking.read_input_registers(13001, 12)
            if words != right:
                wrong.append(words)
        asking.close()

    threads = [threading.Thread(target=hammer) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_our_own_poller_reads_the_house(serve):
    clock = FakeClock(NOON)
    source = HouseholdSource(clock, tz=BERLIN)
    dongle, _ = serve(source)
    inverter = Inverter(dongle.host, dongle.port, 1, 5.0, 0.0, clock, lambda _: False)
    words = inverter.read_words()
    inverter.close()
    served = source.words()
    assert words[5017] == source.household.truth.pv_power_w
    assert {n: word for n, word in words.items() if n - 1 in served} == {
        address + 1: word for address, word in served.items() if address + 1 in words
    }
    assert inverter.refused == ()
