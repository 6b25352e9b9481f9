"""Episodes and their messages as the evaluation writes them, and a clock that a test sets."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from server.alerts import settings
from server.alerts.deliver import deliver
from server.alerts.settings import Settings
from server.alerts.targets import Sender, Targets
from server.database.connection import connect

BEGAN = datetime(2026, 11, 2, 10, tzinfo=UTC)
TABLES = "sungrow_alert_outbox, sungrow_alerts, sungrow_silences, sungrow_alert_run"


class World:
    """A database of alerts, the channels, and the time."""

    def __init__(self, url: str, senders: dict[str, Sender], **env: str):
        self.now = BEGAN
        self.settings: Settings = settings.read({"DATABASE_URL": url, **env})
        self.settings = self.settings._replace(targets=Targets(senders))
        self.connection = connect(url, {})
        self.run(f"TRUNCATE {TABLES} RESTART IDENTITY")

    def close(self) -> None:
        self.connection.close()

    def run(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with self.connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def opens(
        self,
        *devices: str,
        rule: str = "no_data",
        severity: str = "critical",
        channels: Sequence[str] | None = None,
    ) -> list[int]:
        """Open an episode of each of these houses, in one message; return their numbers."""
        ids = [
            self.run(
                "INSERT INTO sungrow_alerts (device_id, rule, severity, state, since, opened_at,"
                " last_true_at) VALUES (%s, %s, %s, 'open', %s, %s, %s) RETURNING id",
                *(device, rule, severity, self.now - timedelta(minutes=10), self.now, self.now),
            )[0][0]
            for device in devices
        ]
        self.writes("opened", ids, devices[0], rule, severity, channels)
        return ids

    def ends(self, *ids: int, told: bool = True, channels: Sequence[str] | None = None) -> None:
        """Close these episodes; with one message a house, unless nothing is told."""
        self.run(
            "UPDATE sungrow_alerts SET state = 'closed', closed_at = %s WHERE id = ANY (%s)",
            *(self.now, list(ids)),
        )
        if told:
            ((device, rule, severity),) = self.run(
                "SELECT device_id, rule, severity FROM sungrow_alerts WHERE id = %s", ids[0]
            )
            self.writes("resolved", list(ids), device, rule, severity, channels)

    def writes(
        self,
        event: str,
        ids: list[int],
        device: str,
        rule: str = "no_data",
        severity: str = "critical",
        channels: Sequence[str] | None = None,
        n: int = 0,
    ) -> None:
        """Write a message about episodes."""
        since = self.now - timedelta(minutes=10)
        body = {
            "version": 1,
            "id": None,
            "event": event,
            "device_id": device,
            "rule": rule,
            "severity": severity,
            "title": f"{device}: {rule} {event}",
            "text": f"text of {event}",
            "since": since.isoformat(),
            "until": self.now.isoformat() if event == "resolved" else None,
            "values": {},
            "url": None,
            "alert_ids": ids,
        }
        for channel in channels or self.settings.channels:
            self.run(
                "INSERT INTO sungrow_alert_outbox (alert_id, channel, event, n, body, created_at,"
                " not_before) VALUES (%s, %s, %s, %s, %s, %s, %s)",
                *(ids[0] if ids else None, channel, event, n, json.dumps(body), self.now, self.now),
            )

    def delivers(self, zone: str = "UTC") -> None:
        """Send what is due now."""
        deliver(self.settings, lambda: self.now, ZoneInfo(zone))

    def passes(self, **time: float) -> None:
        """Let time pass, with a run a minute."""
        end = self.now + timedelta(**time)
        while self.now < end:
            self.now += timedelta(minutes=1)
            self.delivers()

    def later(self, **time: float) -> None:
        """Let time pass, then run once."""
        self.now += timedelta(**time)
        self.delivers()

    def states(self, channel: str | None = None) -> list[str]:
        """Return what became of each message: delivered, given up, dropped or waits."""
        return [
            row[0]
            for row in self.run(
                "SELECT CASE WHEN delivered_at IS NOT NULL THEN 'delivered'"
                " WHEN given_up_at IS NOT NULL THEN 'given up'"
                " WHEN dropped_at IS NOT NULL THEN 'dropped' ELSE 'waits' END"
                " FROM sungrow_alert_outbox WHERE %s IN ('', channel) ORDER BY position",
                channel or "",
            )
        ]
