"""The server: ``gunicorn 'server:create_app()'``. This is the map of its rooms.

============ ==========================================================================
``app``      ``make_app``: the Flask app, put together from all of these
``api``      one file an endpoint under ``/v1/``; ``errors`` (the caller, the shape of
             errors), ``query_args``, ``body`` and ``strict_json`` read a request,
             ``responses`` sends the answer
``auth``     whom a token or a session cookie stands for; the files of tokens
``database`` connections and queries (``pool``), samples, rollups, migrations of ``sql``
``house``    what the grid meter and the inverter say of a house together
``referee``  the inverter's meter against the utility's: pure, but for ``stored``
``battery``  what a battery is still good for: pure; and ``python -m server.battery``
``roof``     what each string gives, and where shade falls: pure
``cache``    the newest sample of each device, in Redis
``p1``       the grid (P1) meter: what edges of other make send of it
``page``     the page at ``/`` (``static``, ``templates``) and its login
``metrics``  ``/metrics``, and the counters that all workers share
``nightly``  ``python -m server.nightly``: what rests on a house's whole history
``grafana``  ``python -m server.grafana``: dashboards and alert rules
``alerts``   ``python -m server.alerts``: what is wrong, told to the owner; not loaded by the app
``doctor``   ``python -m server.doctor``: what is wrong, and what to do about it
``settings`` every environment variable; ``redis_url`` checks one of them
``cli``      what the commands share: ``migrate``, ``rebuild``, ``forget``, ``tokens``,
             ``site``, ``check``, ``pg``
``sandbox``  private servers for the demo and the tests, unknown to the service
============ ==========================================================================

A batch: ``api.ingest`` checks who sends it and every sample, ``database.samples`` stores it in one
transaction, in which triggers keep the rollups, and ``cache`` forgets the device's newest sample.
A query: ``api.series``, say, reads ``query_args``, runs a statement of ``sql/queries`` through
``database.pool`` and sends the rows by ``responses``. Whatever fails on the way is answered by
``api.errors``. Rooms import downwards only; ``tests/whole/test_house_rules.py`` has the arrows.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

if sys.argv[:1] == ["-m"]:  # ``python -m server.NAME``, before anything of it is imported
    from edge_lib.shared import packages

    packages.explain_missing("server")


def create_app(env: Mapping[str, str] | None = None) -> Flask:
    """Return the app of ``env`` (default: the environment, over a ``.env`` beside the project).

    Raises:
        SystemExit: a setting is missing or malformed, or the database is reachable and its schema
            is not current; the log says which, and what to do.
    """
    from server import app  # Flask and Redis take longer to import than most commands to run

    return app.create_app(env)
