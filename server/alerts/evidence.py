"""What the rules look at: of one house, and of the server as a whole. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from server.alerts import sun
from server.alerts.hours import FRESH, Hours, Minute, Numbers, Quarter

REPORTS_COME = timedelta(minutes=3)  # one follows each minute while the line is up
_SLOT = timedelta(minutes=5)
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


def slot_of(at: datetime) -> datetime:
    """Return the start of the five minutes that hold a moment."""
    return at - (at - _EPOCH) % _SLOT


class Battery(NamedTuple):
    """What the last night found out of a battery (``server.nightly``, job ``battery``).

    Attributes:
        computed_at: when.
        since: its first day here.
        full_at: when it last was full by physics; None: never.
        may_charge_seen, may_discharge_seen: whether its BMS was ever seen to allow it.
        figures: some of ``/v1/battery``, each with ``value``, ``low`` and ``high``.
    """

    computed_at: datetime
    since: date | None = None
    full_at: datetime | None = None
    may_charge_seen: bool = False
    may_discharge_seen: bool = False
    figures: Mapping[str, Mapping[str, Any] | None] = {}

    def figure(self, name: str, part: str = "value") -> Any:
        """Return a figure, or a part of it; None where it has none."""
        return (self.figures.get(name) or {}).get(part)


class Roof(NamedTuple):
    """What the last night found out of a roof (``server.nightly``, job ``roof``).

    Attributes:
        computed_at: when.
        new_shade: those of its events, as ``/v1/roof`` has them.
    """

    computed_at: datetime
    new_shade: Sequence[Mapping[str, Any]] = ()


class House(NamedTuple):
    """What is known of a house, whatever it measures.

    ``battery`` and ``roof`` are None where no night has computed anything of one, ``set_place``
    where its owner did not say where it is (``server.site``).
    """

    device_id: str
    name: str | None = None
    timezone: str = "UTC"
    nominal_w: float | None = None
    capacity_kwh: float | None = None
    has_battery: bool | None = None
    edge_version: str | None = None
    known_since: datetime | None = None
    battery: Battery | None = None
    export_limit_w: float | None = None
    roof: Roof | None = None
    set_place: sun.Place | None = None

    @property
    def place(self) -> sun.Place | None:
        """Return where it is, as its owner says; else as far as its zone says."""
        return self.set_place or sun.place_of(self.timezone)

    @property
    def zone(self) -> ZoneInfo:
        """Return its zone."""
        return ZoneInfo(self.timezone)


class Report(NamedTuple):
    """The newest counts of the edge, of one kind of reading, and what it says of itself.

    ``failed`` is of the newest two quarter hours: how often each reason made a poll fail. What the
    edge does not say is not in ``told``.
    """

    received_at: datetime
    slot: datetime
    boot: str
    polled: int = 0
    failed: Mapping[str, int] = {}
    waiting: int = 0
    oldest_unsent_ts: datetime | None = None
    clock: str | None = None
    told: Mapping[str, Any] = {}


class Sunset(NamedTuple):
    """A day at its end, beside the best of the same season in any year."""

    day: date
    kwh: float
    best_kwh: float


@dataclass
class Evidence:
    """Everything that a rule may look at of one house, at one moment.

    Attributes:
        now: the moment.
        house: whose it is.
        newest: ``ts`` of the newest reading.
        newest_received: when that arrived.
        hours: the last three hours by minutes.
        quarters: the last day by quarter hours, oldest first.
        report: the newest counts of the edge; None: there never were any, or nobody asked.
        p1_newest: ``ts`` of the grid meter's newest reading.
        p1_report: as ``report``, of the grid meter.
        silent_nights: how many of the last 14 had no reading; None: nobody asked.
        soh_week_ago: the battery's health a week ago.
        boots: of the edge, in the last 24 hours.
        parked, conflicts: readings of the last 24 hours that could not be stored.
        lost: readings of the last 24 hours that are nowhere; None: not asked this time.
        sunset: set in the minutes after it.
        usual_w: what each string brings on good days, by five minutes; None: nobody asked.
        knows_reports: false of the past: what the edge said of itself is not kept.
    """

    now: datetime
    house: House
    newest: datetime | None = None
    newest_received: datetime | None = None
    hours: Hours = field(default_factory=Hours)
    quarters: Sequence[Quarter] = ()
    report: Report | None = None
    p1_newest: datetime | None = None
    p1_report: Report | None = None
    silent_nights: int | None = None
    soh_week_ago: float | None = None
    boots: int | None = None
    parked: int | None = None
    conflicts: int | None = None
    lost: int | None = None
    sunset: Sunset | None = None
    usual_w: Mapping[datetime, Numbers] | None = None
    knows_reports: bool = True

    @property
    def silent_s(self) -> float:
        """Return how old the newest reading is; infinite where there is none."""
        return (self.now - self.newest).total_seconds() if self.newest else float("inf")

    @property
    def fresh(self) -> Minute | None:
        """Return the newest minute, if it is from now: else nothing measured is known."""
        newest = self.hours.newest
        return newest if newest and self.now - newest.last_ts <= FRESH else None

    @property
    def is_reporting(self) -> bool:
        """Return whether the edge's own counts come: the line is up, and so is the edge."""
        return any(
            report is not None and self.now - report.received_at <= REPORTS_COME
            for report in (self.report, self.p1_report)
        )

    def last(self, seconds: float) -> list[Minute]:
        """Return the minutes that began in the last so many seconds."""
        return self.hours.since(self.now - timedelta(seconds=seconds))


@dataclass
class Front:
    """How the server looks from outside: by the public name, as its edges see it.

    Attributes:
        problem: what is wrong: dns, tcp, tls, status; None: it is well.
        detail: of that, English: what the network's own message says.
        cert_days: days until its certificate ends; None: not seen.
    """

    problem: str | None = None
    detail: str = ""
    cert_days: float | None = None
    is_own_ca: bool = False


@dataclass
class Server:
    """What belongs to no house: the alerter's own look around.

    Attributes:
        now: the moment.
        houses: of all houses: who is silent, since when.
        front: None: nobody looked.
        jobs: what root's jobs wrote down of their last run: name -> time, result, and more.
        errors_5xx: 5xx answers of the last ten minutes; None: cannot be asked.
        edges_cert_days: days until the certificate ends, as the edge saw it that sees least.
    """

    now: datetime
    houses: Sequence["Silence"] = ()
    front: Front | None = None
    jobs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    errors_5xx: int | None = None
    edges_cert_days: float | None = None


class Silence(NamedTuple):
    """One house as the judge of the whole line sees it.

    Attributes:
        newest: of its newest reading.
        is_away: it was silent before, and that was told, or it is its usual night.
        is_reporting: counts of its edge come, by the very line.
    """

    device_id: str
    newest: datetime | None
    is_away: bool
    is_reporting: bool = False


@dataclass
class Outside:
    """What can be seen outside of the database; nothing, in a replay and in most tests.

    ``database_away_since``: it was away until this run, which is the first to reach it again.
    """

    front: Front | None = None
    jobs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    errors_5xx: int | None = None
    database_away_since: datetime | None = None
