"""The contract of a P1 reading, its table in SQL and the query of it name the same fields."""

import re

import pytest

from edge_lib.shared.fields import KEY
from edge_lib.shared.p1_reading import FIELDS, P1
from server.database.p1_samples import TABLE
from server.database.pool import query
from tests.support.batches import rows

SIBLING = (  # the table of P1-Edge-VPS
    *("device_id", "ts", "power_w", "import_power_w"),
    *("energy_import_kwh", "energy_export_kwh"),
)
COLUMNS = (
    "select attname, format_type(atttypid, atttypmod), attnotnull,"
    " col_description(attrelid, attnum) from pg_attribute"
    " where attrelid = 'p1_samples'::regclass and attnum > 0 order by attnum"
)


@pytest.fixture(scope="module")
def columns(database_url) -> dict[str, tuple]:
    return {name: about for name, *about in rows(database_url, COLUMNS)}


def test_the_columns_are_the_fields_in_the_same_order(columns):
    assert tuple(columns) == TABLE.columns == (*P1.names, "extra", "received_at")
    assert tuple(columns)[: len(SIBLING)] == SIBLING


def test_nothing_but_the_key_has_to_be_known(columns):
    assert [name for name, (_, not_null, _) in columns.items() if not_null] == [
        *KEY,
        "received_at",
    ]


def test_a_column_has_the_type_and_the_words_of_its_field(columns):
    whole = {"seq": "bigint", "ts_src": "smallint", "tariff": "integer"}
    for field in FIELDS:
        kind, _, about = columns[field.name]
        number = kind.replace("sungrow_steps", "double precision")
        assert number == whole.get(field.name, "double precision")
        assert about == "; ".join(filter(None, [field.unit, field.about]))
    for name, (_, about) in P1.texts.items():
        assert columns[name][::2] == ["text", about]
    for name, about in P1.times.items():
        assert columns[name][::2] == ["timestamp with time zone", about]


def test_the_query_reads_every_field_in_order():
    listed = re.search(r"SELECT (.*?)\n +FROM", query("p1-by-key"), re.DOTALL)[1]
    assert re.split(r",\s+", listed) == [*P1.names, "extra"]
