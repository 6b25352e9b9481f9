"""The one Modbus connection to the dongle, and the pauses on it.

Reads input registers (function 4) and nothing else, one request at a time, over one lasting
connection. A poll fails, with ``InverterError``, where the dongle cannot be reached or does not
answer for the block that holds what every sample needs. What goes wrong with any other block costs
that block alone, and ``block_plan`` remembers what a unit refuses or is silent on. A dongle that
hangs up between two requests is connected to again, at any time. How long to wait before the next
poll is ``next_delay_s``. Runs in the poll thread; imports the register map.
"""

import logging
from collections.abc import Callable, Iterable
from typing import NamedTuple, Self

from edge_lib.clock import Clock
from edge_lib.config import DongleConfig
from edge_lib.dongle.block_pieces import NEEDED, Ranges, Words, gaps, read_parts, read_whole
from edge_lib.dongle.block_plan import Plan
from edge_lib.dongle.modbus_client import InverterError, Refusal, Wire
from edge_lib.dongle.registers import BLOCKS, FIRMWARE, FOUR_STRINGS, MODELS, Block, wire_address
from edge_lib.repeat_log import RepeatLog
from edge_lib.shared.env import ConfigError

__all__ = ["LONGEST_REST_S", "BlockAnswer", "Inverter", "InverterError", "next_delay_s"]

log = logging.getLogger("sungrow.edge.inverter")

# A dongle that ran out of sessions recovers after about 90 s of quiet; retries each 3 s never
# helped. Source: the notes beside MK.
_BACK_OFF_S = (5.0, 20.0, 45.0, 90.0)
LONGEST_REST_S = _BACK_OFF_S[-1]
_NEEDED_BLOCK = BLOCKS[0]


def next_delay_s(failures: int) -> float:
    """Return the least seconds from a failed poll to the next, after so many failures in a row."""
    if failures <= 0:
        return 0.0
    return _BACK_OFF_S[min(failures, len(_BACK_OFF_S)) - 1]


class BlockAnswer(NamedTuple):
    """One block's answer: words by document number, ranges that are refused, or the failure."""

    words: Words
    refused: Ranges = ()
    failure: InverterError | None = None


