"""Panels of Grafana's classic model (schema 39, of Grafana 10.4; newer ones take it, too)."""

from typing import Any

from server.grafana.queries import query

Panel = dict[str, Any]

SQL_SOURCE = {"type": "grafana-postgresql-datasource", "uid": "sungrow"}
METRICS_SOURCE = {"type": "prometheus", "uid": "${prometheus}"}
# The unit of a field is the suffix of its name, as everywhere in this project.
UNITS = {
    "w": "watt",
    "kwh": "kwatth",
    "pct": "percent",
    "v": "volt",
    "hz": "hertz",
    "s": "s",
    "m3": "m3",
    "mb": "decmbytes",
    "bytes": "decbytes",
    "days": "d",
    "ts": "dateTimeAsIso",
}
# Shares have no unit in the contract: 0 to 1.
SHARES = ("self_sufficiency", "self_consumption", "completeness")
DECIMALS = {"watt": 0, "kwatth": 1, "percent": 0, "percentunit": 1, "volt": 1, "hertz": 2, "m3": 2}
COLOURS = {
    "pv": "yellow",
    "load": "blue",
    "export": "green",
    "import": "red",
    "battery": "purple",
}


def unit_of(field: str) -> str:
    """Return Grafana's unit for a field of the contract; of a number without one, ``none``."""
    return "percentunit" if field in SHARES else UNITS.get(field.rpartition("_")[2], "none")


def stat(title: str, sql: str, fields: dict[str, str], empty: str) -> Panel:
    """Return a panel that shows the fields of one row, each as a number."""
    options = {
        "reduceOptions": {"values": False, "calcs": ["lastNotNull"], "fields": ""},
        "colorMode": "value",
        "graphMode": "none",
        "textMode": "value_and_name",
        "orientation": "auto",
        "justifyMode": "auto",
    }
    return _panel("stat", title, [_target(sql, "table")], fields, empty, options=options)


def curves(title: str, sql: str, fields: dict[str, str], empty: str) -> Panel:
    """Return a panel of lines; nothing is drawn where nothing is known."""
    return _lines(title, sql, fields, empty, {"drawStyle": "line", "fillOpacity": 10})


def bars(title: str, sql: str, fields: dict[str, str], empty: str) -> Panel:
    """Return a panel of bars, for what is of a day."""
    return _lines(title, sql, fields, empty, {"drawStyle": "bars", "fillOpacity": 70})


def by_name(title: str, sql: str, field: str, empty: str) -> Panel:
    """Return a panel with a line for each name that the query has in its column ``metric``."""
    panel = _lines(title, sql, {}, empty, {"drawStyle": "line", "fillOpacity": 0})
    panel["fieldConfig"]["defaults"] |= _number(field)
    return panel


def table(title: str, sql: str, fields: dict[str, str], empty: str) -> Panel:
    """Return a table; its columns are called as ``fields`` says."""
    return _panel(
        "table", title, [_target(sql, "table")], fields, empty, options={"showHeader": True}
    )


def pie(title: str, sql: str, fields: dict[str, str], empty: str) -> Panel:
    """Return a pie of the fields of one row."""
    options = {
        "reduceOptions": {"values": False, "calcs": ["lastNotNull"], "fields": ""},
        "pieType": "donut",
        "displayLabels": ["name", "percent"],
        "legend": {
            "displayMode": "table",
            "placement": "right",
            "showLegend": True,
            "values": ["value"],
        },
    }
    return _panel("piechart", title, [_target(sql, "table")], fields, empty, options=options)


def note(text: str) -> Panel:
    """Return a panel that says something."""
    return {"type": "text", "title": "", "options": {"mode": "markdown", "content": text}}


def metrics(title: str, *expressions: tuple[str, str]) -> Panel:
    """Return a panel of Prometheus: an expression and what its lines are called, for each."""
    targets = [
        {
            "refId": chr(ord("A") + number),
            "datasource": METRICS_SOURCE,
            "expr": expression,
            "legendFormat": legend,
            "range": True,
        }
        for number, (expression, legend) in enumerate(expressions)
    ]
    panel = _panel("timeseries", title, targets, {}, "no such metric")
    return panel | {"datasource": METRICS_SOURCE}


def beyond(panel: Panel, limit: float, colour: str = "red") -> Panel:
    """Return the panel with a colour from a limit on."""
    steps = [{"color": "green", "value": None}, {"color": colour, "value": limit}]
    panel["fieldConfig"]["defaults"]["thresholds"] = {"mode": "absolute", "steps": steps}
    return panel


def about(panel: Panel, text: str) -> Panel:
    """Return the panel with an explanation behind its title."""
    return panel | {"description": text}


def _target(sql: str, shape: str) -> dict[str, Any]:
    return {
        "refId": "A",
        "datasource": SQL_SOURCE,
        "format": shape,
        "rawQuery": True,
        "editorMode": "code",
        "rawSql": query(sql),
    }


def _lines(
    title: str, sql: str, fields: dict[str, str], empty: str, style: dict[str, Any]
) -> Panel:
    options = {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
        "tooltip": {"mode": "multi", "sort": "none"},
    }
    panel = _panel(
        "timeseries", title, [_target(sql, "time_series")], fields, empty, options=options
    )
    # What is null is a hole in the line.
    panel["fieldConfig"]["defaults"]["custom"] = {
        "lineWidth": 1,
        "showPoints": "auto",
        "spanNulls": False,
        **style,
    }
    panel["interval"] = "5m"
    return panel


def _panel(
    kind: str,
    title: str,
    targets: list[dict[str, Any]],
    fields: dict[str, str],
    empty: str,
    options: dict[str, Any] | None = None,
) -> Panel:
    return {
        "type": kind,
        "title": title,
        "datasource": SQL_SOURCE,
        "targets": targets,
        "fieldConfig": {
            # Said in place of a number that is null, and of a panel without rows.
            "defaults": {"noValue": empty},
            "overrides": [_override(kind, field, name) for field, name in fields.items()],
        },
        "options": options or {},
    }


def _override(kind: str, field: str, name: str) -> dict[str, Any]:
    known = {"displayName": name, **_number(field)}
    colour = COLOURS.get(field.removeprefix("avg_").partition("_")[0])
    if colour and kind == "timeseries":
        known["color"] = {"mode": "fixed", "fixedColor": colour}
    if kind == "timeseries" and unit_of(field) in ("percent", "hertz"):
        known["custom.axisPlacement"] = "right"
    properties = [{"id": key, "value": value} for key, value in known.items()]
    return {"matcher": {"id": "byName", "options": field}, "properties": properties}


def _number(field: str) -> dict[str, Any]:
    unit = unit_of(field)
    if unit == "none":
        return {}
    return {"unit": unit} | ({"decimals": DECIMALS[unit]} if unit in DECIMALS else {})
