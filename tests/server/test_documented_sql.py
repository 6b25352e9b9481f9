"""docs/database.md lists what there is in the database, and the queries of the documents run."""

import re

import pytest

from tests.support import documents
from tests.support.readings import rows, utc
from tests.support.samples import DEVICE

pytestmark = pytest.mark.server

SITE = "Pacific/Auckland"  # 13 hours before UTC in its summer
READING = ("alert-rules", "api", "battery", "database", "grid", "roof")  # not those of upkeep
DOCS = documents.ROOT / "docs"
TABLE = (DOCS / "database.md").read_text(encoding="utf-8").split("## Tables and views")[1]
NAMED = [
    name
    for cell in re.findall(r"^\| (`.*?) \| ", TABLE.split("\n\n")[1], re.MULTILINE)
    for name in re.findall(r"`(\w+)", cell)
]
ASKED = [
    pytest.param(query, id=f"{path.stem}-{query.splitlines()[0][:40]}")
    for path in (DOCS / f"{name}.md" for name in READING)
    for block in re.findall(r"```sql\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)
    for query in re.split(r";(?: --.*)?\n", block)
    if re.match(r"(--.*\n)*(SELECT|WITH) ", query)
]
# All that can be read by its name: not what an extension brings, nor the parts of a hypertable.
OURS = """
SELECT c.relname FROM pg_class c
 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v', 'm', 'p', 'f')
   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
"""
MISSING = """
SELECT name FROM unnest(%s) AS name
 WHERE to_regclass(name) IS NULL AND NOT EXISTS (SELECT FROM pg_proc WHERE proname = name)
"""


def test_every_table_and_view_is_in_the_documents(database):
    there = {row["relname"] for row in rows(database, OURS)}
    assert len(there) > 40
    assert not there - {*NAMED}


def test_what_the_documents_list_is_there(database):
    assert len(NAMED) > 50
    assert len({*NAMED}) == len(NAMED), "one is listed twice"
    assert not rows(database, MISSING, NAMED)


@pytest.mark.parametrize("query", ASKED)
def test_a_query_of_the_documents_runs(database, query):
    rows(database, query)


def test_months_of_the_battery_are_those_of_the_house(database):
    add = (
        "INSERT INTO sungrow_battery_hourly (device_id, bucket, covered_s, temp_c_count,"
        " temp_c_sum, rest_v_count, rest_v_sum, soh_pct_count, soh_pct_sum, bands)"
        " VALUES (%s, %s, 3600, 0, 0, 0, 0, 0, 0, ARRAY[%s]::sungrow_battery_band[])"
    )
    hot = "(90,35,0,0,3600)"
    for bucket in ("2026-01-31 10:00", "2026-01-31 11:00", "2026-02-28 10:00"):
        rows(database, add, DEVICE, utc(bucket), hot)
    query = documents.block("sql", "-- hot and full, by local month").replace("home-1", DEVICE)
    found = [(str(row["month"]), row["hours"]) for row in rows(database, query)]
    assert found == [("2026-01-01", 1.0), ("2026-02-01", 2.0)]
