"""What a night may have found out of a battery, stored as the nightly job stores it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from psycopg2.extras import Json, execute_values

from server.battery.result import FIGURES, INSIGHTS, REASONS, WARRANTY
from tests.support.readings import connected, rows

NOMINAL_KWH, FIRST_KWH, FADE_A_YEAR = 9.6, 9.48, 0.025
CAPACITIES_KWH = (0.0, 5.0, 8.0, NOMINAL_KWH, 10.0, 13.0, 16.0, 20.0, 26.0)
KNOWN = {
    "full_cycles": (612.4, None, None),
    "full_cycles_year": (204.2, None, None),
    "discharged_kwh": (5879.0, None, None),
    "round_trip_pct": (95.4, 94.8, 96.0),
    "converter_round_trip_pct": (88.2, None, None),
    "standby_w": (13.1, 10.2, 16.0),
    "standby_kwh_year": (114.8, 89.4, 140.2),
    "capacity_kwh": (9.08, 8.9, 9.26),
    "capacity_first_kwh": (FIRST_KWH, 9.29, 9.67),
    "capacity_pct": (95.8, 95.2, 96.4),
    "soh_reported_pct": (100.0, None, None),
    "soh_optimistic_points": (4.2, 3.6, 4.8),
    "soh_verdict": ("optimistic", None, None),
    "fade_pct_year": (2.5, 2.35, 2.65),
    "forecast_line_pct": (75.9, 74.5, 77.3),
    "forecast_root_pct": (85.1, 83.9, 86.3),
    "days_since_full": (3.2, None, None),
}
KNOWN_INSIGHTS = {  # kWh, value
    "larger_battery": (812.4, 214),
    "charge_limit": (12.5, 31.0),
    "discharge_limit": (0.4, 0.3),
    "reserve": (402.0, 2100),
    "grid_charging": (0.0, 0.0),
    "battery_to_grid": (31.0, 1.6),
    "full_early": (640.0, 310),
    "winter_sleep": (None, 22),
    "zero_hunting": (18.3, 4100),
    "best_size": (310.0, 13),
}
KNOWN_WARRANTY = {
    "age_years": 2.58,
    "years_left": 7.42,
    "mwh_used": 5.88,
    "mwh_runs_out_years": 11.4,
    "capacity_pct": 94.6,
    "hours_too_cold": 0,
    "hours_too_hot": 12,
    "days_offline": 2,
}
TERMS = {
    "installed": "2024-05-01",
    "years": 10,
    "mwh": 28.0,
    "capacity_pct": 70,
    "t_min_c": 0,
    "t_max_c": 50,
    "ends_on": "2034-05-01",
    "modules": 3,
    "capacity_kwh": NOMINAL_KWH,
}
SOC_EDGES = (0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95)
TEMP_EDGES = (-60, 5, 15, 25, 35, 45)


def why(code: str, **values: float) -> dict[str, Any]:
    """Return how an answer says that there is no figure."""
    text = REASONS[code].format(**values) if values else REASONS[code]
    return {"reason": code, "reason_text": text, "reason_values": values}


NOT_PLAYED = {"days": 90.0, "capacities": []}
NO_REASON = {"reason": None, "reason_text": None, "reason_values": {}}


def a_figure(unit: str | None, known: tuple | None, reason: dict, now: datetime) -> dict:
    """Return a figure as an answer has it; ``known``: value, low, high."""
    value, low, high = known or (None, None, None)
    span = {"from": None, "to": None, "method": None, "n": None}
    if known:
        span = {"from": (now - timedelta(days=365)).isoformat(), "to": now.isoformat()}
        span |= {"method": "median", "n": 31 if low else None}
    return {"value": value, "unit": unit, "low": low, "high": high, **span} | (
        NO_REASON if known else reason
    )


def months_before(now: datetime, count: int) -> list[str]:
    """Return the months up to this one, as 2026-11."""
    last = now.year * 12 + now.month - 1
    return [f"{n // 12}-{n % 12 + 1:02}" for n in range(last - count + 1, last + 1)]


def three_years(now: datetime) -> dict[str, Any]:
    """Return what is known of a house that has been measured for three years: nearly all."""
    found = _result(now, dict.fromkeys(FIGURES, why("no_rest")), KNOWN, KNOWN_INSIGHTS, 36)
    found["warranty"] = TERMS | {
        "figures": {
            name: a_figure(unit, (KNOWN_WARRANTY[name], None, None), {}, now) | {"method": None}
            for name, unit in WARRANTY.items()
        },
        **NO_REASON,
    }
    found["jumps"] = [
        {"at": "2026-03-11T05:40:00Z", "from_pct": 9.4, "to_pct": 0.0, "points": -8.9},
        {"at": "2026-10-02T11:05:00Z", "from_pct": 88.0, "to_pct": 100.0, "points": 11.2},
    ]
    found["capacity_by_year"] = [
        {"year": now.year - 2 + n, "epoch": 0, "value": value, "low": value - 0.18,
         "high": value + 0.18, "n": 31, "q1": value - 0.05, "q3": value + 0.05, **NO_REASON}
        for n, value in enumerate((9.48, 9.26, 9.08))
    ]  # fmt: skip
    return found


def three_months(now: datetime, min_soc_pct: int = 20) -> dict[str, Any]:
    """Return what is known after three months, of a battery that is never emptied."""
    reserve = why("reserve", soc_pct=min_soc_pct)
    early = why("too_short", months=3, needed=12)
    reasons = dict.fromkeys(FIGURES, reserve)
    few = why("too_few_windows", n=41, needed=60)
    reasons |= dict.fromkeys(("round_trip_pct", "standby_w", "standby_kwh_year"), few)
    reasons |= dict.fromkeys(("fade_pct_year", "forecast_line_pct", "forecast_root_pct"), early)
    names = ("full_cycles", "full_cycles_year", "discharged_kwh", "soh_reported_pct")
    known = {name: KNOWN[name] for name in (*names, "days_since_full")}
    known |= {"full_cycles": (58.1, None, None), "full_cycles_year": (58.1, None, None)}
    known |= {"discharged_kwh": (557.8, None, None)}
    insights = {k: v for k, v in KNOWN_INSIGHTS.items() if k not in ("winter_sleep", "best_size")}
    found = _result(now, reasons, known, insights, 3)
    found["capacity_by_year"] = [
        {"year": now.year, "epoch": 0, "value": None, "low": None, "high": None, "n": 0}
        | {"q1": None, "q3": None, **reserve}
    ]
    for one in found["insights"]:
        if one["id"] == "winter_sleep":
            one |= early
        if one["id"] == "best_size":
            one |= why("no_efficiency")
    return found


def _result(
    now: datetime, reasons: dict, known: dict[str, tuple], insights: dict, months: int
) -> dict[str, Any]:
    heat = [[(row + 3) * by for by in (0, 12, 40, 25, 6, 0)] for row in range(len(SOC_EDGES))]
    span = months_before(now, months)
    unset = why("not_set")
    return {
        "figures": {
            name: a_figure(unit, known.get(name), reasons[name], now)
            for name, unit in FIGURES.items()
        },
        "capacity_by_year": [],
        "depth": {"cycles": 204.2, "bands": _bands(), **NO_REASON},
        "exposure": {
            "soc_edges_pct": SOC_EDGES,
            "temp_edges_c": TEMP_EDGES,
            "heat_hours": heat,
            "months": [
                {"month": month, "hours": 720, "hours_full": 150, "hours_low": 90}
                | {"hours_hot": 4, "hours_cold_charging": 2}
                for month in span
            ],
            "rates": [
                {"from_rate": low, "to_rate": high, "hours_charging": 900, "hours_discharging": 700}
                for low, high in ((0, 0.1), (0.1, 0.25), (0.25, 0.5), (0.5, None))
            ],
            **NO_REASON,
        },
        "efficiency_by_month": [
            {"month": month, "charge_kwh": 180.2, "discharge_kwh": 164.9, "converter_value": 87.0}
            | ({"value": None, "low": None, "high": None, **why("no_throughput")} if n % 12 == 2
               else {"value": 91 + n % 3, "low": 90 + n % 3, "high": 92 + n % 3, **NO_REASON})
            for n, month in enumerate(span)
        ],
        "jumps": [],
        "insights": [
            {"id": name, "kwh": insights.get(name, (None,))[0], "unit": unit, "formula": formula,
             "value": insights.get(name, (None, None))[1], **NO_REASON}
            | ({"backup_hours": 0.5} if name == "reserve" else {})
            for name, (unit, formula) in INSIGHTS.items()
        ],
        "warranty": dict.fromkeys(TERMS)
        | {"capacity_kwh": NOMINAL_KWH}
        | {"figures": {name: a_figure(unit, None, unset, now) for name, unit in WARRANTY.items()}}
        | unset,
        "soh_by_month": [{"month": m, "soh_pct": 100.0, "capacity_pct": None} for m in span],
    }  # fmt: skip


def _bands() -> list[dict[str, float]]:
    return [
        {"from_pct": 10 * n, "to_pct": 10 * n + 10, "cycles": cycles}
        for n, cycles in enumerate((310.5, 120, 80, 61, 55, 40, 38, 50, 81, 105))
    ]


def whatif() -> dict[str, Any]:
    """Return what each capacity would have imported and exported in a year."""
    played = [
        {
            "capacity_kwh": kwh,
            "import_kwh": 1100 + 2100 * 0.87**kwh,
            "export_kwh": 1800 + 2300 * 0.87**kwh,
            "saved_kwh": 2100 * (1 - 0.87**kwh),
            "is_own": kwh == NOMINAL_KWH,
        }
        for kwh in CAPACITIES_KWH
    ]
    return {"days": 365.0, "capacities": played, **NO_REASON}


def windows(now: datetime, count: int = 94, every: timedelta = timedelta(days=11.5)) -> list:
    """Return windows that measured the capacity, up to now: a battery that fades, warm and cold."""
    chance = Random(3)
    found = []
    for n in range(count):
        end = now - every * (count - n)
        years = every * n / timedelta(days=365)
        capacity = FIRST_KWH * (1 - FADE_A_YEAR * years) * (1 + chance.gauss(0, 0.009))
        celsius = 12 + (14 if 5 <= end.month <= 9 else -4) + chance.uniform(-4, 8)
        kind = chance.choice(["full_empty", "empty_full"])
        begin = end - timedelta(days=chance.uniform(0.4, 3))
        found.append((begin, end, kind, 0, 12.2, 19.1, capacity, celsius, 0.2))
    return found


def store_battery(
    url: str, device_id: str, result: dict, of: Sequence = (), sizes: dict | None = None
) -> None:
    """Store a result in place of the one before, its windows, and what other sizes would do."""
    with connected(url) as connection:
        for table in ("sungrow_battery_results", "sungrow_battery_windows"):
            rows(connection, f"DELETE FROM {table} WHERE device_id = %s", device_id)  # noqa: S608
        add = "INSERT INTO sungrow_battery_results VALUES (%s, %s, %s, %s, true, true)"
        rows(connection, add, device_id, datetime.now(UTC), Json(result), Json(sizes or NOT_PLAYED))
        with connection, connection.cursor() as cursor:
            insert = "INSERT INTO sungrow_battery_windows VALUES %s"
            execute_values(cursor, insert, [(device_id, *one) for one in of])
