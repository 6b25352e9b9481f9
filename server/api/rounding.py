"""``digits=`` of a query string: a curve in whole watts is a third of the bytes."""

from collections.abc import Collection

from server.api import query_args
from server.database.pool import Row

_ALL_DIGITS = "all"


def asked() -> int | None:
    """Return how many decimals the numbers of the answer are to have; None: all.

    Raises:
        Refused: 422 no such number.
    """
    text = query_args.one_of("digits", (_ALL_DIGITS, *"0123456"))
    return None if text == _ALL_DIGITS else int(text)


def rounded(row: Row, digits: int | None, but: Collection[str] = ()) -> Row:
    """Return a row with its numbers, but for some, rounded to so many decimals; None: as it is."""
    if digits is None:
        return row
    places = digits or None  # to none at all makes whole numbers of them
    return {
        name: round(value, places) if isinstance(value, float) and name not in but else value
        for name, value in row.items()
    }
