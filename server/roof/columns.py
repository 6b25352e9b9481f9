"""All days of one inverter side by side: what the analysis goes through. A few bytes a row."""

from __future__ import annotations  # array[int] is not a type for Python 3.11 while it runs

from array import array
from bisect import bisect_left
from collections.abc import Iterable
from datetime import date, timedelta
from typing import NamedTuple

from server.plane import Plane
from server.roof.model import LEAST_W_PER_KWP, Facing
from server.roof.rows import CAUSES, DOUBTFUL, Digest

LEAST_A = 1.0  # under a clear sky: a tenth of an ampere, the step of the register, is then 10 %
_FACING = 0.08  # cosine: with the sun behind the modules there is no beam to be shaded
GRAZED, _CLOUDS_GIVE = 0.4, 0.6  # below this cosine, bright clouds count; how much for each 1
_STEP_A, _NO_STEP_W = 0.1, 100.0  # of the register: a current below reads 0; never so many watts
_NOTHING = 0.03  # of a clear sky: less is snow or a string that is off, not shade
_LIVES_KWH = 0.1
_DISPATCH, _ALWAYS = 1 + CAUSES.index("dispatch"), 0.9
HELD = -2.0
MAY_BE_HELD = -3.0
_IN_LIGHT = 0.4  # of a clear sky: full shade gives less


class Columns(NamedTuple):
    """Rows of all days, rising by time."""

    days: list[date]
    starts: list[int]  # the first row of each day, and at the end the number of rows
    first_s: list[int | None]
    last_s: list[int | None]
    day_of: array[int]  # row -> index of its day
    slots: array[int]
    azimuths: array[int]
    elevations: array[int]
    causes: array[int]
    powers: dict[int, array[int]]
    voltages: dict[int, array[int]]
    energy_kwh: dict[int, list[float | None]]  # per day
    has_state: list[bool]  # per day
    has_export: list[bool]
    unknown_causes: set[str]  # that nothing can be said of
    row_s: list[float]  # per day: the time of which a row tells
    idle: set[int]  # strings that were read and never gave anything

    def kwh(self, row: int, watts: float) -> float:
        """Return the energy of so much power in a row."""
        return watts * self.row_s[self.day_of[row]] / 3.6e6

    def index_since(self, day: date) -> int:
        """Return the index of the first day that is not before this one."""
        return bisect_left(self.days, day)

    def rows_of(self, index: int) -> range:
        """Return the rows of a day, by its index."""
        return range(self.starts[index], self.starts[index + 1])

    def newest(self) -> date:
        """Return the last day."""
        return self.days[-1]

    def within(self, days: int, before: int = 0) -> range:
        """Return the indices of so many days, the last one so many ``before`` the newest."""
        last = self.newest() - timedelta(days=before)
        return range(
            self.index_since(last - timedelta(days=days - 1)),
            self.index_since(last + timedelta(days=1)),
        )


def gather(digests: Iterable[Digest]) -> Columns:
    """Return the days side by side; they rise. A string that never gave anything is left out."""
    made = Columns(
        [], [0], [], [], array("H"), array("i"), array("h"), array("h"), array("b"),
        {}, {}, {}, [], [], set(), [], set(),
    )  # fmt: skip
    for digest in digests:
        _add(made, digest)
    for string in list(made.energy_kwh):
        if sum(kwh or 0.0 for kwh in made.energy_kwh[string]) < _LIVES_KWH:
            made.idle.add(string)
            for by_string in (made.powers, made.voltages, made.energy_kwh):
                by_string.pop(string)
    _not_dispatched(made)
    return made


def _not_dispatched(made: Columns) -> None:
    """Take no notice of a state "dispatch" that is always there.

    An SH15T tells it while it runs as usual, so nobody's command is known by it.
    """
    told = made.causes.count(_DISPATCH)
    if told and told >= _ALWAYS * len(made.causes):
        made.causes[:] = array("b", [0 if code == _DISPATCH else code for code in made.causes])
        made.unknown_causes.add("dispatch")


