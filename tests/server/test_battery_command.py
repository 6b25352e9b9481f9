"""``python -m server.battery``: what the owner of a battery says of it."""

from datetime import UTC, date, datetime, timedelta

import pytest

from server.battery.__main__ import main
from server.battery.settings_table import COLUMNS
from tests.support.batches import DEVICE, OTHER
from tests.support.commands import runner
from tests.support.readings import connected, rows


@pytest.fixture
def run(database_url, monkeypatch, capsys, tmp_path):
    run_ = runner(main, monkeypatch, capsys, tmp_path)
    tokens = f"a:{DEVICE},b:{OTHER}"
    return lambda *argv: run_(*argv, DATABASE_URL=database_url, DEVICE_TOKENS=tokens)


@pytest.fixture
def database(database_url):
    with connected(database_url) as connection:
        yield connection


EVERYTHING = (
    *("--capacity-kwh", "9.6", "--min-soc", "5", "--cells", "60", "--installed", "2024-05-01"),
    *("--modules", "3", "--warranty-years", "10", "--warranty-mwh", "27.5"),
    *("--warranty-capacity-pct", "70", "--warranty-t-min", "-10", "--warranty-t-max", "45"),
)


def stored(database, device_id: str) -> dict | None:
    found = rows(database, "SELECT * FROM sungrow_battery_settings WHERE device_id = %s", device_id)
    return {name: found[0][name] for name in COLUMNS} if found else None


def test_each_setting_is_stored_shown_and_taken_back(run, database):
    status, out, err = run("set", DEVICE, *EVERYTHING)
    assert (status, err) == (0, [])
    assert out[0] == f"{DEVICE}: capacity_kwh 9.6"
    assert stored(database, DEVICE) == {
        "capacity_kwh": 9.6,
        "min_soc_pct": 5.0,
        "cells": 60,
        "installed": date(2024, 5, 1),
        "modules": 3,
        "warranty_years": 10.0,
        "warranty_mwh": 27.5,
        "warranty_capacity_pct": 70.0,
        "warranty_t_min_c": -10.0,
        "warranty_t_max_c": 45.0,
    }
    shown = run("show", DEVICE)[1]
    assert [line.split()[1:] for line in shown[:2]] == [
        ["capacity_kwh", "9.6"],
        ["min_soc_pct", "5"],
    ]
    assert shown[-1] == f"{DEVICE}: the inverter says nothing"
    assert run("list")[1] == shown[:-1]
    # What is not named stays; each can be taken back.
    assert run("set", DEVICE, "--min-soc", "0", "--warranty-mwh", "none")[0] == 0
    assert stored(database, DEVICE)["min_soc_pct"] == 0
    assert stored(database, DEVICE)["warranty_mwh"] is None
    assert stored(database, DEVICE)["cells"] == 60
    back = [word for option in EVERYTHING[::2] for word in (option, "none")]
    assert run("set", DEVICE, *back)[0] == 0
    assert stored(database, DEVICE) is None
    assert run("list") == (0, ["nothing is set"], [])
    assert len(run("show", DEVICE)[1]) == len(COLUMNS) + 1


def test_what_the_inverter_says_is_shown_beside(run, database):
    rows(
        database,
        "INSERT INTO sungrow_devices (device_id, battery_capacity_kwh) VALUES (%s, 9.6)"
        " ON CONFLICT (device_id) DO UPDATE SET battery_capacity_kwh = 9.6",
        OTHER,
    )
    assert run("show", OTHER)[1][-1] == f"{OTHER}: the inverter says 9.6 kWh"


def marked(database, device_id: str) -> list[int]:
    found = rows(
        database,
        "SELECT day FROM sungrow_nightly WHERE device_id = %s AND seen IS NULL ORDER BY day",
        device_id,
    )
    return [row["day"].day for row in found]


def test_the_night_takes_account_of_it(run, database):
    """Of every day where hours and anchors hang on it, else once, for the result."""
    for job, days in (("battery", (1, 2, 3)), ("envelope", (1,))):
        for day in days:
            add = "INSERT INTO sungrow_nightly VALUES (%s, %s, %s, 7)"
            rows(database, add, job, OTHER, date(2026, 5, day))
    forget = "UPDATE sungrow_nightly SET seen = 7"
    for argv, expected in (
        (("--installed", "2024-05-01"), [3]),
        (("--installed", "2024-05-01"), []),  # as it was
        (("--warranty-mwh", "30"), [3]),
        (("--capacity-kwh", "12.8"), [1, 2, 3]),
        (("--cells", "80"), [1, 2, 3]),
        (("--min-soc", "10"), [1, 2, 3]),
    ):
        assert run("set", OTHER, *argv)[0] == 0
        assert marked(database, OTHER) == expected, argv
        rows(database, forget)
    assert marked(database, DEVICE) == []


TOMORROW = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()


@pytest.mark.parametrize(
    ("argv", "status", "words"),
    [
        ((), 2, "required"),
        (("set",), 2, "required"),
        (("set", DEVICE), 2, "nothing to set"),
        (("set", DEVICE, "--capacity-kwh", "big"), 2, "a number from 0.5 to 1000, or none"),
        (("set", DEVICE, "--capacity-kwh", "nan"), 2, "a number from 0.5 to 1000"),
        (("set", DEVICE, "--capacity-kwh", "0"), 2, "a number from 0.5 to 1000"),
        (("set", DEVICE, "--min-soc", "-1"), 2, "a number from 0 to 95"),
        (("set", DEVICE, "--min-soc", "96"), 2, "a number from 0 to 95"),
        (("set", DEVICE, "--cells", "1.5"), 2, "a whole number from 1 to 1000"),
        (("set", DEVICE, "--modules", "0"), 2, "a whole number from 1 to 100"),
        (("set", DEVICE, "--installed", "1.5.2024"), 2, "a date like 2024-05-01"),
        (("set", DEVICE, "--installed", "20240501"), 2, "a date like 2024-05-01"),
        (("set", DEVICE, "--installed", "1999-12-31"), 2, "from 2000 on"),
        (("set", DEVICE, "--installed", TOMORROW + "x"), 2, "a date like"),
        (("set", DEVICE, "--warranty-years", "10"), 1, "--installed, which is not set"),
        (("set", DEVICE, "--warranty-t-min", "5", "--warranty-t-max", "5"), 1, "must be below"),
        (("set", "no house", "--cells", "1"), 2, "A-Za-z0-9._-"),
        (("set", "home-99", "--cells", "1"), 1, "the known devices are: "),
        (("show", "home-99"), 1, "the known devices are: "),
        (("list", DEVICE), 2, "unrecognized arguments"),
    ],
)
def test_what_cannot_be_set_says_why_and_changes_nothing(run, database, argv, status, words):
    rows(database, "DELETE FROM sungrow_battery_settings")
    found, out, err = run(*argv)
    assert (found, out) == (status, [])
    assert words in err[-1]
    assert rows(database, "SELECT * FROM sungrow_battery_settings") == []
