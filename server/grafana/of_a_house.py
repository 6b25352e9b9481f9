"""The dashboards of one house: Now, Energy and Grid."""

from collections.abc import Iterator

from server.grafana.layout import Place
from server.grafana.panels import about, bars, beyond, curves, pie, stat, table

NO_METER = "No grid (P1) meter reported anything in this time"
ENERGIES = {
    "pv_kwh": "Panels",
    "load_kwh": "House",
    "import_kwh": "Imported",
    "export_kwh": "Exported",
    "battery_charge_kwh": "Battery charged",
    "battery_discharge_kwh": "Battery discharged",
}
NOT_KNOWN = "not measured"
POWERS = {
    "pv_power_w": "Panels",
    "load_power_w": "House",
    "export_power_w": "Grid (+ exporting)",
    "battery_power_w": "Battery (+ charging)",
    "battery_soc_pct": "Charge",
}
PEAKS = {
    "month": "Month",
    "place": "Place",
    "slot": "Quarter hour",
    "avg_power_w": "Mean import",
    "estimated": "Estimated",
}
BOTH_METERS = {
    "import_p1_kwh": "Imported, P1",
    "import_counter_kwh": "Imported, inverter's meter",
    "export_p1_kwh": "Exported, P1",
    "export_counter_kwh": "Exported, inverter's meter",
}


def now() -> Iterator[Place]:
    """Yield what happens now and today, and what is wrong."""
    stale = "not measured, or no reading within ten minutes"
    yield 20, 5, stat("Now", "now", POWERS, stale)
    age = stat("Newest reading", "age", {"age_s": "Age"}, "No reading yet")
    yield 4, 5, beyond(age, 300)
    means = {f"avg_{field}": name for field, name in POWERS.items()}
    yield (
        24,
        10,
        about(
            curves("Power", "powers", means, NOT_KNOWN),
            "Means of five minutes or more. Where nothing is known there is no line.",
        ),
    )
    yield 24, 4, stat("Today", "today", ENERGIES, NOT_KNOWN)
    spans = {"from_ts": "From", "to_ts": "To"}
    faults = {
        **spans,
        "code": "Code",
        "severity": "Severity",
        "text": "What",
        "advice": "What to do",
    }
    yield (
        24,
        7,
        about(
            table(
                "Faults",
                "faults",
                {**faults, "polls": "Readings"},
                "No fault was shown in this time",
            ),
            "A dongle that has never shown one may be unable to. Without an end: not over.",
        ),
    )
    alerts = {"since": "Since", "closed_at": "Until", "severity": "Severity", "rule": "Rule"}
    yield (
        12,
        7,
        table(
            "Alerts",
            "alerts",
            {**alerts, "title": "What"},
            "No alert in this time, or alerts are not used",
        ),
    )
    gaps = {**spans, "cause": "Cause", "duration_s": "Length"}
    yield 12, 7, table("Times without readings", "gaps", gaps, "None in this time")


def energy() -> Iterator[Place]:
    """Yield what days and months brought, and where it went."""
    yield 24, 4, stat("In this time", "totals", ENERGIES, NOT_KNOWN)
    yield 24, 10, bars("Local days", "days", ENERGIES, NOT_KNOWN)
    shares = {"self_sufficiency": "Self-sufficiency", "self_consumption": "Self-consumption"}
    yield (
        14,
        9,
        about(
            curves("Shares", "shares", shares, "Nothing is known of the grid in this time"),
            "Of the use, what came without the grid; of the yield, what stayed in the house.",
        ),
    )
    flows = {
        f"{source}_to_{sink}_kwh": f"{source.capitalize()} to {sink}"
        for source, sink in (
            *(("solar", "house"), ("solar", "battery"), ("solar", "grid"), ("battery", "house")),
            *(("battery", "grid"), ("grid", "house"), ("grid", "battery")),
        )
    }
    yield 10, 9, pie("Where it went", "flows", flows, "Nothing is known of the grid in this time")
    months = {"month": "Month"}
    for field in ("pv_kwh", "load_kwh", "import_kwh", "export_kwh"):
        months[field] = ENERGIES[field]
        months[field.replace("_kwh", "_before_kwh")] = f"{ENERGIES[field]}, a year before"
    yield (
        24,
        11,
        about(
            table("Months, beside the year before", "months", months, NOT_KNOWN),
            "The running month is compared with the same days of the year before.",
        ),
    )


def grid() -> Iterator[Place]:
    """Yield what the grid (P1) meter says, beside the inverter's own."""
    volts = {f"voltage_l{phase}_v": f"L{phase}" for phase in (1, 2, 3)}
    now = {
        "power_w": "Power (+ importing)",
        **volts,
        "month_peak_w": "The meter's peak of the month",
    }
    yield 24, 4, stat("Grid (P1) meter", "p1-now", now, "No grid (P1) meter within ten minutes")
    powers = {"avg_power_w": "Mean", "min_power_w": "Least", "max_power_w": "Most"}
    yield 24, 8, curves("Power at the meter (+ importing)", "p1-powers", powers, NO_METER)
    quarters = {"avg_power_w": "Quarter hour", "highest_w": "Highest of the month"}
    yield (
        14,
        9,
        about(
            curves("Quarter hours, imported", "quarters", quarters, NO_METER),
            "For tariffs by peak; of at most 31 days. A quarter hour with a gap is left out.",
        ),
    )
    yield 10, 9, table("Highest quarter hours", "peaks", PEAKS, NO_METER)
    yield (
        12,
        9,
        bars(
            "Both meters, by local day", "grid-days", BOTH_METERS, "Neither meter's counters speak"
        ),
    )
    used = {"gas_m3": "Gas", "water_m3": "Water"}
    yield (
        12,
        9,
        bars("Gas and water, by local day", "gas-and-water", used, "No meter passes them on"),
    )
    measured = {
        "avg_grid_voltage_v": "Inverter",
        **{f"avg_{field}": f"P1 {name}" for field, name in volts.items()},
        "avg_grid_frequency_hz": "Frequency",
    }
    panel = curves("Voltage and frequency", "voltage", measured, NOT_KNOWN) | {"interval": "1m"}
    yield 24, 8, about(panel, "Of the last two days at most.")
