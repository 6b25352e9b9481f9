"""``GET /v1/roof`` and ``/v1/shade``: what was found of each string, and where its shade falls.

``server.nightly`` computes it; here it is only read (``sungrow_roof_results`` and its kin).
"""

from typing import Any

from flask import Blueprint, Response, current_app

from edge_lib.shared.command_names import server_command
from edge_lib.shared.timestamps import format_ts
from server.api import query_args, reasons
from server.api.responses import csv_answer, json_answer
from server.database.pool import Row

blueprint = Blueprint("roof", __name__)
_PERIODS = ("all", "last60", "last60_before")
_STRINGS = ("1", "2", "3", "4")
_BIN = (
    *("azimuth_deg", "elevation_deg", "n", "days", "performance", "contrast", "state"),
    "last_seen",
)
_REASONS = {
    "no_strings": "the voltage and current of no string of this house were ever read",
    "no_place": f"where the house is was not said: {server_command('site')} set DEVICE"
    " --latitude 52.1 --longitude 5.2",
    "not_computed": f"its first night is still to come ({server_command('nightly')} computes it)",
    "no_such_string": "this string was never read",
}


@blueprint.get("/v1/roof")
def roof() -> Response:
    """Return what was found of each string, its losses and events, or why there is nothing.

    Before the first night ``computed_at`` is null, with the reason.

    Raises:
        Refused: 401, 403, 422.
        DatabaseAway: 503.
    """
    device_id = query_args.readable_device()
    return json_answer(**result_of(device_id))


@blueprint.get("/v1/shade")
def shade() -> Response:
    """Return the map of a string: bins of the sun's position, lower edges; CSV on request.

    Raises:
        Refused: 401, 403; 422 no such string, period or format.
        DatabaseAway: 503.
    """
    device_id = query_args.readable_device("string", "period", "format")
    string = int(query_args.one_of("string", _STRINGS))
    period = query_args.one_of("period", _PERIODS)
    as_csv = query_args.one_of("format", ("json", "csv")) == "csv"
    asked = {"device_id": device_id, "string": string, "period": period}
    bins = [_dated(row) for row in current_app.extensions["db"].rows("shade-bins", asked)]
    if as_csv:
        return csv_answer(_BIN, [bins], f"{device_id}-shade-{string}-{period}.csv")
    found = result_of(device_id)
    of_map, reason = _map_of(found, string)
    return json_answer(
        device_id=device_id,
        computed_at=found["computed_at"],
        string=string,
        period=period,
        days=of_map["days"],
        days_missing=of_map["days_missing"],
        **reason,
        bins=bins,
    )


def result_of(device_id: str) -> dict[str, Any]:
    """Return the answer of ``/v1/roof``."""
    (known,) = current_app.extensions["db"].rows("roof-result", {"device_id": device_id})
    is_placed = known["latitude"] is not None and known["longitude"] is not None
    result = known["result"]
    if result and not (result["reason"] == "no_place" and is_placed):
        about = {"device_id": device_id, "computed_at": format_ts(known["computed_at"])}
        return {**reasons.told(result, device_id), **about}
    # A place that was set since then is taken account of in the next night.
    why = "not_computed" if is_placed else "no_place"
    place = {name: known[name] for name in ("latitude", "longitude")}
    because = _because(why if known["has_strings"] else "no_strings")
    return {
        "device_id": device_id,
        "computed_at": None,
        "place": place if is_placed else None,
        "export_limit_w": known["export_limit_w"],
        **reasons.told(because, device_id),
        "days": 0,
        "days_missing": None,
        "warnings": [],
        "strings": [],
        "share_by_day": [],
        "losses_by_month": [],
        "events": [],
    }


def _map_of(found: dict[str, Any], string: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return how many days the map of a string has and lacks, and why there is none."""
    why = {name: found[name] for name in ("reason", "reason_text", "reason_values")}
    days = {name: found[name] for name in ("days", "days_missing")}
    for one in found["strings"]:
        if one["string"] == string:
            return one["map"] or days, why
    return days, why if why["reason"] else _because("no_such_string")


def _because(reason: str) -> dict[str, Any]:
    return {"reason": reason, "reason_text": _REASONS[reason], "reason_values": {}}


def _dated(row: Row) -> Row:
    return row | {"last_seen": row["last_seen"].isoformat()}
