"""``GET /metrics`` in Prometheus' text format; there only with a ``METRICS_TOKEN``.

What the database knows comes from there; the rest is what all workers have counted together
(``worker_counters``), so every worker sends the same answer.
"""

import hashlib
import hmac
import platform
from collections.abc import Mapping
from datetime import datetime

from flask import Blueprint, Flask, Response, current_app, g, request

from edge_lib import VERSION
from server.api.errors import bad_token, bearer_token
from server.database import health
from server.database.pool import Database, DatabaseAway, Row
from server.metrics import worker_counters
from server.metrics.prometheus import CONTENT_TYPE, Metric, alone, text

blueprint = Blueprint("metrics", __name__)
_SEVERITIES = ("critical", "warning", "info")


def init_app(app: Flask) -> None:
    """Count what ``app`` answers, and serve the counts. Call it after all other routes are there.

    Raises:
        ConfigError: there is no folder for the counters.
    """
    app.register_blueprint(blueprint)
    settings = app.extensions["settings"]
    endpoints = sorted({rule.rule for rule in app.url_map.iter_rules()})
    app.extensions["counters"] = worker_counters.of_server(
        settings.run_dir, settings.database_url, endpoints
    )
    app.after_request(_count)


@blueprint.get("/metrics")
def metrics() -> Response:
    """Return every number; 200 even if database or cache are away, as two of the numbers tell.

    Raises:
        Refused: 401, 429.
    """
    token = bearer_token()
    if token is None or not _is(token, current_app.extensions["settings"].metrics_token):
        raise bad_token(token)
    found = [*_of_the_server(), *_of_the_cache(), *_of_the_database()]
    return Response(text(found), content_type=CONTENT_TYPE)


def _is(token: str, expected: str) -> bool:
    given, known = (hashlib.sha256(t.encode("utf-8", "surrogateescape")) for t in (token, expected))
    return hmac.compare_digest(given.digest(), known.digest())


def _count(response: Response) -> Response:
    endpoint = request.url_rule.rule if request.url_rule else None
    verdicts = g.get("verdicts", {})
    current_app.extensions["counters"].count(endpoint, response.status_code, verdicts)
    return response


def _of_the_server() -> list[Metric]:
    requests, readings = current_app.extensions["counters"].totals()
    labels = {"version": VERSION, "python": platform.python_version()}
    return [
        Metric("sungrow_build_info", "gauge", "The server's version.", [(labels, 1)]),
        Metric(
            "sungrow_http_requests_total",
            "counter",
            "Requests answered, by endpoint and status.",
            [({"endpoint": e, "status": status}, n) for (e, status), n in requests.items()],
        ),
        _of_ingest("samples", "Samples", "sample", readings),
        _of_ingest("p1_samples", "P1 readings", "p1", readings),
    ]


def _of_ingest(name: str, what: str, kind: str, readings: Mapping[tuple[str, str], int]) -> Metric:
    counts = [({"verdict": verdict}, n) for (of, verdict), n in readings.items() if of == kind]
    about = f"{what} that ingest gave a verdict on."
    return Metric(f"sungrow_ingest_{name}_total", "counter", about, counts)


def _of_the_cache() -> list[Metric]:
    state = current_app.extensions["cache"].state()
    up = None if state == "off" else float(state == "ok")
    return [alone("sungrow_cache_up", "1 if Redis answers; absent if none is configured.", up)]


def _of_the_database() -> list[Metric]:
    db, tokens = current_app.extensions["db"], current_app.extensions["tokens"]
    about = "1 if the database answers; otherwise what it knows is absent."
    try:
        edition = health.edition(db)
        found = [*_of_the_edition(edition), *_of_the_jobs(health.jobs(db, edition))]
        found += _of_the_devices(health.devices(db, tokens.devices()))
        found += _of_the_meters(health.meters(db, tokens.houses()))
        found += _of_the_alerts(db, tokens.houses())
    except DatabaseAway:
        return [alone("sungrow_database_up", about, 0)]
    return [alone("sungrow_database_up", about, 1), *found]


