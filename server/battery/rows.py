"""What the estimator of the battery takes: rows as the rollups hold them, and settings.

Power in W, positive = charging or exporting, energy in kWh, moments in seconds since 1970. None is
what nobody measured. Pure data, so that the estimator can be judged in memory.
"""

from datetime import date
from typing import NamedTuple

MARGIN_S = 3 * 3600  # that a day's rows begin before its midnight, for what led to an anchor

# Bands of an hour's exposure. Lower edges; a value belongs to the last edge that is not above it.
SOC_EDGES_PCT = (0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95)
TEMP_EDGES_C = (-60, 5, 15, 25, 35, 45)
RATE_EDGES = (0.0, 0.1, 0.25, 0.5)  # |power| / nominal capacity, per hour
REST_W = 20.0  # with less it neither charges nor discharges


class FiveMinutes(NamedTuple):
    """A row of ``sungrow_5min``, where its house has none of its own of ``sungrow_house_5min``.

    ``mean`` is sum / count. What needs the grid meter is None where none measured it: load,
    export, import and the flows. ``counters_first`` and ``_last`` may lack (None).
    """

    bucket_s: int  # start of the five minutes
    covered_s: float  # how much of it its samples stand for
    soc_mean_pct: float | None
    soc_min_pct: float | None
    soc_max_pct: float | None
    battery_mean_w: float | None
    battery_min_w: float | None
    battery_max_w: float | None
    charge_kwh: float  # battery_charge_integral_kwh
    discharge_kwh: float  # battery_discharge_integral_kwh
    first_s: float | None  # counters_first.ts
    first_charge_kwh: float | None  # counters_first.battery_total_charge_kwh
    first_discharge_kwh: float | None
    last_s: float | None  # counters_last.ts
    last_charge_kwh: float | None
    last_discharge_kwh: float | None
    pv_kwh: float | None = None  # pv_integral_kwh
    load_kwh: float | None = None
    import_kwh: float | None = None
    export_kwh: float | None = None
    solar_to_battery_kwh: float | None = None
    grid_to_battery_kwh: float | None = None
    battery_to_house_kwh: float | None = None
    battery_to_grid_kwh: float | None = None
    temp_c: float | None = None  # mean of the hour, of sungrow_battery_hourly
    soh_pct: float | None = None  # mean of the hour, as the BMS reports it
    running_state: int | None = None  # where it is known
    cell_v: float | None = None  # least voltage per cell, where it is known
    may_charge: bool | None = None  # False: register 5635 says 0 while 5636 does not
    may_discharge: bool | None = None  # False: register 5636 says 0 while 5635 does not


class Exposure(NamedTuple):
    """Seconds of one local month in one cell; the bands are indices of the edges above.

    ``temp_band`` is None where no temperature was read, ``rate_band`` where there is no nominal
    capacity; ``direction`` is 1 while charging, -1 while discharging, 0 below ``REST_W``.
    """

    month: str  # 2026-11
    soc_band: int
    temp_band: int | None
    rate_band: int | None
    direction: int
    seconds: float


class Settings(NamedTuple):
    """What the owner said (``python -m server.battery set``) and the inverter's own facts."""

    capacity_kwh: float | None = None  # by the owner, else sungrow_devices.battery_capacity_kwh
    min_soc_pct: float | None = None
    modules: int | None = None
    installed: date | None = None
    warranty_years: float | None = None
    warranty_mwh: float | None = None
    warranty_capacity_pct: float | None = None
    warranty_t_min_c: float | None = None
    warranty_t_max_c: float | None = None
    timezone: str = "UTC"
    replaced_s: tuple[float, ...] = ()  # sungrow_inverters.since, but the first


class Anchor(NamedTuple):
    """A state of the battery that physics fixes, from reaching it to leaving it.

    ``kind``: ``full``, ``empty`` or ``reserve`` (not physical: discharging ended at the least state
    of charge that is allowed). ``evidence``: a word of ``EVIDENCE``.
    """

    kind: str
    reached_s: float
    left_s: float
    evidence: str
    soc_before_pct: float | None  # half an hour before, moved by the energy since
    soc_after_pct: float | None
    reached_charge_kwh: float | None  # the lifetime counters
    reached_discharge_kwh: float | None
    left_charge_kwh: float | None
    left_discharge_kwh: float | None
    temp_c: float | None = None


EVIDENCE = {
    "soc_100_tapered": "100 % and charging had ended while solar power was exported",
    "soc_100_blocked": "100 % and the battery forbids charging",
    "soc_zero": "below 1 % and discharging had ended while power was imported",
    "soc_fell": "above the reserve discharging ended, and the state of charge fell unexplained",
    "cell_voltage": "the cells were at the voltage of an empty battery",
    "discharge_blocked": "the battery forbids discharging",
    "reserve": "discharging ended with none of these: a reserve is set",
}


class Window(NamedTuple):
    """From one anchor to the next: what a capacity or the efficiency is measured by.

    ``kind``: ``full_empty``, ``empty_full`` or ``full_full``, which has no capacity.
    """

    kind: str
    from_s: float
    to_s: float
    charge_kwh: float
    discharge_kwh: float
    temp_c: float | None
    mean_rate: float | None  # mean power of discharging (charging) / nominal capacity, per hour
    epoch: int
    capacity_kwh: float | None = None

    @property
    def days(self) -> float:
        """How long it is."""
        return (self.to_s - self.from_s) / 86_400


class Jump(NamedTuple):
    """The state of charge moved and energy does not explain it: a recalibration of the BMS."""

    at_s: float
    from_pct: float
    to_pct: float
    points: float  # to - from - what energy explains


class Digest(NamedTuple):
    """One local day, small. What is stored of it is ``digest.to_json`` (text of ~ 500 bytes)."""

    day: date
    covered_s: float
    charge_kwh: float | None  # by the counters, where they were read and rose plausibly
    discharge_kwh: float | None
    charge_integral_kwh: float
    discharge_integral_kwh: float
    first_s: float | None  # the first and the last counters of the day
    first_charge_kwh: float | None
    first_discharge_kwh: float | None
    last_s: float | None
    last_charge_kwh: float | None
    last_discharge_kwh: float | None
    solar_to_battery_kwh: float | None
    grid_to_battery_kwh: float | None
    battery_to_house_kwh: float | None
    battery_to_grid_kwh: float | None
    max_charge_w: float | None
    max_discharge_w: float | None
    min_soc_pct: float | None
    max_soc_pct: float | None
    first_soc_pct: float | None
    last_soc_pct: float | None
    soh_pct: float | None
    temp_c: float | None
    turns: tuple[float, ...]  # turning points of SoC, jumps taken out
    jumps: tuple[Jump, ...]
    anchors: tuple[Anchor, ...]
    backup_s: float | None = None  # in state 0x1000, a power cut; None: no state is known
