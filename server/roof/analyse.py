"""From the days of one inverter to all that is known of its roof: pure. The answer of /v1/roof."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from server.roof import cells, columns, contradict, figures, happened, lately, whole, words
from server.roof.columns import Columns
from server.roof.figures import Figures
from server.roof.rows import CAUSES, PERIODS, SLOT_S, Bin, Digest, Found, Limit, Settings
from server.roof.texts import moment, why
from server.roof.whole import Own, Whole

MONTHS_DAYS = 730  # of losses and limits
_MOST_MINUTES = 20  # between readings: with more, shade is hardly found in a year, and hourly never
_NEWEST_DAYS = 30


def result(device_id: str, digests: Iterable[Digest], settings: Settings, now_s: float) -> Found:
    """Return what a night finds of one inverter.

    Args:
        device_id: told back.
        digests: of all days, rising; gone through once.
        settings: place, planes, limits.
        now_s: the moment that is told as ``computed_at``.
    """
    gathered = columns.gather(digests)
    head = _head(device_id, settings, now_s)
    known = settings.latitude is not None and settings.longitude is not None
    if not gathered.energy_kwh or not known:
        reason = "no_place" if not known else "no_power" if gathered.idle else "no_strings"
        return Found(_bare(head, gathered, settings, why(reason)), [], [])
    minutes = _minutes_apart(gathered)
    if minutes > _MOST_MINUTES:
        apart = why("too_far_apart", minutes=round(minutes), most=_MOST_MINUTES)
        told = {**_bare(head, gathered, settings, apart), "days_missing": None}
        return Found(told, [], [])
    warnings = contradict.of_place(gathered, settings)
    if warnings:
        told = _bare({**head, "warnings": warnings}, gathered, settings, why("place_contradicts"))
        return Found(told, [], [])
    return _found(head, whole.of(gathered, settings))


def _minutes_apart(gathered: Columns) -> float:
    """Return how far readings are apart: most of the newest days with daylight."""
    lit = [n for n in range(len(gathered.days)) if gathered.starts[n + 1] > gathered.starts[n]]
    apart = [gathered.row_s[n] / 60 for n in lit[-_NEWEST_DAYS:]]
    return cells.quantile(apart, 0.5) if apart else 0.0


def _head(device_id: str, settings: Settings, now_s: float) -> dict[str, Any]:
    known = settings.latitude is not None and settings.longitude is not None
    place = {"latitude": settings.latitude, "longitude": settings.longitude} if known else None
    return {
        "device_id": device_id,
        "computed_at": moment(now_s),
        "timezone": settings.timezone,
        "place": place,
        "export_limit_w": settings.export_limit_w,
        "warnings": [],
    }


def _bare(
    head: dict[str, Any], gathered: Columns, settings: Settings, reason: dict[str, Any]
) -> dict[str, Any]:
    """Return an answer without any analysis."""
    days = len(gathered.days)
    return {
        **head,
        **reason,
        "days": days,
        "days_missing": whole.days_missing(days, None),
        "strings": [
            words.bare_string(string, settings.strings.get(string), reason)
            for string in sorted(gathered.energy_kwh)
        ],
        "share_by_day": [],
        "losses_by_month": [],
        "events": [],
    }


def _found(head: dict[str, Any], roof: Whole) -> Found:
    gathered = roof.columns
    since = gathered.within(MONTHS_DAYS).start
    share_days = figures.share_days(roof)
    found = {
        own.string: figures.of(roof, own, own.seen, share_days[own.string], since)
        for own in roof.strings
        if own.seen is not None
    }
    days = _days(gathered)
    missing = [whole.days_missing(days, roof.maps.get(own.string)) for own in roof.strings]
    fewest = min(missing, default=0)
    new = lately.of(roof)
    told = {
        **head,
        **_reason(roof, days, fewest),
        "days": days,
        "days_missing": fewest,
        "strings": [
            words.string_told(roof, own, found.get(own.string), days) for own in roof.strings
        ],
        "share_by_day": [
            one
            for string, own in found.items()
            for one in figures.share_by_day(gathered, string, own)
        ],
        "losses_by_month": _months(roof, found),
        "events": [
            one
            for own in roof.strings
            if own.seen is not None
            for one in happened.of(roof, own.seen, found[own.string], new.get(own.string, ()))
        ],
    }
    return Found(told, _bins(roof), [one for own in found.values() for one in own.limits])


def _reason(roof: Whole, days: int, missing: int) -> dict[str, Any]:
    if not any(own.plane for own in roof.strings):
        return why("no_orientation", days=days)
    if missing and not any(found.settled for found in roof.maps.values()):
        return why("too_few_days", days=days, missing=missing)
    return why(None)


def _days(gathered: Columns) -> int:
    """Return the days with any daylight."""
    return sum(gathered.starts[n + 1] > gathered.starts[n] for n in range(len(gathered.days)))


def _bins(roof: Whole) -> list[Bin]:
    return [
        Bin(
            string,
            period,
            *cells.edges(number),
            one.n,
            one.days,
            round(one.told, 3),
            None if one.contrast is None else round(one.contrast, 2),
            one.state,
            roof.columns.days[one.last_day],
        )
        for string, found in roof.maps.items()
        for period in PERIODS
        for number, one in sorted(found.judged[period].items())
    ]


def _months(roof: Whole, found: dict[int, Figures]) -> list[dict[str, Any]]:
    """Return the losses of the last 24 months; None is what is not known."""
    names = [f"{day:%Y-%m}" for day in roof.columns.days]
    months = sorted(set(names[roof.columns.within(MONTHS_DAYS).start :]))[-24:]
    unknown = {
        month: _unknown(roof, [n for n, name in enumerate(names) if name == month])
        for month in months
    }
    return [
        one for own in roof.strings if own.string in found
        for one in _of_string(roof, own, found[own.string], unknown)
    ]  # fmt: skip


def _of_string(
    roof: Whole, own: Own, found: Figures, unknown: Mapping[str, set[str]]
) -> list[dict[str, Any]]:
    shade = found.shade.by_month(roof.columns) if found.shade else None
    outage = found.outage.by_month(roof.columns) if found.outage else None
    causes = _by_cause(roof.columns, found.limits)
    return [
        {
            "month": month,
            "string": own.string,
            "shade_kwh": _kwh(shade, month),
            "shade_kind": found.shade_kind,
            **{
                f"{cause}_kwh": None
                if cause in causes_unknown and month not in causes[cause]
                else _kwh(causes[cause], month)
                for cause in CAUSES
            },
            "outage_kwh": _kwh(outage, month),
        }
        for month, causes_unknown in unknown.items()
    ]


def _unknown(roof: Whole, days: Sequence[int]) -> set[str]:
    """Return of which causes nothing can be said on these days, unless something was found."""
    gathered = roof.columns
    unknown = set(gathered.unknown_causes)
    if roof.settings.nominal_w is None:
        unknown.add("clipping")
    if not any(gathered.has_state[n] for n in days):
        unknown |= {"derating", "dispatch"}
    if roof.settings.export_limit_w is None or not any(gathered.has_export[n] for n in days):
        unknown |= {"export_limit", "full_battery"}
    return unknown


def _kwh(sums: dict[str, float] | None, month: str) -> float | None:
    return None if sums is None else round(max(0.0, sums.get(month, 0.0)), 2)


def _by_cause(gathered: Columns, limits: Sequence[Limit]) -> dict[str, dict[str, float]]:
    """Return kWh by cause and month."""
    sums: dict[str, dict[str, float]] = {cause: {} for cause in CAUSES}
    for limit in limits:
        if limit.lost_w is not None:
            row = bisect_left(gathered.slots, limit.bucket_s // SLOT_S)
            month = f"{gathered.days[gathered.day_of[row]]:%Y-%m}"
            own = sums[limit.cause]
            own[month] = own.get(month, 0.0) + gathered.kwh(row, limit.lost_w)
    return sums
