"""Runs as root inside the machine that ``tests/booted/databases`` boots; not on one you need."""

import json
import re
import shutil
import sys
from pathlib import Path
from urllib.parse import quote

PROJECT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(PROJECT))
from tests.booted.machine import Failed, Table, expect, run  # noqa: E402

ETC, BROKEN = Path("/etc/sungrow-server"), Path("/root/broken")
PASSWORD = "s3:c'r3t %#$"
FIRST, SECOND = 5432, 5433
SAMPLE = {
    "pv_power_w": 1,
    "pv_daily_kwh": None,
    "battery_power_w": None,
    "battery_soc_pct": None,
    "battery_temp_c": None,
    "load_power_w": 1,
    "export_power_w": 0,
}


def psql(port: int, statement: str, database: str = "postgres") -> str:
    quoted = statement.replace("'", "'\\''")
    return run(f"cd /; runuser -u postgres -- psql -XAtq -p {port} -d {database} -c '{quoted}'")


def databases(port: int) -> list[str]:
    listed = "SELECT datname FROM pg_database WHERE NOT datistemplate ORDER BY 1"
    return psql(port, listed).split()


def count(port: int, database: str) -> int:
    return int(psql(port, "SELECT count(*) FROM sungrow_samples", database))


class House:
    """Sends samples to the service, over its own socket."""

    def __init__(self, token: str):
        self.token, self.seconds = token, 0

    def send(self, number: int) -> None:
        samples = []
        for _ in range(number):
            self.seconds += 1
            ts = f"2026-06-21T12:{self.seconds // 60:02}:{self.seconds % 60:02}Z"
            samples.append({"device_id": "home-1", "ts": ts, **SAMPLE})
        Path("/root/batch").write_text(json.dumps({"samples": samples}))
        said = run(
            "curl -sS --fail-with-body --unix-socket /run/sungrow-server.sock -d @/root/batch "
            f"-H 'Authorization: Bearer {self.token}' http://localhost/v1/ingest"
        )
        expect("inserted", json.loads(said)["inserted"], number)


def install(folder: Path = PROJECT, **settings: str) -> str:
    settings = {
        "SITE_ADDRESS": "127.0.0.1",
        "DEVICE_ID": "home-1",
        "SITE_FRONT": "none",
        **settings,
    }
    return run(f"{folder}/systemd/install-server </dev/null", **settings)


def house_of(words: str) -> House:
    return House(re.search(r"^device_\S+$", words, re.MULTILINE)[0])


def two_clusters() -> None:
    run("apt-get -qq update; DEBIAN_FRONTEND=noninteractive apt-get -qqy install postgresql")
    run("v=$(ls /usr/lib/postgresql); pg_createcluster $v second --start")
    expect("ports", run("pg_lsclusters -h | awk '{ print $3 }'").split(), ["5432", "5433"])


def backed_up_and_back(name: str, house: House, rows: int) -> str:
    """Back up, store more, restore: the second cluster alone changes."""
    before = databases(FIRST)
    backup = run("sungrow-server backup")
    about = Path(backup, "about").read_text()
    expect("named", f"database {name} at " in about and f"port {SECOND}" in about, True)
    dump = f"pg_restore -f - -a -t sungrow_samples {backup}/database.dump"
    # On TimescaleDB they lie in chunks, of which -t knows nothing.
    if "_timescaledb" not in run(f"pg_restore -l {backup}/database.dump"):
        expect("rows in the dump", run(f"{dump} | grep -c ^home-1"), str(rows))
    run("systemctl start sungrow-server-backup.service")
    house.send(5)
    expect("rows", count(SECOND, name), rows + 5)
    said = run(f"sungrow-server restore {backup}")
    expect("rows", count(SECOND, name), rows)
    expect("the first cluster", databases(FIRST), before)
    house.send(1)
    kept = re.search(r"is kept as (\S+);", said)[1]
    expect("kept", count(SECOND, kept), rows + 5)
    run(f"cd /; runuser -u postgres -- dropdb -p {SECOND} --force {kept}")
    return f"{rows} rows, {kept}"


def upgraded_and_back(name: str, house: House) -> str:
    """An upgrade that changes the database and is ill: the second cluster's comes back."""
    before, rows = databases(FIRST), count(SECOND, name)
    number = 1 + int(psql(SECOND, "SELECT max(number) FROM schema_migrations", name))
    shutil.copytree(PROJECT, BROKEN, dirs_exist_ok=True)
    (BROKEN / f"sql/{number:04}_broken.sql").write_text(
        "-- Broken.\nCREATE TABLE broken (a int);\n"
    )
    with (BROKEN / "server/__init__.py").open("a") as code:
        code.write("\n\nhealth = lambda: ('ill', 500)\n")
    words = run(f"{BROKEN}/systemd/install-server </dev/null; [ $? = 1 ]")
    expect("said", "runs again" in words, True)
    expect("the table", psql(SECOND, "SELECT to_regclass('broken') IS NULL", name), "t")
    expect("rows", count(SECOND, name), rows)
    expect("the first cluster", databases(FIRST), before)
    kept = [one for one in databases(SECOND) if one.startswith(f"{name}_before_")]
    expect("kept", psql(SECOND, "SELECT to_regclass('broken') IS NULL", kept[0]), "f")
    run(f"cd /; runuser -u postgres -- dropdb -p {SECOND} --force {kept[0]}")
    shutil.rmtree(BROKEN)
    house.send(1)
    return f"{rows} rows came back"


