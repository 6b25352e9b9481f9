"""Values that move in few steps: their type is a name of double precision for the columnstore."""

from datetime import timedelta

import pytest

from server.migrate import main
from tests.support import before as before_today
from tests.support.commands import edition_of, only_on, runner
from tests.support.readings import connected, insert_by_hand, reading, rows, utc
from tests.support.samples import DEVICE

pytestmark = pytest.mark.server

BEFORE = 13  # files, up to the one that renames the type
READINGS = 1000
PER_VALUE = (
    "SELECT format('SELECT sum(pg_column_size(%%I)) / %s::float8 AS bytes FROM %%I.%%I',"
    " column_name, table_schema, table_name) AS statement FROM information_schema.columns"
    " WHERE column_name = 'grid_voltage_v' AND table_name LIKE 'compress_hyper%%'"
)


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    return runner(main, monkeypatch, capsys, tmp_path)


@pytest.fixture
def older(databases) -> str:
    """A database from before, with an hour and a half of a grid's voltage."""
    url = databases.empty()
    with connected(databases.migrated()) as connection:
        kind = edition_of(connection)
    before_today.make(url, kind, last=BEFORE)
    with connected(url) as connection:
        store_voltages(connection)
    return url


def store_voltages(connection) -> None:
    start = utc("2026-03-05 10:00")
    samples = [
        reading(
            start + n * timedelta(seconds=5),
            device_id=DEVICE,
            grid_voltage_v=230 + n * 7 % 31 / 10,
        )
        for n in range(READINGS)
    ]
    insert_by_hand(connection, samples)  # since ingest knows the newest schema alone


def voltages(connection) -> list[float]:
    found = rows(connection, "SELECT grid_voltage_v AS v FROM sungrow_samples ORDER BY ts")
    return [row["v"] for row in found]


def type_name(connection) -> str:
    found = rows(
        connection,
        "SELECT format_type(atttypid, atttypmod) AS name FROM pg_attribute"
        " WHERE attrelid = 'sungrow_samples'::regclass AND attname = 'grid_voltage_v'",
    )
    return found[0]["name"]


def heaps(connection) -> list[int]:
    """Return the files of the table and of its chunks."""
    statement = (
        "SELECT relfilenode FROM pg_class WHERE oid = 'sungrow_samples'::regclass OR oid IN"
        " (SELECT inhrelid FROM pg_inherits WHERE inhparent = 'sungrow_samples'::regclass)"
        " ORDER BY 1"
    )
    return [row["relfilenode"] for row in rows(connection, statement)]


def bytes_per_value(connection) -> float:
    rows(connection, "SELECT compress_chunk(show_chunks('sungrow_samples'))")
    (found,) = rows(connection, PER_VALUE % READINGS)
    return rows(connection, found["statement"])[0]["bytes"]


def test_the_type_changes_without_a_row_being_written(run, older):
    with connected(older) as connection:
        before = voltages(connection), heaps(connection)
        connection.commit()
        migrate_from_before(run, older)
        assert type_name(connection) == "sungrow_steps"
        assert (voltages(connection), heaps(connection)) == before


def migrate_from_before(run, url: str) -> None:
    """Apply what came after it until the files were put in order, and those of today."""
    with connected(url) as connection:
        kind = edition_of(connection)
    before_today.make(url, kind, first=BEFORE + 1)
    assert run(DATABASE_URL=url)[0] == 0


def test_the_columnstore_keeps_each_value_once(databases):
    with connected(databases.migrated()) as connection:
        only_on(connection, "community")
        store_voltages(connection)
        before = voltages(connection)
        assert bytes_per_value(connection) < 1.5  # of which 5 bits tell one from the others
        assert voltages(connection) == before


def test_packed_chunks_stay_as_they_are(run, older):
    with connected(older) as connection:
        only_on(connection, "community")
        before = voltages(connection)
        assert bytes_per_value(connection) > 4
        connection.commit()
        migrate_from_before(run, older)
        assert type_name(connection) == "double precision"
        assert voltages(connection) == before
        assert run(DATABASE_URL=older)[1] == ["current"]
