"""What would the alerts have told of the demo's history? Nothing is wrong with that house.

    nice .venv/bin/python -m tests.demo_alerts [--days 21]

The history that ``server/demo`` sends is ingested by the server's own app, with its grid meter, and
judged again by ``server.alerts replay --at-once``. Prints what that prints; 1 where anything fired.
"""

import argparse
import itertools
import sys
import tempfile
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg2

from edge_lib.clock import Clock
from edge_lib.simulator.register_image import CAPACITY_WH, NOMINAL_W
from server import sandbox
from server.alerts.options import Options
from server.alerts.replay import lines, replay
from server.sandbox.demo_house import DemoHouse
from tests.support.batches import app_on, migrated, send
from tests.support.samples import DEVICE

ZONE = ZoneInfo("Europe/Amsterdam")
BATCH = 500
# As its edge tells them.
FACTS = {
    "nominal_power_w": NOMINAL_W,
    "has_battery": True,
    "has_meter": True,
    "battery_capacity_kwh": CAPACITY_WH / 1000,
}


def main(argv: list[str]) -> int:
    """Print the replay; return 0 where nothing would have been told."""
    parser = argparse.ArgumentParser(prog="python -m tests.demo_alerts", description=__doc__)
    parser.add_argument("--days", type=int, default=21)
    days = parser.parse_args(argv).days
    house, now = DemoHouse(Clock(), ZONE, days), datetime.now(UTC)
    with (
        tempfile.TemporaryDirectory() as folder,
        sandbox.Postgres(Path(folder), fast=True) as server,
    ):
        url = migrated(server, site_timezone=ZONE.key)
        client = app_on(url, SITE_TIMEZONE=ZONE.key).test_client()
        send(client, device=FACTS)
        minutes = house.history(DEVICE, now)
        count = 0
        while batch := list(itertools.islice(minutes, BATCH)):
            samples, p1_samples = map(list, zip(*batch, strict=True))
            answer = send(client, *samples, p1_samples=p1_samples)
            assert answer.json["inserted"] == answer.json["p1"]["inserted"] == len(batch)
            count += len(batch)
        with closing(psycopg2.connect(url)) as connection:
            first = now - timedelta(days=days)
            found = replay(connection, first, now, Options(), by_ts=True)
    for line in lines(found, ZONE):
        print(line)
    print(f"{count} samples of {days} days, each with one of the grid meter")
    return 1 if found.messages or found.episodes else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
