"""The spool as the tests of its guarantees see it, once for each kind of reading.

A module that says ``kind = of_each_kind`` has all its tests run with samples, and with readings of
the grid meter: its ``Spool``, ``ask`` and ``parked_of`` then mean those.
"""

import functools

import pytest

from edge_lib.spool import parked, rows
from edge_lib.spool.kinds import KINDS, P1, SAMPLES
from edge_lib.spool.readings import UndecodedReading
from edge_lib.spool.spool import Spool
from tests.support import spooling

_OF_A_KIND = (
    *("put", "last_seq", "oldest", "newest", "delivered", "counts", "park"),
    *("unreported_parked", "parked_reported", "note_gap", "unreported_gaps", "gaps_reported"),
    *("begin_slot", "slots_since", "unreported_slots", "slots_reported"),
    *("delivered_hours", "requeue_hour", "settled_hours", "settle_hours"),
)


class SpoolOfP1(Spool):
    """A spool whose every method means the readings of the grid meter."""

    def park_words(self, words, reason, ts, boot, seq, boottime_us, ts_src):
        row = rows.new(ts, boot, seq, boottime_us, ts_src, kind=P1)
        self._attempts.put(UndecodedReading(row, words, reason))


for _name in _OF_A_KIND:
    setattr(SpoolOfP1, _name, functools.partialmethod(getattr(Spool, _name), kind=P1))


def sql_of(kind, text):
    return kind.sql(text).replace("'covered_id'", f"'{kind.prefix}covered_id'")


@pytest.fixture(autouse=True, params=KINDS, ids=lambda kind: kind.name)
def of_each_kind(request, monkeypatch):
    kind = request.param
    if kind is SAMPLES:
        return kind

    def parked_of(spool):
        found = [one.shown() for one in spooling.read_of(spool, lambda db: parked.rows(db, P1))]
        assert {one.pop("kind") for one in found} <= {"p1"}
        return found

    theirs = {
        "Spool": SpoolOfP1,
        "ask": lambda path, sql, *args: ask(path, sql_of(kind, sql), *args),
        "parked_of": parked_of,
        "assert_every_sample_is_in_one_state": functools.partial(
            spooling.assert_every_sample_is_in_one_state, kind=kind
        ),
    }
    ask = spooling.ask
    for name, value in theirs.items():
        if hasattr(request.module, name):
            monkeypatch.setattr(request.module, name, value)
    return kind
