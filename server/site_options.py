"""How ``server.site set`` reads what is given: each refusal says what is right instead."""

import argparse
import math
import unicodedata
from collections.abc import Callable
from typing import Any

from server.database.sites import STRINGS
from server.plane import Plane

LONGEST_NAME = 64
LEAST_KWP, MOST_KWP = 0.01, 100  # with less, what a kWp gives is nonsense
NONE = "none"
PLANE = "1:35,170,3.2 (string 1: tilt 35 degrees, azimuth 170 degrees from north, 3.2 kWp)"


def name(text: str) -> str | None:
    """Return a name as it is shown; None: there is none.

    Raises:
        argparse.ArgumentTypeError: it cannot be shown.
    """
    found = " ".join(text.split())
    if len(found) > LONGEST_NAME or any(unicodedata.category(sign)[0] == "C" for sign in found):
        raise argparse.ArgumentTypeError(
            f"a name has at most {LONGEST_NAME} characters that can be shown; "
            "an empty one gives the device its own back"
        )
    return found or None


def _number(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        hint = "; a decimal point, no comma" if "," in text else ""
        raise argparse.ArgumentTypeError(f"{text!r} is not a number like 51.2{hint}")
    return found + 0.0  # -0 is 0


def _degrees(what: str, most: int, instead: str) -> Callable[[str], float | None]:
    """Return what reads a latitude or a longitude; ``none`` is None."""

    def read(text: str) -> float | None:
        if text == NONE:
            return None
        found = _number(text)
        if abs(found) > most:
            hint = f"; is it the {instead}?" if abs(found) <= 180 else ""
            raise argparse.ArgumentTypeError(
                f"a {what} is from -{most} to {most} degrees, not {text}{hint}"
            )
        return found

    return read


def _limit(text: str) -> float | None:
    if text == NONE:
        return None
    found = _number(text)
    if not 0 <= found <= 200_000:
        raise argparse.ArgumentTypeError(
            f"watts from 0 (nothing may be exported) to 200000, or {NONE}"
        )
    return found


def string(text: str) -> int:
    """Return the number of a string.

    Raises:
        argparse.ArgumentTypeError: there is none of that number.
    """
    if text not in map(str, STRINGS):
        raise argparse.ArgumentTypeError(f"a string is 1, 2, 3 or 4, not {text!r}")
    return int(text)


def plane(text: str) -> tuple[int, Plane]:
    """Return a string and how its panels are mounted: ``1:35,170,3.2,East``.

    Raises:
        argparse.ArgumentTypeError: they cannot be mounted so.
    """
    number, colon, rest = text.partition(":")
    parts = rest.split(",", 3)
    if not colon or len(parts) < 2:
        raise argparse.ArgumentTypeError(f"like {PLANE}, and ,NAME if you like")
    which = string(number.strip())
    tilt, azimuth = (_number(part.strip()) for part in parts[:2])
    if not 0 <= tilt <= 90:
        hint = "; the tilt comes first, then the azimuth" if 0 <= azimuth <= 90 < tilt else ""
        raise argparse.ArgumentTypeError(
            f"a tilt is from 0 (flat) to 90 (upright) degrees, not {tilt:g}{hint}"
        )
    if not 0 <= azimuth <= 360:
        raise argparse.ArgumentTypeError(
            "an azimuth is from 0 to 360 degrees, from north clockwise (90 east, 180 south, 270"
            f" west), not {azimuth:g}"
        )
    kwp = _kwp(parts[2].strip()) if len(parts) > 2 and parts[2].strip() else None
    called = name(parts[3]) if len(parts) > 3 else None
    return which, Plane(tilt, azimuth % 360, kwp, called)


def _kwp(text: str) -> float:
    found = _number(text)
    if not LEAST_KWP <= found <= MOST_KWP:
        hint = f"; in kWp {found / 1000:g}?" if found > MOST_KWP else ""
        raise argparse.ArgumentTypeError(
            f"the peak power of a string is in kWp, from {LEAST_KWP} to {MOST_KWP},"
            f" not {text}{hint}"
        )
    return found


# Of each column: the placeholder, what reads it, what it is.
SITE: dict[str, tuple[str, Callable[[str], Any], str]] = {
    "latitude": ("DEG", _degrees("latitude", 90, "longitude"), "north is positive; like 51.2"),
    "longitude": ("DEG", _degrees("longitude", 180, "latitude"), "east is positive; like 4.4"),
    "export_limit_w": ("W", _limit, "most that the house may export; 0: nothing"),
}
