"""``GET /v1/battery`` and what belongs to it: what the battery can still hold, and is worth.

``server.nightly`` computes it; here it is only read (``sungrow_battery_results`` and its kin).
"""

from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, current_app, request

from edge_lib.shared.command_names import server_command
from edge_lib.shared.timestamps import format_ts
from server.api import query_args, reasons
from server.api.errors import Refused
from server.api.responses import csv_answer, json_answer
from server.database.pool import Row

blueprint = Blueprint("battery", __name__)
_NOT_COMPUTED = (
    "nothing is computed of a battery of this house: it has none, or its first night is "
    f"still to come ({server_command('nightly')} computes it)"
)
_EARLIEST, _LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
_ANCHOR = (
    *("kind", "from", "to", "evidence", "soc_before_pct", "soc_after_pct", "temp_c"),
    *("reached_charge_kwh", "reached_discharge_kwh", "left_charge_kwh", "left_discharge_kwh"),
)
_WINDOW = (
    *("kind", "from", "to", "epoch", "charge_kwh", "discharge_kwh", "capacity_kwh"),
    *("mean_c_rate", "temp_c"),
)
_CSV = ("event", *dict.fromkeys((*_WINDOW, *_ANCHOR)))


@blueprint.get("/v1/battery")
def battery() -> Response:
    """Return all figures, each with interval, number of events and method, or why there is none.

    Before the first night ``computed_at`` is null, with the reason.

    Raises:
        Refused: 401, 403, 422.
        DatabaseAway: 503.
    """
    device_id = query_args.readable_device()
    known = _known(device_id)
    if not known:
        return json_answer(
            device_id=device_id,
            computed_at=None,
            reason="not_computed",
            reason_text=_NOT_COMPUTED,
            figures={},
        )
    about = _about(device_id, known)
    return json_answer(**{**about, **reasons.told(known["result"], device_id), **about})


@blueprint.get("/v1/battery/events")
def events() -> Response:
    """Return when it was full or empty by physics, and what was measured between; CSV on request.

    Raises:
        Refused: 401, 403; 422 no such range or format.
        DatabaseAway: 503.
    """
    device_id = query_args.readable_device("from", "to", "format")
    as_csv = query_args.one_of("format", ("json", "csv")) == "csv"
    first, end = _range(device_id)
    asked = {"device_id": device_id, "first": first, "end": end}
    rows = [_timed(row) for row in current_app.extensions["db"].rows("battery-events", asked)]
    if as_csv:
        return csv_answer(_CSV, [rows], f"{device_id}-battery-events.csv")
    return json_answer(
        device_id=device_id,
        anchors=[_part(row, _ANCHOR) for row in rows if row["event"] == "anchor"],
        windows=[_part(row, _WINDOW) for row in rows if row["event"] == "window"],
    )


@blueprint.get("/v1/battery/whatif")
def whatif() -> Response:
    """Return what each capacity would have imported and exported in the last 365 days.

    Raises:
        Refused: 401, 403; 404 nothing was computed of this house; 422 another capacity.
        DatabaseAway: 503.
    """
    device_id = query_args.readable_device("capacity")
    known = _computed(device_id)
    found = reasons.told(known["whatif"], device_id)
    own = next((one["capacity_kwh"] for one in found["capacities"] if one["is_own"]), None)
    about = {**_about(device_id, known), "own_capacity_kwh": own}
    if "capacity" in request.args:
        one = _of_capacity(found, request.args["capacity"])
        found = {name: value for name, value in found.items() if name != "capacities"} | one
    return json_answer(**about, **found)


def _of_capacity(found: dict[str, Any], text: str) -> dict[str, Any]:
    try:
        wanted = float(text)
    except ValueError:
        wanted = None
    for one in found["capacities"]:
        if one["capacity_kwh"] == wanted:
            return dict(one)
    there = ", ".join(f"{one['capacity_kwh']:g}" for one in found["capacities"])
    msg = f"kWh, one of {there}" if there else f"none could be replayed: {found['reason_text']}"
    raise query_args.wrong("capacity", msg, "enum")


def _known(device_id: str) -> Row | None:
    found: list[Row] = current_app.extensions["db"].rows("battery-result", {"device_id": device_id})
    return found[0] if found else None


def _computed(device_id: str) -> Row:
    if not (known := _known(device_id)):
        raise Refused(404, _NOT_COMPUTED)
    return known


def _about(device_id: str, known: Row) -> dict[str, object]:
    return {"device_id": device_id, "computed_at": format_ts(known["computed_at"])}


def _range(device_id: str) -> tuple[datetime, datetime]:
    if not {"from", "to"} & set(request.args):
        return _EARLIEST, _LATEST
    zone = query_args.house_zone(current_app.extensions["db"], device_id)
    first, end = (
        query_args.local_moment(name, zone) if name in request.args else otherwise
        for name, otherwise in (("from", _EARLIEST), ("to", _LATEST))
    )
    if first >= end:
        raise query_args.wrong("to", "after from", "range")
    return first, end


def _timed(row: Row) -> Row:
    return row | {name: format_ts(row[name]) for name in ("from", "to")}


def _part(row: Row, names: tuple[str, ...]) -> Row:
    return {name: row[name] for name in names}
