"""The power of an inverter shared out among its strings, whose currents it cuts off. Pure.

An inverter measures the power of all strings well, and tells the current of each in steps of 0.1 A,
without what is above the last one. Shared out by volts times amperes, as it is stored, a string in
little light is told less than it gives, by 5 % at 1 A, and the others more. What is missing of the
whole at any current is that digit; what grows with the current is how exactly it measures, and
belongs to each string by its part.
"""

from collections.abc import Sequence
from typing import NamedTuple

from server.roof.rows import SLOT_S, FiveMinutes, StringRow

_CUT_OFF_A = 0.05  # half of a current's last digit
_UNEVEN = 0.05  # so exactly volts times amperes meet the power of all, at least
_UNSURE_A = 0.005  # of the mean current: power and volts are rounded, too
_AROUND = 2  # rows on each side
_SAME_SKY = 0.1  # so exactly the power between two rows is that of both
_AS_BRIGHT = 0.7  # of the power after, at least, is before, and the other way round


class _Told(NamedTuple):
    """The mean current of some strings as it reads, and what is missing of it for their power."""

    amps: float
    missing_a: float


class _Split(NamedTuple):
    """The part of each string that gives something, as far as its own row says."""

    bucket_s: int
    strings: list[StringRow]
    whole_w: float  # of volts times amperes, and what was cut off of these
    parts: list[float]
    unsure: float  # of a part: the square of how far it may be off


def fairly_shared(rows: Sequence[FiveMinutes]) -> list[FiveMinutes]:
    """Return a day's rows with the digit that was cut off of each current shared out.

    By volts at first. As that may be up to half a step too much for one string, and too little for
    another, the parts are then those of the rows around under the same sky, as far as the digits
    that were told allow.
    """
    told = [_told(row) for row in rows]
    grows, cut_a = _line([one for one in told if one])
    grows = min(max(-_UNEVEN, grows), _UNEVEN)
    step_a = 2 * min(max(0.0, cut_a), _CUT_OFF_A)
    splits = [
        _split(row, min(max(0.0, one.missing_a - grows * one.amps), step_a), step_a)
        if one
        else None
        for row, one in zip(rows, told, strict=True)
    ]
    return [
        _shared(row, own, _within(own, _smoothed(splits, place), step_a)) if own else row
        for place, (row, own) in enumerate(zip(rows, splits, strict=True))
    ]


def _told(row: FiveMinutes) -> _Told | None:
    """Return it of a row; None where nothing is shared out among strings that give something."""
    alive = [own for own in row.strings if _is_alive(own)]
    volts = sum(own.voltage_v for own in alive)
    if len(alive) < 2:
        return None
    told_w = sum(own.voltage_v * own.current_a for own in alive)
    whole_w = sum(own.power_w for own in alive)
    return _Told(told_w / volts, (whole_w - told_w) / volts)


def _is_alive(own: StringRow) -> bool:
    return own.power_w > 0 and own.voltage_v > 0 and own.current_a > 0


def _split(row: FiveMinutes, cut_a: float, step_a: float) -> _Split:
    """Return the parts of a row, of whose currents so much was cut off in the mean."""
    alive = [own for own in row.strings if _is_alive(own)]
    watts = [own.voltage_v * (own.current_a + cut_a) for own in alive]
    whole_w = sum(watts)
    # Where next to nothing is missing, or all that can be, each string lost that.
    unsure_a2 = min(cut_a, step_a - cut_a) ** 2 + _UNSURE_A**2
    volts = sum(own.voltage_v for own in alive)
    unsure = unsure_a2 * (volts / whole_w) ** 2
    return _Split(row.bucket_s, alive, whole_w, [own / whole_w for own in watts], unsure)


def _smoothed(splits: Sequence[_Split | None], place: int) -> list[float]:
    """Return the parts in a row by those around it, two by two, each as sure as it is."""
    own = splits[place]
    assert own is not None  # noqa: S101 - fairly_shared asks only for these
    total = 1 / own.unsure
    sums = [part * total for part in own.parts]
    for away in range(1, min(_AROUND, place, len(splits) - 1 - place) + 1):
        before, after = splits[place - away], splits[place + away]
        if before is None or after is None or not _is_alike(before, own, after, away):
            break
        weight = 2 / (before.unsure + after.unsure)
        total += 2 * weight
        pairs = zip(sums, before.parts, after.parts, strict=True)
        sums = [one + weight * (left + right) for one, left, right in pairs]
    return [one / total for one in sums]


def _is_alike(before: _Split, own: _Split, after: _Split, away: int) -> bool:
    """Return whether it is the same sky, so that each string's part changes steadily."""
    numbers = [[one.string for one in split.strings] for split in (before, own, after)]
    apart_s = away * SLOT_S
    return (
        numbers[0] == numbers[1] == numbers[2]
        and own.bucket_s - before.bucket_s == after.bucket_s - own.bucket_s == apart_s
        and abs(before.whole_w * after.whole_w / own.whole_w**2 - 1) <= _SAME_SKY
        and _AS_BRIGHT < before.whole_w / after.whole_w < 1 / _AS_BRIGHT
    )


def _within(own: _Split, parts: Sequence[float], step_a: float) -> list[float]:
    """Return what was cut off of each current for these parts: nothing at least, a step at most."""
    pairs = zip(own.strings, parts, strict=True)
    return [
        min(max(0.0, part * own.whole_w / one.voltage_v - one.current_a), step_a)
        for one, part in pairs
    ]


def _shared(row: FiveMinutes, own: _Split, cuts_a: Sequence[float]) -> FiveMinutes:
    """Return the row as if each current had read so much more."""
    more = {
        one.string: 1 + cut / one.current_a for one, cut in zip(own.strings, cuts_a, strict=True)
    }
    parts = [one.power_w * more.get(one.string, 1.0) for one in row.strings]
    even = sum(one.power_w for one in row.strings) / sum(parts)
    pairs = zip(row.strings, parts, strict=True)
    return row._replace(strings=tuple(one._replace(power_w=part * even) for one, part in pairs))


def _line(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return the rise, and the value at 0, of the line through these points: least squares."""
    if not pairs:
        return 0.0, 0.0
    middle = sum(x for x, _ in pairs) / len(pairs)
    level = sum(y for _, y in pairs) / len(pairs)
    width = sum((x - middle) ** 2 for x, _ in pairs)
    rise = sum((x - middle) * (y - level) for x, y in pairs) / width if width else 0.0
    return rise, level - rise * middle
