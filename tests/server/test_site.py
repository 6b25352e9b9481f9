"""``python -m server.site set``: what the owner of a house says of it, and where it shows."""

from threading import Thread

import pytest
from psycopg2.extensions import cursor as Cursor  # noqa: N812  a type, not a function

from server.database import sites
from server.nightly import runner as nightly
from server.nightly.days import Span
from server.nightly.jobs import Job
from server.site import main
from tests.support.batches import DEVICE, OTHER, READ_TOKEN, app_on, get, send
from tests.support.commands import runner
from tests.support.readings import connected, reading, rows, store, utc
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
        (("show", "home-99"), 1, "the known devices are: "),
        (("show",), 2, "required"),
        (("set", DEVICE, "--latitude", "51.2"), 1, "go together"),
        (("set", DEVICE, "--longitude", "4.4"), 1, "go together"),
        (("set", DEVICE, "--latitude", "151.2", "--longitude", "-33.9"), 2, "the longitude?"),
        (("set", DEVICE, "--latitude", "91", "--longitude", "4"), 2, "from -90 to 90"),
        (("set", DEVICE, "--latitude", "51", "--longitude", "181"), 2, "from -180 to 180"),
        (("set", DEVICE, "--latitude", "51,2", "--longitude", "4,4"), 2, "decimal point"),
        (("set", DEVICE, "--latitude", "51°12'N", "--longitude", "4"), 2, "not a number like"),
        (("set", DEVICE, "--latitude", "nan", "--longitude", "4"), 2, "not a number like"),
        (("set", DEVICE, "--export-limit-w", "-1"), 2, "watts from 0"),
        (("set", DEVICE, "--export-limit-w", "inf"), 2, "not a number like"),
        (("set", DEVICE, "--string", "35,170,3.2"), 2, "like 1:35,170,3.2"),
        (("set", DEVICE, "--string", "1:35"), 2, "like 1:35,170,3.2"),
        (("set", DEVICE, "--string", "5:35,170"), 2, "1, 2, 3 or 4"),
        (("set", DEVICE, "--string", "0:35,170"), 2, "1, 2, 3 or 4"),
        (("set", DEVICE, "--no-string", "east"), 2, "1, 2, 3 or 4"),
        (("set", DEVICE, "--string", "1:170,35"), 2, "the tilt comes first"),
        (("set", DEVICE, "--string", "1:91,170"), 2, "0 (flat) to 90 (upright)"),
        (("set", DEVICE, "--string", "1:-1,170"), 2, "0 (flat) to 90 (upright)"),
        (("set", DEVICE, "--string", "1:35,-10"), 2, "from north clockwise"),
        (("set", DEVICE, "--string", "1:35,361"), 2, "from north clockwise"),
        (("set", DEVICE, "--string", "1:35,170,3200"), 2, "in kWp 3.2?"),
        (("set", DEVICE, "--string", "1:35,170,0"), 2, "in kWp"),
        (("set", DEVICE, "--string", "1:35,170,1e-9"), 2, "from 0.01 to 100"),
        (("set", DEVICE, "--string", "1:35,170,3.2," + "x" * 65), 2, "at most 64 characters"),
        (("set", DEVICE, "--string", "1:35,170", "--string", "1:9,9"), 2, "named twice"),
        (("set", DEVICE, "--string", "1:35,170", "--no-string", "1"), 2, "named twice"),
    ],
)
def test_what_cannot_be_set_says_why(run, argv, status, words):
    found, out, err = run(*argv)
    assert (found, out) == (status, [])
    assert words in err[-1]


ROOF = (
    *("--latitude", "51.2", "--longitude", "4.4", "--export-limit-w", "3000"),
    *("--string", "1:35,170,3.2", "--string", "2:-0,360,,East, the shed"),
)


UNREAD = (
    f"{DEVICE}: string {{n}} is none of the strings that the inverter reports: {{those}}; what was"
    " set counts once it is read (--no-string {n} takes it back)"
)


def set_of(database, device_id: str) -> tuple[list, list]:
    asked = "SELECT latitude, longitude, export_limit_w FROM sungrow_sites WHERE device_id = %s"
    of_strings = (
        "SELECT string, tilt_deg, azimuth_deg, kwp, name FROM sungrow_site_strings"
        " WHERE device_id = %s ORDER BY string"
    )
    return tuple(
        [tuple(row.values()) for row in rows(database, one, device_id)]
        for one in (asked, of_strings)
    )


