"""The limits of reads and small uploads: the least that a Flask route can do for the same answer.

It takes the same requests at the same paths as the server, behind the same gunicorn, with the same
log; it looks at no token, checks nothing and counts nothing. Each thread keeps a connection of its
own, in autocommit but for uploads.
"""

import json
import os
import threading
from pathlib import Path

import psycopg2
import redis
from flask import Flask, Response, jsonify, request

from tests.bench.inserts import by_values

KEY = "bare"  # in Redis: the bytes that ``/v1/realtime`` answers


class Connections(threading.local):
    """Two connections for each thread that asks."""

    def __init__(self, url: str):
        self.reading, self.writing = psycopg2.connect(url), psycopg2.connect(url)
        self.reading.autocommit = True

    def rows(self, statement: str) -> list[dict]:
        """Run a statement; return its rows by column name."""
        with self.reading.cursor() as cursor:
            cursor.execute(statement)
            names = [column.name for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def create_app() -> Flask:
    """Make the app.

    From the environment: ``DATABASE_URL``; ``REDIS_URL``, empty for answers from the database;
    ``STATEMENTS``, a JSON file of the SQL to run, by the frame of a series, or ``realtime``.
    """
    app = Flask(__name__, static_folder=None)
    connections = Connections(os.environ["DATABASE_URL"])
    path = os.environ.get("STATEMENTS")
    statements = json.loads(Path(path).read_text(encoding="utf-8")) if path else {}
    kept = os.environ["REDIS_URL"] and redis.Redis.from_url(os.environ["REDIS_URL"])

    @app.get("/v1/realtime")
    def realtime() -> Response:
        text = kept.get(KEY) if kept else _dumped(connections, statements["realtime"])
        return Response(text, mimetype="application/json")

    @app.get("/v1/series")
    def series() -> Response:
        text = _dumped(connections, statements[request.args["frame"]])
        return Response(text, mimetype="application/json")

    @app.post("/v1/ingest")
    def ingest() -> Response:
        samples = request.get_json(force=True)["samples"]
        by_values(connections.writing, samples)
        return jsonify(inserted=len(samples))

    return app


def _dumped(connections: Connections, statements: list[str]) -> str:
    return json.dumps([connections.rows(statement) for statement in statements], default=str)
