"""What the estimator of the battery tells: names, units, reasons. The page translates the codes."""

import math
from datetime import UTC, datetime
from typing import Any, NamedTuple

from edge_lib.shared.command_names import server_command

FIGURES = {  # name: unit; None: a word
    "full_cycles": "cycles",  # discharged energy / nominal capacity, by the lifetime counter
    "full_cycles_year": "cycles",  # of the last 365 days
    "charged_kwh": "kWh",  # lifetime
    "discharged_kwh": "kWh",
    "charged_kwh_year": "kWh",  # of the last 365 days
    "discharged_kwh_year": "kWh",
    "round_trip_pct": "%",  # of the battery alone, without its standby
    "converter_round_trip_pct": "%",  # with converter and standby: by the flows of the house
    "standby_w": "W",
    "standby_kwh_year": "kWh",
    "standby_at_rest_w": "W",  # second opinion: how the state of charge falls while nothing flows
    "capacity_kwh": "kWh",  # of the last 365 days
    "capacity_first_kwh": "kWh",  # of the first 365 days of the present epoch
    "capacity_pct": "%",  # the one in percent of the other
    "capacity_down_kwh": "kWh",  # by windows from full to empty alone, of the last 365 days
    "capacity_up_kwh": "kWh",  # from empty to full: the difference checks the efficiency
    "soh_reported_pct": "%",
    "soh_optimistic_points": "points",  # reported minus measured
    "soh_verdict": None,  # agrees, optimistic, pessimistic
    "fade_pct_year": "%/year",  # of the first capacity; positive = loses
    "forecast_line_pct": "%",  # capacity at the end of the warranty, by a line
    "forecast_root_pct": "%",  # and by the square root of time
    "days_since_full": "days",
    "days_since_empty": "days",
    "jump_at_empty_points": "points",  # median of the last 365 days: an early hint, no measure
    "charge_limit_w": "W",  # the largest seen in the last 365 days
    "discharge_limit_w": "W",
    "closure_pct": "%",  # of the throughput that energy does not explain, of the last 90 days
}

WARRANTY = {  # the same of the warranty sheet
    "age_years": "years",
    "years_left": "years",
    "mwh_used": "MWh",
    "mwh_runs_out_years": "years",  # from now, at last year's rate
    "capacity_pct": "%",  # of the nominal capacity
    "hours_too_cold": "hours",
    "hours_too_hot": "hours",
    "days_offline": "days",  # since the first reading, without any reading
}

INSIGHTS = {  # id: (unit of value, formula)
    "larger_battery": (
        "days",
        "per day: the smaller of export before the night and import until the next export; "
        "value: days with both",
    ),
    "charge_limit": ("hours", "export while charging at >= 95 % of the largest power, SoC < 100 %"),
    "discharge_limit": ("hours", "import while discharging at >= 95 % of the largest power"),
    "reserve": ("hours", "import while discharging had ended at the reserve; value: its hours"),
    "grid_charging": ("hours", "energy from the grid into the battery; value: its hours"),
    "battery_to_grid": ("%", "energy from the battery into the grid; value: of the discharged"),
    "full_early": ("hours", "export at 100 % before 13:00; value: hours at 100 % before 13:00"),
    "winter_sleep": ("days", "value: days that stayed below 20 %"),
    "zero_hunting": ("hours", "import and export of moments within 50 W; value: their hours"),
    "best_size": ("kWh", "import that the next larger battery saves a year; value: its capacity"),
}

_SET = server_command("battery set DEVICE")
REASONS = {
    "no_battery": "no reading of a battery",
    "no_counters": "the lifetime counters of charging and discharging were not read",
    "no_capacity_set": f"the nominal capacity is not known: {_SET} --capacity-kwh",
    "no_grid_meter": "no meter measures the grid",
    "no_flows": "too few readings tell where the energy went",
    "no_temperature": "no temperature of the battery was read",
    "no_soh": "the battery reports no state of health",
    "never_full": "the battery was never full for certain: 100 % and solar power left over",
    "never_empty": "the battery was never empty for certain",
    "reserve": (
        "the reserve keeps it at {soc_pct} %: one full discharge (least state of charge 0 to 5 %) "
        "is needed, for example on a clear day in April"
    ),
    "too_few_windows": "only {n} of the {needed} runs from full to full needed so far",
    "too_few_events": "only {n} of the {needed} full charges or discharges needed so far",
    "too_short": "only {months} of the {needed} months of data needed so far",
    "not_plausible": "what the counters and the anchors say does not fit together",
    "no_efficiency": "efficiency and standby are not known yet",
    "no_rest": "the battery never rested for 12 hours",
    "no_first_year": "the present battery is younger than a year here",
    "no_throughput": "too little was charged",
    "not_set": f"not set: {_SET}",
    "no_data": "no reading of these days",
}


class Figure(NamedTuple):
    """A number with its interval (95 %), events and method, or None with the reason."""

    value: float | str | None = None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    from_s: float | None = None
    to_s: float | None = None
    method: str | None = None
    reason: str | None = None  # a code of REASONS
    blanks: tuple[tuple[str, Any], ...] = ()  # what fills the reason's text


def none(reason: str, events: int | None = None, /, **blanks: object) -> Figure:
    """Return a figure without a number, and why."""
    return Figure(n=events, reason=reason, blanks=tuple(blanks.items()))


def reason_of(figure: Figure) -> dict[str, Any]:
    """Return the three keys that tell why there is no number."""
    text = REASONS[figure.reason].format(**dict(figure.blanks)) if figure.reason else None
    return {
        "reason": figure.reason,
        "reason_text": text,
        "reason_values": dict(figure.blanks),
    }


def shown(figure: Figure, unit: str | None) -> dict[str, Any]:
    """Return the figure as the API shows it; numbers in four digits."""
    return {
        "value": figure.value if isinstance(figure.value, str) else rounded(figure.value),
        "unit": unit,
        "low": rounded(figure.low),
        "high": rounded(figure.high),
        "n": figure.n,
        "from": moment(figure.from_s),
        "to": moment(figure.to_s),
        "method": figure.method,
        **reason_of(figure),
    }


def rounded(value: float | None) -> float | None:
    """Return the number in four significant digits, from 1000 on in whole ones."""
    if value is None or value == 0:
        return value
    return round(value, max(0, 3 - math.floor(math.log10(abs(value)))))


def moment(at_s: float | None) -> str | None:
    """Return seconds since 1970 as the API tells moments."""
    if at_s is None:
        return None
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
