"""The dashboard of a roof: what each string gives, what is in its way, what changed."""

from collections.abc import Iterator

from server.grafana.layout import Place
from server.grafana.panels import about, by_name, table

NOTHING = "Nothing is known of the strings yet (server.nightly), or where the house is was not said"
STRINGS = {
    "string": "String",
    "string_name": "Name",
    "tilt_deg": "Tilt, °",
    "azimuth_deg": "Azimuth, °",
    "share": "Share of 7 days",
    "usual_share": "Usual share",
    "shade_loss_kwh": "Lost to shade",
    "soiling_pct": "Soiling",
    "trend_year_pct": "A year",
    "dead_since": "Dead since",
}
LOSSES = {
    "month": "Month",
    "string": "String",
    "shade_kwh": "Shade",
    "shade_kind": "Known",
    "clipping_kwh": "Clipping",
    "export_limit_kwh": "Export limit",
    "full_battery_kwh": "Full battery",
    "derating_kwh": "Derating",
    "dispatch_kwh": "Dispatch",
    "voltage_kwh": "Held back",
    "outage_kwh": "Outage",
}


def roof() -> Iterator[Place]:
    """Yield the strings through the time, and what the last night found out."""
    unread = "No string was read in this time"
    yield 24, 9, by_name("Power of each string", "roof-powers", "avg_power_w", unread)
    strings = table("Strings", "roof-strings", STRINGS, NOTHING)
    yield 24, 6, about(strings, "By the last night. /v1/roof has intervals, and reasons.")
    shares = by_name("Against its own expectation", "roof-shares", "share_ratio", NOTHING)
    yield 24, 8, about(shares, "Seven days; 1 is as usual, whatever the weather.")
    yield 24, 9, table("Losses by months", "roof-losses", LOSSES, NOTHING)
    bins = {
        "string": "String",
        "azimuth_deg": "Azimuth from, °",
        "elevation_deg": "Elevation from, °",
        "state": "State",
        "performance": "Performance",
        "contrast": "Contrast",
        "n": "Five minutes",
        "days": "Days",
        "last_seen": "Last seen",
    }
    shade = table("Where shade falls", "roof-shade", bins, "No shade is known")
    yield 14, 10, about(shade, "By the sun's position. The page's view Roof draws it.")
    limits = {"string": "String", "cause": "Cause", "hours": "Hours", "lost_kwh": "Lost"}
    held = "The inverter held nothing back in this time, as far as is known"
    yield 10, 10, table("Held back", "roof-limits", limits, held)
    events = {
        "begins": "From",
        "ends": "To",
        "string": "String",
        "id": "What",
        "text": "In words",
    }
    yield 24, 7, table("What changed", "roof-events", events, "Nothing changed")
