"""A house for the tests of alerts: readings arrive, and its alerter runs, when the test says."""

from collections.abc import Iterable
from datetime import datetime, timedelta

import psycopg2
from psycopg2.extras import Json

from server.alerts import evaluate
from server.alerts.evidence import Outside
from server.alerts.options import WEBHOOK, Channel, Options
from tests.support.readings import reading, rows, store

MINUTE = timedelta(minutes=1)
PHONE, HOOK = Channel("ntfy"), Channel("webhook", WEBHOOK)
OPTIONS = Options(channels=(PHONE,))
BOOT, OTHER_BOOT = "aa" * 16, "bb" * 16


def live_reading(ts: datetime, **fields) -> dict:
    """Return a reading of a healthy house; its live values are never twice the same."""
    wobble = ts.timestamp() % 977
    healthy = {
        "pv_power_w": 2000 + wobble,
        "battery_power_w": 0.0,
        "battery_soc_pct": 60.0,
        "battery_temp_c": 21.0,
        "battery_soh_pct": 98.0,
        "load_power_w": 500 + wobble,
        "export_power_w": 1400.0,
        "inverter_power_w": 1900 + wobble,
        "grid_power_w": -1400.0,
        "mppt1_voltage_v": 400 + wobble / 100,
        "mppt1_current_a": 5.0,
        "grid_voltage_v": 230 + wobble / 1000,
        "grid_frequency_hz": 50.0,
        "inverter_temp_c": 35.0,
        "running_state": 0,
        "faults": "",
        "boot": BOOT,
        "interval_s": 60.0,
    }
    return reading(ts, **healthy | fields)


def span(first: datetime, end: datetime, step_s: float = 60, **fields) -> list[dict]:
    """Return readings from a moment on and before another; ``fields`` may be computed of ``ts``."""
    found = []
    while first < end:
        given = {name: v(first) if callable(v) else v for name, v in fields.items()}
        found.append(live_reading(first, **given))
        first += timedelta(seconds=step_s)
    return found


class Site:
    """The database of a site, at moments of the test's choice."""

    def __init__(self, database, options: Options = OPTIONS):
        self.database, self.options = database, options
        self.seen = Outside()
        self._connection = psycopg2.connect(database.dsn)
        rows(self._connection, "SET TimeZone = 'UTC'")

    def close(self) -> None:
        """Close the alerter's connection."""
        self._connection.close()

    def arrive(self, device_id: str, readings: Iterable[dict], at: datetime | None = None) -> None:
        """Store readings as if they had arrived at a moment; None: each at its own."""
        readings = list(readings)
        if not readings:
            return
        store(self.database, device_id, readings)
        rows(
            self.database,
            "UPDATE sungrow_samples SET received_at = coalesce(%s, ts)"
            " WHERE device_id = %s AND ts BETWEEN %s AND %s",
            *(at, device_id, min(r["ts"] for r in readings), max(r["ts"] for r in readings)),
        )

    def report(self, device_id: str, at: datetime, **told) -> None:
        """Store the edge's counts of the running quarter hour, as they come each minute."""
        slot = at.replace(minute=at.minute // 15 * 15, second=0, microsecond=0)
        row = {"boot": BOOT, "slot": slot, "polled": 10, "failed": {}, "waiting": 0} | told
        row |= {"device_id": device_id, "received_at": at}
        row |= {"clock": told.get("clock", "synchronised"), "failed": Json(row["failed"])}
        names = ", ".join(row)
        rows(
            self.database,
            f"INSERT INTO sungrow_reports ({names}) VALUES ({', '.join(['%s'] * len(row))})"  # noqa: S608
            " ON CONFLICT (device_id, kind, boot, slot) DO UPDATE SET"
            " polled = excluded.polled, failed = excluded.failed, waiting = excluded.waiting,"
            " oldest_unsent_ts = excluded.oldest_unsent_ts, clock = excluded.clock,"
            " received_at = excluded.received_at",
            *row.values(),
        )

    def run(self, at: datetime) -> None:
        """Run the alerter once."""
        evaluate.run(self._connection, at, self.options, self.seen)

    def run_through(self, first: datetime, end: datetime) -> None:
        """Run it each minute from a moment on and before another."""
        while first < end:
            self.run(first)
            first += MINUTE

    def episodes(self, rule: str | None = None) -> list[dict]:
        """Return all episodes that were ever open, oldest first."""
        return rows(
            self.database,
            "SELECT * FROM sungrow_alerts WHERE opened_at IS NOT NULL"
            " AND (%s IS NULL OR rule = %s) ORDER BY since, rule, id",
            *(rule, rule),
        )

    def messages(self) -> list[tuple[str, str]]:
        """Return event and title of each message, in the order in which they were written."""
        found = rows(self.database, "SELECT * FROM sungrow_alert_outbox ORDER BY position")
        return [(row["event"], row["body"]["title"]) for row in found]

    def outbox(self) -> list[dict]:
        """Return the messages as they are stored."""
        return rows(self.database, "SELECT * FROM sungrow_alert_outbox ORDER BY position")
