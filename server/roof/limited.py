"""Which five minutes say nothing of a roof, because the inverter held back. One row at a time.

Where no export limit is set none is assumed: 0 W of export is what a battery does all day. But
while a battery is all but full, an export that is 0 or stays the same from row to row may be held
there: doubtful, and the voltage decides (``voltage.py``).
"""

from collections.abc import Sequence
from itertools import pairwise

from server.roof.rows import CAUSES, DOUBTFUL, SLOT_S, FiveMinutes, Settings

# Register 13000, "running state" of the protocol; 0x0080 is derating in its older form.
DERATING, DISPATCH = (0x8100, 0x0080), 0x8200
_OF_NOMINAL = 0.985
_NEAR_LIMIT_W = 60.0
_FULL_PCT = 98.0
_NEARLY_FULL_PCT = 95.0  # it takes less and less, whatever it is offered
_SOME = 0.1  # of the samples of the five minutes
_CHARGES_W = 200.0


def cause_of(row: FiveMinutes, settings: Settings) -> str | None:
    """Return one of ``CAUSES``, or None: the sample is evidence."""
    if row.running_state == DISPATCH:
        return "dispatch"
    if row.running_state in DERATING:
        return "derating"
    if _clips(row, settings):
        return "clipping"
    if _at_export_limit(row, settings):
        return "full_battery" if settings.has_battery and _full(row) else "export_limit"
    if any(string.limited_n > _SOME * string.n for string in row.strings):
        return "clipping"  # the state that the other samples had would be told above
    return None


def codes_of(rows: Sequence[FiveMinutes], settings: Settings) -> list[int]:
    """Return what a digest keeps of each row; the rows rise by time."""
    codes = [code_of(cause_of(row, settings)) for row in rows]
    if settings.export_limit_w is not None:
        return codes
    flat = [False, *(_stays(one, other) for one, other in pairwise(rows)), False]
    return [
        DOUBTFUL
        if not code and _nearly_full(row) and (flat[n] or flat[n + 1] or _at_0(row))
        else code
        for n, (row, code) in enumerate(zip(rows, codes, strict=True))
    ]


def _nearly_full(row: FiveMinutes) -> bool:
    return row.may_charge is False or (row.soc_pct is not None and row.soc_pct >= _NEARLY_FULL_PCT)


def _stays(one: FiveMinutes, other: FiveMinutes) -> bool:
    if one.export_w is None or other.export_w is None or other.bucket_s - one.bucket_s > SLOT_S:
        return False
    return one.export_w > 0 and abs(one.export_w - other.export_w) < _NEAR_LIMIT_W


def _at_0(row: FiveMinutes) -> bool:
    return row.export_w is not None and abs(row.export_w) < _NEAR_LIMIT_W


def code_of(cause: str | None) -> int:
    """Return the number that a digest keeps."""
    return 0 if cause is None else 1 + CAUSES.index(cause)


def _clips(row: FiveMinutes, settings: Settings) -> bool:
    nominal_w = settings.nominal_w
    return (
        nominal_w is not None
        and row.inverter_w is not None
        and (row.inverter_w >= _OF_NOMINAL * nominal_w)
    )


def _at_export_limit(row: FiveMinutes, settings: Settings) -> bool:
    limit_w = settings.export_limit_w
    if limit_w is None or row.export_w is None:
        return False
    if abs(row.export_w - limit_w) >= _NEAR_LIMIT_W:
        return False
    # A battery that takes and gives holds the export at 0 without any limit.
    return limit_w >= 2 * _NEAR_LIMIT_W or not settings.has_battery or _full(row)


def _full(row: FiveMinutes) -> bool:
    if row.battery_w is not None and row.battery_w >= _CHARGES_W:
        return False
    return row.may_charge is False or (row.soc_pct is not None and row.soc_pct >= _FULL_PCT)
