"""What Grafana does with a query before it sends it, after its documentation."""

import json
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from edge_lib.shared.timestamps import format_ts
from server.grafana import provision

# The argument of a macro ends at the first bracket: no call of a function is possible inside.
MACRO = re.compile(r"\$([_a-zA-Z0-9]+)\(([^)]*)\)")


def dashboards() -> dict[str, dict]:
    """Return the dashboards as they are in the folder that Grafana reads."""
    found = sorted(provision.DASHBOARDS.glob("*.json"))
    return {path.stem: strict_json(path) for path in found}


def strict_json(path: Path) -> dict:
    """Return what is in a file; a key that is there twice, or a NaN, is an error."""
    text = path.read_text(encoding="utf-8")
    return json.loads(text, object_pairs_hook=_once, parse_constant=_refuse)


def panels(board: dict) -> Iterator[dict]:
    """Return all panels of a dashboard, those of its closed rows among them."""
    for panel in board["panels"]:
        yield panel
        yield from panel.get("panels", ())


def expanded(
    statement: str, first: datetime, until: datetime, device: str = "", interval_s: int = 300
) -> str:
    """Return the SQL that reaches the database."""
    statement = statement.replace("${device:sqlstring}", "'" + device.replace("'", "''") + "'")
    statement = statement.replace("$__interval_ms", str(interval_s * 1000))
    statement = statement.replace("$__interval", f"{interval_s}s")
    start, end = (f"'{format_ts(moment)}'" for moment in (first, until))

    def macro(match: re.Match) -> str:
        name, argument = match.groups()
        known = {
            "__timeFilter": f"{argument} BETWEEN {start} AND {end}",
            "__timeFrom": start,
            "__timeTo": end,
        }
        return known[name]  # an unknown one is an error in Grafana, too

    return MACRO.sub(macro, statement)


def _once(pairs: list[tuple[str, object]]) -> dict:
    made = dict(pairs)
    assert len(made) == len(pairs), [name for name, _ in pairs]
    return made


def _refuse(name: str) -> None:
    raise AssertionError(name)
