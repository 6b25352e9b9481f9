"""A dump of a simulated dump is that dump again, the serial number excepted."""

import json
from pathlib import Path

import pytest

from edge_lib.clock import Clock
from edge_lib.dongle.dump import dump
from edge_lib.dongle.inverter import Inverter, InverterError
from edge_lib.dongle.registers import BLOCKS, BY_NAME, DUMP_BLOCKS, REGISTERS, wire_address
from edge_lib.simulator.fake_dongle import DumpSource, FakeDongle, HouseholdSource
from tests.support.quick import quick
from tests.support.wire_proxy import RESET, SILENCE, WireProxy, exception, short_exception

DUMPS = [
    path
    for path in sorted((Path(__file__).parents[1] / "dumps").glob("*.json"))
    if not path.stem.startswith("trace")
]
SERIAL = range(4989, 4999)
MAP = [
    wire_address(block.number) + n
    for block in DUMP_BLOCKS
    for n in range(block.count)
    if wire_address(block.number) + n not in SERIAL
]


class Listening(FakeDongle):
    """A fake dongle that remembers what it was asked."""

    def __init__(self, source):
        super().__init__(source)
        self.requests = []

    def _answer(self, unit, function, first, count):
        self.requests.append((function, first, count))
        return super()._answer(unit, function, first, count)


def dump_of(source):
    """The dump of a source, and the requests that it took."""
    with Listening(source) as dongle:
        inverter = Inverter(dongle.host, dongle.port, 1, 5.0, 0.0, Clock(), lambda _: False)
        try:
            return dump(inverter), dongle.requests
        finally:
            inverter.close()


def written(tmp_path, words, refused=()):
    path = tmp_path / "unit.json"
    path.write_text(
        json.dumps(
            {
                "input": {str(address): word for address, word in words.items()},
                "refused_input_ranges": refused,
            }
        )
    )
    return DumpSource(path)


@pytest.mark.parametrize("path", DUMPS, ids=lambda path: path.stem)
def test_a_dump_of_a_simulated_dump_gives_back_the_maps_words(path):
    recorded = json.loads(path.read_text("utf-8"))
    again, requests = dump_of(DumpSource(path))
    assert again["input"] == {
        str(address): recorded["input"].get(str(address), 0) for address in sorted(MAP)
    }
    assert again["refused_input_ranges"] == []
    assert again["withheld_input_ranges"] == [[4989, 4998]]
    assert again["model"] in recorded["model"]
    assert len(requests) == len(DUMP_BLOCKS)


def test_a_dump_says_what_was_read_in_the_format_of_the_others():
    again, _ = dump_of(DumpSource(DUMPS[1]))
    assert list(again) == [
        "source",
        "real",
        "transport",
        "model",
        "firmware",
        "refused_input_ranges",
        "failed_input_ranges",
        "withheld_input_ranges",
        "input",
        "holding",
    ]
    assert again["source"].startswith("edge.py dump, version ")
    assert again["real"] is True
    assert again["transport"] == "unknown"
    assert again["model"] == "SH8.0RT-20 (0x0E12)"
    assert again["firmware"] == {"inverter": "SAPPHIRE-H_01011.95.10"}
    assert again["holding"] == {}
    assert again["input"]["4999"] == 0x0E12


def test_the_serial_number_is_nowhere_in_a_dump():
    source = HouseholdSource(Clock())
    assert source.words()[4989] == 0x4130
    again, _ = dump_of(source)
    assert not {str(address) for address in SERIAL} & set(again["input"])
    assert again["input"]["4999"] == 0x0D18
    assert "A0000000042" not in json.dumps(again)


def test_every_block_is_read_once_and_by_function_4():
    _, requests = dump_of(HouseholdSource(Clock()))
    expected = {(4, wire_address(block.number), block.count) for block in DUMP_BLOCKS}
    assert set(requests) == expected
    assert len(requests) == len(expected)


def test_what_is_refused_is_named_exactly_and_the_rest_is_read(tmp_path):
    words = {wire_address(r.number) + n: 7 for r in REGISTERS for n in range(r.words)}
    refused = [[5114, 5115], [5213, 5214], [5604, 5605], [13036, 13037], [13057, 13058]]
    again, requests = dump_of(written(tmp_path, words, refused))
    gone = {address for first, last in refused for address in range(first, last + 1)}
    known = {address for address in words if address in MAP} - gone
    assert {int(address) for address in again["input"]} >= known
    assert not gone & {int(address) for address in again["input"]}
    named = {a for first, last in again["refused_input_ranges"] for a in range(first, last + 1)}
    assert named >= gone
    # Beside it only words are named that no register of the map holds, and that nobody asked for.
    assert not (named - gone) & set(words)
    assert len(requests) < 80


