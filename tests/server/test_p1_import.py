"""``python -m server.p1 import``: the table of P1-Edge-VPS as COPY writes it."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import psycopg2
import pytest

from server import sandbox
from server.p1 import __main__ as command
from server.p1 import importing
from tests.support.batches import rows
from tests.support.p1_edge import NAME, emptied, p1_app, taken, told
from tests.support.samples import DEVICE

HEADER = "device_id,ts,power_w,import_power_w,energy_import_kwh,energy_export_kwh"
START = datetime(2026, 3, 28, 22, 0, 0, 250_000, tzinfo=UTC)
# Its table by facts: two counters may be null, powers are integers, the key is device and time.
THEIRS = """
    CREATE TABLE p1_samples (
        device_id text NOT NULL, ts timestamptz NOT NULL, power_w integer NOT NULL,
        import_power_w integer NOT NULL, energy_import_kwh double precision,
        energy_export_kwh double precision, PRIMARY KEY (device_id, ts))
"""
FILL = """
    INSERT INTO p1_samples
    SELECT 'p1-main', %s::timestamptz + n * interval '97 seconds', (n * 37) %% 3000 - 900,
           greatest((n * 37) %% 3000 - 900, 0), 16306.1 + n * 0.013,
           CASE WHEN n %% 50 <> 0 THEN 9876.5 + n * 0.003 END
      FROM generate_series(0, 1999) AS n