def _add(made: Columns, digest: Digest) -> None:
    before, count = made.starts[-1], len(digest.slots)
    for string in digest.energy_kwh:
        if string not in made.powers:
            made.powers[string] = array("i", [-1]) * before
            made.voltages[string] = array("h", [0]) * before
            made.energy_kwh[string] = [None] * len(made.days)
    made.day_of.extend([len(made.days)] * count)
    made.slots.extend(digest.slots)
    made.azimuths.extend(digest.azimuths)
    made.elevations.extend(digest.elevations)
    made.causes.extend(digest.causes)
    for string, powers in made.powers.items():
        powers.extend(digest.powers.get(string) or [-1] * count)
        made.voltages[string].extend(digest.voltages.get(string) or [0] * count)
        made.energy_kwh[string].append(digest.energy_kwh.get(string))
    made.days.append(digest.day)
    made.starts.append(before + count)
    made.first_s.append(digest.first_s)
    made.last_s.append(digest.last_s)
    made.has_state.append(digest.has_state)
    made.has_export.append(digest.has_export)
    made.row_s.append(digest.row_s)


class Ratios(NamedTuple):
    """What one string gave, beside the clear sky. ``ratios`` is W for each W of a clear kWp."""

    clear_w: array[float]  # per kWp
    ratios: array[float]  # -1: no evidence; HELD: there was light, but how much nobody knows;
    # MAY_BE_HELD: perhaps not even that
    scale: float  # a first idea of the ratio under a clear sky
    best: float  # 99 of 100 ratios in bright light are below


def ratios_of(columns: Columns, string: int, plane: Plane, limited: bytearray) -> Ratios:
    """Return a string beside the clear sky.

    Args:
        columns: all days.
        string: its number.
        plane: where it looks.
        limited: a byte for each row: not 0 where this string says nothing.
    """
    clear, cosines = _clear_sky(columns, Facing(plane))
    powers = columns.powers[string]
    scale = _first_scale(columns.slots, powers, clear, limited)
    least = max(LEAST_W_PER_KWP, LEAST_A * _usual_v(columns.voltages[string]) / scale)
    nothing, volts = _NOTHING * scale, columns.voltages[string]
    ratios = array("f", [-1.0]) * len(powers)
    for row, (power, could, held) in enumerate(zip(powers, clear, limited, strict=True)):
        if could >= least and power > nothing * could:
            if power < _NO_STEP_W and power + 1 <= _STEP_A * volts[row]:
                continue
            if not held:
                ratios[row] = power / could
            elif held == DOUBTFUL:
                ratios[row] = MAY_BE_HELD
            elif power > _IN_LIGHT * scale * could:
                ratios[row] = HELD
    _without_beam(cosines, ratios)
    bright = sorted(r for r, could in zip(ratios, clear, strict=True) if r >= 0 and could > 250)
    return Ratios(clear, ratios, scale, bright[int(0.99 * len(bright))] if bright else 0.0)


def _clear_sky(columns: Columns, facing: Facing) -> tuple[array[float], array[float]]:
    """Return what a kWp gives under a clear sky, and the cosine of the sun's incidence, by row."""
    clear, cosines = array("f"), array("d")
    for index, day in enumerate(columns.days):
        rows = columns.rows_of(index)
        part = slice(rows.start, rows.stop)
        elevations = columns.elevations[part]
        own = facing.incidences(columns.azimuths[part], elevations)
        number = day.timetuple().tm_yday
        clear.extend(facing.clear_w_per_kwp(own, elevations, [number] * len(rows)))
        cosines.extend(own)
    return clear, cosines


def _without_beam(cosines: array[float], ratios: array[float]) -> None:
    """Leave out rows without beam, and take less for lit where the sun but grazes the modules.

    There, bright clouds alone give nearly as much as a clear sky.
    """
    for row, cosine in enumerate(cosines):
        if cosine < GRAZED and ratios[row] != -1:
            if cosine < _FACING:
                ratios[row] = -1.0
            elif ratios[row] > 0:
                ratios[row] *= allowance(cosine)


def allowance(cosine: float) -> float:
    """Return which part of the ratio is counted, where the sun but grazes the modules."""
    return 1 - _CLOUDS_GIVE * max(0.0, GRAZED - cosine)


def _first_scale(
    slots: array[int], powers: array[int], clear: array[float], limited: bytearray
) -> float:
    """Return a high quantile of the ratio in bright light; 1 where there is none.

    Of every seventh five minutes by the clock, so that a row less changes none of the others.
    """
    bright = sorted(
        powers[row] / clear[row]
        for row, slot in enumerate(slots)
        if slot % 7 == 0 and clear[row] > 300 and powers[row] > 0 and not limited[row]
    )
    return bright[int(0.9 * len(bright))] if bright else 1.0


def _usual_v(voltages: array[int]) -> float:
    known = sorted(volt for volt in voltages[::11] if volt > 50)
    return float(known[len(known) // 2]) if known else 0.0
