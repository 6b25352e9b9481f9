"""Files and their names, written so that a power cut does not take them."""

import os
from pathlib import Path


def flush_file(path: Path) -> None:
    """Return when the file's content is on the disk."""
    with path.open("rb") as opened:
        os.fsync(opened.fileno())


def flush_names(directory: Path) -> None:
    """Return when the names in the directory are on the disk."""
    opened = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
