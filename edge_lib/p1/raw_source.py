"""A source of raw telegrams: which of those that come are readings, and which of these are kept."""

from collections.abc import Callable

from edge_lib.clock import Clock
from edge_lib.p1.errors import P1Error
from edge_lib.p1.framing import Frame, Framer
from edge_lib.p1.lines import line_to
from edge_lib.p1.reading import Counts, Reading
from edge_lib.p1.telegram import has_version_4, parse
from edge_lib.p1_config import P1Source

SLICE_S = 0.5  # as long as nobody looks whether the program is to stop
SILENCE_S = 30.0  # a DSMR 2 meter speaks every 10 s
QUARTER_S = 900


class RawSource:
    """One line with a meter at its end."""

    def __init__(
        self, source: P1Source, clock: Clock, wait: Callable[[float], bool], counts: Counts
    ) -> None:
        self._line = line_to(source, clock)
        self._dsmr2, self._clock, self._wait, self._counts = source.dsmr2, clock, wait, counts
        self._framer = Framer()
        self._quarter: int | None = None  # of the last reading
        self._error: P1Error | None = None  # that ended the last call
        self._spoke = False  # a good telegram has come on this connection
        self._heard_s = 0.0  # when the last good one came, or the line was opened
        self._trouble = P1Error("silent", "nothing comes")  # since then

    def read(self, until_s: float) -> list[Reading]:
        """Return the last reading of the time until then, and the first of each quarter hour."""
        error, self._error = self._error, None
        if error:
            raise error
        if not self._line.is_open:
            self._line.open()
            self._framer, self._spoke = Framer(), False
            self._begin_to_hear()
        firsts: list[Reading] = []
        last: list[Reading] = []
        try:
            while not self._wait(0.0) and (left_s := until_s - self._clock.monotonic_s()) > 0:
                for reading, is_first in self._readings(self._line.receive(min(left_s, SLICE_S))):
                    firsts += [reading] if is_first else []
                    last = [] if is_first else [reading]
                self._look_for_silence()
        except P1Error as error:
            if not (firsts or last):
                raise
            self.close()
            self._error = error  # for the next call: what was read is not lost by it
        return firsts + last

    def close(self) -> None:
        """Close the line; the next ``read`` opens it again."""
        self._line.close()

    def _readings(self, data: bytes) -> list[tuple[Reading, bool]]:
        if not data:
            return []
        at, boottime_us = self._clock.now(), self._clock.boottime_us()
        cut, frames = self._framer.cut, self._framer.feed(data)
        self._counts.bad += self._framer.cut - cut
        if self._framer.cut > cut:
            self._trouble = P1Error("bad_crc", "telegrams are cut short")
        elif self._trouble.reason == "silent":
            self._trouble = P1Error("mismatch", "bytes come, but no telegram")
        found = []
        for frame in frames:
            if error := self._wrong_with(frame):
                self._counts.bad += 1
                self._trouble = error
                continue
            told = parse(frame, at)
            if not told.is_reading:
                self._counts.bad += 1
                self._trouble = P1Error("mismatch", "telegrams come, without power and energy")
                continue
            self._counts.good += 1
            self._spoke = True
            self._begin_to_hear()
            # A meter without a clock: by ours.
            quarter = int((told.clock or at).timestamp() // QUARTER_S)
            is_first = self._quarter is not None and quarter != self._quarter
            self._quarter = quarter
            found.append((Reading.of(told, at, boottime_us), is_first))
        return found

    def _wrong_with(self, frame: Frame) -> P1Error | None:
        if frame.crc is None:
            if self._dsmr2 and not has_version_4(frame):
                return None
            return P1Error("no_crc", "a telegram without a CRC")
        return None if frame.is_whole else P1Error("bad_crc", "the CRC of a telegram is wrong")

    def _begin_to_hear(self) -> None:
        self._heard_s = self._clock.monotonic_s()
        self._trouble = P1Error("silent", "nothing comes")

    def _look_for_silence(self) -> None:
        if self._framer.is_binary and not self._spoke:
            raise P1Error("encrypted", "what comes is binary (DLMS), not a telegram")
        if self._clock.monotonic_s() - self._heard_s > SILENCE_S:
            text = f"no telegram for {SILENCE_S:.0f} s: {self._trouble}"
            raise P1Error(self._trouble.reason, text)
