"""Reads one block from a unit: whole, or, where that is refused, in the pieces that it falls into.

A refused block falls apart, down to single registers, until all that is served is read. An
exception that should pass, on the one value that every sample needs, is not the block's own:
it fails the poll. ``request`` is everywhere ``(block, document number, count) -> words``, with the
errors of ``modbus_client``. Keeps nothing from one poll to the next; for ``inverter``.
"""

from collections.abc import Callable
from typing import NamedTuple, Self

from edge_lib.dongle.modbus_client import Refusal
from edge_lib.dongle.registers import BY_NAME, REGISTERS, USED, Block, Register

Words = dict[int, int]  # by document number
Ranges = tuple[tuple[int, int], ...]  # (document number, count), rising
Request = Callable[[Block, int, int], Words]

# The one value without which there is no sample.
NEEDED = BY_NAME["total_dc_power"].number
# Busy, or nobody there for now; any other exception lasts. Source: the Modbus specification; 4 is
# what a WiNet-S says while a second client keeps it busy (DB).
_PASSING_CODES = frozenset({4, 5, 6, 10, 11})


class Piece(NamedTuple):
    """Registers that are asked for with one request."""

    number: int
    count: int  # type: ignore[assignment]  # over tuple's own method, which nobody calls
    registers: tuple[Register, ...]

    @classmethod
    def around(cls, registers: tuple[Register, ...]) -> Self:
        """Return the smallest piece that holds these registers, the holes between them included."""
        last = registers[-1]
        number = registers[0].number
        return cls(number, last.number + last.words - number, registers)

    def halves(self) -> list["Piece"]:
        """Return this piece in two; one register without what was around it; else nothing."""
        middle = len(self.registers) // 2
        parts = [part for part in (self.registers[:middle], self.registers[middle:]) if part]
        halves = [Piece.around(part) for part in parts]
        return [half for half in halves if half != self]


def _pieces_of(block: Block, *, thorough: bool = False) -> list[Piece]:
    """Return the pieces that a refused block falls into at first.

    Args:
        block: the unit refuses it as a whole.
        thorough: all registers that the map knows are wanted, not only those that are used.
    """
    if not thorough and block.pieces != ((block.number, block.count),):
        return [Piece(first, count, _inside(USED, first, count)) for first, count in block.pieces]
    wanted = _inside(REGISTERS if thorough else USED, block.number, block.count)
    return Piece.around(wanted).halves() if wanted else []


def _inside(registers: tuple[Register, ...], number: int, count: int) -> tuple[Register, ...]:
    inside = range(number, number + count)
    return tuple(register for register in registers if register.number in inside)


def gaps(block: Block, parts: Ranges) -> Ranges:
    """Return the ranges of the block that no part covers."""
    ends = (block.number, *(number + count for number, count in parts))
    starts = (*(number for number, _ in parts), block.number + block.count)
    return tuple((a, b - a) for a, b in zip(ends, starts, strict=True) if b > a)


def read_whole(
    request: Request, block: Block, *, all_lasts: bool = False, thorough: bool = False
) -> tuple[Words, Ranges | None]:
    """Read the block with one request, and let it fall apart where that is refused.

    Args:
        request: does one request.
        block: what to read.
        all_lasts: an exception that should pass has not passed for some time.
        thorough: all registers that the map knows are wanted, not only those that are used.

    Returns:
        The words, and the parts that were served; None: it was served as a whole.

    Raises:
        Refusal: One that should pass.
    """
    counts = [block.count] + [block.shorter] * bool(block.shorter and not thorough)
    for count in counts:
        try:
            words = request(block, block.number, count)
        except Refusal as refusal:
            if refusal.code in _PASSING_CODES and not all_lasts:
                raise
        else:
            return words, None if count == block.count else ((block.number, count),)
    return _read_pieces(request, block, thorough=thorough)


def _read_pieces(
    request: Request, block: Block, *, thorough: bool
) -> tuple[Words, tuple[tuple[int, int], ...]]:
    words: Words = {}
    parts: list[tuple[int, int]] = []
    waiting = _pieces_of(block, thorough=thorough)
    while waiting:
        piece = waiting.pop(0)
        try:
            words |= request(block, piece.number, piece.count)
        except Refusal as refusal:
            if not thorough and _fails_the_poll(refusal, piece.number, piece.count):
                raise
            waiting[:0] = piece.halves()
        else:
            parts.append((piece.number, piece.count))
    return words, tuple(parts)


def read_parts(request: Request, block: Block, parts: Ranges) -> tuple[Words, Ranges]:
    """Read the parts of a block, with a request each.

    Returns:
        The words, and the parts without those that are refused for good.

    Raises:
        Refusal: One that should pass, where it leaves nothing.
    """
    words: Words = {}
    kept: list[tuple[int, int]] = []
    passing: Refusal | None = None
    for part in parts:
        try:
            words |= request(block, *part)
        except Refusal as refusal:
            if _fails_the_poll(refusal, *part):
                raise
            if refusal.code not in _PASSING_CODES:
                continue
            passing = refusal
        kept.append(part)
    if passing and not words:
        raise passing
    return words, tuple(kept)


def _fails_the_poll(refusal: Refusal, number: int, count: int) -> bool:
    return refusal.code in _PASSING_CODES and number <= NEEDED < number + count
