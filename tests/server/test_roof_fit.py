"""Where the modules look, by the light of a sky that the analysis does not know."""

from datetime import UTC, date, datetime, timedelta

import pytest

from edge_lib.shared.sun import position
from edge_lib.simulator import roof as simulated
from edge_lib.simulator.sky import ChainSky
from server.roof import fit
from server.roof.fit import Fitted
from server.roof.rows import Digest, Plane

PLACE = (52.0, 5.0)


def _digest(roof: simulated.Roof, day: date) -> Digest:
    """Return a day without clouds."""
    begin = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
    seen = [(at, position(at + 150, *PLACE)) for at in range(begin, begin + 86_400, 300)]
    seen = [(at, sun) for at, sun in seen if sun.elevation_deg >= 3]
    watts = [round(roof.look_at(sun, at).strings[0].offer.power_w) for at, sun in seen]
    return Digest(
        day, seen[0][0], seen[-1][0], [at // 300 for at, _ in seen],
        [round(sun.azimuth_deg * 10) % 3600 for _, sun in seen],
        [round(sun.elevation_deg * 10) for _, sun in seen],
        [0] * len(seen), {1: watts}, {1: [400] * len(seen)}, {1: sum(watts) / 12_000},
    )  # fmt: skip


@pytest.mark.parametrize(("tilt_deg", "azimuth_deg"), [(25, 95), (20, 135)])
def test_a_flat_roof_is_found_under_a_sky_of_which_half_shines_around_the_sun(
    tilt_deg, azimuth_deg
):
    plane = simulated.Plane(3.2, tilt_deg, azimuth_deg)
    roof = simulated.Roof((plane,), *PLACE, sky=ChainSky(1, 1.0, 0.0))
    days = [_digest(roof, date(2025, 1, 2) + timedelta(days=2 * n)) for n in range(182)]
    fitted = fit.of_days(days, 1)
    assert fitted.azimuth_deg == pytest.approx(azimuth_deg, abs=6)
    assert fitted.tilt_deg == pytest.approx(tilt_deg, abs=6)


@pytest.mark.parametrize(
    ("told", "rest", "by_data"),
    [
        (Plane(45, 185), 0.006, True),  # a little wrong, and the data clearly say so
        (Plane(45, 185), 0.0019, False),  # it explains the data nearly as well
        (Plane(35, 230), 0.006, False),  # far off: that is a contradiction, or a tree
        (Plane(10, 270), 0.006, False),
    ],
)
def test_what_was_set_a_little_wrong_is_mended_by_the_data(told, rest, by_data):
    best = fit.mended(told._replace(kwp=3.2, name="South"), Fitted(35, 180, 120, 0.001), rest)
    assert best[:2] == ((35, 180) if by_data else told[:2])
    assert best[2:] == (3.2, "South")
