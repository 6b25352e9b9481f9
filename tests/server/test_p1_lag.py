"""``server.p1 lag``: with which readings of the grid meter the inverter's samples are paired."""

from datetime import timedelta

import pytest

from server.p1.__main__ import main
from tests.support.p1 import store_p1
from tests.support.readings import connected, new_device, reading, rows, store, utc

NOON = utc("2026-05-05 12:00")


@pytest.fixture
def run(database_url, monkeypatch, capsys):
    """Run the command against a database; return exit status, stdout and stderr."""

    def run_(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setenv("DATABASE_URL", database_url)
        try:
            status = main(["lag", *arguments])
        except SystemExit as error:
            status = error.code
        return status, *capsys.readouterr()

    return run_


def test_it_pairs_all_samples_again(database_url, run):
    device_id = new_device()
    with connected(database_url) as connection:
        store(connection, device_id, [reading(NOON, inverter_power_w=480.0)])
        powers = ((-10, 100.0), (0, 200.0))
        readings = [{"ts": NOON + timedelta(seconds=s), "power_w": w} for s, w in powers]
        store_p1(connection, device_id, readings)
        statement = "SELECT load_power_w_sum FROM sungrow_house_5min WHERE device_id = %s"
        assert rows(connection, statement, device_id) == [{"load_power_w_sum": 680}]
        said = f"{device_id}: 10 s; its house was computed again\n"
        assert run(device_id, "10") == (0, said, "")
        assert rows(connection, statement, device_id) == [{"load_power_w_sum": 580}]
        assert run(device_id, "0")[0] == 0
        assert rows(connection, statement, device_id) == [{"load_power_w_sum": 680}]


@pytest.mark.parametrize("text", ["301", "-300.5", "nan", "inf", "two", "", "1e3"])
def test_what_is_not_a_lag_is_a_usage_error(run, text):
    status, _, err = run("home-1", f" {text}" if text.startswith("-") else text)
    assert status == 2
    assert "not a number of seconds from -300 to 300" in err


def test_a_house_that_nobody_knows_is_named(run):
    status, out, err = run("home-99", "3")
    assert (status, out) == (1, "")
    assert "nothing is stored for home-99; devices: " in err
