"""sungrow_sun of SQL is edge_lib/shared/sun.py: the same to a billionth of a degree, anywhere."""

import random

import pytest

from edge_lib.shared import sun
from tests.support.readings import connected, rows

CLOSE = 1e-9  # degrees
_ASKED = """
    SELECT unix_s, latitude, longitude, azimuth_deg, elevation_deg
      FROM unnest(%s::timestamptz[], %s::float8[], %s::float8[]) AS asked (ts, latitude, longitude)
     CROSS JOIN LATERAL (SELECT extract(epoch FROM ts)::float8 AS unix_s) AS moment
     CROSS JOIN sungrow_sun(ts, latitude, longitude)
"""


def asked() -> list[tuple[str, float, float]]:
    """Return 5,000 moments of 1951 to 2099 and places, and where a formula may go wrong."""
    draw = random.Random(22)
    found = [
        (
            f"{draw.randint(1951, 2099)}-{draw.randint(1, 12)}-{draw.randint(1, 28)}"
            f" {draw.randint(0, 23)}:{draw.randint(0, 59)}:{draw.uniform(0, 59.9):.6f}Z",
            draw.uniform(-90, 90),
            draw.uniform(-180, 180),
        )
        for _ in range(5_000)
    ]
    for latitude in (-90.0, -23.436, 0.0, 23.436, 51.2, 90.0):
        for longitude in (-180.0, 0.0, 179.999, 180.0):
            for day in ("2024-02-29", "2026-03-20", "2026-06-21", "2026-12-31", "1970-01-01"):
                found += [(f"{day} {hour:02}:00Z", latitude, longitude) for hour in (0, 6, 12, 23)]
    return found


@pytest.fixture(scope="module")
def database(database_url):
    with connected(database_url) as connection:
        yield connection


def test_it_is_that_of_python(database):
    found = rows(database, _ASKED, *map(list, zip(*asked(), strict=True)))
    assert len(found) == 5_480
    heights = [0] * 4
    for row in found:
        expected = sun.position(row["unix_s"], row["latitude"], row["longitude"])
        turned = abs((row["azimuth_deg"] - expected.azimuth_deg + 180) % 360 - 180)
        assert turned <= CLOSE, row
        assert abs(row["elevation_deg"] - expected.elevation_deg) <= CLOSE, row
        assert 0 <= row["azimuth_deg"] < 360
        heights[sum(expected.elevation_deg > edge for edge in (-0.575, 5, 85))] += 1
    assert min(heights) > 5, "each piece of the refraction was asked for"


def test_of_an_unknown_place_or_time_it_says_nothing(database):
    for place in ("NULL, 51.2, 4.4", "now(), NULL, 4.4", "now(), 51.2, NULL"):
        (found,) = rows(database, f"SELECT * FROM sungrow_sun({place})")  # noqa: S608
        assert found["elevation_deg"] is None
