"""The dashboard of a battery: what it holds, how it is treated, by what that is known."""

from collections.abc import Iterator

from server.grafana.layout import Place
from server.grafana.panels import about, curves, stat, table

NOTHING = "Nothing is computed of it yet (server.nightly), or there is no battery"
FIGURES = {
    "capacity_kwh": "Holds",
    "capacity_pct": "Of its first year",
    "soh_reported_pct": "Health, as it reports",
    "round_trip_pct": "Round trip",
    "standby_w": "Standby",
    "full_cycles": "Full cycles",
    "since_full_days": "Last full",
}
TEMPERATURES = {"min": "Coldest, °C", "avg": "Mean, °C", "max": "Hottest, °C"}
BANDS = {
    "soc_from_pct": "Charge from",
    "below_5": "below 5 °C",
    "from_5": "5 to 15",
    "from_15": "15 to 25",
    "from_25": "25 to 35",
    "from_35": "35 to 45",
    "from_45": "from 45 °C",
}


def battery() -> Iterator[Place]:
    """Yield what the last night found out, and the hours of the time."""
    figures = stat("Battery", "battery-figures", FIGURES, NOTHING)
    yield 24, 5, about(figures, "By the last night. /v1/battery has intervals, and reasons.")
    capacity = curves("Capacity", "battery-capacity", {"capacity_kwh": "Measured"}, NOTHING)
    words = "One point for each way from full to empty, or back. Steps are another battery."
    yield 14, 9, about(capacity, words)
    years = {
        "year": "Year",
        "epoch": "Battery",
        "n": "Events",
        "median_kwh": "Median",
        "lower_quartile_kwh": "Lower quartile",
        "upper_quartile_kwh": "Upper quartile",
    }
    yield 10, 9, table("Capacity by years", "battery-years", years, NOTHING)
    hours = {f"{which}_battery_temp_c": name for which, name in TEMPERATURES.items()}
    hours |= {"rest_v": "At rest", "avg_battery_soh_pct": "Health, as it reports"}
    yield 24, 9, curves("Temperature, voltage at rest, health", "battery-hours", hours, NOTHING)
    bands = table("Hours by charge and temperature", "battery-bands", BANDS, NOTHING)
    yield 12, 10, about(bands, "Hot and full is what ages its cells.")
    insights = {
        "id": "What",
        "insight_kwh": "Energy",
        "value": "Value",
        "unit": "Unit",
        "formula": "How it is known",
    }
    yield 12, 10, table("The last 365 days", "battery-insights", insights, NOTHING)
    events = {
        "ts": "Reached",
        "left_ts": "Left",
        "kind": "Kind",
        "evidence": "By",
        "soc_before_pct": "Charge before",
        "soc_after_pct": "after",
        "temp_c": "°C",
    }
    yield 14, 8, table("Full and empty", "battery-anchors", events, "Neither in this time")
    jumps = {"jump_ts": "At", "from_pct": "From", "to_pct": "To", "points": "Not explained"}
    yield 10, 8, table("Jumps of the charge", "battery-jumps", jumps, "None in this time")
