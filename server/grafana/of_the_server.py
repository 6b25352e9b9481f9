"""The dashboards of who runs the server: Fleet and Operations."""

from collections.abc import Iterator

from server.grafana.layout import Place
from server.grafana.panels import Panel, about, by_name, curves, metrics, note, stat, table

HOUSE_COLUMNS = {
    "device_id": "House",
    "name": "Name",
    "age_s": "Newest reading",
    "completeness": "Of today's readings",
    "lost": "Lost in 7 days",
    "waiting": "Waiting at the edge",
    "parked": "Parked at the edge",
    "faults_open": "Faults",
    "alerts_open": "Alerts",
    "edge_version": "Edge",
    "model": "Inverter",
}
OF_THE_EDGE = {
    "kind": "Readings of",
    "received_at": "Reported",
    "clock": "Clock",
    "waiting": "Waiting",
    "oldest_unsent_ts": "Oldest of them",
    "parked": "Parked",
    "spool_state": "Spool",
    "spool_used_pct": "Spool used",
    "disk_free_mb": "Disk free",
    "cert_days": "Certificate",
    "uptime_s": "Up for",
    "restarts_24h": "Restarts in 24 h",
    "last_poll_error": "Last error of a poll",
    "last_upload_error": "Last error of an upload",
}
OF_MESSAGES = {
    "channel": "Channel",
    "delivered": "Delivered",
    "given_up": "Given up",
    "waiting": "Waiting",
    "last_success_ts": "Last delivered",
}


def fleet() -> Iterator[Place]:
    """Yield how all houses are."""
    count = {"houses": "Houses", "silent": "Silent for ten minutes"}
    yield 6, 6, stat("Houses", "silent", count, "No house yet")
    yield 18, 6, by_name("Panels", "house-powers", "avg_pv_power_w", "No reading in this time")
    houses = table("Houses", "houses", HOUSE_COLUMNS, "")
    link = {"title": "Now", "url": "/d/sungrow-now?var-device=${__value.raw}"}
    houses["fieldConfig"]["overrides"][0]["properties"].append({"id": "links", "value": [link]})
    yield (
        24,
        10,
        about(
            houses,
            "Empty: not known. Faults where the dongle has never shown one, alerts where not used.",
        ),
    )
    days = by_name(
        "Of each day's readings", "house-days", "completeness", "No reading in this time"
    )
    yield (
        24,
        8,
        about(days, "What is stored of what there was time for; of the last 31 days at most."),
    )


def operations() -> Iterator[Place]:
    """Yield how readings get from one house to the database, and how the server is."""
    yield (
        24,
        5,
        table(
            "The edge, by its newest report", "edge", OF_THE_EDGE, "The edge has not reported yet"
        ),
    )
    polls = {"polled": "Polls", "failed": "Failed", "waiting": "Waiting"}
    none = "No report in this time"
    yield 12, 8, curves("Polls of a quarter hour", "polls", polls, none)
    yield (
        12,
        8,
        by_name("Failed polls, by reason", "failures", "failed", "No poll failed, or no report"),
    )
    fates = ("expected", "polled", "failed", "stored", "parked", "thinned", "forgotten")
    columns = {"day": "Day", **{f: f.capitalize() for f in fates}, "in_transit": "On the way"}
    yield (
        24,
        9,
        about(
            table(
                "What became of the readings",
                "completeness",
                {**columns, "lost": "Lost"},
                "No reading yet",
            ),
            "Of each of the last 31 days at most. Lost has to be 0.",
        ),
    )
    condition = {
        "disk_free_mb": "Disk free",
        "spool_used_pct": "Spool used",
        "cert_days": "Certificate",
    }
    empty = "The edge does not report its disk"
    yield 12, 8, curves("The edge's disk and certificate", "edge-disk", condition, empty)
    parked = {"ts": "Time", "kind": "Readings of", "reason": "Reason"}
    yield 12, 8, table("Parked readings", "parked", parked, "None in this time")
    yield (
        16,
        6,
        table(
            "Messages of alerts", "deliveries", OF_MESSAGES, "No message, or alerts are not used"
        ),
    )
    yield 8, 6, stat("Database", "database", {"database_bytes": "Size"}, "not known")
    yield 24, 1, _server_row()


def _server_row() -> Panel:
    """Return what only Prometheus knows, closed: a closed row asks for nothing."""
    inner = [
        (
            24,
            3,
            note(
                "For those whose Prometheus reads `/metrics` of the server: choose it at the top."
            ),
        ),
        (
            12,
            8,
            metrics(
                "Requests a second",
                ("sum by (status) (rate(sungrow_http_requests_total[5m]))", "{{status}}"),
            ),
        ),
        (
            12,
            8,
            metrics(
                "Samples a second",
                ("sum by (verdict) (rate(sungrow_ingest_samples_total[5m]))", "{{verdict}}"),
            ),
        ),
        (
            12,
            8,
            metrics(
                "Database and cache (1 = up)",
                ("sungrow_database_up", "database"),
                ("sungrow_cache_up", "cache"),
            ),
        ),
        (12, 8, metrics("Open alerts", ("sungrow_alerts_open", "{{severity}}"))),
    ]
    return {
        "type": "row",
        "title": "The server, by Prometheus",
        "collapsed": True,
        "panels": inner,
    }
