"""Why there is no number, in words. The page translates the codes."""

from datetime import UTC, datetime
from typing import Any

from edge_lib.shared.command_names import server_command

_SET = server_command("site set DEVICE")
Warning_ = dict[str, Any]

REASONS = {
    "no_place": f"where the roof is was not set: {_SET} --latitude --longitude",
    "place_contradicts": f"the place that is set does not fit to the sun of the data: {_SET}",
    "no_strings": "no string was read",
    "no_power": "no string has given anything so far",
    "too_far_apart": (
        "readings are {minutes} minutes apart, and the roof needs one every {most} minutes at "
        "least: set a shorter POLL_INTERVAL_S on the edge"
    ),
    "no_orientation": (
        "where the modules look is not known, and the days so far ({days}) cannot tell it yet: "
        f"{_SET} --string NUMBER:TILT,AZIMUTH,KWP"
    ),
    "azimuth_contradicts": f"the orientation that is set does not fit to the data: {_SET} --string",
    "too_few_days": "days known so far: {days}; still needed, with sun: {missing}",
    "one_string": "there is no other string to compare with",
    "too_few_sunny": "too few sunny days so far",
    "no_rain": "no cleaning was seen, by rain or by hand: dirt cannot be told from other causes",
    "too_short": "months of data so far: {months}; needed: {needed}",
    "not_settled": "the map of the shade is not settled yet",
}


def why(reason: str | None, **values: object) -> dict[str, Any]:
    """Return the three keys that tell why there is no number."""
    text = REASONS[reason].format(**values) if reason else None
    return {"reason": reason, "reason_text": text, "reason_values": values}


def moment(at_s: float) -> str:
    """Return seconds since 1970 as the API tells moments."""
    told = datetime.fromtimestamp(at_s, UTC).isoformat(timespec="seconds")
    return told.replace("+00:00", "Z")


WARNINGS = {
    "longitude_contradicts": (
        "the middle of the sun's day is off by {minutes} minutes: the longitude seems to be near "
        "{seems_deg}, not {set_deg}"
    ),
    "latitude_contradicts": (
        "by the latitude {set_deg} there was power with the sun {lowest_deg} degrees high: is its "
        "sign right?"
    ),
    "azimuth_contradicts": "by its power it looks to {seems_deg} degrees, not to {set_deg}",
    "power_contradicts": "its power is that of {seems_kwp} kWp, not of {set_kwp}",
    "fades": (
        "gives {pct_year} % a year, and modules age by 0.5 to 0.8 %: if all strings do, look for "
        "dirt, else for a fault"
    ),
}


def warning(name: str, values: dict[str, Any]) -> Warning_:
    """Return what the owner should look at."""
    return {"id": name, "values": values, "text": WARNINGS[name].format(**values)}


EVENTS = {
    "new_shade": "new shade between {azimuth_from_deg} and {azimuth_to_deg} degrees",
    "seasonal_shade": (
        "shade between {azimuth_from_deg} and {azimuth_to_deg} degrees that was there at this time "
        "of last year, too, and is less in between: leaves"
    ),
    "share_step": "gives {pct} % less than usual beside the others, at once",
    "share_drift": "gives {pct} % less than usual beside the others, more and more",
    "dead": "gives nothing while another string does",
    "cleaned": "was cleaned, by rain or by hand: {pct} % more than before",
}


def event(
    name: str, string: int, first: str, last: str | None, value: float, **values: object
) -> dict[str, Any]:
    """Return what happened to a string."""
    return {
        "id": name,
        "string": string,
        "from": first,
        "to": last,
        "value": round(value, 3),
        "values": values,
        "text": EVENTS[name].format(**values),
    }
