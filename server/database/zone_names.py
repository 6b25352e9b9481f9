"""Which names of time zones may be used: those that PostgreSQL and Python read alike.

Days are cut in SQL (``AT TIME ZONE``) and read in Python (``zoneinfo``). A name that the two read
differently would give one day two beginnings.
"""

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

EXAMPLE = "Europe/Berlin"
# To PostgreSQL these are abbreviations, without summer time; the IANA means these places by them.
_PLACES = {
    "CET": "Europe/Brussels",
    "MET": "Europe/Brussels",
    "EET": "Europe/Athens",
    "WET": "Europe/Lisbon",
}
_NO_PLACES = ("localtime", "posixrules", "Factory")
_COPIES = ("posix/", "right/")  # the second ones count leap seconds


def problem(name: str) -> str | None:
    """Return why this name cannot be used, and which one can; None where it can."""
    if name in _PLACES:
        return (
            "is an abbreviation without summer time to PostgreSQL, and a place to others; take "
            f"that place, {_PLACES[name]}, or your own"
        )
    if name.startswith(_COPIES):
        return f"is a copy; take {instead(name)}"
    if name in _NO_PLACES or not _is_known(name):
        meant = _meant(name)
        return f"is no IANA time zone; do you mean {meant}?" if meant else "is no IANA time zone"
    return None


def instead(name: str) -> str:
    """Return a name to take in the place of one that cannot be used."""
    return _PLACES.get(name) or _meant(name) or EXAMPLE


def _is_known(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _meant(name: str) -> str | None:
    bare = name.removeprefix(_COPIES[0]).removeprefix(_COPIES[1]).strip()
    if bare in _PLACES:
        return _PLACES[bare]
    spelt = {known.casefold(): known for known in available_timezones() - {*_NO_PLACES, *_PLACES}}
    return spelt.get(bare.replace(" ", "_").casefold())
