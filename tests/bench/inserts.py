"""Ways to insert a batch of samples into ``bare`` and to commit it; ``by_values`` is the limit."""

# ruff: noqa: S608 - the names are those of columns
import io
import json

from psycopg2.extras import execute_values

from edge_lib.shared.sample import FIELDS

_WHOLE = {field.name: "bigint" for field in FIELDS if field.integer}
_TYPES = {field.name: "double precision" for field in FIELDS} | _WHOLE | {"ts": "timestamptz"}
_INSERT = "INSERT INTO bare ({names}) {rows} ON CONFLICT DO NOTHING"


def by_values(connection, samples: list[dict]) -> None:
    """The limit: these samples by one statement, and a commit."""
    statement = _INSERT.format(names=", ".join(samples[0]), rows="VALUES %s")
    rows = [list(sample.values()) for sample in samples]
    with connection, connection.cursor() as cursor:
        execute_values(cursor, statement, rows, page_size=len(rows))


def by_copy(connection, samples: list[dict]) -> None:
    """COPY into a temporary table, and what is not there yet from it."""
    names = ", ".join(samples[0])
    text = "".join(
        "\t".join("\\N" if value is None else str(value) for value in sample.values()) + "\n"
        for sample in samples
    )
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMPORARY TABLE IF NOT EXISTS batch (LIKE bare INCLUDING DEFAULTS)"
            " ON COMMIT DELETE ROWS"
        )
        cursor.copy_expert(f"COPY batch ({names}) FROM STDIN", io.StringIO(text))
        cursor.execute(_INSERT.format(names=names, rows=f"SELECT {names} FROM batch"))


def by_json(connection, samples: list[dict]) -> None:
    """One text of JSON, which the database takes apart."""
    names = ", ".join(samples[0])
    typed = ", ".join(f"{name} {_TYPES.get(name, 'text')}" for name in samples[0])
    with connection, connection.cursor() as cursor:
        rows = f"SELECT {names} FROM json_to_recordset(%s) AS it({typed})"
        cursor.execute(_INSERT.format(names=names, rows=rows), [json.dumps(samples)])


def by_arrays(connection, samples: list[dict]) -> None:
    """One array a column, as text."""
    names = list(samples[0])
    arrays = ", ".join(f"%s::{_TYPES.get(name, 'text')}[]" for name in names)
    columns = zip(*(sample.values() for sample in samples), strict=True)
    texts = [json.dumps(column).replace("null", "NULL") for column in columns]
    with connection, connection.cursor() as cursor:
        statement = _INSERT.format(names=", ".join(names), rows=f"SELECT * FROM unnest({arrays})")
        cursor.execute(statement, [f"{{{text[1:-1]}}}" for text in texts])