@pytest.fixture
def database(database_url):
    with connected(database_url) as connection:
        yield connection


def test_a_roof_is_stored_shown_and_taken_back(run, database):
    status, out, err = run("set", DEVICE, *ROOF)
    assert (status, err) == (0, [])
    assert out[0] == f"{DEVICE}: latitude 51.2"
    assert out[-3] == f"{DEVICE}: string 2 tilt 0, azimuth 0, East, the shed"
    assert out[-2:] == [UNREAD.format(n=n, those="none yet") for n in (1, 2)]
    planes = [(1, 35, 170, 3.2, None), (2, 0, 0, None, "East, the shed")]
    assert set_of(database, DEVICE) == ([(51.2, 4.4, 3000)], planes)
    assert run("show", DEVICE)[1][1:] == [
        f"{DEVICE}: latitude 51.2",
        f"{DEVICE}: longitude 4.4",
        f"{DEVICE}: export_limit_w 3000",
        f"{DEVICE}: string 1 tilt 35, azimuth 170, 3.2 kWp",
        f"{DEVICE}: string 2 tilt 0, azimuth 0, East, the shed",
        f"{DEVICE}: strings that the inverter reports: none yet",
    ]
    # What is not named stays; each can be taken back.
    assert run("set", DEVICE, "--export-limit-w", "0", "--no-string", "1")[0] == 0
    assert set_of(database, DEVICE) == ([(51.2, 4.4, 0)], planes[1:])
    back = ("--latitude", "none", "--longitude", "none", "--export-limit-w", "none")
    assert run("set", DEVICE, *back)[0] == 0
    assert set_of(database, DEVICE) == ([(None, None, None)], planes[1:])
    assert run("set", DEVICE, "--no-string", "2", "--no-string", "3")[0] == 0
    assert set_of(database, DEVICE) == ([], [])


def test_it_shows_which_strings_were_read(run, database, database_url):
    client = app_on(database_url).test_client()
    read = {"mppt2_voltage_v": 300, "mppt2_current_a": 4, "mppt1_voltage_v": 10}
    assert send(client, a_sample(**read)).status_code == 200
    assert run("show", DEVICE)[1][-1] == f"{DEVICE}: strings that the inverter reports: 2"


def test_it_says_at_once_which_strings_were_never_read(run, database, database_url):
    rows(database, "DELETE FROM sungrow_strings_5min")
    argv = ("--string", "3:35,170", "--string", "1:35,170", "--no-string", "4")
    assert run("set", DEVICE, *argv)[1][3:] == [
        UNREAD.format(n=n, those="none yet") for n in (3, 1)
    ]
    client = app_on(database_url).test_client()
    read = {f"mppt{n}_{what}": 4 for n in (1, 2) for what in ("voltage_v", "current_a")}
    assert send(client, a_sample(**read)).status_code == 200
    status, out, err = run("set", DEVICE, *argv)
    assert (status, out[3:], err) == (0, [UNREAD.format(n=3, those="1, 2")], [])
    # It is stored all the same: the string may come later.
    _, planes = set_of(database, DEVICE)
    assert [string for string, *_ in planes] == [1, 3]
    # Where nothing was said of it, there is nothing to say.
    for others in (("--string", "2:35,170"), ("--no-string", "3"), ("--name", "Ours")):
        assert not any("none of the" in line for line in run("set", DEVICE, *others)[1])
    assert run("set", DEVICE, "--no-string", "1", "--no-string", "2")[0] == 0


def test_another_house_has_strings_of_its_own(run, database_url):
    client = app_on(database_url).test_client()
    read = {"mppt1_voltage_v": 300, "mppt1_current_a": 4}
    assert send(client, a_sample(**read)).status_code == 200
    assert "none of the" in run("set", OTHER, "--string", "1:35,170")[1][-1]
    assert run("set", OTHER, "--no-string", "1")[1] == [f"{OTHER}: string 1 not set"]


def test_half_a_place_changes_nothing_else_either(run, database):
    assert run("set", DEVICE, *ROOF)[0] == 0
    before = set_of(database, DEVICE)
    argv = ("--longitude", "none", "--no-string", "1", "--name", "Ours")
    status, out, err = run("set", DEVICE, *argv)
    assert (status, out) == (1, [])
    assert "nothing was set" in err[0]
    assert set_of(database, DEVICE) == before


