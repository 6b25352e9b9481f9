"""The one Modbus connection to the dongle, and the pauses on it.

Reads input registers (function 4) and nothing else, one request at a time, over one lasting
connection. All that can go wrong comes out as ``InverterError``; by then the socket is dropped, and
the next poll opens a new one. Nothing here repeats a request: how long to wait before the next poll
is ``next_delay_s``. Runs in the poll thread; imports the register map.
"""

import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator

from edge_lib.clock import Clock
from edge_lib.registers import BLOCKS, FIRMWARE, FOUR_STRINGS, MODELS, Block, wire_address
from edge_lib.wire import InverterError, Wire

__all__ = ["Inverter", "InverterError", "Ranges", "next_delay_s"]

log = logging.getLogger("sungrow.edge.inverter")

Ranges = tuple[tuple[int, int], ...]  # (document number, count), rising

# A dongle that ran out of sessions recovers after about 90 s of quiet; retries each 3 s never
# helped. Source: the notes beside MK.
_BACK_OFF_S = (5.0, 20.0, 45.0, 90.0)
# Without one of these there is no sample. A unit that refuses all of one is not ready yet.
_NEEDED = frozenset({"A", "D"})


def next_delay_s(failures: int) -> float:
    """Give the least seconds from a failed poll to the next, after so many failures in a row."""
    if failures <= 0:
        return 0.0
    return _BACK_OFF_S[min(failures, len(_BACK_OFF_S)) - 1]


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
        self._clock = clock
        self._delay_s = delay_s
        self._wait = wait
        self._plan: dict[Block, Ranges] = {}  # of blocks refused as a whole: what answers instead
        self._polled = False
        self._firmware_asked = False
        self._poll_began = False
        self.first_request_s = float("-inf")  # monotonic: when the last poll began on the wire

    @property
    def refused(self) -> Ranges:
        """Give the ranges that the unit was found not to serve and that are no longer asked for."""
        return tuple(gap for block, parts in self._plan.items() for gap in _gaps(block, parts))

    def read_words(self, blocks: Iterable[Block] | None = None) -> dict[int, int]:
        """Do one poll: give the words by document number; what the unit refuses is absent.

        Without ``blocks`` these are the poll's four, and a fifth where the model has four strings;
        in the second successful poll, once in the object's life, the firmware in place of block C.
        What a poll learns of refused registers is remembered only if the poll succeeds.

        Raises:
            InverterError: Poll again later; the socket is dropped.
        """
        plan = dict(self._plan)
        words: dict[int, int] = {}
        self._poll_began = False
        with self._dropping():
            for block in self._due() if blocks is None else blocks:
                words |= self._read(block, plan)
                if block.name in _NEEDED and plan.get(block) == ():
                    raise InverterError("exception_2", f"block {block.name}: all of it is refused")
            if blocks is None and has_four_strings(words):
                words |= self._read(FOUR_STRINGS, plan)
            if not words:
                raise InverterError("exception_2", "every block is refused")
        self._keep(plan)
        self._polled |= blocks is None
        return words

    def read_block(self, block: Block) -> tuple[dict[int, int], Ranges]:
        """Give one block's words by document number, and its ranges that the unit does not serve.

        Nothing is remembered.

        Raises:
            InverterError: As ``read_words``.
        """
        plan: dict[Block, Ranges] = {}
        with self._dropping():
            words = self._read(block, plan)
        return words, _gaps(block, plan[block]) if block in plan else ()

    def close(self) -> None:
        """Drop the connection; the next poll opens another."""
        self._wire.close()

    @contextlib.contextmanager
    def _dropping(self) -> Iterator[None]:
        try:
            # Hung up between two polls: no request was lost, so that is no failure.
            if self._wire.is_open and self._wire.unread() == b"":
                self._wire.close()
            if not self._wire.is_open:
                self._wire.connect()
                log.info("connected", extra={"host": self._wire.host, "port": self._wire.port})
            yield
        except InverterError:
            self.close()
            raise

    def _due(self) -> tuple[Block, ...]:
        if not self._polled or self._firmware_asked:
            return BLOCKS
        return tuple(FIRMWARE if block.name == "C" else block for block in BLOCKS)

    def _read(self, block: Block, plan: dict[Block, Ranges]) -> dict[int, int]:
        """Give the block's words; put it into the plan in pieces if the unit refuses the whole."""
        self._firmware_asked |= block is FIRMWARE  # whatever comes of it: it may stall a dongle
        whole = ((block.number, block.count),)
        parts = plan.get(block, whole)
        words = self._read_parts(block.name, parts)
        if block not in plan and not words:
            parts = () if block.pieces == whole else block.pieces
            words = self._read_parts(block.name, parts)
            plan[block] = tuple(part for part in parts if part[0] in words)
        return words

    def _read_parts(self, name: str, parts: Ranges) -> dict[int, int]:
        words: dict[int, int] = {}
        for number, count in parts:
            words |= enumerate(self._ask(name, number, count) or (), number)
        return words

    def _ask(self, name: str, number: int, count: int) -> list[int] | None:
        # Before each request, so that it holds after a failure and from poll to poll as well.
        if self._wait(self._delay_s):
            raise InverterError("stopped", "the program is to stop")
        if not self._poll_began:
            self._poll_began, self.first_request_s = True, self._clock.monotonic_s()
        try:
            return self._wire.read(wire_address(number), count)
        except InverterError as error:
            text = f"block {name}, registers {number} to {number + count - 1}: {error}"
            raise InverterError(error.reason, text) from error

    def _keep(self, plan: dict[Block, Ranges]) -> None:
        known, self._plan = self.refused, plan
        if self.refused != known:
            log.warning("the unit refuses registers", extra={"refused": self.refused})


def _gaps(block: Block, parts: Ranges) -> Ranges:
    """Give the ranges of the block that no part covers."""
    ends = (block.number, *(number + count for number, count in parts))
    starts = (*(number for number, _ in parts), block.number + block.count)
    return tuple((a, b - a) for a, b in zip(ends, starts, strict=True) if b > a)


def has_four_strings(words: dict[int, int]) -> bool:
    """Tell whether the model is known to have four string inputs, and so a fifth block."""
    model = MODELS.get(words.get(5000, 0))  # the type code. Source: P16
    return model is not None and model.mppt_count >= 4
