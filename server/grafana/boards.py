"""All dashboards. Money follows with what it needs."""

from server.grafana import of_a_battery, of_a_house, of_a_roof, of_the_server
from server.grafana.layout import Board, board


def every() -> list[Board]:
    """Return all dashboards."""
    prometheus = {
        "name": "prometheus",
        "label": "Prometheus",
        "type": "datasource",
        "query": "prometheus",
        "hide": 0,
    }
    operations = of_the_server.operations()
    return [
        board("now", "Now", of_a_house.now(), "now-24h", refresh="30s", marks=True),
        board("energy", "Energy", of_a_house.energy(), "now-30d"),
        board("grid", "Grid", of_a_house.grid(), "now-7d"),
        board("battery", "Battery", of_a_battery.battery(), "now-1y"),
        board("roof", "Roof", of_a_roof.roof(), "now-7d"),
        board("fleet", "Fleet", of_the_server.fleet(), "now-24h", of_one=False, refresh="1m"),
        board(
            "operations",
            "Operations",
            operations,
            "now-7d",
            besides=[prometheus],
            refresh="1m",
        ),
    ]
