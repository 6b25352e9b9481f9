"""A string of the answer: its plane, its figures, and where its shade is."""

from typing import Any

from server.plane import Plane
from server.roof import cells, figures
from server.roof.figures import Figures
from server.roof.rows import ELEVATION_STEP_DEG
from server.roof.shade import CLEAR
from server.roof.texts import why
from server.roof.whole import Map, Own, Whole, days_missing

SUGGESTION_DAYS = 120  # before, a season's sun says too little of the tilt
_DIRT = 0.85  # contrast: from here on clear and overcast moments lose nearly alike
_LEAST_BINS = {"shade": 2, "dirt_or_tilt": 4}


def bare_string(string: int, plane: Plane | None, reason: dict[str, Any]) -> dict[str, Any]:
    """Return a string of which nothing is known."""
    nothing = dict.fromkeys(("value", "usual", "low", "high", "since"))
    return {
        "string": string,
        "name": plane.name if plane else None,
        "plane": _plane(plane, "set" if plane else None, None),
        "suggestion": None,
        "warnings": [],
        "share": {**nothing, **reason},
        "shade_loss": {**dict.fromkeys(("kwh", "kind", "from", "to")), **reason},
        "soiling": {"pct": None, "since": None, **reason},
        "trend": {**dict.fromkeys(("pct_year", "low", "high", "years")), **reason},
        "dead": None,
        "map": None,
    }


def string_told(roof: Whole, own: Own, found: Figures | None, days: int) -> dict[str, Any]:
    """Return a string as the API shows it."""
    name = roof.settings.strings.get(own.string)
    if found is None:
        reason = why(
            "no_orientation" if own.plane is None else "too_few_days", days=days, missing=1
        )
        bare = bare_string(own.string, own.plane, reason)
        return {**bare, "name": name.name if name else None, "warnings": own.warnings}
    others = bool(roof.others(own.string))
    seen_map = roof.maps[own.string]
    trend = figures.trend_told(roof.columns, found)
    return {
        "string": own.string,
        "name": name.name if name else None,
        "plane": _plane(own.plane, own.source, own.scale),
        "suggestion": _suggestion(own),
        "warnings": [*own.warnings, *figures.fading(trend)],
        "share": figures.share_told(roof.columns, found, others),
        "shade_loss": figures.loss_told(roof.columns, found, None),
        "soiling": figures.soiling_told(roof.columns, found, others),
        "trend": trend,
        "dead": figures.dead_told(roof.columns, found),
        "map": _map(seen_map, days),
    }


def _plane(plane: Plane | None, source: str | None, scale: float | None) -> dict[str, Any]:
    return {
        "tilt_deg": plane.tilt_deg if plane else None,
        "azimuth_deg": plane.azimuth_deg if plane else None,
        "kwp": plane.kwp if plane else None,
        "source": source,
        "clear_sky_scale": None if scale is None else round(scale, 4),
    }


def _suggestion(own: Own) -> dict[str, Any] | None:
    if own.fitted is None or own.fitted.days < SUGGESTION_DAYS:
        return None
    return {
        "tilt_deg": own.fitted.tilt_deg,
        "azimuth_deg": own.fitted.azimuth_deg,
        "days": own.fitted.days,
    }


def _map(found: Map, days: int) -> dict[str, Any]:
    judged = found.judged["all"]
    states = [one.state for one in judged.values()]
    missing = days_missing(days, found)
    return {
        "days": days,
        "days_missing": missing,
        "sunny_days": found.sunny_days,
        "seen_bins": len(states),
        "shaded_bins": states.count("shaded"),
        "partly_bins": states.count("partly"),
        "unsettled": not found.settled or found.reason is not None,
        **why(found.reason, days=days, missing=missing),
        "words": _words(found),
    }


def _words(found: Map) -> list[dict[str, Any]]:
    """Return where shade is, group by group."""
    if not found.settled or found.reason:
        return []
    judged = found.judged["all"]
    shaded = {number for number, one in judged.items() if one.state == "shaded"}
    weak = {
        number
        for number, one in judged.items()
        if one.told < CLEAR and one.contrast is not None and one.contrast >= _DIRT
    }
    told = [("shade", group) for group in cells.groups(shaded)]
    told += [("dirt_or_tilt", group) for group in cells.groups(weak - shaded)]
    return [_word(kind, group) for kind, group in told if len(group) >= _LEAST_BINS[kind]]


def _word(kind: str, group: set[int]) -> dict[str, Any]:
    azimuths = sorted(cells.edges(number)[0] for number in group)
    return {
        "azimuth_from_deg": azimuths[0],
        "azimuth_to_deg": azimuths[-1] + 5.0,
        "elevation_to_deg": max(cells.edges(number)[1] for number in group) + ELEVATION_STEP_DEG,
        "kind": kind,
    }
