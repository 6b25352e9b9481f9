"""The schema of before the files of ``sql/`` were put in order, as databases out there have it."""

import hashlib
import tarfile
from pathlib import Path
from typing import NamedTuple

from server import sandbox
from tests.support.readings import connected

FILES = Path(__file__).resolve().parents[1] / "server" / "before" / "sql-0001-to-0020.tar.xz"
LAST = 20
_NOTE = "INSERT INTO schema_migrations (number, name, edition, checksum) VALUES (%s, %s, %s, %s)"


class Old(NamedTuple):
    number: int
    name: str
    text: bytes


def files(kind: str) -> list[Old]:
    """Return the files for an edition, in their order."""
    found = []
    with tarfile.open(FILES) as archive:
        for name in sorted(archive.getnames()):
            stem, *editions = name.removesuffix(".sql").split(".")
            if not editions or kind in editions:
                found.append(Old(int(stem[:4]), name, archive.extractfile(name).read()))
    return found


def make(url: str, kind: str, first: int = 1, last: int = LAST) -> None:
    """Apply the files of these numbers and note them, as ``server.migrate`` did then."""
    if kind != "plain" and first == 1:
        sandbox.execute(url, "CREATE EXTENSION timescaledb")
    for number, name, text in files(kind)[first - 1 : last]:
        with connected(url) as connection, connection, connection.cursor() as cursor:
            cursor.execute(text.decode())
            cursor.execute(_NOTE, (number, name, kind, hashlib.sha256(text).hexdigest()))
