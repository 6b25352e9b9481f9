"""The job ``roof``: what each string gives, and where the shade falls (``server/roof``).

Of each local day that changed, the five minutes become a digest (``sungrow_roof_days``). The result
is made of all digests, which are read as a stream. A house of whose strings nothing was ever read,
or whose place nobody said, is one look.
"""

from psycopg2.extensions import cursor as Cursor  # noqa: N812  a type, not a function

from server.nightly import roof_rows, roof_store
from server.nightly.days import Day, pieces
from server.nightly.roof_rows import Known
from server.roof import analyse, digest

_AT_ONCE = 7  # days: some 2,000 five minutes of each string


def run(cursor: Cursor, device_id: str, days: list[Day]) -> str:
    """Take account of some days, and make the result again."""
    about = roof_rows.known(cursor, device_id)
    if not about.has_strings:
        if about.has_result:
            roof_store.remove(cursor, device_id)
            return "no strings any more"
        return "no strings"
    if not about.has_place:
        roof_store.remove(cursor, device_id, result_too=False)
        nothing = analyse.result(device_id, (), about.settings, about.now_s)
        roof_store.write(cursor, device_id, nothing)
        return "no place is set"
    for part in pieces(days, _AT_ONCE):
        _digest(cursor, device_id, about, part)
    digests = roof_store.digests(cursor, device_id)
    found = analyse.result(device_id, digests, about.settings, about.now_s)
    roof_store.write(cursor, device_id, found)
    return f"{len(found.bins)} bins, {len(found.limits)} five minutes held back"


def _digest(cursor: Cursor, device_id: str, about: Known, part: list[Day]) -> None:
    """Make the digests of some days in a row again."""
    fine = roof_rows.five_minutes(cursor, device_id, part)
    made, gone = [], []
    for one in part:
        begin_s, end_s = one.first.timestamp(), one.end.timestamp()
        own = [row for row in fine if begin_s <= row.bucket_s < end_s]
        if own:
            made.append(digest.of_day(one.day, own, begin_s, end_s, about.settings))
        else:
            gone.append(one.day)
    roof_store.put_days(cursor, device_id, made, gone)
