"""Works through the damaged spools that were set aside, one after the other, and then the present.

Runs in the thread ``upload``, a second at most of each of its steps.
"""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from edge_lib.clock import Clock
from edge_lib.spool.database import Write
from edge_lib.spool.kinds import Kind
from edge_lib.spool.recovery import quarantine
from edge_lib.spool.recovery.mend import Mender
from edge_lib.spool.recovery.salvage import Salvage

log = logging.getLogger("sungrow.edge.store")


class Salvager:
    """Where it is in them.

    Attributes:
        totals: how many readings came over from all, and how many could not be read.
    """

    def __init__(self, path: Path, clock: Clock):
        self._mender = Mender(clock)
        self._salvage: Salvage | None = None
        self.totals = quarantine.salvaged(path)

    def step(self, asides: list[Path], write: Write) -> bool:
        """Bring one slice over; False: no more of it now.

        Args:
            asides: the damaged spools; those that are done are taken from the list.
            write: into the spool.
        """
        if self._salvage is None:
            if not asides:
                return False
            self._salvage = _begin(asides[0])
        if self._salvage and self._salvage.step(write):
            return True
        asides.pop(0)
        if self._salvage:
            self._end(self._salvage)
            self._salvage = None
        return bool(asides)

    def mend(self, write: Write, kinds: Callable[[], Sequence[Kind]]) -> None:
        """Search some of the present spool for what damage has left there."""
        self._mender.step(write, kinds)

    def close(self) -> None:
        """Let go of the file."""
        if self._salvage:
            self._salvage.close()

    def _end(self, done: Salvage) -> None:
        done.close()
        counts = {"salvaged": done.salvaged, "unreadable": done.unreadable}
        self.totals = {name: self.totals[name] + counts[name] for name in counts}
        try:
            quarantine.note_salvaged(done.aside, **counts)
        except OSError as error:
            log.warning("salvage will be repeated", extra={"reason": str(error)})
        if quarantine.is_restored(done.aside):
            log.info("restored spool brought over", extra={"aside": done.aside.name, **counts})
        else:
            log.warning("damaged spool salvaged", extra={"aside": done.aside.name, **counts})


def _begin(aside: Path) -> Salvage | None:
    try:
        return Salvage(aside)
    except OSError:
        log.exception("damaged spool cannot be read", extra={"aside": aside.name})
        return None
