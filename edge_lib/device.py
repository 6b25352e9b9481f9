"""What is known of the inverter: the contract's facts of a device, and whether it has a meter.

Facts come together from several polls, since no poll reads all of them. Another serial number means
another inverter, of which nothing is known yet. Runs in the poll thread.
"""

from datetime import datetime
from typing import Protocol

from edge_lib.clock import Clock
from edge_lib.dongle.decode import Words, facts, value
from edge_lib.dongle.registers import BY_NAME
from edge_lib.shared.sample import format_ts

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
        facts: what the server is told of it; a new dict with each change.
        meter_silent_since: since when a meter that was seen says exactly 0; None: it does not, or
            nobody knew the time yet.
    """

    def __init__(self, memory: Memory, clock: Clock, meter_silent_since: datetime | None = None):
        self._memory, self._clock = memory, clock
        self._meter_of = self._noted = memory.meter_serial()
        self._serial = self._meter_of or None
        self.facts: dict = {}
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
        """Take note of whose words these are, before they are decoded.

        Returns:
            Whether another inverter stands there now. One that does not say its number is the same.
        """
        serial = value(words, _SERIAL)
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
        """Take over what the words of a poll at ``ts`` tell; what they do not tell stays known."""
        known = {name: fact for name, fact in facts(words).items() if fact is not None}
        if known.get("serial", self.facts.get("serial")) != self.facts.get("serial"):
            # Since when the server has to tell two inverters apart; a wrong clock does not know.
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
        read = [value(words, register) for register in _OF_THE_MOMENT if register.number in words]
        if not self.meter_seen or any(read):
            self.meter_silent_since = None
        elif read:
            since = ts if self._clock.synchronised() else None
            self.meter_silent_since = self.meter_silent_since or since
