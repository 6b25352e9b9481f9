"""What a dashboard is, and how its panels lie."""

from collections.abc import Iterable
from typing import Any

from server.grafana.panels import SQL_SOURCE, Panel
from server.grafana.queries import query

Board = dict[str, Any]
Place = tuple[int, int, Panel]  # width of 24, height, what

TAG = "sungrow"
WIDTH = 24


def board(
    name: str,
    title: str,
    places: Iterable[Place],
    since: str,
    *,
    of_one: bool = True,
    marks: bool = False,
    besides: list[dict[str, Any]] | None = None,
    refresh: str = "5m",
) -> Board:
    """Return a dashboard.

    Args:
        name: the end of its uid.
        title: as people see it.
        places: its panels.
        since: the time that it shows at first.
        of_one: whether one chooses a house.
        marks: whether gaps are marked in its curves.
        besides: further variables.
        refresh: how often it asks again.
    """
    return {
        "uid": f"sungrow-{name}",
        "title": f"Sungrow: {title}",
        "tags": [TAG],
        "schemaVersion": 39,
        "editable": False,
        "timezone": "browser",
        "time": {"from": since, "to": "now"},
        "refresh": refresh,
        "links": [_others()],
        "templating": {"list": ([_device()] if of_one else []) + (besides or [])},
        "annotations": {"list": [_gaps()] if marks else []},
        "panels": _laid_out(places),
    }


def _gaps() -> dict[str, Any]:
    return {
        "name": "Gaps",
        "datasource": SQL_SOURCE,
        "enable": True,
        "iconColor": "red",
        "target": {
            "refId": "Gaps",
            "format": "table",
            "rawQuery": True,
            "rawSql": query("gap-marks"),
        },
    }


def _others() -> dict[str, Any]:
    return {
        "type": "dashboards",
        "title": "Sungrow",
        "tags": [TAG],
        "asDropdown": False,
        "includeVars": True,
        "keepTime": False,
    }


def _device() -> dict[str, Any]:
    return {
        "name": "device",
        "label": "House",
        "type": "query",
        "datasource": SQL_SOURCE,
        "query": query("devices"),
        "refresh": 1,
        "sort": 1,
        "multi": False,
        "includeAll": False,
    }


def _laid_out(places: Iterable[Place], first: int = 1, top: int = 0) -> list[Panel]:
    """Return the panels in rows from left to right, with their numbers and places."""
    panels: list[Panel] = []
    x, y, tallest = 0, top, 0
    number = first
    for width, height, panel in places:
        if x + width > WIDTH:
            x, y, tallest = 0, y + tallest, 0
        placed = {"id": number, "gridPos": {"x": x, "y": y, "w": width, "h": height}, **panel}
        number += 1
        if panel["type"] == "row":
            placed["panels"] = _laid_out(panel["panels"], number, y + height)
            number += len(placed["panels"])
        panels.append(placed)
        x, tallest = x + width, max(tallest, height)
    return panels