@pytest.mark.parametrize(
    ("zone", "place", "is_refused"),
    [
        ("Europe/Brussels", ("4.4", "51.2"), True),
        ("Europe/Brussels", ("51.2", "4.4"), False),
        ("Europe/Brussels", ("-51.2", "-4.4"), False),  # far, and so is the other way round
        ("America/New_York", ("-74", "40.7"), True),
        ("America/Los_Angeles", ("34", "-118.2"), False),
        ("America/Los_Angeles", ("-33.9", "151.2"), False),
        ("UTC", ("4.4", "51.2"), False),
    ],
)
def test_what_looks_swapped_by_the_zone_is_refused(run, database, zone, place, is_refused):
    rows(
        database,
        "INSERT INTO sungrow_devices (device_id, timezone) VALUES (%s, %s) ON CONFLICT (device_id)"
        " DO UPDATE SET timezone = excluded.timezone",
        OTHER,
        zone,
    )
    argv = ("--latitude", place[0], "--longitude", place[1], "--name", "Ours")
    status, out, err = run("set", OTHER, *argv)
    assert status == is_refused
    if is_refused:
        assert out == []
        assert "look swapped" in err[0]
        assert "rebuild" in err[0], "what helps where they are right"
        assert set_of(database, OTHER) == ([], [])
    assert run("set", OTHER, "--latitude", "none", "--longitude", "none")[0] == 0


@pytest.mark.parametrize(
    ("argv", "marked"),
    [
        (("--latitude", "51.3"), 3),
        (("--export-limit-w", "none"), 3),
        (("--string", "1:36,170,3.2"), 3),
        (("--no-string", "2"), 3),
        (("--string", "1:35,170,3.2,South"), 1),  # a name alone
        (("--string", "1:35,170,3.2"), 0),
        (("--latitude", "51.2", "--longitude", "4.4"), 0),
        (("--name", "Our house"), 0),
    ],
)
def test_the_next_night_takes_account_of_what_changed(run, database, argv, marked):
    assert run("set", DEVICE, *ROOF)[0] == 0
    rows(database, "DELETE FROM sungrow_nightly")
    rows(
        database,
        "INSERT INTO sungrow_nightly (job, device_id, day, seen) SELECT job, device_id, day, 1"
        "  FROM unnest(ARRAY['roof', 'battery']) job, unnest(ARRAY[%s, %s]) device_id,"
        " unnest(ARRAY['2026-05-01', '2026-05-02', '2026-05-03']::date[]) day",
        DEVICE,
        OTHER,
    )
    assert run("set", DEVICE, *argv)[0] == 0
    found = rows(database, "SELECT job, device_id, day FROM sungrow_nightly WHERE seen IS NULL")
    assert len(found) == marked
    assert {(row["job"], row["device_id"]) for row in found} <= {("roof", DEVICE)}
    if marked == 1:
        assert str(found[0]["day"]) == "2026-05-03"


def test_what_is_set_while_a_night_runs_counts_from_the_next_one(run, database_url, database):
    assert run("set", DEVICE, *ROOF)[0] == 0
    begun = []

    def night(cursor, device_id: str, days: list) -> str:
        """Take account of the first day of the house, and be overtaken."""
        begun.append(Thread(target=change))
        begun[0].start()
        begun[0].join(0.3)
        return "done"

    def change() -> None:
        with connected(database_url) as other, other, other.cursor(cursor_factory=Cursor) as cursor:
            sites.change(cursor, DEVICE, {"latitude": 51.3}, {})

    store(database, DEVICE, [reading(utc("2026-05-01 10:00"))])
    rows(database, "DELETE FROM sungrow_nightly")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nightly, "JOBS", (Job("roof", night),))
        assert nightly.run(database_url, nightly.Wanted(("roof",), (DEVICE,), Span())) == []
    begun[0].join()
    assert {row["seen"] for row in rows(database, "SELECT seen FROM sungrow_nightly")} == {None}


def test_the_longest_name_is_one(run, names):
    assert run("set", DEVICE, "--name", "é" * 64)[0] == 0
    assert names()[DEVICE] == "é" * 64
