"""How each block of the register map is read from this unit: whole, in parts, or not for a while.

Units differ in what they refuse, and a dongle may be silent on one block and serve the others. A
block that stays silent is left alone. What is refused and what is silent is looked at again later.
No I/O; ``inverter`` does that.
"""

import logging

from edge_lib.clock import Clock
from edge_lib.dongle.block_pieces import Ranges, gaps
from edge_lib.dongle.modbus_client import InverterError, Refusal
from edge_lib.dongle.registers import Block

MOST_FAILURES = 3  # in a row: then a block counts as silent, a passing refusal as a lasting one
SHORTER_AFTER = 2  # failures in a row: then a long block is asked for in its shorter form
AGAIN_S = 3600.0
# An inverter that starts refuses this and that for a while, and must not lose an hour by that.
SOON_AGAIN_S = 60.0

log = logging.getLogger("sungrow.edge.inverter")


class _Known:
    """What is known of one block."""

    def __init__(self) -> None:
        self.parts: Ranges | None = None
        self.whole_again_s = self.silent_until_s = float("-inf")
        self.times_alike = self.silences = self.refusals = 0


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
        """Return the parts in which a block is served; None: as a whole, as far as is known."""
        return self._of(block).parts

    def is_due(self, block: Block) -> bool:
        """Return whether a block must be requested as a whole now."""
        known = self._of(block)
        return known.parts is None or self._clock.monotonic_s() >= known.whole_again_s

    def is_silent(self, block: Block) -> bool:
        """Return whether the block is left alone, because it was silent again and again."""
        known = self._of(block)
        is_due = self._clock.monotonic_s() >= known.silent_until_s
        return known.silences >= MOST_FAILURES and not is_due

    def is_failing(self, block: Block) -> bool:
        """Return whether refusals that should pass have not passed."""
        return self._of(block).refusals >= MOST_FAILURES

    def served(self, block: Block, parts: Ranges | None) -> None:
        """Remember how a block was served: in which parts; None: as a whole.

        It is asked for as a whole again a minute after that has changed, then after two minutes,
        four, and in the end each hour.
        """
        known, now_s = self._of(block), self._clock.monotonic_s()
        known.silences = known.refusals = 0
        has_changed, known.parts = parts != known.parts, parts
        if has_changed:
            known.times_alike = 0
        elif now_s < known.whole_again_s:
            return
        self._look_again(known, now_s)

    def failed(self, block: Block, error: InverterError) -> None:
        """Remember that a block failed, while the unit goes on with others."""
        known = self._of(block)
        if isinstance(error, Refusal):
            known.refusals += 1
            return
        known.silences += 1
        now_s = self._clock.monotonic_s()
        if block.shorter and self.is_due(block):
            self._shorten(block, known, now_s)
        if known.silences < MOST_FAILURES:
            return
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

    def _shorten(self, block: Block, known: _Known, now_s: float) -> None:
        """Take it that so long an answer is more than this dongle can give, for a while."""
        if known.parts is None and known.silences < SHORTER_AFTER:
            return
        known.parts = known.parts or ((block.number, block.shorter),)
        self._look_again(known, now_s)

    def _look_again(self, known: _Known, now_s: float) -> None:
        known.whole_again_s = now_s + min(SOON_AGAIN_S * 2**known.times_alike, AGAIN_S)
        known.times_alike = min(known.times_alike + 1, 10)

    def _of(self, block: Block) -> _Known:
        return self._known.setdefault(block, _Known())
