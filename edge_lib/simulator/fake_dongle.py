"""A fake dongle: a real Modbus server that behaves like a WiNet-S with an inverter behind it.

What it serves comes from a source: ``DumpSource`` replays a register dump, ``HouseholdSource``
lives through a synthetic day. Any object with these is one; the last two may be missing:

================== ===============================================================================
``words()``        the input table as ``{wire address: word}``; read at each request
``refused()``      ``[(first, last)]``, wire addresses: a read that touches one gets exception 2
``holding()``      the holding table, likewise
``refused_starts`` wire addresses at which no read may *start*, as a WiNet-S has them
================== ===============================================================================

Serves tests, the demo and ``edge.py simulate``; the service never imports it.
"""

import json
import threading
from collections.abc import Sequence
from datetime import UTC, date, timedelta, tzinfo
from pathlib import Path
from typing import Any, Self
from zoneinfo import ZoneInfo

from pyModbusTCP.constants import (
    EXP_DATA_ADDRESS,
    EXP_DATA_VALUE,
    EXP_GATEWAY_TARGET_DEVICE_FAILED_TO_RESPOND,
    READ_HOLDING_REGISTERS,
)

from edge_lib.clock import Clock
from edge_lib.dongle.registers import REGISTERS, wire_address
from edge_lib.simulator import roofs
from edge_lib.simulator.grid_meter import MeteredHousehold, MeterView
from edge_lib.simulator.household import Household
from edge_lib.simulator.modbus_server import ReadOnlyServer
from edge_lib.simulator.profiles import midnight

_MOST_WORDS = 125  # of one answer. Source: the Modbus specification
_MAP_END = 0x10000
# Codes of exceptions.
_NOBODY_THERE: int = EXP_GATEWAY_TARGET_DEVICE_FAILED_TO_RESPOND
_BAD_COUNT: int = EXP_DATA_VALUE
_BAD_ADDRESS: int = EXP_DATA_ADDRESS
_ONE_POLL_S = 0.5  # requests that follow each other closer belong to one poll


# Words of "no value". Source: P16 (``registers``).
_SENTINELS = {
    "U16": (0xFFFF,),
    "S16": (0x7FFF,),
    "U32": (0xFFFF, 0xFFFF),
    "S32": (0xFFFF, 0x7FFF),
}
_KINDS = {register.number: (register.kind, register.words) for register in REGISTERS}


class FakeDongle:
    """Serves a source's registers on a port of its own, from ``start`` to ``stop``; a context too.

    Answers functions 4 and 3 for ``unit_id``; nothing can be written (exception 1), another unit
    does not answer behind it (exception 11). Words that the source lacks read 0.

    Attributes:
        port: The port requested; the one really bound after ``start``, kept for a new start.
        faults: ``{document number: "sentinel" | "zero" | "frozen" | 0x4000}``: what this register
            says instead of its value, a number as it is. May be changed at any time.
    """

    def __init__(
        self, source: Any, host: str = "127.0.0.1", port: int = 0, unit_id: int = 1
    ) -> None:
        self.source, self.host, self.port, self.unit_id = source, host, port, unit_id
        self.faults: dict[int, str | int] = {}
        self._frozen: dict[int, list[int]] = {}
        self._lock = threading.Lock()
        self._server: ReadOnlyServer | None = None

    def start(self) -> None:
        """Listen and answer, in threads of its own.

        Raises:
            OSError: The address is taken, or not one of this machine's.
        """
        server = ReadOnlyServer(self.host, self.port, self._answer)
        self.port = server.open()
        self._server = server

    def stop(self) -> None:
        """Hang up on everybody and stop listening; no thread is left. Never started: nothing."""
        server, self._server = self._server, None
        if server:
            server.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _answer(self, unit: int, function: int, first: int, count: int) -> list[int] | int:
        """Return the requested words, or the code of an exception."""
        if unit != self.unit_id:
            return _NOBODY_THERE
        if not 1 <= count <= _MOST_WORDS:
            return _BAD_COUNT
        if first + count > _MAP_END:
            return _BAD_ADDRESS
        words: dict[int, int]
        with self._lock:
            if function == READ_HOLDING_REGISTERS:
                words = getattr(self.source, "holding", dict)()
            elif self._refuses(first, first + count - 1):
                return _BAD_ADDRESS
            else:
                words = self._with_faults(self.source.words())
        return [words.get(address, 0) for address in range(first, first + count)]

    def _refuses(self, first: int, last: int) -> bool:
        if first in getattr(self.source, "refused_starts", ()):
            return True
        return any(low <= last and first <= high for low, high in self.source.refused())

    def _with_faults(self, words: dict[int, int]) -> dict[int, int]:
        faults = self.faults.copy()
        self._frozen = {n: kept for n, kept in self._frozen.items() if faults.get(n) == "frozen"}
        if not faults:
            return words
        words = dict(words)
        for number, fault in faults.items():
            words |= enumerate(self._instead(number, fault, words), wire_address(number))
        return words

    def _instead(self, number: int, fault: str | int, words: dict[int, int]) -> Sequence[int]:
        kind, width = _KINDS.get(number, ("U16", 1))
        if isinstance(fault, int):
            return [fault >> 16 * at & 0xFFFF for at in range(width)]
        if fault == "sentinel":
            return _SENTINELS.get(kind, (0,) * width)
        if fault == "zero":
            return (0,) * width
        if fault != "frozen":
            raise ValueError(f"register {number}: {fault!r} is not a fault")
        first = wire_address(number)
        now = [words.get(address, 0) for address in range(first, first + width)]
        return self._frozen.setdefault(number, now)


