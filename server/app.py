"""The app itself: what ``server.create_app`` loads. No command but ``server.check`` needs it."""

import logging
import os
import sys
from collections.abc import Mapping

from flask import Flask, Response, current_app, jsonify, request
from flask.json.provider import DefaultJSONProvider

from edge_lib import VERSION
from edge_lib.shared import jsonlog
from edge_lib.shared.env import ConfigError, environment
from server import cache, page
from server import settings as settings_module
from server.api import (
    alerts,
    bad_http,
    battery,
    completeness,
    devices,
    envelope,
    errors,
    faults,
    gaps,
    hours,
    ingest,
    realtime,
    roof,
    roof_day,
    series,
    silences,
    states,
    status,
    strings,
)
from server.api.limiter import BadTokenLimiter
from server.api.open_alerts import OpenAlerts
from server.auth.callers import Tokens
from server.auth.refusals import Refusals
from server.database import migrations
from server.database.pool import Database
from server.metrics import endpoint
from server.p1 import routes as p1_routes

log = logging.getLogger("sungrow.server")
_APP_LOAD_ERROR = 4  # gunicorn's own: its master stops instead of starting the worker again
_ENDPOINTS = (
    *(alerts, battery, completeness, devices, envelope, faults, gaps, hours, ingest, realtime),
    *(roof, roof_day, series, silences, states, status, strings),
)


def create_app(env: Mapping[str, str] | None = None) -> Flask:
    """Return the app of ``env`` (default: the environment, over a ``.env`` beside the project).

    Raises:
        SystemExit: a setting is missing or malformed, or the database is reachable and its schema
            is not current; the log says which, and what to do.
    """
    try:
        app = make_app(environment(settings_module.DOTENV) if env is None else env)
    except (ConfigError, migrations.SchemaError) as error:
        if not logging.getLogger().handlers:
            jsonlog.start("INFO")
        log.critical("not started", extra={"reason": str(error)})
        sys.exit(_APP_LOAD_ERROR)
    log.info("ready", extra={"version": VERSION, "pid": os.getpid()})
    return app


def make_app(env: Mapping[str, str]) -> Flask:
    """Return the app.

    Raises:
        ConfigError: a setting is missing or malformed.
        SchemaError: the database is reachable and its schema is not current.
    """
    settings = settings_module.read(env)
    jsonlog.start(settings.log_level)
    bad_http.answer_in_json()
    app = Flask("server", static_folder=None)
    app.json = json = DefaultJSONProvider(app)
    json.sort_keys = False
    app.url_map.merge_slashes = False  # a doubled slash is a 404 like any other, no HTML redirect
    app.extensions["settings"] = settings
    app.extensions["tokens"] = Tokens(env)
    app.extensions["limiter"] = BadTokenLimiter()
    app.extensions["refusals"] = Refusals(env)
    app.extensions["db"] = Database(settings.database_url)
    app.extensions["cache"] = cache.configured(settings, app.extensions["db"])
    app.extensions["open_alerts"] = OpenAlerts(app.extensions["db"])
    errors.init_app(app)
    app.get("/health")(health)
    for module in _ENDPOINTS:
        app.register_blueprint(module.blueprint)
    p1_routes.init_app(app)
    page.init_app(app, settings.secret_key)
    if settings.metrics_token:
        endpoint.init_app(app)
    app.after_request(_headers)
    migrations.refuse_stale_schema(settings.database_url)
    return app


def health() -> tuple[Response, int]:
    """Return whether database and cache answer; 503 only where the database does not."""
    is_there = current_app.extensions["db"].answers()
    answer = {
        "status": "ok" if is_there else "degraded",
        "service": "sungrow",
        "version": VERSION,
        "database": "ok" if is_there else "down",
        "cache": current_app.extensions["cache"].state(),
    }
    return jsonify(answer), 200 if is_there else 503


def _headers(response: Response) -> Response:
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers.add("X-Content-Type-Options", "nosniff")
    allowed = current_app.extensions["settings"].cors_origins
    if not allowed:
        return response
    response.vary.add("Origin")
    origin = request.headers.get("Origin")
    if origin in allowed and request.method in ("GET", "HEAD", "OPTIONS"):
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Allow-Methods"] = "GET"
        response.headers["Access-Control-Allow-Headers"] = "Authorization"
    return response
