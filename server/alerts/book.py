"""The episodes and messages of a run in the database, written in the run's transaction."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from psycopg2.extensions import cursor as Cursor  # noqa: N812  a type, not a function
from psycopg2.extras import Json

from server.alerts import rules
from server.alerts.gather import rows
from server.alerts.ledger import GRACE, Ledger
from server.alerts.messages import Row, digest_id
from server.alerts.notices import WEEK, Silence
from server.alerts.options import Options
from server.alerts.rules.faults import STATE
from server.alerts.rules.rule import CRITICAL
from server.alerts.states import CLOSED, SERVER, Episode
from server.alerts.texts import Fault
from server.database.connection import one_row

MISSED = timedelta(seconds=150)  # between two runs: then one was missed
_COLUMNS = (
    *("device_id", "rule", "key", "severity", "state", "since", "last_true_at", "opened_at"),
    *("closed_at", "detail", "repeats", "flaps"),
)
_NAMES = ", ".join(_COLUMNS)
_INSERT = f"INSERT INTO sungrow_alerts ({_NAMES}) VALUES %s RETURNING id"  # noqa: S608 our names
_UPDATE = f"UPDATE sungrow_alerts SET ({_NAMES}) = %s WHERE id = %s"  # noqa: S608 our names
_DELETE = "DELETE FROM sungrow_alerts WHERE id = ANY (%s) AND state = 'pending'"
_SEND = (
    "INSERT INTO sungrow_alert_outbox (id, alert_id, channel, event, n, body, not_before)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"
)
_RAN = (
    "INSERT INTO sungrow_alert_run (finished_at, channels) VALUES (%s, %s) ON CONFLICT (only_row)"
    " DO UPDATE SET finished_at = excluded.finished_at, channels = excluded.channels"
)
_HAS_DIGEST = "SELECT count(*) FROM sungrow_alert_outbox WHERE id = ANY (%s::uuid[])"


class Book(Ledger):
    """The episodes as the database keeps them.

    Args:
        cursor: of the run's transaction.
        device_ids: of all houses.
        now: the moment of the run.
    """

    def __init__(self, cursor: Cursor, device_ids: Sequence[str], now: datetime):
        asked = {"device_ids": [*device_ids, SERVER], "since": now - WEEK}
        stored = [Episode(**row) for row in rows(cursor, "alerts-episodes", asked)]
        (known,) = rows(cursor, "alerts-run", {"now": now})
        super().__init__(now, ZoneInfo(known["timezone"]), stored)
        self._cursor = cursor
        self._stored = {one.id: one for one in stored}
        self.last_run: datetime | None = known["finished_at"]
        self.silences = [
            Silence(device, rule, datetime.fromisoformat(first), datetime.fromisoformat(end))
            for device, rule, first, end in known["silences"] or ()
        ]
        self._database_since: datetime = known["database_since"]

    @property
    def missed_since(self) -> datetime | None:
        """Return since when nobody judged though the database was there; None: it was judged."""
        if self.last_run is None or self.now - self.last_run <= MISSED:
            return None
        if self._database_since > self.now:  # by another clock than the run's
            return self.last_run
        return max(self.last_run, self._database_since)

    def database_was_away(self, since: datetime, until: datetime) -> None:
        """Note a time in which nothing can have arrived; the run that noticed it has told it."""
        if any(one.rule == rules.DATABASE and one.since == since for one in self.past):
            return
        episode = Episode(
            *(SERVER, rules.DATABASE, "", CRITICAL, CLOSED, since, until),
            opened_at=since,
            closed_at=until,
            detail={"told_at": since.isoformat(), "values": {}},
        )
        self.past.append(episode)

    def database_is_back(self, moment: datetime) -> bool:
        """Return whether the database was away until minutes ago, or has just been started."""
        since = self._database_since
        is_new = self.last_run is not None and self.last_run < since <= moment
        return super().database_is_back(moment) or (is_new and moment - since < GRACE)

    def save(self) -> None:
        """Write what has changed."""
        if self._gone:
            self._cursor.execute(_DELETE, (self._gone,))
            self._gone = []
        # What ended makes room for what has begun again.
        self.past = [self._saved(episode) for episode in self.past]
        self.ended = [self._saved(episode) for episode in self.ended]
        self.going_on = {i: self._saved(episode) for i, episode in self.going_on.items()}

    def _saved(self, episode: Episode) -> Episode:
        known = self._stored.get(episode.id)
        if known == episode:
            return episode
        values = tuple(
            Json(dict(episode.detail)) if name == "detail" else getattr(episode, name)
            for name in _COLUMNS
        )
        if known is None:
            self._cursor.execute(_INSERT, (values,))
            episode = episode._replace(id=one_row(self._cursor)[0])
        else:
            self._cursor.execute(_UPDATE, (values, episode.id))
        self._stored[episode.id] = episode
        return episode

    def send(self, sent: Iterable[Row]) -> None:
        """Write messages; one that is there already is left as it is."""
        for row in sent:
            self._cursor.execute(_SEND, [Json(v) if isinstance(v, dict) else v for v in row])

    def has_digest(self, at: datetime, options: Options) -> bool:
        """Return whether that morning's digest is written, in any channel."""
        ids = [digest_id(at, channel.name) for channel in options.channels]
        self._cursor.execute(_HAS_DIGEST, (ids,))
        return bool(one_row(self._cursor)[0])

    def ran(self, channels: Iterable[str]) -> None:
        """Note that all was judged up to the moment of the run."""
        self._cursor.execute(_RAN, (self.now, list(channels)))

    def faults(self, values: Mapping[str, Any]) -> list[Fault]:
        """Return what the fault word in the values of an episode means."""
        return faults_of(self._cursor, values)


def faults_of(cursor: Cursor, values: Mapping[str, Any]) -> list[Fault]:
    """Return what the bits of the fault word in the values of an episode mean."""
    word, bits = values["word"], int(values.get("bits") or 0)
    is_state = word == STATE
    asked = {
        "word": word,
        "bits": [] if is_state else [bit for bit in range(32) if bits >> bit & 1],
        "value": values.get("state") if is_state else None,
    }
    found = [Fault(**row) for row in rows(cursor, "alerts-faults", asked)]
    # A word of a newer edge: its bits by their numbers.
    return found or [Fault(word, bit, None, None, None) for bit in asked["bits"]]