class Inverter:
    """Reads the register map's blocks from one unit behind one dongle.

    Args:
        timeout_s: The limit of a connect, and of each request from its first byte to its last.
        delay_s: The least quiet time between the end of an answer and the next request.
        wait: Waits that many seconds; True means that the program is to stop.

    Raises:
        ValueError: The host is neither a name nor an address.
    """

    def __init__(
        self,
        host: str,
        port: int,
        unit_id: int,
        timeout_s: float,
        delay_s: float,
        clock: Clock,
        wait: Callable[[float], bool],
    ) -> None:
        self._wire = Wire(host, port, unit_id, timeout_s, clock)
        self._delay_s = delay_s
        self._wait = wait
        self._plan = Plan(clock)
        self._polled = False
        self._firmware_asked = False
        self._poll_began = False
        self._dropped_for_a_block = False  # and no new connection has proved itself since
        self._last_refusal: Refusal | None = None
        self._cut_short = RepeatLog(log, clock)
        self.first_request_s = float("-inf")  # monotonic: when the last poll began on the wire

    @classmethod
    def from_config(cls, config: DongleConfig, clock: Clock, wait: Callable[[float], bool]) -> Self:
        """Return the inverter that the settings name.

        Raises:
            ConfigError: its host cannot be one.
        """
        try:
            return cls(
                config.host,
                config.port,
                config.unit_id,
                config.modbus_timeout_s,
                config.inter_register_delay_s,
                clock,
                wait,
            )
        except ValueError as error:
            raise ConfigError(f"SUNGROW_HOST={config.host!r}: {error}") from error

    @property
    def refused(self) -> Ranges:
        """The ranges that the unit was found not to serve and that are not asked for now."""
        return self._plan.refused

    def read_words(self, blocks: Iterable[Block] | None = None) -> Words:
        """Do one poll and return the words by document number; what was not served is absent.

        Without ``blocks`` these are the poll's four, and a fifth where the model has four strings;
        in the second successful poll, once for each inverter, the firmware in place of block C.

        Raises:
            InverterError: Poll again later; the socket is dropped.
        """
        known = self.refused
        self._poll_began, self._last_refusal = False, None
        words: Words = {}
        try:
            for block in self._due() if blocks is None else blocks:
                words |= self._poll(block)
            if blocks is None and has_four_strings(words):
                words |= self._poll(FOUR_STRINGS)
        except InverterError as error:
            if error.reason != "unreachable" or NEEDED not in words:
                raise
            self._cut_short.failed("a poll was cut short", error.reason, detail=str(error))
        else:
            self._cut_short.recovered("polls are whole again")
        if not words:
            self._nothing_served()
        if self.refused != known:
            log.warning("what the unit refuses has changed", extra={"refused": self.refused})
        self._polled |= blocks is None
        return words

    def read_block(self, block: Block, *, thorough: bool = False) -> BlockAnswer:
        """Read one block now; nothing is remembered.

        Args:
            block: what to read; what is served of it, where the unit refuses the whole.
            thorough: all registers that the map knows are wanted, not only those that are used.

        Raises:
            InverterError: The dongle cannot be reached, or the program is to stop.
        """
        try:
            words, parts = read_whole(self._request, block, thorough=thorough)
        except InverterError as error:
            if not _is_of_the_block(error):
                raise
            self._drop_for_a_block(error)
            return BlockAnswer({}, failure=error)
        return BlockAnswer(words, () if parts is None else gaps(block, parts))

    def forget_unit(self) -> None:
        """Forget what was learned of the unit: it is another inverter now."""
        self._plan.clear()
        self._polled = self._firmware_asked = False

    def close(self) -> None:
        """Drop the connection; the next poll opens another."""
        self._wire.close()

    def _connect(self) -> None:
        if self._wire.is_open:
            return
        if not self._dropped_for_a_block:
            self._plan.ask_silent_blocks_again()
        self._wire.connect()
        # Some dongles hang up after each answer, so this may happen at each request.
        level = logging.DEBUG if self._poll_began else logging.INFO
        log.log(level, "connected", extra={"host": self._wire.host, "port": self._wire.port})

    def _due(self) -> tuple[Block, ...]:
        if not self._polled or self._firmware_asked:
            return BLOCKS
        return tuple(FIRMWARE if block.name == "C" else block for block in BLOCKS)

    def _poll(self, block: Block) -> Words:
        """Return the block's words; a failure of one that no sample needs is only remembered."""
        if self._plan.is_silent(block):
            return {}
        self._firmware_asked |= block is FIRMWARE  # whatever comes of it: it may stall a dongle
        try:
            words, parts = self._read(block)
        except InverterError as error:
            if block is _NEEDED_BLOCK or not _is_of_the_block(error):
                self.close()
                raise
            self._drop_for_a_block(error)
            self._plan.failed(block, error)
            return {}
        self._plan.served(block, parts)
        return words

    def _drop_for_a_block(self, error: InverterError) -> None:
        """Drop the connection unless it is sound: a late answer must not meet another request."""
        if not isinstance(error, Refusal):
            self.close()
            self._dropped_for_a_block = True

    def _nothing_served(self) -> None:
        self._plan.clear()
        self.close()
        cause = self._last_refusal
        reason = cause.reason if cause else "timeout"
        raise InverterError(reason, f"no block is served: {cause or 'all are silent'}") from cause

    def _read(self, block: Block) -> tuple[Words, Ranges | None]:
        """Return the block's words, and the parts in which it is read if not as a whole."""
        parts = self._plan.parts(block)
        if parts is None or self._plan.is_due(block):
            try:
                return read_whole(self._request, block, all_lasts=self._plan.is_failing(block))
            except Refusal:  # that should pass
                if parts is None:
                    raise
        return read_parts(self._request, block, parts)

    def _request(self, block: Block, number: int, count: int) -> Words:
        is_new = not self._wire.is_open
        self._connect()
        # Before each request, so that it holds after a failure and from poll to poll as well.
        if self._wait(self._delay_s):
            raise InverterError("stopped", "the program is to stop")
        if not is_new and self._wire.is_open and self._wire.unread() == b"":
            # The dongle has hung up since its last answer: no request is lost by that.
            self.close()
            self._connect()
        try:
            words = self._wire.read(wire_address(number), count)
            self._dropped_for_a_block = False
            return dict(enumerate(words, number))
        except InverterError as error:
            error.place(f"block {block.name}, registers {number} to {number + count - 1}")
            if isinstance(error, Refusal):
                self._last_refusal, self._dropped_for_a_block = error, False
            raise
        finally:
            if not self._poll_began:
                self._poll_began, self.first_request_s = True, self._wire.sent_s


def _is_of_the_block(error: InverterError) -> bool:
    """Return whether another block may be served all the same."""
    return error.reason not in ("unreachable", "stopped")


def has_four_strings(words: Words) -> bool:
    """Return whether the model is known to have four string inputs, and so a fifth block."""
    model = MODELS.get(words.get(5000, 0))  # the type code. Source: P16
    return model is not None and model.mppt_count >= 4
