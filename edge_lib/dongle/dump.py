"""What ``edge.py dump`` prints: each known input register's words, once, without the serial number.

For a bug report, for a model that nobody has seen yet, for ``edge.py simulate --dump``. Reads
through ``Inverter`` alone, so gently and never anything but function 4. The format is that of
``protocol/dumps``; its addresses are wire addresses.
"""

from typing import Any

from edge_lib import VERSION
from edge_lib.dongle.decode import facts
from edge_lib.dongle.inverter import Inverter, InverterError
from edge_lib.dongle.registers import BY_NAME, DUMP_BLOCKS, Block, wire_address

_SERIAL = BY_NAME["serial_number"]


def dump(inverter: Inverter) -> dict[str, Any]:
    """Read every block of the register map and return the dump, ready for JSON.

    What is refused is named under ``refused_input_ranges``, what failed in another way under
    ``failed_input_ranges`` with the reason; the rest is there all the same.

    Raises:
        InverterError: The dongle answered nothing at all; there is nothing to print then.
    """
    words: dict[int, int] = {}
    refused: list[tuple[int, int]] = []
    failures: dict[Block, InverterError] = {}
    for block in DUMP_BLOCKS:
        try:
            answer = inverter.read_block(block, thorough=True)
        except InverterError as error:
            if not words:
                raise
            failures |= dict.fromkeys(DUMP_BLOCKS[DUMP_BLOCKS.index(block) :], error)
            break
        words |= answer.words
        refused += answer.refused
        if answer.failure:
            failures[block] = answer.failure
    if not words:
        raise InverterError(*_why_nothing(failures))
    return {
        "source": f"edge.py dump, version {VERSION}",
        "real": True,
        "transport": "unknown",
        "model": _model(words),
        "firmware": _firmware(words),
        "refused_input_ranges": [_range(number, count) for number, count in sorted(refused)],
        "failed_input_ranges": [
            [*_range(block.number, block.count), failures[block].reason]
            for block in DUMP_BLOCKS  # in the order of their numbers, as the others
            if block in failures
        ],
        "withheld_input_ranges": [_range(_SERIAL.number, _SERIAL.words)],
        "input": {str(wire_address(number)): word for number, word in _without_serial(words)},
        "holding": {},
    }


def _why_nothing(failures: dict[Block, InverterError]) -> tuple[str, str]:
    """Return the reason and the text of an error that speaks for all blocks."""
    if not failures:
        return "exception_2", "the unit refuses every block"
    reasons = [error.reason for error in failures.values()]
    reason = max(reasons, key=reasons.count)
    texts = (str(error) for error in failures.values() if error.reason == reason)
    return reason, f"no block is served: {next(texts)}"


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
