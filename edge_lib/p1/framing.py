"""Finds telegrams in a stream of bytes: ``/`` to ``!``, then up to four hex digits and a line end.

Starts anywhere, and holds at most ``MOST_BYTES``, whatever comes or does not come. Decides nothing
by a telegram's contents but its CRC.
"""

import re
from typing import NamedTuple

from edge_lib.p1.crc import crc16

# A telegram has 1 to 2 kB; its two texts may have 2 kB each.
MOST_BYTES = 16_384
# A NUL before the line end: some meters send it.
_END = re.compile(rb"!([0-9A-Fa-f]{0,4})\x00?\r?\n")
# What an encrypted or a binary meter begins with. DLMS ciphering (Luxembourg, Austria): 0xDB, the
# length and eight bytes of the system's title, then the length; M-Bus: 0x68, twice the length,
# 0x68; HDLC: the address of the logical link.
_BINARY = re.compile(
    rb"\xdb\x08.{8}(?:\x82..|\x81.|.)[\x20\x21\x30]|\x68(.)\1\x68[\x53\x73]|\xe6[\xe6\xe7]\x00",
    re.DOTALL,
)


class Frame(NamedTuple):
    """One telegram as it was sent: ``/`` to ``!`` inclusive, and the CRC behind it; None: none."""

    body: bytes
    crc: int | None

    @property
    def is_whole(self) -> bool:
        """Whether there is a CRC and it agrees. Numbers are compared: some leave out zeros."""
        return self.crc is not None and self.crc == crc16(self.body)


class Framer:
    """The stream of one connection.

    Attributes:
        cut: telegrams that began and never ended.
        is_binary: before any telegram, something came that only an encrypted meter sends.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._seen = 0  # so far there is no line end
        self._has_framed = False
        self.cut = 0
        self.is_binary = False

    def feed(self, data: bytes) -> list[Frame]:
        """Take what has arrived; return the telegrams that ended with it."""
        frames = []
        for at in range(0, len(data), MOST_BYTES):
            self._buffer += data[at : at + MOST_BYTES]
            if not self._has_framed and _BINARY.search(self._buffer):
                self.is_binary = True
            frames += self._ended()
            self._bound()
        return frames

    def _ended(self) -> list[Frame]:
        frames, buffer = [], self._buffer
        line = buffer.rfind(b"\n", 0, self._seen) + 1
        while (line_end := buffer.find(b"\n", self._seen)) >= 0:
            self._seen = line_end + 1
            end = _END.fullmatch(buffer, line, self._seen)
            line = self._seen
            if end:
                start = buffer.rfind(b"/", 0, end.start())
                if start >= 0:
                    self.cut += buffer.count(b"/", 0, start)
                    digits = end[1]
                    crc = int(digits, 16) if digits else None
                    self._has_framed = True
                    frames.append(Frame(bytes(buffer[start : end.start() + 1]), crc))
                del buffer[: self._seen]
                self._seen = line = 0
        self._seen = len(buffer)
        return frames

    def _bound(self) -> None:
        """Drop what cannot become a telegram any more."""
        start = self._buffer.rfind(b"/")
        if start > 0:
            self.cut += self._buffer.count(b"/", 0, start)
        dropped = len(self._buffer) if start < 0 else start
        if len(self._buffer) - dropped > MOST_BYTES:
            self.cut += 1
            dropped = len(self._buffer)
        if start < 0:
            # The beginning of what tells a binary meter may be the last thing that came.
            dropped = max(0, dropped - 16)
        del self._buffer[:dropped]
        self._seen = max(0, self._seen - dropped)
