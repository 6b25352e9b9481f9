"""What ``edge.py dump`` prints: each known input register's words, once, without the serial number.

For a bug report, for a model that nobody has seen yet, for ``edge.py simulate --dump``. Reads
through ``Inverter`` alone, so gently and never anything but function 4. The format is that of
``protocol/dumps``; its addresses are wire addresses.
"""

from edge_lib import VERSION
from edge_lib.decode import facts
from edge_lib.inverter import Inverter, Ranges
from edge_lib.registers import BY_NAME, DUMP_BLOCKS, REGISTERS, Block, wire_address

_SERIAL = BY_NAME["serial_number"]


def dump(inverter: Inverter) -> dict:
    """Read every block of the register map and give the dump, ready for JSON.

    Raises:
        InverterError: The dongle did not answer; there is no dump then.
    """
    words: dict[int, int] = {}
    refused: list[tuple[int, int]] = []
    for block in DUMP_BLOCKS:
        served, gaps = _read(inverter, block)
        words |= served
        refused += gaps
    return {
        "source": f"edge.py dump, version {VERSION}",
        "real": True,
        "transport": "unknown",
        "model": _model(words),
        "firmware": _firmware(words),
        "refused_input_ranges": [_range(number, count) for number, count in sorted(refused)],
        "withheld_input_ranges": [_range(_SERIAL.number, _SERIAL.words)],
        "input": {str(wire_address(number)): word for number, word in _without_serial(words)},
        "holding": {},
    }


def _read(inverter: Inverter, block: Block) -> tuple[dict[int, int], Ranges]:
    """Give the block's words and what is refused of it, as exactly as single reads can tell."""
    words, gaps = inverter.read_block(block)
    for number, count in gaps:
        for register in REGISTERS:
            alone = ((register.number, register.words),)
            inside = number <= register.number and sum(alone[0]) <= number + count
            if inside and alone != ((block.number, block.count),):
                words |= inverter.read_block(Block(register.name, *alone[0], alone))[0]
    return words, _missing(words, gaps)


def _missing(words: dict[int, int], gaps: Ranges) -> Ranges:
    """Give the parts of the gaps that no word has filled since."""
    found: list[tuple[int, int]] = []
    for number, count in gaps:
        for absent in (n for n in range(number, number + count) if n not in words):
            if found and sum(found[-1]) == absent and absent > number:
                found[-1] = (found[-1][0], found[-1][1] + 1)
            else:
                found.append((absent, 1))
    return tuple(found)


def _model(words: dict[int, int]) -> str:
    known = facts(words)
    code = known["device_type_code"]
    return f"{known['model'] or 'unknown'} (0x{code:04X})" if code else "unknown"


def _firmware(words: dict[int, int]) -> dict[str, str]:
    version = facts(words)["firmware"]
    return {"inverter": version} if version else {}


def _range(number: int, count: int) -> list[int]:
    first = wire_address(number)
    return [first, first + count - 1]


def _without_serial(words: dict[int, int]) -> list[tuple[int, int]]:
    serial = range(_SERIAL.number, _SERIAL.number + _SERIAL.words)
    return [(number, word) for number, word in sorted(words.items()) if number not in serial]
