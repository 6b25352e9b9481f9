"""Dates and times in the query string of a request."""

from datetime import date, datetime

from flask import request

from edge_lib.sample import parse_ts
from server.answers import Refused, place

# The first sample there can be is of 2010 UTC, which began west of Greenwich the day before.
FIRST_DATE, LAST_DATE = date(2009, 12, 31), date(9000, 1, 1)


def day(name: str) -> date | None:
    """Give the date of that name, from ``FIRST_DATE`` on and before ``LAST_DATE``; None if absent.

    Raises:
        Refused: 422 it is none.
    """
    text = request.args.get(name)
    if text is None:
        return None
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = None
    # 20260329 and 2026-W13-7 are dates too, in Python.
    if found is None or found.isoformat() != text or not FIRST_DATE <= found < LAST_DATE:
        raise wrong(name, "a date like 2026-03-29", "date")
    return found


def moment(name: str) -> datetime:
    """Give the time of that name, in UTC.

    Raises:
        Refused: 422 it is missing or no RFC 3339.
    """
    text = request.args.get(name)
    if text is None:
        raise wrong(name, "is missing", "missing")
    try:
        return parse_ts(text)
    except ValueError as error:
        raise wrong(name, str(error), "datetime") from error


def wrong(name: str, msg: str, type: str) -> Refused:
    """Give the 422 that names this part of the query."""
    return Refused(422, [place("query", name, msg=msg, type=type)])