def test_a_dump_with_refusals_replays_as_itself(tmp_path):
    refused = [[5114, 5115], [5213, 5214], [5630, 5630], [13049, 13078], [4951, 4982]]
    first, _ = dump_of(written(tmp_path, {4999: 0x0D18, 5016: 800, 13022: 554}, refused))
    path = tmp_path / "first.json"
    path.write_text(json.dumps(first))
    second, _ = dump_of(DumpSource(path))
    assert second == first
    assert [13049, 13078] in first["refused_input_ranges"]
    assert first["input"]["5016"] == 800


def test_an_unknown_model_is_named_by_its_code(tmp_path):
    assert dump_of(written(tmp_path, {4999: 0x0ABC}))[0]["model"] == "unknown (0x0ABC)"
    assert dump_of(written(tmp_path, {}))[0]["model"] == "unknown"
    assert dump_of(written(tmp_path, {}))[0]["firmware"] == {}


def test_a_dongle_that_does_not_answer_gives_no_dump():
    with FakeDongle(DumpSource(DUMPS[0])) as dongle:
        pass
    inverter = Inverter(dongle.host, dongle.port, 1, 1.0, 0.0, Clock(), lambda _: False)
    with pytest.raises(InverterError):
        dump(inverter)


def failing_dump(source, *faults):
    """The dump of a source through a wire that breaks: (fault, document number) each."""
    with FakeDongle(source) as dongle, WireProxy((dongle.host, dongle.port)) as proxy:
        for fault, number in faults:
            proxy.always(fault, wire_address(number))
        inverter = Inverter("127.0.0.1", proxy.port, 1, 0.3, 0.0, Clock(), lambda _: False)
        try:
            return dump(inverter)
        finally:
            inverter.close()


@pytest.mark.parametrize("block", quick(DUMP_BLOCKS, every=3), ids=lambda block: block.name)
@pytest.mark.parametrize(
    ("fault", "reason"),
    [(SILENCE, "timeout"), (exception(4), "exception_4"), (RESET, "reset")],
    ids=["silence", "exception 4", "reset"],
)
def test_a_block_that_fails_is_named_and_the_rest_is_dumped(block, fault, reason):
    whole, _ = dump_of(DumpSource(DUMPS[1]))
    found = failing_dump(DumpSource(DUMPS[1]), (fault, block.number))
    span = range(wire_address(block.number), wire_address(block.number) + block.count)
    assert found["failed_input_ranges"] == [[span[0], span[-1], reason]]
    assert found["input"] == {a: w for a, w in whole["input"].items() if int(a) not in span}


@pytest.mark.parametrize(
    "stray",
    [True, pytest.param(False, marks=pytest.mark.slow)],
    ids=["with its code", "without it"],
)
@pytest.mark.parametrize("block", DUMP_BLOCKS, ids=lambda block: block.name)
def test_an_exception_cut_short_is_a_refusal(block, stray):
    faults = [(short_exception(2, stray), block.number + at) for at in range(block.count)]
    found = failing_dump(DumpSource(DUMPS[1]), *faults)
    first = wire_address(block.number)
    assert [first, first + block.count - 1] in found["refused_input_ranges"]
    assert found["failed_input_ranges"] == []


def test_a_dump_with_failures_replays_them_as_refusals(tmp_path):
    found = failing_dump(DumpSource(DUMPS[1]), (SILENCE, BLOCKS[1].number))
    path = tmp_path / "found.json"
    path.write_text(json.dumps(found))
    again, _ = dump_of(DumpSource(path))
    assert again["refused_input_ranges"] == [[5213, 5214]]


def test_what_failed_is_named_in_the_order_of_its_numbers():
    with (
        FakeDongle(DumpSource(DUMPS[0])) as dongle,
        WireProxy(("127.0.0.1", dongle.port)) as proxy,
    ):
        for block in DUMP_BLOCKS[1:]:
            proxy.always(exception(4), wire_address(block.number))
        inverter = Inverter("127.0.0.1", proxy.port, 1, 5.0, 0.0, Clock(), lambda _: False)
        failed = dump(inverter)["failed_input_ranges"]
        inverter.close()
    assert [first for first, *_ in failed] == [wire_address(b.number) for b in DUMP_BLOCKS[1:]]


def test_the_serial_register_is_the_range_that_is_withheld():
    register = BY_NAME["serial_number"]
    assert wire_address(register.number) == SERIAL.start
    assert register.words == len(SERIAL)
