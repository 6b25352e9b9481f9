"""``python -m server.site set``: what the owner of a house says of it, and where it shows."""

import pytest

from server.site import main
from tests.support.batches import DEVICE, OTHER, READ_TOKEN, app_on, get, send
from tests.support.commands import runner
from tests.support.readings import connected, rows
from tests.support.samples import a_sample


@pytest.fixture
def run(database_url, monkeypatch, capsys, tmp_path):
    run_ = runner(main, monkeypatch, capsys, tmp_path)
    tokens = f"a:{DEVICE},b:{OTHER}"
    return lambda *argv: run_(*argv, DATABASE_URL=database_url, DEVICE_TOKENS=tokens)


@pytest.fixture
def names(database_url):
    """Return what /v1/devices calls each device."""
    client = app_on(database_url).test_client()
    return lambda: {
        one["device_id"]: one["name"]
        for one in get(client, "/v1/devices", READ_TOKEN).json["devices"]
    }


def test_a_name_is_shown_and_stays_whatever_the_edge_tells(run, names, database_url):
    assert names() == {DEVICE: None, OTHER: None}
    assert run("set", DEVICE, "--name", "  Zwaluwstraat   5 ") == (
        *(0, [f"{DEVICE}: name Zwaluwstraat 5"], []),
    )
    client = app_on(database_url).test_client()
    assert send(client, a_sample(), device={"serial": "A1", "model": "SH10RT"}).status_code == 200
    assert send(client, device={"serial": "B2"}).status_code == 200  # another inverter
    assert names() == {DEVICE: "Zwaluwstraat 5", OTHER: None}
    assert run("set", OTHER, "--name", "Café 太阳")[0] == 0
    assert names()[OTHER] == "Café 太阳"
    # What else is known of the house is left alone.
    with connected(database_url) as connection:
        (row,) = rows(connection, "SELECT * FROM sungrow_devices WHERE device_id = %s", DEVICE)
    assert (row["serial"], row["p1_lag_s"]) == ("B2", 0)
    assert run("set", DEVICE, "--name", "")[0] == 0
    assert names() == {DEVICE: None, OTHER: "Café 太阳"}


@pytest.mark.parametrize(
    ("argv", "status", "words"),
    [
        ((), 2, "required"),
        (("set",), 2, "required"),
        (("set", DEVICE), 2, "nothing to set"),
        (("set", DEVICE, "--name"), 2, "expected one argument"),
        (("set", DEVICE, "--name", "x" * 65), 2, "at most 64 characters"),
        (("set", DEVICE, "--name", "a\u202eb"), 2, "that can be shown"),
        (("set", DEVICE, "--name", "a\x1bb"), 2, "that can be shown"),
        (("set", "no house", "--name", "x"), 2, "A-Za-z0-9._-"),
        (("set", "home-99", "--name", "x"), 1, "the known devices are: "),
    ],
)
def test_what_cannot_be_set_says_why(run, argv, status, words):
    found, out, err = run(*argv)
    assert (found, out) == (status, [])
    assert words in err[-1]


def test_the_longest_name_is_one(run, names):
    assert run("set", DEVICE, "--name", "é" * 64)[0] == 0
    assert names()[DEVICE] == "é" * 64
