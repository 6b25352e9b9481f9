"""Which names of time zones can be used: those that PostgreSQL and Python read alike.

Days are cut in SQL (``AT TIME ZONE``) and read in Python (``zoneinfo``). A name that the two read
differently would give one day two beginnings.
"""

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

EXAMPLE = "Europe/Berlin"
# PostgreSQL reads these as abbreviations without summer time, the IANA as these places.
_PLACES = {
    "CET": "Europe/Brussels",
    "MET": "Europe/Brussels",
    "EET": "Europe/Athens",
    "WET": "Europe/Lisbon",
}
_NO_PLACES = ("localtime", "posixrules", "Factory")
_COPIES = ("posix/", "right/")  # the second ones count leap seconds


def problem(name: str) -> str | None:
    """Return why this name cannot be used, and which one can; None if it can."""
    if name in _PLACES:
        return (
            "is an abbreviation without summer time to PostgreSQL, and a place elsewhere; use "
            f"that place, {_PLACES[name]}, or your own"
        )
    if name.startswith(_COPIES):
        return f"is a copy of another zone; use {instead(name)}"
    if name in _NO_PLACES or not _is_known(name):
        meant = _meant(name)
        return (
            f"is not an IANA time zone; do you mean {meant}?"
            if meant
            else "is not an IANA time zone"
        )
    return None


def instead(name: str) -> str:
    """Return a name to use instead of one that cannot be used."""
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
