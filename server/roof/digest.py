"""One local day of five-minute rows, made small. Pure functions; a day is made by itself."""

import json
from collections.abc import Sequence
from datetime import date
from itertools import accumulate, pairwise
from typing import Any

from edge_lib.shared import sun
from server.roof import limited
from server.roof.rows import SLOT_S, Digest, FiveMinutes, Settings
from server.roof.sharing import fairly_shared

LEAST_ELEVATION = 30  # tenths of a degree: lower the light is that of hills, haze and houses
_SOME_W = 20.0
_ZENITH = 899  # tenths: the last bin ends at 90 degrees


def of_day(
    day: date, rows: Sequence[FiveMinutes], begin_s: float, end_s: float, settings: Settings
) -> Digest:
    """Return the digest of a day.

    Args:
        day: its local date.
        rows: rising by time; others than the day's are left out.
        begin_s: its midnight, in seconds since 1970.
        end_s: the next one.
        settings: the place counts, and what tells where the inverter holds back; not the planes.
    """
    own = fairly_shared([r for r in rows if begin_s <= r.bucket_s < end_s and r.strings])
    strings = sorted({string.string for row in own for string in row.strings})
    lit = [row for row in own if sum(string.power_w for string in row.strings) >= _SOME_W]
    kept = _daylight(own, settings)
    row_s = _row_s(own)
    return Digest(
        day=day,
        first_s=lit[0].bucket_s if lit else None,
        last_s=lit[-1].bucket_s if lit else None,
        slots=[row.bucket_s // SLOT_S for row, _ in kept],
        azimuths=[round(at.azimuth_deg * 10) % 3600 for _, at in kept],
        elevations=[min(round(at.elevation_deg * 10), _ZENITH) for _, at in kept],
        causes=limited.codes_of([row for row, _ in kept], settings),
        powers={k: [_of(row, k, "power_w", -1) for row, _ in kept] for k in strings},
        voltages={k: [_of(row, k, "voltage_v", 0) for row, _ in kept] for k in strings},
        energy_kwh={k: _kwh(own, k, row_s) for k in strings},
        has_state=any(row.running_state is not None for row in own),
        has_export=any(row.export_w is not None for row in own),
        row_s=row_s,
    )


def _daylight(rows: Sequence[FiveMinutes], settings: Settings) -> list[tuple[FiveMinutes, sun.Sun]]:
    """Return the rows with the sun high enough, and where it was in the middle of each."""
    if settings.latitude is None or settings.longitude is None:
        return []
    latitude, longitude = settings.latitude, settings.longitude
    placed = [
        (row, sun.position(row.bucket_s + SLOT_S / 2, latitude, longitude))
        for row in rows
        if any(string.power_w > 0 for string in row.strings)
    ]
    return [(row, at) for row, at in placed if at.elevation_deg * 10 >= LEAST_ELEVATION]


def _of(row: FiveMinutes, string: int, name: str, otherwise: int) -> int:
    for own in row.strings:
        if own.string == string:
            value: float = getattr(own, name)
            return round(value)
    return otherwise


def _kwh(rows: Sequence[FiveMinutes], string: int, row_s: float) -> float:
    powers = [own.power_w for row in rows for own in row.strings if own.string == string]
    return round(sum(powers) * row_s / 3.6e6, 3)


def _row_s(rows: Sequence[FiveMinutes]) -> float:
    """Return the time of which a row tells: what is missing of its five minutes is as the rest.

    Between readings every 200 s there are rows of one and of two, so it is the mean that counts.
    """
    covered = [SLOT_S if row.covered_s is None else row.covered_s for row in rows]
    return max(float(SLOT_S), round(sum(covered) / len(covered), 1)) if covered else SLOT_S


def to_json(digest: Digest) -> str:
    """Return the digest as text, for ``from_json``."""
    steps = [after - before for before, after in pairwise([0, *digest.slots])]
    stored = {**digest._asdict(), "day": digest.day.isoformat(), "slots": steps}
    return json.dumps(stored, separators=(",", ":"))


def from_json(text: str) -> Digest:
    """Return what ``to_json`` made into text."""
    return from_stored(json.loads(text))


def from_stored(stored: dict[str, Any]) -> Digest:
    """Return what ``to_json`` made into text, as a JSON column gives it."""
    by_string = ("powers", "voltages", "energy_kwh")
    return Digest(
        **{
            **stored,
            "day": date.fromisoformat(stored["day"]),
            "slots": list(accumulate(stored["slots"])),
            **{name: {int(k): v for k, v in stored[name].items()} for name in by_string},
        }
    )