class DumpSource:
    """Replays one dump of ``protocol/dumps``, or of ``edge.py dump``.

    Raises:
        ValueError: The file cannot be read, or is not a dump; says why.
    """

    def __init__(self, path: str | Path) -> None:
        try:
            dump = json.loads(Path(path).read_text("utf-8"))
            self._words = _table(dump["input"])
            self._holding = _table(dump.get("holding", {}))
            self._refused = [_range(pair) for pair in dump.get("refused_input_ranges", [])]
            # What failed when it was dumped must not read as 0 when it is replayed.
            failed = dump.get("failed_input_ranges", [])
            self._refused += [_range([first, last]) for first, last, _ in failed]
        except OSError as error:
            raise ValueError(f"cannot read the dump {path}: {error.strerror}") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{path} is not a register dump: {error!r}") from error

    def words(self) -> dict[int, int]:
        """Return the recorded input words."""
        return self._words

    def holding(self) -> dict[int, int]:
        """Return the recorded holding words."""
        return self._holding

    def refused(self) -> list[tuple[int, int]]:
        """Return the ranges that the recorded unit refused."""
        return self._refused


class HouseholdSource:
    """A synthetic house behind a WiNet-S, looked at once a poll: all of its blocks agree.

    Args:
        clock: Its monotonic seconds drive the house, so that no correction of the time disturbs it.
        day: Starts at this day's local midnight; None = now, with a past since the last midnight.
        speed: Seconds of the house for each second.
        tz: The house's zone; None = this machine's.
        household: Goes on from where this one is instead; ``day`` and ``tz`` are then ignored.
        roof: One of ``roofs.NAMES`` instead of the plain two strings.
    """

    # Source: DB (measured, SH15T behind a WiNet-S2); 5740-5745: MK.
    refused_starts = frozenset({5006, 5008, 13014, 13043, 13047, *range(5740, 5746)})

    def __init__(
        self,
        clock: Clock,
        day: date | None = None,
        speed: float = 1.0,
        tz: tzinfo | None = None,
        household: Household | None = None,
        roof: str | None = None,
    ) -> None:
        self.household = household or _house(clock, day, tz or local_zone(), roof)
        self._clock, self._speed = clock, speed
        self._start = self.household.at.astimezone(UTC)  # seconds cannot be added to local time
        self._start_s = self._asked_s = clock.monotonic_s()
        self._words = self.household.words()
        self._lock = threading.Lock()  # the house's two meters are read by threads of their own

    def words(self) -> dict[int, int]:
        """Return the house's words; the same ones while one poll goes on."""
        with self._lock:
            now_s = self._clock.monotonic_s()
            if now_s - self._asked_s >= _ONE_POLL_S:
                self._advance(now_s)
                self._words = self.household.words()
            self._asked_s = now_s
            return self._words

    def grid_meter(self) -> MeterView:
        """Return what the house's P1 meter shows now.

        Raises:
            ValueError: the house has none.
        """
        if not isinstance(self.household, MeteredHousehold):
            raise ValueError("this house has no P1 meter")
        with self._lock:
            self._advance(self._clock.monotonic_s())
            return self.household.grid_meter()

    def _advance(self, now_s: float) -> None:
        passed = timedelta(seconds=(now_s - self._start_s) * self._speed)
        self.household.advance(self._start + passed)

    def holding(self) -> dict[int, int]:
        """Return the inverter's clock. Source: P16, table 4: 5000 to 5005."""
        return dict(enumerate(self.household.at.timetuple()[:6], 4999))

    def refused(self) -> list[tuple[int, int]]:
        """Return what a WiNet-S refuses.

        Source: FP (measured); 5083 on an SH4.0RS; the firmware strings from 13249 on, which
        the document denies to an SH-RS.
        """
        return [
            (2612, 2659),
            (5045, 5076),
            (5083, 5083),
            (5141, 5158),
            (5664, 5695),
            (6099, 6826),
            (10740, 10799),
            (13249, 13293),
            (33000, 33199),
        ]


def local_zone() -> tzinfo:
    """Return this machine's time zone, with its changes; UTC where it has none."""
    try:
        with Path("/etc/localtime").open("rb") as rules:
            return ZoneInfo.from_file(rules)
    except (OSError, ValueError):
        return UTC


def _house(clock: Clock, day: date | None, tz: tzinfo, roof: str | None) -> Household:
    now = clock.now()
    begin = midnight(day or now.astimezone(tz).date(), tz)
    house = MeteredHousehold(begin, tz=tz, roof=roofs.named(roof, begin) if roof else None)
    if day is None:
        house.advance(now)
    return house


def _table(words: dict[str, int]) -> dict[int, int]:
    table = {int(address): word for address, word in words.items()}
    for address, word in table.items():
        if type(word) is not int or not (0 <= word < _MAP_END and 0 <= address < _MAP_END):
            raise ValueError(f"address {address} holds {word!r}, which is not a 16-bit word")
    return table


def _range(pair: list[int]) -> tuple[int, int]:
    first, last = pair
    if type(first) is not int or type(last) is not int or not 0 <= first <= last < _MAP_END:
        raise ValueError(f"{pair!r} is not a range of addresses")
    return first, last