"""
COPY = (
    "COPY (SELECT device_id, ts, power_w, import_power_w, energy_import_kwh, energy_export_kwh"
    " FROM p1_samples ORDER BY ts) TO STDOUT CSV HEADER"
)


@pytest.fixture(scope="module")
def migrated(databases):
    return databases.migrated("Europe/Brussels")


@pytest.fixture
def url(migrated):
    return emptied(migrated)


@pytest.fixture
def run(url, tmp_path):
    """Import a text; return exit status, stdout and stderr."""

    def run(text: str | bytes, *more: str, stdin: bool = False) -> tuple[int, str, str]:
        file = tmp_path / "p1.csv"
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        name = "-" if stdin else str(file)
        with file.open("rb") as given:
            done = subprocess.run(
                [sys.executable, "-m", "server.p1", "import", name, "--device", DEVICE, *more],
                env=sandbox.environment(DATABASE_URL=url),
                cwd=sandbox.ROOT,
                stdin=given,
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
        return done.returncode, done.stdout, done.stderr

    return run


def csv_of(*lines: str) -> str:
    return "\n".join((HEADER, *lines, ""))


def line(seconds: float = 0, power: object = 450, meter: str = NAME) -> str:
    ts = (START + timedelta(seconds=seconds)).isoformat(" ").removesuffix(":00")
    return f"{meter},{ts},{power},450,1234.5,100.2"


def stored(url: str) -> list[tuple]:
    return rows(
        url,
        "SELECT ts, power_w, import_power_w, energy_import_kwh, energy_export_kwh FROM p1_samples"
        " WHERE device_id = %s ORDER BY ts",
        DEVICE,
    )


@pytest.mark.parametrize("zone", ["UTC", "Europe/Brussels", "Asia/Kolkata", "America/St_Johns"])
def test_a_dump_of_that_table_comes_over_whole_and_again_at_any_time(databases, url, run, zone):
    theirs = databases.empty()
    sandbox.execute(theirs, THEIRS)
    sandbox.execute(theirs, FILL, (START,))
    dump = subprocess.run(
        ["psql", "-X", "-d", theirs, "-c", COPY],
        env=sandbox.environment(PGTZ=zone),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert dump.startswith(f"{HEADER}\n")
    status, out, err = run(dump)
    assert (status, err) == (0, "")
    assert "2000 readings stored, 0 were there" in out
    statement = (
        "SELECT ts, power_w, import_power_w, energy_import_kwh, energy_export_kwh"
        " FROM p1_samples ORDER BY ts"
    )
    assert stored(url) == rows(theirs, statement)
    counted = "SELECT sum(sample_count) FROM p1_local_daily WHERE device_id = %s"
    assert rows(url, counted, DEVICE) == [(2000,)]
    before = rows(url, "SELECT * FROM p1_5min ORDER BY bucket")
    status, out, err = run(dump, stdin=True)
    assert (status, err) == (0, "")
    assert "0 readings stored, 2000 were there" in out
    assert rows(url, "SELECT * FROM p1_5min ORDER BY bucket") == before


def test_it_meets_what_the_edge_has_sent_already(url, run):
    sent = told(START, power_w=450)
    assert taken(p1_app(url).test_client(), sent)[0] == 1
    status, out, _ = run(csv_of(line(0), line(2)))
    assert status == 0
    assert "1 readings stored, 1 were there" in out


BAD = {
    "a word for a power": (line(4, "much"), "power_w: 'much' is not a number"),
    "a power that is NaN": (line(4, "NaN"), "is not a number"),
    "an endless power": (line(4, "Infinity"), "is not a number"),
    "an absurd power": (line(4, 10**9), "outside"),
    "a column too few": (line(4).rpartition(",")[0], "5 columns, not 6"),
    "a column too many": (f"{line(4)},7", "7 columns, not 6"),
    "an empty line": ("", "0 columns, not 6"),
    "an open quote": (f'"{line(4)}', "not CSV"),
    "a time without offset": (f"{NAME},2026-03-28 22:00:00,1,1,1,1", "is not a time"),
    "a time of another style": (f"{NAME},28.03.2026 22:00:00 CET,1,1,1,1", "is not a time"),
    "no time": (f"{NAME},,1,1,1,1", "ts: is missing"),
    "a day that is none": (f"{NAME},2026-02-30 22:00:00+00,1,1,1,1", "ts: "),
    "a time of the future": (f"{NAME},2999-01-01 00:00:00+00,1,1,1,1", "future"),
    "a name that is none": (line(4, meter="my meter"), "device_id"),
    "another meter": (line(4, meter="garage"), "of the meter garage, not of p1-main"),
    "the header again": (HEADER, "is not a time"),
    "a line without end": ("x" * 100_000, "longer than"),
}


@pytest.mark.parametrize(("bad", "why"), BAD.values(), ids=BAD)
def test_a_bad_line_is_named_and_stops_no_other(url, run, bad, why):
    status, out, err = run(csv_of(line(0), bad, line(2)))
    assert status == 1
    named, last = err.splitlines()
    assert named.startswith("line 3: ")
    assert why in named
    assert last == "1 lines were not imported"
    assert "2 readings stored" in out
    assert "1 lines are not readings" in out
    assert len(stored(url)) == 2


def test_bytes_that_are_no_text_cost_their_line(url, run):
    text = csv_of(line(0), line(4), line(2)).encode().replace(b"p1-main", b"\xff\0\xfe", 2)
    text = text.replace(b"\xff\0\xfe", b"p1-main", 1)
    status, _, err = run(text)
    assert status == 1
    assert err.startswith("line 3: device_id")
    assert len(stored(url)) == 2


def test_of_many_bad_lines_the_first_are_named_and_all_are_counted(url, run):
    status, out, err = run(csv_of(*(["bad"] * 300), line(0)))
    assert status == 1
    assert len(err.splitlines()) == 22
    assert "300 lines were not imported" in err
    assert "1 readings stored" in out
    assert len(stored(url)) == 1


def test_a_conflict_is_named_and_what_is_there_stays(url, run):
    assert run(csv_of(line(0, 450)))[0] == 0
    status, out, err = run(csv_of(line(0, 451), line(2)))
    assert status == 1
    assert err.startswith("line 2: another reading of this time is stored already")
    assert "1 in conflict" in out
    assert [row[1] for row in stored(url)] == [450, 450]
    parked = rows(url, "SELECT count(*) FROM sungrow_parked")
    assert parked == [(0,)], "the file is at hand: nothing of it has to be kept here"


def test_what_was_forgotten_does_not_come_back(url, run):
    sandbox.execute(
        url,
        "INSERT INTO sungrow_forgotten (device_id, from_ts, to_ts) VALUES (%s, %s, %s)",
        (DEVICE, START, START + timedelta(seconds=3)),
    )
    status, out, _ = run(csv_of(line(0), line(2), line(4)))
    assert status == 0
    assert "1 readings stored, 2 were there already or forgotten" in out


def test_of_several_meters_the_first_or_the_one_that_is_asked_for_is_taken(url, run):
    text = csv_of(line(0), line(1, meter="garage"), line(2, meter="garage"))
    assert run(text)[0] == 1
    assert len(stored(url)) == 1
    status, out, err = run(text, "--meter", "garage")
    assert (status, "2 readings stored" in out) == (1, True)
    assert "of the meter p1-main, not of garage" in err


def test_columns_may_stand_in_any_order_and_be_more_or_fewer(url, run):
    head, reading = "power_w,voltage_l1_v,ts,meter_id,received_at", "2026-03-28 23:00:00.5+01:30"
    status, _, err = run(f"{head}\n-5,231.5,{reading},1SAG,x\n")
    assert (status, err) == (0, "columns left out: received_at\n")
    found = rows(url, "SELECT ts, power_w, import_power_w, meter_id FROM p1_samples")
    assert found == [(datetime(2026, 3, 28, 21, 30, 0, 500_000, tzinfo=UTC), -5, None, "1SAG")]


@pytest.mark.parametrize("mark", ["\ufeff", ""])
@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_line_ends_and_marks_of_other_systems_do_not_matter(url, run, mark, end):
    text = mark + end.join((HEADER, line(0), line(2)))  # and no end behind the last one
    assert run(text)[0] == 0
    assert len(stored(url)) == 2


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "a,b\n1,2\n",
        f"{line(0)}\n",
        HEADER.replace("power_w,", "", 1),
        '"',
        "ts,ts,power_w\n",
    ],
)
def test_a_file_of_something_else_is_refused_with_what_to_run(url, run, text):
    status, out, err = run(text)
    assert (status, out) == (1, "")
    assert "cannot be imported" in err
    assert err.count("\n") == 1
    assert stored(url) == []


def test_a_file_without_readings_is_none_to_complain_of(run):
    status, out, err = run(f"{HEADER}\n")
    assert (status, err) == (0, "")
    assert "0 readings stored" in out


def test_what_cannot_be_read_is_refused(url, tmp_path):
    for name in (tmp_path / "none.csv", tmp_path):
        done = subprocess.run(
            [sys.executable, "-m", "server.p1", "import", str(name), "--device", DEVICE],
            env=sandbox.environment(DATABASE_URL=url),
            cwd=sandbox.ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert "cannot be read" in done.stderr
        assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("argv", "env", "status"),
    [
        ([], {}, 2),
        (["import"], {}, 2),
        (["import", "x.csv"], {}, 2),
        (["import", "x.csv", "--device", "no name"], {}, 2),
        (["import", "/dev/null", "--device", DEVICE], {"DATABASE_URL": ""}, 78),
        (
            ["import", "/dev/null", "--device", DEVICE],
            {"DATABASE_URL": "postgresql:///x?port=1"},
            1,
        ),
    ],
)
def test_it_ends_as_the_other_commands_do(argv, env, status):
    done = subprocess.run(
        [sys.executable, "-m", "server.p1", *argv],
        env=sandbox.environment(**env),
        cwd=sandbox.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status
    assert "Traceback" not in done.stderr


def test_a_day_is_one_transaction_and_an_import_cut_short_is_whole_up_to_there(url, monkeypatch):
    days = [line(3600 * hour) for hour in range(72)]
    table = importing.Table(HEADER)

    def broken():
        yield from (
            importing.Read(n, table.reading(text, datetime.now(UTC))) for n, text in enumerate(days)
        )
        raise OSError("the disk is gone")

    monkeypatch.setattr(importing, "_MOST_KEPT", 30)
    connection = psycopg2.connect(url)
    with pytest.raises(OSError, match="gone"):
        for _ in importing.store(connection, DEVICE, broken(), print):
            pass
    connection.close()
    per_day = rows(
        url,
        "SELECT count(*), count(DISTINCT received_at) FROM p1_samples"
        " GROUP BY (ts AT TIME ZONE 'UTC')::date ORDER BY 1",
    )
    assert per_day[-1][0] == 24
    assert all(transactions == 1 for _, transactions in per_day)


def test_a_file_in_no_order_at_all_is_taken_as_well(url, run):
    shuffled = [line(3600 * ((n * 29) % 101)) for n in range(101)]
    status, out, _ = run(csv_of(*shuffled))
    assert (status, "101 readings stored" in out) == (0, True)
    counted = rows(url, "SELECT sum(sample_count) FROM p1_5min")
    assert counted == [(101,)]


def test_it_says_how_far_it_is(url, monkeypatch, capsys, tmp_path):
    file = tmp_path / "p1.csv"
    file.write_text(csv_of(*(line(6 * 3600 * n) for n in range(12))))
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setattr(command, "_EVERY", 5)
    assert command.main(["import", str(file), "--device", DEVICE]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[:-1] == [
        f"{DEVICE}: up to 2026-03-29, 5 readings so far",
        f"{DEVICE}: up to 2026-03-31, 12 readings so far",
    ]
    assert told[-1].startswith(f"{DEVICE}: 12 readings stored")
