"""What one request carries, and how it is written."""

import gzip
import json
import secrets
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from edge_lib.spool.queue import Spooled
from edge_lib.spool.reports import Slot

# Measured on 500 readings: 6 takes twice as long for a sixth less. On two it makes no difference.
GZIP_LEVEL = 4


class Batch(NamedTuple):
    """What goes into one request."""

    batch_id: str
    rows: list[Spooled]
    parked: list[dict[str, Any]]
    facts: dict[str, Any] | None
    gaps: Sequence[dict[str, Any]] = ()
    slots: Sequence[Slot] = ()
    now: Mapping[str, object] = MappingProxyType({})  # what the newest report adds
    packed: bytes = b""  # the body, where it was made before

    def body(self) -> bytes:
        """Return the gzip'd JSON: the same bytes for the same batch."""
        return self.packed or self._pack()

    def _pack(self) -> bytes:
        of_parked = ("boot", "seq", "ts", "reason", "content")
        content: dict[str, Any] = {"batch_id": self.batch_id}
        if self.facts is not None:
            content["device"] = self.facts
        if self.parked:
            content["parked"] = [{key: entry[key] for key in of_parked} for entry in self.parked]
        if self.gaps:
            of_gap = ("from_ts", "to_ts", "cause", "count")
            content["gaps"] = [{key: entry[key] for key in of_gap} for entry in self.gaps]
        if self.slots:
            content["reports"] = [slot.content() for slot in self.slots]
            content["reports"][-1] |= self.now
        # str: a row that the disk has damaged may hold bytes, and must not stop the others.
        text = json.dumps(content, separators=(",", ":"), default=str)
        samples = ",".join([row.text for row in self.rows])
        text = f'{text[:-1]},"samples":[{samples}]}}'
        return gzip.compress(text.encode(), GZIP_LEVEL, mtime=0)


def new_batch(rows: list[Spooled]) -> Batch:
    """Return a batch of samples alone, under a name of its own."""
    return Batch(secrets.token_hex(16), rows, [], None)
