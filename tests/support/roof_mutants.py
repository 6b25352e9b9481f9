"""Wrong formulas of the roof's analysis: each must be found out by a roof whose truth is known."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest import mock

from edge_lib.simulator.roof import Plane
from server.roof import cells, limited, model
from tests.support.roof_checks import claims_of, found, score
from tests.support.roof_life import Life, horizon, live
from tests.support.roof_map_claims import Line

_TREE = Life((Plane(3.2, 30, 150),), horizon("ridge", "mixed"), "mixed", 1, 100)
_LIMITED = Life((Plane(5.0, 35, 180),), (), "mixed", 1, 60, export_limit_w=2000)


class Short:
    """Two roofs, lived once: one behind a ridge, one held back at noon; no mutant changes them."""

    def __init__(self) -> None:
        self.tree, self.limited = live(_TREE), live(_LIMITED)

    def failures(self) -> Iterator[str]:
        """Yield which of the checks do not hold of what is found now."""
        map_ = score(self.tree, found(self.tree))
        if map_.recall < 0.95 or map_.shaded < 15:
            yield f"recall {map_.recall:.2f}"
        if map_.false_share > 0.01:
            yield f"{map_.false} false bins"
        held = found(self.limited)
        if claims_of(held):
            yield "shade where the inverter held back"
        limits = {limit.bucket_s for limit in held.limits}
        truly = [true.bucket_s for true in self.limited.truth if true.cause]
        flagged = sum(at in limits for at in truly) / len(truly)
        if flagged < 0.95:
            yield f"{100 * flagged:.0f} % of what was held back is known as that"


def _from_south(self, plane) -> None:
    _init(self, plane._replace(azimuth_deg=(plane.azimuth_deg + 180) % 360))


def _mean(values, part: float) -> float:
    own = list(values)
    return sum(own) / len(own)


def _off_by_half(azimuth: int, elevation: int) -> int:
    return _bin_of((azimuth + 25) % 3600, elevation + 12)


_init, _bin_of = model.Facing.__init__, cells.bin_of

MUTANTS: dict[str, Callable] = {
    "azimuth from the south": lambda: mock.patch.object(model.Facing, "__init__", _from_south),
    "mean instead of quantile": lambda: mock.patch.object(cells, "quantile", _mean),
    "limited samples kept": lambda: mock.patch.object(limited, "cause_of", return_value=None),
    "bin off by half": lambda: mock.patch.object(cells, "bin_of", _off_by_half),
}


@contextmanager
def mutant(name: str) -> Iterator[None]:
    with MUTANTS[name]():
        yield


def mutants(seeds: int, run) -> Iterator[Line]:
    """14. Wrong formulas: each dies."""
    short = Short()
    sound = list(short.failures())
    yield not sound, f"the right one: {', '.join(sound) or 'holds'}"
    for name in MUTANTS:
        with mutant(name):
            dead = list(short.failures())
        yield bool(dead), f"{name}: {'dies by ' + ', '.join(dead) if dead else 'LIVES'}"