def _of_the_edition(edition: health.Edition) -> list[Metric]:
    about = "Which database it is."
    return [Metric("sungrow_database_info", "gauge", about, [(edition.labels(), 1)])]


def _of_the_jobs(jobs: list[Row] | None) -> list[Metric]:
    failing = behind = None
    if jobs is not None:
        failing = sum(job["is_failing"] for job in jobs)
        behind = sum(job["is_behind"] for job in jobs)
    return [
        alone("sungrow_timescaledb_failing_jobs", "Jobs whose last run failed.", failing),
        alone("sungrow_timescaledb_behind_jobs", "Jobs without a success for long.", behind),
    ]


def _of_the_devices(rows: list[Row]) -> list[Metric]:
    edges = [
        ({"device_id": row["device_id"], "version": row["edge_version"]}, 1)
        for row in rows
        if row["edge_version"]
    ]
    kinds = (
        ("newest_sample_timestamp_seconds", "newest_ts", "When the newest sample was measured."),
        ("report_timestamp_seconds", "reported_at", "When the edge last reported."),
        ("waiting_readings", "waiting", "Readings that wait at the edge, as it last reported."),
        ("parked_readings", "parked", "Readings parked at the edge, as it last reported."),
        ("lost_readings", "lost", "Readings of the last 7 days that nobody can account for."),
    )
    return [
        Metric("sungrow_device_edge_info", "gauge", "The version of the device's edge.", edges),
        *(_by_device(f"sungrow_device_{name}", about, key, rows) for name, key, about in kinds),
    ]


def _of_the_meters(rows: list[Row]) -> list[Metric]:
    kinds = (
        ("newest_timestamp_seconds", "newest_ts", "When the newest P1 reading was made."),
        ("report_timestamp_seconds", "reported_at", "When the edge last reported of its P1 meter."),
        ("waiting_readings", "waiting", "P1 readings that wait at the edge, as it last reported."),
        ("parked_readings", "parked", "P1 readings of the last 7 days that are parked."),
        ("lost_readings", "lost", "P1 readings of the last 7 days that nobody can account for."),
    )
    return [_by_device(f"sungrow_device_p1_{name}", about, key, rows) for name, key, about in kinds]


def _of_the_alerts(db: Database, device_ids: list[str]) -> list[Metric]:
    """Return nothing where alerts are not used."""
    ran = db.rows("alerts-last-run", {})
    if not ran:
        return []
    counted = {row["severity"]: row["count"] for row in db.rows("alerts-open", _whose(device_ids))}
    results = ("delivered", "given_up", "dropped")
    return [
        Metric(
            "sungrow_alerts_open",
            "gauge",
            "Alerts that are open.",
            [({"severity": name}, counted.get(name, 0)) for name in _SEVERITIES],
        ),
        alone(
            "sungrow_alerts_last_run_timestamp_seconds",
            "When the rules were last evaluated.",
            _number(ran[0]["finished_at"]),
        ),
        Metric(
            "sungrow_alert_deliveries_total",
            "counter",
            "Messages of alerts, by channel and by what became of them.",
            [
                ({"channel": row["channel"], "result": result}, row[result])
                for row in db.rows("alerts-deliveries", {})
                for result in results
            ],
        ),
    ]


def _whose(device_ids: list[str]) -> dict[str, object]:
    return {"device_ids": [*device_ids, ""]}


def _by_device(name: str, about: str, key: str, rows: list[Row]) -> Metric:
    found = [row for row in rows if row[key] is not None]
    values = [({"device_id": row["device_id"]}, _number(row[key])) for row in found]
    return Metric(name, "gauge", about, values)


def _number(value: datetime | float) -> float:
    return value.timestamp() if isinstance(value, datetime) else float(value)