def by_socket(table: Table) -> None:
    """Installed on the second cluster from the beginning."""
    url = f"postgresql:///solar?host=/run/postgresql&port={SECOND}"
    with table.check("installed on the second cluster, by its socket") as said:
        house = house_of(words := install(DATABASE_URL=url))
        expect("in the first cluster", databases(FIRST), ["postgres"])
        role = "SELECT count(*) FROM pg_roles WHERE rolname = 'sungrow-server'"
        expect("roles", [psql(FIRST, role), psql(SECOND, role)], ["0", "1"])
        house.send(10)
        said.append(", ".join(databases(SECOND)))
    with table.check("the read token that it printed reads"):
        token = re.search(r"^read_\S+$", words, re.MULTILINE)[0]
        curl = "curl -sSf --unix-socket /run/sungrow-server.sock http://localhost/v1/realtime"
        run(f"{curl} -H 'Authorization: Bearer {token}'")
    with table.check("backup and restore hold its rows") as said:
        said.append(backed_up_and_back("solar", house, 10))
    with table.check("an upgrade and its way back touch only it") as said:
        said.append(upgraded_and_back("solar", house))
    with table.check("a lost database is made anew by a restore"):
        backup = run("sungrow-server backup")
        rows = count(SECOND, "solar")
        run("systemctl stop sungrow-server.socket sungrow-server")
        run(f"cd /; runuser -u postgres -- dropdb -p {SECOND} --force solar")
        run("sungrow-server backup; [ $? = 1 ]")
        run(f"sungrow-server restore {backup}")
        expect("rows", count(SECOND, "solar"), rows)
    with table.check("removal says how to delete it, and that works"):
        words = run(f"{PROJECT}/systemd/install-server --remove")
        lines = [line for line in words.splitlines() if line.startswith("  sudo ")]
        run("\n".join(lines))
        expect("left", databases(SECOND), ["postgres"])
        expect(
            "roles", psql(SECOND, "SELECT count(*) FROM pg_roles WHERE rolname ~ 'sungrow'"), "0"
        )
        expect("files", run(f"ls -d {ETC}* /var/backups/sungrow*", check=False).count("No such"), 2)


def by_tcp(table: Table) -> None:
    """Installed as ever, moved by hand to the second cluster: TCP, another role, a password."""
    with table.check("installed on the first cluster, and one sample there"):
        house = house_of(install())
        house.send(1)
    with table.check("moved to the second, by DATABASE_URL_FILE") as said:
        make = PASSWORD.replace("'", "''")
        psql(SECOND, f"CREATE ROLE solar LOGIN PASSWORD '{make}'")
        psql(SECOND, "CREATE DATABASE solar OWNER solar")
        file = ETC / "database-url"
        file.touch(0o640)
        file.write_text(f"postgresql://solar:{quote(PASSWORD, safe='')}@127.0.0.1:{SECOND}/solar\n")
        words = install(DATABASE_URL_FILE=str(file))
        expect("said", f"the database is solar at 127.0.0.1 port {SECOND}" in words, True)
        house.send(10)
        expect("rows", (count(FIRST, "sungrow"), count(SECOND, "solar")), (1, 10))
        said.append(run("systemctl show sungrow-server -p IPAddressAllow -p PrivateNetwork"))
        expect("sql", run("sungrow-server sql -XAtc 'SELECT current_user'"), "solar")
    with table.check("backup and restore hold its rows") as said:
        said.append(backed_up_and_back("solar", house, 10))
    with table.check("an upgrade and its way back touch only it") as said:
        said.append(upgraded_and_back("solar", house))
    with table.check("the old one is as it was, and no secret is anywhere to be seen"):
        expect("rows", count(FIRST, "sungrow"), 1)
        expect("kept", databases(FIRST), ["postgres", "sungrow"])
        for words in (run("ps auxe"), run("journalctl --no-pager -o cat")):
            if PASSWORD in words or quote(PASSWORD, safe="") in words:
                raise Failed("the password is there")
    with table.check("a reload and doctor see it"):
        run("systemctl reload sungrow-server; sleep 3; sungrow-server doctor --url https://x | cat")
        house.send(1)


def main() -> int:
    table = Table()
    with table.check("two clusters"):
        two_clusters()
    by_socket(table)
    by_tcp(table)
    return table.end()


if __name__ == "__main__":
    sys.exit(main())
