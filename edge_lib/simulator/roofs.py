"""Roofs to choose from, at 52 N 5 E: ``edge.py simulate --roof NAME``."""

from datetime import datetime

from edge_lib.simulator.roof import HORIZONS, TREE, Plane, Roof

_SOUTH, _EAST, _WEST = (180, 95, 265)
NAMES = ("one", "two", "four")


def named(name: str, start: datetime, seed: int = 1) -> Roof:
    """Return a roof that is clean at ``start``: one, two or four strings.

    ``one`` leaves the second input of its inverter empty. Of ``two`` the first is behind trees.
    ``four`` is an SH10RS with a ridge in the east and west, and a chimney before two strings.
    """
    begin_s = start.timestamp()
    if name == "one":
        planes: tuple[Plane, ...] = (Plane(4.0, 35, _SOUTH), Plane(4.0, 35, _SOUTH, unplugged=True))
        return Roof(planes, clean_s=begin_s, seed=seed)
    if name == "two":
        trees = tuple(one._replace(strings=(0,)) for one in TREE)
        planes = (Plane(3.2, 35, _SOUTH), Plane(2.8, 35, _SOUTH, dirt_per_day=0.0005))
        return Roof(planes, obstacles=trees, clean_s=begin_s, seed=seed)
    chimney = tuple(one._replace(strings=(0, 1)) for one in HORIZONS["chimney"])
    planes = (
        Plane(3.2, 30, _SOUTH),
        Plane(3.2, 30, _SOUTH),
        Plane(2.4, 25, _EAST),
        Plane(2.4, 25, _WEST),
    )
    obstacles = (*HORIZONS["ridge"], *chimney)
    return Roof(planes, obstacles=obstacles, clean_s=begin_s, nominal_w=10_000, seed=seed)
