"""How each block of the register map is read from this unit: whole, in parts, or not for a while.

Units differ in what they refuse, and a dongle may be silent on one block and serve the others. So
a refused block falls apart, down to single registers, until all that is served is read; a block
that stays silent is left alone. Both are looked at again later. No I/O; ``inverter`` does that.
"""

import logging
from typing import NamedTuple, Self

from edge_lib.clock import Clock
from edge_lib.registers import REGISTERS, USED, Block, Register
from edge_lib.wire import InverterError, Refusal

Ranges = tuple[tuple[int, int], ...]  # (document number, count), rising

MOST_FAILURES = 3  # in a row: then a block counts as silent, a passing refusal as a lasting one
AGAIN_S = 3600.0
# An inverter that starts refuses everything for a while, and must not lose an hour by that.
SOON_AGAIN_S = 60.0

log = logging.getLogger("sungrow.edge.inverter")


class Piece(NamedTuple):
    """Registers that are asked for with one request."""

    number: int
    count: int
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


def pieces_of(block: Block, *, thorough: bool = False) -> list[Piece]:
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


class _Known:
    """What is known of one block."""

    def __init__(self) -> None:
        self.parts: Ranges | None = None
        self.whole_again_s = self.silent_until_s = float("-inf")
        self.times_lacking = self.silences = self.refusals = 0


class Plan:
    """What a unit was found to refuse, and what it is silent on."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[Block, _Known] = {}

    @property
    def refused(self) -> Ranges:
        """The ranges that are not asked for, because the unit refuses them."""
        return tuple(
            gap
            for block, known in self._known.items()
            if known.parts is not None
            for gap in gaps(block, known.parts)
        )

    def parts(self, block: Block) -> Ranges | None:
        """Return the parts in which a block is read now; None: as a whole."""
        known = self._of(block)
        is_due = self._clock.monotonic_s() >= known.whole_again_s
        return None if is_due else known.parts

    def is_silent(self, block: Block) -> bool:
        """Return whether the block is left alone, because it was silent again and again."""
        known = self._of(block)
        is_due = self._clock.monotonic_s() >= known.silent_until_s
        return known.silences >= MOST_FAILURES and not is_due

    def is_failing(self, block: Block) -> bool:
        """Return whether refusals that should pass have not passed."""
        return self._of(block).refusals >= MOST_FAILURES

    def served(self, block: Block, parts: Ranges | None, *, lacking: bool) -> None:
        """Remember how a block was served.

        Args:
            block: which.
            parts: in which parts; None: as a whole.
            lacking: it gave nothing, or not what every sample needs.
        """
        known, now_s = self._of(block), self._clock.monotonic_s()
        known.silences = known.refusals = 0
        known.times_lacking = known.times_lacking if lacking else 0
        if parts is not None and (known.parts is None or now_s >= known.whole_again_s):
            soon_s = SOON_AGAIN_S * 2**known.times_lacking
            known.whole_again_s = now_s + (min(soon_s, AGAIN_S) if lacking else AGAIN_S)
            known.times_lacking = min(known.times_lacking + lacking, 10)
        known.parts = parts

    def failed(self, block: Block, error: InverterError) -> None:
        """Remember that a block failed, while the unit goes on with others."""
        known = self._of(block)
        if isinstance(error, Refusal):
            known.refusals += 1
            return
        known.silences += 1
        if known.silences < MOST_FAILURES:
            return
        now_s = self._clock.monotonic_s()
        # A dongle that was silent may need quiet: of such blocks one at a time is tried again.
        for other in self._known.values():
            other.silent_until_s = max(other.silent_until_s, now_s + SOON_AGAIN_S)
        known.silent_until_s = now_s + AGAIN_S
        if known.silences == MOST_FAILURES:
            log.warning("a block is left out for an hour", extra={"reason": str(error)})

    def ask_silent_blocks_again(self) -> None:
        """Leave nothing out for its silence on the old connection."""
        for known in self._known.values():
            known.silent_until_s = float("-inf")

    def clear(self) -> None:
        """Forget everything."""
        self._known.clear()

    def _of(self, block: Block) -> _Known:
        return self._known.setdefault(block, _Known())
