"""The files of ``sql/`` that make the schema, for one edition of the database.

Where the editions differ, a file's name says for which it is (``0003_hypertable.apache.sql``).
"""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

SQL = Path(__file__).resolve().parents[2] / "sql"
_IS_VIEW = re.compile(r"^CREATE OR REPLACE VIEW ", re.MULTILINE)


class SchemaError(Exception):
    """Schema and files do not agree; the text says how, and which command helps."""


class Migration(NamedTuple):
    """A numbered file: it is applied once."""

    number: int
    name: str
    checksum: str
    statements: str


class Applied(NamedTuple):
    """One row of ``schema_migrations``: a numbered file that the database has seen."""

    number: int
    name: str
    edition: str
    checksum: str


class Function(NamedTuple):
    """A file of ``sql/functions/``: a function, triggers or a view, applied whenever it changed."""

    name: str
    checksum: str
    statements: str

    @property
    def path(self) -> str:
        """Return its path below ``sql/``."""
        return f"functions/{self.name}"

    @property
    def is_view(self) -> bool:
        """Return whether it makes a view, which needs the functions that it calls."""
        return _IS_VIEW.search(self.statements) is not None


def migrations(edition: str) -> list[Migration]:
    """Return the numbered files for that edition, in their order.

    Raises:
        SchemaError: a number is there twice, or missing.
    """
    found: dict[int, Migration] = {}
    for stem, path in _of_edition(SQL.glob("[0-9]*.sql"), edition):
        number = int(stem.partition("_")[0])
        if number in found:
            raise SchemaError(f"sql/ holds two files {number:04d} for the edition {edition}")
        found[number] = Migration(number, path.name, *_read(path))
    for number in range(1, len(found) + 1):
        if number not in found:
            raise SchemaError(f"sql/ holds no file {number:04d} for the edition {edition}")
    return [found[number] for number in sorted(found)]


def functions(edition: str) -> list[Function]:
    """Return the files of ``sql/functions/`` for that edition, views last.

    Raises:
        SchemaError: one is there twice.
    """
    found: dict[str, Function] = {}
    for stem, path in _of_edition((SQL / "functions").glob("*.sql"), edition):
        if stem in found:
            raise SchemaError(f"sql/functions/ holds {stem} twice for the edition {edition}")
        found[stem] = Function(path.name, *_read(path))
    return sorted(found.values(), key=lambda function: (function.is_view, function.name))


def _of_edition(paths: Iterator[Path], edition: str) -> Iterator[tuple[str, Path]]:
    for path in sorted(paths):
        stem, *editions = path.name.removesuffix(".sql").split(".")
        if not editions or edition in editions:
            yield stem, path


def _read(path: Path) -> tuple[str, str]:
    statements = path.read_text(encoding="utf-8")
    return hashlib.sha256(statements.encode()).hexdigest(), statements
