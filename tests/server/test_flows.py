"""Where the power of one sample went: the SQL function against the order worked out in Python."""

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg2.extras import execute_values

from tests.support.readings import connected, flows

pytestmark = pytest.mark.server

POWERS_W = (0.0, 0.1, 299.7, 300.0, 1000.0, 200_000.0)
SIGNED_W = tuple(sorted({sign * w for w in POWERS_W for sign in (-1, 1)}))


@pytest.fixture(scope="module")
def database(database_url):
    with connected(database_url) as connection:
        yield connection


def ask(database, cases: list[tuple]) -> list[dict]:
    """Return the flows of each (pv, battery, load, export), by one query."""
    statement = (
        "SELECT f.* FROM (VALUES %s) AS given (number, pv, battery, load, export), LATERAL "
        "sungrow_flows(pv, battery, load, export) f ORDER BY number"
    )
    values = [(number, *map(float, case)) for number, case in enumerate(cases)]
    template = "(%s, %s::float8, %s::float8, %s::float8, %s::float8)"
    with database, database.cursor() as cursor:
        return execute_values(cursor, statement, values, template, len(values), fetch=True)


def assert_balanced(case: tuple, flow: dict) -> None:
    pv, battery, load, export = case
    near = pytest.approx
    house = flow["solar_to_house_w"] + flow["battery_to_house_w"] + flow["grid_to_house_w"]
    assert house == near(max(load, 0), rel=1e-9, abs=1e-9), case
    sources = max(pv, 0) + max(-battery, 0) + max(-export, 0)
    assert sum(flow.values()) == near(sources, rel=1e-9, abs=1e-9), case
    least = min(value for name, value in flow.items() if name != "loss_w")
    assert least >= -1e-9, case


def assert_as_reference(database, cases: list[tuple]) -> None:
    for case, flow in zip(cases, ask(database, cases), strict=True):
        assert flow == pytest.approx(flows(*case), rel=1e-9, abs=1e-9), case
        assert_balanced(case, flow)


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ((3000, 0, 800, 2100), "solar>house 800, solar>grid 2100, loss 100"),
        ((3000, 1500, 800, 600), "solar>house 800, solar>battery 1500, solar>grid 600, loss 100"),
        ((0, -900, 800, 0), "battery>house 800, loss 100"),
        ((0, -3000, 500, 2400), "battery>house 500, battery>grid 2400, loss 100"),
        ((0, 2000, 500, -2600), "grid>house 500, grid>battery 2000, loss 100"),
        # The import above the house's need comes first, so the sun is left for the house.
        ((400, 1500, 500, -2000), "solar>house 400, grid>house 100, grid>battery 1500, loss 400"),
        ((400, 2000, 500, -2100), "solar>battery 400, grid>house 500, grid>battery 1600"),
        # Import below the house's need: solar charges first, the grid gives the rest.
        ((400, 600, 1000, -900), "solar>battery 400, grid>house 1000, grid>battery 200, loss -300"),
        ((0, 0, 350, -350), "grid>house 350"),
        ((0, 0, 0, 0), ""),
        # Another generator behind the meter: what it feeds in comes from none of our sources.
        ((0, 0, -400, 400), ""),
        ((1000, 0, -400, 1400), "solar>grid 1000"),
        # The house took more than all sources gave: the strongest one is charged with it.
        ((3, 0, 1050, -1000), "solar>house 3, grid>house 1047, loss -47"),
        ((500, -100, 650, 0), "solar>house 550, battery>house 100, loss -50"),
        ((5, -1000, 1100, -10), "solar>house 5, battery>house 1085, grid>house 10, loss -85"),
        ((0, 0, 120, 0), "grid>house 120, loss -120"),
    ],
)  # fmt: skip
def test_a_case_worked_out_by_hand(database, case, expected):
    flow = ask(database, [case])[0]
    words = [f"{n.removesuffix('_w').replace('_to_', '>')} {w:g}" for n, w in flow.items() if w]
    assert sorted(words) == sorted(expected.split(", ") if expected else [])
    assert flow == pytest.approx(flows(*case))
    assert_balanced(case, flow)


def test_every_mixture_of_edge_values_balances(database):
    positive = tuple(w for w in SIGNED_W if w >= 0)
    assert_as_reference(database, list(itertools.product(positive, SIGNED_W, SIGNED_W, SIGNED_W)))


def power(most_w: float):
    return st.one_of(
        st.integers(-int(most_w), int(most_w)).map(float),
        st.floats(-most_w, most_w, allow_subnormal=False),
        st.sampled_from((0.0, 1000.0, -1000.0)),
    )


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(
        st.tuples(power(200_000).map(abs), power(200_000), power(400_000), power(400_000)),
        min_size=1,
        max_size=200,
    )
)
def test_random_powers_balance(database, cases):
    assert_as_reference(database, cases)
