"""The voltage shows that an inverter held back, whatever was set."""

from datetime import date

import pytest

from server.roof import columns, voltage
from server.roof.rows import DOUBTFUL, Digest

TOP_W = 4799  # twelve classes of 400 W


def held(rows):
    """Return what a month of such rows says: (W, V, code in the digest)."""
    slots = list(range(len(rows) + 1))
    powers, volts, codes = zip(*rows, (TOP_W, 380, 0), strict=True)
    day = Digest(
        date(2025, 6, 1), 0, 300 * len(rows), slots, [1800] * len(slots), [400] * len(slots),
        list(codes), {1: list(powers)}, {1: list(volts)}, {1: 10.0},
    )  # fmt: skip
    return list(voltage.limited(columns.gather([day]), 1))[:-1]


FREE = [(500 + 400 * (n % 5), 400, 0) for n in range(150)]  # up to 2,100 W


def test_a_class_in_which_it_nearly_always_held_back_is_no_measure_of_itself():
    assert held([*FREE, *[(2500, 440, 0)] * 60])[-60:] == [voltage.VOLTAGE] * 60


@pytest.mark.parametrize(
    ("power_w", "volts", "code"),
    [
        (2100, 440, voltage.VOLTAGE),
        (2100, 420, DOUBTFUL),
        (2100, 402, 0),
        (100, 400, 0),  # too little for a usual voltage of its own, but surely not held
        (100, 440, DOUBTFUL),
    ],
)
def test_what_is_doubtful_is_decided_by_the_voltage(power_w, volts, code):
    assert held([*FREE, (power_w, volts, DOUBTFUL)])[-1] == code
    assert held([*FREE, (power_w, volts, 0)])[-1] in (0, voltage.VOLTAGE)


def test_shade_on_a_part_of_the_modules_lowers_no_usual_voltage_above():
    chimney = [(1300, 280, 0)] * 100
    rest = [row for row in FREE if row[0] != 1300]
    assert set(held([*rest, *chimney, *[(2500, 398, 0)] * 60])[-60:]) == {0}
