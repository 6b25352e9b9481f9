"""What the analysis of a roof takes and returns: rows as the rollups hold them, settings, findings.

Power in W, voltage in V, current in A, angles in degrees (azimuth from north clockwise), moments in
seconds since 1970 (UTC). None is what nobody measured. Pure data, so that all can be judged in
memory.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from server.plane import Plane

SLOT_S = 300  # a row's length; of more where readings are further apart
AZIMUTH_STEP_DEG = 5.0  # of a bin of the map
ELEVATION_STEP_DEG = 2.5
PERIODS = ("all", "last60", "last60_before")  # the last one: the same days a year ago
# Why a sample says nothing about shade. ``voltage``: the string is held above the voltage at which
# it would give most, which is how an inverter gives less than it could, whatever the cause.
CAUSES = ("clipping", "derating", "dispatch", "export_limit", "full_battery", "voltage")
# In a digest: the inverter may have held back, but neither a setting nor the row says so.
DOUBTFUL = 1 + len(CAUSES)


class StringRow(NamedTuple):
    """A row of ``sungrow_strings_5min``: means of the samples whose U and I are both known."""

    string: int
    power_w: float  # its part of the inverter's DC power
    voltage_v: float
    current_a: float
    n: int
    limited_n: int  # of them: the sample alone shows that the inverter held back


class FiveMinutes(NamedTuple):
    """Five minutes of one inverter; means. A string that was not read has no row."""

    bucket_s: int  # start of the five minutes
    strings: tuple[StringRow, ...]
    inverter_w: float | None = None  # AC; with a battery also what it gives
    export_w: float | None = None  # negative = import
    soc_pct: float | None = None
    battery_w: float | None = None  # positive = charging
    may_charge: bool | None = None  # False: the battery refuses
    running_state: int | None = None
    temp_c: float | None = None  # of the inverter
    covered_s: float | None = None  # how long its samples stand for


class Settings(NamedTuple):
    """What the owner said (``python -m server.site set``) and the inverter's own facts."""

    timezone: str = "UTC"
    latitude: float | None = None
    longitude: float | None = None
    export_limit_w: float | None = None
    nominal_w: float | None = None  # AC
    has_battery: bool = False
    strings: Mapping[int, Plane] = {}


class Digest(NamedTuple):
    """One local day, made small: daylight in parallel columns, rising by time."""

    day: date
    first_s: int | None  # start of the first five minutes with power, wherever the sun was
    last_s: int | None
    slots: Sequence[int]  # five minutes since 1970
    azimuths: Sequence[int]  # of the sun in the middle of the slot, tenths of a degree
    elevations: Sequence[int]
    causes: Sequence[int]  # 0, or 1 + the index in CAUSES, or DOUBTFUL
    powers: Mapping[int, Sequence[int]]  # string -> W; -1: not known
    voltages: Mapping[int, Sequence[int]]  # string -> V
    energy_kwh: Mapping[int, float]  # string -> of the whole day
    has_state: bool = True  # whether any row knew the inverter's state
    has_export: bool = True
    row_s: float = SLOT_S  # of which a row tells: five minutes, or what is between readings


class Bin(NamedTuple):
    """A row of ``sungrow_shade_bins``; lower edges."""

    string: int
    period: str  # one of PERIODS
    azimuth_deg: float
    elevation_deg: float
    n: int  # five-minute rows that are evidence
    days: int
    performance: float | None  # of what the string usually gives of a clear sky
    contrast: float | None  # clear moments against overcast ones; low: an obstacle
    state: str  # clear | partly | shaded | too_few
    last_seen: date


class Limit(NamedTuple):
    """A row of ``sungrow_string_limits``: five minutes that say nothing about shade."""

    bucket_s: int
    string: int
    cause: str  # one of CAUSES
    lost_w: float | None  # of what the string would have given; None where that is not known


class Found(NamedTuple):
    """All that a night finds of one inverter."""

    result: dict[str, Any]  # the answer of /v1/roof
    bins: list[Bin]
    limits: list[Limit]  # of the last 24 months
