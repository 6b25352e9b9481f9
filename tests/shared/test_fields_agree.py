"""Contract, ``sample.FIELDS``, the table in SQL and the queries name the same fields."""

import re

import pytest

from edge_lib.shared.fields import KEY
from edge_lib.shared.p1_reading import P1
from edge_lib.shared.sample import DEFAULT_INTERVAL_S, FIELDS, NAMES, SAMPLE, TEXTS
from server.database.pool import SQL, query
from server.database.samples import TABLE as SAMPLES
from tests.support import batches
from tests.support.batches import DEVICE, app_on, rows, verdict
from tests.support.readings import connected
from tests.support.readings import rows as by_name
from tests.support.samples import a_ts

# The table as its first file makes it, and the columns that later files add at its end.
FILES = [path.read_text(encoding="utf-8") for path in sorted(SQL.glob("[0-9]*.sql"))]
CREATE = re.search(r"CREATE TABLE sungrow_samples \((.*?)\n\);", "".join(FILES), re.DOTALL)[1]
ADDED = re.findall(r"ALTER TABLE sungrow_samples\b(.*?);", "".join(FILES), re.DOTALL)
COLUMNS = dict(re.findall(r"^    (?!PRIMARY)(\w+) +([^,\n]+)", CREATE, re.MULTILINE))
COLUMNS |= re.findall(r"ADD COLUMN (\w+) +([^,\n]+)", "\n".join(ADDED))
COMMENTS = dict(re.findall(r"COMMENT ON COLUMN sungrow_samples\.(\w+) IS '(.*)';", "".join(FILES)))
BY_THE_SERVER = ["extra", "received_at"]


def test_the_fields_are_those_of_the_contract_in_its_order():
    assert {field.name: (field.unit, field.low, field.high) for field in FIELDS} == batches.NUMBERS
    assert [field.name for field in FIELDS] == list(batches.NUMBERS)
    assert tuple(TEXTS) == batches.TEXTS
    assert ("device_id", "ts", *batches.NUMBERS, *batches.TEXTS) == NAMES


def test_required_nullable_and_whole_are_those_of_the_contract():
    assert [field.name for field in FIELDS if field.required] == list(batches.REQUIRED)
    assert tuple(field.name for field in FIELDS if not field.nullable) == batches.NOT_NULL
    assert tuple(field.name for field in FIELDS if field.integer) == batches.WHOLE
    assert DEFAULT_INTERVAL_S == 5


def test_the_columns_are_the_fields_and_the_servers_own():
    assert {*NAMES, *BY_THE_SERVER} == COLUMNS.keys()
    assert tuple(COLUMNS) == SAMPLES.columns


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_a_column_has_the_type_and_the_nulls_of_its_field(field, nullable):
    whole = {"seq": "bigint", "ts_src": "smallint"}.get(field.name, "integer")
    default = " DEFAULT 5" if field.name == "interval_s" else ""
    kind = whole if field.integer else "double precision"
    written = COLUMNS[field.name].replace(" NOT NULL", "")
    assert written.replace("sungrow_steps", "double precision") == kind + default
    assert nullable[field.name] is (field.nullable and field.name != "interval_s")


@pytest.fixture(scope="module")
def nullable(database_url) -> dict[str, bool]:
    """Whether a column of the database itself may be null."""
    columns = "select attname, not attnotnull from pg_attribute"
    return dict(rows(database_url, f"{columns} where attrelid = 'sungrow_samples'::regclass"))


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_a_column_is_explained_in_the_words_of_its_field(field):
    words = "; ".join(filter(None, [field.unit, field.about]))
    assert COMMENTS[field.name].replace("''", "'") == words


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_column_is_explained_too(name):
    assert COLUMNS[name] == "text"
    assert COMMENTS[name].replace("''", "'") == TEXTS[name][1]


@pytest.mark.parametrize("kind", [SAMPLE, P1], ids=lambda kind: kind.name)
def test_no_text_of_a_reading_has_two_lines(kind):
    # A batch goes to the database as one text, a line for each reading.
    for pattern, _ in kind.texts.values():
        words = ["", "a", "ab", "signed", "0123", "12 + 3", "A12B"]
        assert any(pattern.fullmatch(word) for word in words)
        assert not any(
            pattern.fullmatch(f"{a}{end}{b}") for a in words for b in words for end in "\n\r"
        )


def test_the_unit_is_the_suffix_of_the_name():
    suffixes = {"W": "_w", "kWh": "_kwh", "V": "_v", "A": "_a", "%": "_pct", "°C": "_c"}
    suffixes |= {"Hz": "_hz", "s": "_s"}
    for field in FIELDS:
        if field.unit in suffixes:
            assert field.name.endswith(suffixes[field.unit])


@pytest.mark.parametrize(
    ("name", "further"),
    [
        ("samples-by-key", []),
        *((name, ["p1_ts", "p1_power_w"]) for name in ("sample-newest", "series-raw")),
    ],
)
def test_a_query_reads_every_field_in_order(name, further):
    listed = re.search(r"SELECT (.*?)\n +FROM", query(name), re.DOTALL)[1]
    assert re.split(r",\s+", listed) == [*NAMES, "extra", *further]


def test_every_field_of_a_batch_goes_into_its_column(database_url):
    whole = {field.name: number for number, field in enumerate(FIELDS, 1) if field.integer}
    sample = {field.name: number + 0.5 for number, field in enumerate(FIELDS, 1)} | whole
    sample |= {"ts_src": 2, "running_state": 3.0, "boot": "ab", "battery_power_source": "signed"}
    sample |= {"faults": "13050=1 13066=4000 13070=? +"}
    sample |= {"a_new_one": 'a "word", (or) \\ two', "device_id": DEVICE, "ts": a_ts()}
    assert verdict(app_on(database_url).test_client(), sample) == (1, 0, [])
    with connected(database_url) as connection:
        (row,) = by_name(connection, "SELECT * FROM sungrow_samples WHERE ts = %s", sample["ts"])
    assert row.pop("extra") == {"a_new_one": sample.pop("a_new_one")}
    del row["ts"], row["received_at"], sample["ts"]
    assert row == sample


def test_the_database_itself_has_these_columns_and_this_key(database_url):
    columns = rows(
        database_url,
        "select column_name from information_schema.columns "
        "where table_name = 'sungrow_samples' order by ordinal_position",
    )
    assert tuple(name for (name,) in columns) == SAMPLES.columns
    key = rows(
        database_url,
        "select a.attname from pg_index i join pg_attribute a "
        "on a.attrelid = i.indrelid and a.attnum = any(i.indkey) "
        "where i.indrelid = 'sungrow_samples'::regclass and i.indisprimary order by a.attnum",
    )
    assert tuple(name for (name,) in key) == KEY
