"""All endpoints of the grid meter, for the app."""

from server.p1 import ingest, latest, series

BLUEPRINTS = tuple(module.blueprint for module in (ingest, latest, series))
