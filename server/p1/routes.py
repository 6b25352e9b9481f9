"""All endpoints of the grid meter, for the app."""

from flask import Flask

from server.p1 import capacity, ingest, latest, month, months, referee, series


def init_app(app: Flask) -> None:
    """Add the endpoints to ``app``."""
    months.init_app(app)
    for module in (ingest, latest, series, month, capacity, referee):
        app.register_blueprint(module.blueprint)
