"""Damaged spools, moved aside and never deleted: ``spool.corrupt-BOOT-N`` beside the spool.

Each keeps its -wal and -shm under the same name. A file ``.salvaged`` beside it says, in JSON, what
was brought over into the new spool.
"""

import json
import logging
from pathlib import Path

from edge_lib.shared.flush import flush_names

MANY = 3
_RESTORED = "restored"
_PARTS = ("-wal", "-shm", "")  # the file itself last: a new spool must never meet an old log

log = logging.getLogger("sungrow.edge.spool")


def set_aside(path: Path, boot: str) -> Path:
    """Move a spool aside, with its log; return its new name.

    Raises:
        OSError: the disk does not let us; what has moved already is joined by the rest next time.
    """
    aside = _free_name(path, boot)
    for part in _PARTS:
        old = Path(f"{path}{part}")
        if old.exists():
            old.rename(f"{aside}{part}")
    flush_names(path.parent)
    count = len(_all(path))
    if count > MANY:
        log.error(
            "damaged spools pile up: is the card dying?",
            extra={"count": count, "folder": str(path.parent), "hint": "copy them, then delete"},
        )
    return aside


def join(path: Path, copy: Path) -> Path:
    """Move a spool's copy to where the service takes it for one set aside; return its new name.

    Raises:
        OSError: the disk does not let us.
    """
    return copy.rename(_free_name(path, _RESTORED))


def is_restored(aside: Path) -> bool:
    """Return whether that is a copy that ``join`` gave to the service, and nothing damaged."""
    return f".corrupt-{_RESTORED}-" in aside.name


def is_half_aside(path: Path) -> bool:
    """Return whether a crash came between the log and its spool."""
    logs = path.parent.glob(f"{path.stem}.corrupt-*-wal")
    return path.exists() and any(not Path(str(one)[: -len("-wal")]).exists() for one in logs)


def unsalvaged(path: Path) -> list[Path]:
    """Return the spools set aside that were not yet brought over."""
    return [aside for aside in _all(path) if not _note(aside).exists()]


def salvaged(path: Path) -> dict[str, int]:
    """Return how many readings came over from them all and how many did not.

    Returns:
        ``salvaged`` and ``unreadable``.
    """
    total = {"salvaged": 0, "unreadable": 0}
    try:
        asides = _all(path)
    except OSError:  # the disk fails: no reason not to start
        asides = []
    for aside in asides:
        try:
            said = json.loads(_note(aside).read_text())
            total = {name: count + int(said[name]) for name, count in total.items()}
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return total


def note_salvaged(aside: Path, salvaged: int, unreadable: int) -> None:
    """Write down that a spool was brought over, and with what success.

    Raises:
        OSError: the disk does not let us.
    """
    counts = {"salvaged": salvaged, "unreadable": unreadable}
    _note(aside).write_text(json.dumps(counts) + "\n")


def _free_name(path: Path, boot: str) -> Path:
    number = 1
    while (aside := path.with_name(f"{path.stem}.corrupt-{boot}-{number}")).exists():
        number += 1
    return aside


def _all(path: Path) -> list[Path]:
    found = path.parent.glob(f"{path.stem}.corrupt-*")
    return sorted(file for file in found if not file.name.endswith(("-wal", "-shm", ".salvaged")))


def _note(aside: Path) -> Path:
    return Path(f"{aside}.salvaged")
