"""HTTP messages as bytes: the least that a proxy needs to read, write and damage them."""

import gzip
import json
import time
import zlib
from email.utils import formatdate
from typing import BinaryIO, NamedTuple


class Message(NamedTuple):
    """A request or an answer; ``head`` ends with the empty line."""

    head: bytes
    body: bytes

    @property
    def raw(self) -> bytes:
        return self.head + self.body

    @property
    def status(self) -> int:
        return int(self.head.split(b" ", 2)[1])

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers by their names in lower case."""
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        pairs = (line.partition(":") for line in lines if line)
        return {name.strip().lower(): value.strip() for name, _, value in pairs}

    def json(self) -> object:
        """Return the content, unpacked; None if it is no JSON."""
        try:
            text = gzip.decompress(self.body) if self.body[:2] == b"\x1f\x8b" else self.body
            return json.loads(text)
        except (ValueError, OSError, EOFError, zlib.error):
            return None

    def without(self, name: str) -> "Message":
        """Return the message without a header."""
        lines = self.head.split(b"\r\n")
        kept = [line for line in lines if not line.lower().startswith(name.encode() + b":")]
        return self._replace(head=b"\r\n".join(kept))

    @classmethod
    def answer(
        cls, status: int, content: object = b"", headers: dict | None = None, date_s: float = 0
    ) -> "Message":
        """Make an answer; anything but bytes goes as JSON."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        fields = {
            "Date": formatdate(date_s or time.time(), usegmt=True),
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            **(headers or {}),
        }
        lines = [f"HTTP/1.1 {status} Chaos", *(f"{k}: {v}" for k, v in fields.items()), "", ""]
        return cls("\r\n".join(lines).encode("latin-1"), body)


def read_message(stream: BinaryIO) -> Message | None:
    """Read a message whose length is given, or that has no body; None at the end."""
    head, length = b"", 0
    while line := stream.readline(65_536):
        head += line
        if line.lower().startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
        if line == b"\r\n":
            body = stream.read(length) if length else b""
            return Message(head, body) if len(body) == length else None
    return None
