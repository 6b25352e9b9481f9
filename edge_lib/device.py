"""What is known of the inverter: the contract's facts of a device, and whether it has a meter.

Facts come together from several polls, since no poll reads all of them. Another serial number means
another inverter, of which nothing is known yet. Runs in the poll thread.
"""

from datetime import datetime
from typing import Any, Protocol

from edge_lib.clock import Clock
from edge_lib.dongle.decode import Words, facts, number, text
from edge_lib.dongle.registers import BY_NAME
from edge_lib.shared.timestamps import format_ts

_SERIAL = BY_NAME["serial_number"]
_OF_THE_MOMENT = (BY_NAME["meter_power"], BY_NAME["export_power"])


class Memory(Protocol):
    """Where it is kept whose meter was seen: the spool."""

    def meter_serial(self) -> str | None:
        """Return the serial number that belongs to it, "" for an unread one; None: no meter."""

    def note_meter(self, of_serial: str | None) -> bool:
        """Write it down; return whether that went."""


class Device:
    """The inverter as its polls have shown it.

    Attributes:
        facts: what the server gets of it; a new dict with each change.
        meter_silent_since: since when a meter that was seen has read exactly 0; None: it does not,
            or the time was not known yet.
    """

    def __init__(self, memory: Memory, clock: Clock, meter_silent_since: datetime | None = None):
        self._memory, self._clock = memory, clock
        self._meter_of = self._noted = memory.meter_serial()
        self._serial = self._meter_of or None
        self.facts: dict[str, Any] = {}
        self.meter_silent_since = meter_silent_since

    @property
    def serial(self) -> str | None:
        """The serial number, as last read."""
        return self._serial

    @property
    def meter_seen(self) -> bool:
        """Whether this inverter has ever shown a grid meter."""
        return self._meter_of is not None

    def recognise(self, words: Words) -> bool:
        """Find out which inverter these words are of, before they are decoded.

        Returns:
            Whether it is another one now. One that does not report its number is the same.
        """
        serial = text(words, _SERIAL)
        replaced = bool(serial and self._serial and serial != self._serial)
        if replaced:
            self.facts, self._meter_of, self.meter_silent_since = {}, None, None
        self._serial = serial or self._serial
        if self._meter_of is None and facts(words)["has_meter"]:
            self._meter_of = self._serial or ""
        if self._meter_of == "":
            self._meter_of = self._serial or ""
        return replaced

    def learn(self, words: Words, ts: datetime) -> None:
        """Learn the facts in the words of a poll at ``ts``; what is not in them stays known."""
        known = {name: fact for name, fact in facts(words).items() if fact is not None}
        if known.get("serial", self.facts.get("serial")) != self.facts.get("serial"):
            # From then on there are two inverters to the server; a wrong clock does not know when.
            known["since_ts"] = format_ts(ts) if self._clock.synchronised() else None
        if self.meter_seen:
            known["has_meter"] = True
        if self.facts.get("has_battery"):
            known.pop("has_battery", None)
        self.facts = {**self.facts, **known}
        self._watch_meter(words, ts)
        if self._meter_of != self._noted and self._memory.note_meter(self._meter_of):
            self._noted = self._meter_of

    def _watch_meter(self, words: Words, ts: datetime) -> None:
        read = [number(words, register) for register in _OF_THE_MOMENT if register.number in words]
        if not self.meter_seen or any(read):
            self.meter_silent_since = None
        elif read:
            since = ts if self._clock.synchronised() else None
            self.meter_silent_since = self.meter_silent_since or since
