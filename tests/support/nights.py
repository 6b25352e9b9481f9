"""A job of ``server.nightly`` in tests: at a moment of one's choice, and what it stored."""

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from types import ModuleType

import pytest
from psycopg2.extensions import cursor as Cursor  # noqa: N812  a type, not a function

from server.nightly.__main__ import main
from tests.support.commands import runner
from tests.support.readings import rows


@contextlib.contextmanager
def nights_at(job_rows: ModuleType, now: datetime) -> Iterator[None]:
    """Let each night of a job be at this moment; ``job_rows`` reads what the job knows."""
    known = job_rows.known

    def then(cursor: Cursor, device_id: str):
        return known(cursor, device_id)._replace(now_s=now.timestamp())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(job_rows, "known", then)
        yield


def job_of(name: str, url: str, monkeypatch, capsys, tmp_path) -> Callable[..., list[str]]:
    """Return ``job(*argv)``, which runs one job and returns what it said of each device."""
    run = runner(main, monkeypatch, capsys, tmp_path)

    def job(*argv: str) -> list[str]:
        status, out, err = run("--job", name, *argv, DATABASE_URL=url)
        assert (status, err) == (0, [])
        return out

    return job


def stored(database, device_id: str, tables: Mapping[str, str], results: str) -> dict:
    """Return all that was computed of a device, but for when: by table, and the result.

    ``tables`` says by what each table is ordered.
    """
    found = {}
    for table, order in tables.items():
        asked = f"SELECT * FROM {table} WHERE device_id = %s ORDER BY {order}"  # noqa: S608
        found[table] = rows(database, asked, device_id)
    found["results"] = rows(database, f"SELECT * FROM {results} WHERE device_id = %s", device_id)  # noqa: S608
    for row in [row for lines in found.values() for row in lines]:
        for name in ("device_id", "computed_at", "updated_at"):
            row.pop(name, None)
        row.get("result", {}).pop("device_id", None)
    return found


def assert_alike(found: dict, expected: dict, rel_tol: float, abs_tol: float) -> None:
    """Assert that what two nights stored says the same, but for the order of adding numbers."""
    for table, lines in expected.items():
        assert len(found[table]) == len(lines), table
        for row, right in zip(found[table], lines, strict=True):
            assert alike(row, right, rel_tol, abs_tol), (table, row, right)
    assert expected["results"]


def alike(one: object, other: object, rel_tol: float, abs_tol: float) -> bool:
    """Return whether two results say the same, but for the order in which numbers were added."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(
            alike(one[key], other[key], rel_tol, abs_tol) for key in one
        )
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(
            alike(left, right, rel_tol, abs_tol) for left, right in zip(one, other, strict=True)
        )
    if isinstance(one, float) and isinstance(other, float | int):
        return math.isclose(one, other, rel_tol=rel_tol, abs_tol=abs_tol)
    return one == other
