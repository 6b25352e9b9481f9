"""The register table agrees with itself, with the blocks that read it and with the sample."""

import pytest

from edge_lib.dongle.registers import (
    BLOCKS,
    BY_NAME,
    DUMP_BLOCKS,
    FIRMWARE,
    FOUR_STRINGS,
    MODELS,
    REGISTERS,
    RS_CODES,
    is_rs,
    wire_address,
)
from edge_lib.shared import sample

ALL_BLOCKS = {block.name: block for block in (*BLOCKS, FOUR_STRINGS, FIRMWARE, *DUMP_BLOCKS)}
POLLED = (*BLOCKS, FOUR_STRINGS)
# Read for a rule of decode or for a fact of the device, not for one field as it is.
FOR_RULES = {
    *("serial_number", "device_type_code", "nominal_power"),
    *("battery_power", "battery_power_legacy", "battery_current", "battery_current_legacy"),
    *("battery_capacity", "battery_capacity_precise"),
}
USED = [r for r in REGISTERS if r.field or r.name in FOR_RULES]
# What no register says: the key and the poll's own; the four that decode derives by rules.
OF_THE_POLL = {"device_id", "ts", "interval_s", "boot", "seq", "ts_src"}
BY_RULES = {"battery_power_w", "battery_current_a", "battery_power_source", "faults"}


def numbers(register):
    return range(register.number, register.number + register.words)


def covers(number, count, register):
    return number <= register.number and register.number + register.words <= number + count


def test_no_name_no_number_and_no_field_stands_twice():
    taken = [number for register in REGISTERS for number in numbers(register)]
    fields = [register.field for register in REGISTERS if register.field]
    assert len(set(taken)) == len(taken)
    assert len(BY_NAME) == len(REGISTERS)
    assert len(set(fields)) == len(fields)


def test_the_table_is_in_the_order_of_the_numbers():
    assert [r.number for r in REGISTERS] == sorted(r.number for r in REGISTERS)


@pytest.mark.parametrize("register", REGISTERS, ids=lambda r: r.name)
def test_a_register_is_whole(register):
    words = {"U16": 1, "S16": 1, "U32": 2, "S32": 2}
    assert register.words == words.get(register.kind, register.words)
    assert register.kind in {*words, "UTF8"}
    assert register.source
    assert (register.low is None) == (register.high is None)
    if register.low is not None:
        assert register.low < register.high


def test_every_field_of_a_sample_is_fed_or_explained():
    fed = {register.field for register in REGISTERS if register.field}
    assert not fed & (BY_RULES | OF_THE_POLL)
    assert fed | BY_RULES | OF_THE_POLL == set(sample.NAMES)


def test_a_field_has_the_unit_of_its_register_and_holds_what_its_bounds_allow():
    fields = {field.name: field for field in sample.FIELDS}
    for register in (r for r in REGISTERS if r.field):
        field = fields[register.field]
        assert field.unit == register.unit, register.name
        if register.low is not None:
            assert field.low <= register.low < register.high <= field.high, register.name


def test_a_poll_is_four_requests_in_this_order():
    spans = [(block.name, block.number, block.count) for block in BLOCKS]
    assert spans == [("A", 4990, 47), ("B", 5214, 2), ("C", 5601, 39), ("D", 13000, 80)]


@pytest.mark.parametrize("block", ALL_BLOCKS.values(), ids=lambda b: b.name)
def test_a_block_and_each_of_its_pieces_start_on_a_documented_register(block):
    documented = {register.number for register in REGISTERS}
    assert {block.number, *(number for number, _ in block.pieces)} <= documented
    assert 1 <= block.count <= 125


@pytest.mark.parametrize("block", BLOCKS, ids=lambda b: b.name)
def test_pieces_lie_in_their_block_in_order_without_holes_or_half_registers(block):
    end = block.number
    documented = {number for register in REGISTERS for number in numbers(register)}
    for number, count in block.pieces:
        assert number >= end
        end = number + count
        assert set(range(number, end)) <= documented
        assert {r for r in REGISTERS if set(numbers(r)) & set(range(number, end))} == {
            r for r in REGISTERS if covers(number, count, r)
        }
    assert end <= block.number + block.count


@pytest.mark.parametrize("register", USED, ids=lambda r: r.name)
def test_every_used_register_lies_in_one_block_of_the_poll_and_in_one_of_its_pieces(register):
    blocks = [block for block in POLLED if covers(block.number, block.count, register)]
    assert len(blocks) == 1
    assert sum(covers(*piece, register) for piece in blocks[0].pieces) == 1


def test_the_reserved_numbers_that_a_dongle_refuses_are_no_start():
    starts = {n for b in ALL_BLOCKS.values() for n in (b.number, *(p[0] for p in b.pieces))}
    assert not starts & {5007, 5009, 13015, 13044, 13048}


def test_nothing_reads_the_strings_that_make_some_firmware_hang_up():
    for block in ALL_BLOCKS.values():
        read = range(block.number, block.number + block.count)
        assert not {13250, 13265, 13280} & set(read)


def test_every_register_of_the_table_is_read_by_the_dump():
    for register in REGISTERS:
        assert any(covers(b.number, b.count, register) for b in DUMP_BLOCKS), register.name


def test_the_wire_counts_from_zero():
    assert wire_address(13023) == 13022


@pytest.mark.parametrize(
    ("code", "name", "mppt_count"),
    [
        (0x0D18, "SH4.0RS", 2),
        (0x0D1A, "SH8.0RS", 4),
        (0x0E0E, "SH8.0RT-V112", 2),
        (0x0E12, "SH8.0RT-20", 2),
        (0x0E0B, "SH10RT-V122", 2),
        (0x0E25, "SH15T", 3),
        (0x0D2E, "SH10RL", 3),
        (0x0D2F, "MG12RL", 3),
        (0x0E3D, "SH125CX", 10),
        (0x0D0C, "SH5K-30", 2),
    ],
)
def test_a_type_code_names_the_model_and_its_strings(code, name, mppt_count):
    assert MODELS[code] == (name, mppt_count)


def test_the_model_table_is_complete_and_names_none_twice():
    assert len(MODELS) == 8 + 16 + 8 + 7 + 6 + 5 + 7
    assert len({model.name for model in MODELS.values()}) == len(MODELS)


def test_the_single_phase_series_is_known_by_its_codes():
    names = {MODELS[code].name for code in RS_CODES}
    assert names == {f"SH{kw}RS" for kw in ("3.0", "3.6", "4.0", "4.6", "5.0", "6.0", "8.0", "10")}
    assert is_rs(0x0D18)
    assert not is_rs(0x0E12)
    assert not is_rs(None)
