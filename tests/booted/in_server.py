"""Runs as root inside the machine that ``tests/booted/server`` boots; not on one that you need.

The edge polls its simulator all the time, and delivers over HTTPS through Caddy. What counts at the
end: no reading lost, none doubled, whatever was done to the server meanwhile.
"""

import json
import re
import shutil
import ssl
import sys
import urllib.error
import urllib.request
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(PROJECT))
from tests.booted.machine import Failed, Table, expect, run, until  # noqa: E402

NAME, DEVICE = "sungrow.test", "home-1"
URL = f"https://{NAME}"
ETC, BACKUPS = Path("/etc/sungrow-server"), Path("/var/backups/sungrow-server")
CA, TOKEN = Path("/etc/sungrow-test/ca.pem"), Path("/etc/sungrow-test/token")
PREVIOUS, HEAD, BROKEN = Path("/root/previous"), Path("/root/head"), Path("/root/broken")
DONGLE = Path("/opt/dongle-test")
RUNNING = ("sungrow-server.service", "sungrow-server.socket", "caddy", "redis-server@sungrow")
TIMERS = ("sungrow-server-backup.timer", "sungrow-server-doctor.timer")
DONGLE_UNIT = f"""[Unit]
After=network.target
StartLimitIntervalSec=0
[Service]
WorkingDirectory={DONGLE}
ExecStart={DONGLE}/.venv/bin/python edge.py simulate
Restart=always
RestartSec=1
[Install]
WantedBy=multi-user.target
"""
EDGE_SETTINGS = {
    "SUNGROW_HOST": "127.0.0.1",
    "SUNGROW_PORT": "5020",
    "DEVICE_ID": DEVICE,
    "VPS_INGEST_URL": URL,
    "VPS_TOKEN_FILE": str(TOKEN),
    "VPS_CA_FILE": str(CA),
    "UPLOAD_INTERVAL_S": "2",
    "MAX_BACKOFF_S": "4",
}


def get(path: str, token: str | None = None) -> tuple[int, dict]:
    """Ask the server as an edge or a page would; give status and answer, 0 where there is none."""
    headers = {"Authorization": f"Bearer {token or TOKEN.read_text().strip()}"}
    request = urllib.request.Request(URL + path, headers=headers)  # noqa: S310
    try:
        trust = ssl.create_default_context(cafile=CA)
        with urllib.request.urlopen(request, timeout=10, context=trust) as answer:  # noqa: S310
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, {}
    except OSError:
        return 0, {}


def sql(statement: str) -> str:
    return run(f"cd /; runuser -u postgres -- psql -XAtq -d sungrow -c {quoted(statement)}")


def quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def readings() -> int:
    return int(sql("SELECT count(*) FROM sungrow_samples"))


def newest() -> str:
    until("an answer", lambda: get("/v1/realtime")[0] == 200)
    return get("/v1/realtime")[1]["ts"]


def fresh(since: str | None = None) -> float:
    """Wait for a reading that is younger than ``since``, or than this call; return the seconds."""
    since = since or newest()
    return until("a new reading", lambda: get("/v1/realtime")[1].get("ts", "") > since)


def release() -> str:
    return Path("/opt/sungrow-server/current").resolve().name


def is_healthy() -> bool:
    return get("/health")[1].get("status") == "ok"


def export(commit: str, folder: Path) -> None:
    folder.mkdir()
    run(f"git -c safe.directory='*' -C {PROJECT} archive {commit} | tar -x -C {folder}")


def install(folder: Path, **settings: str) -> str:
    settings = {"SITE_ADDRESS": NAME, "DEVICE_ID": DEVICE, "SITE_TIMEZONE": "UTC", **settings}
    return run(f"{folder}/systemd/install-server </dev/null", **settings)


def start_dongle() -> None:
    """The simulator, as a plain unit."""
    run(f"python3 -m venv {DONGLE}/.venv && cp -r {HEAD}/edge.py {HEAD}/edge_lib {DONGLE}")
    pip = "PIP_CONSTRAINT=/dev/null .venv/bin/pip install --quiet --only-binary :all:"
    run(f"cd {DONGLE} && {pip} -r {HEAD}/requirements-edge.txt")
    Path("/etc/systemd/system/test-dongle.service").write_text(DONGLE_UNIT)
    run("systemctl daemon-reload; systemctl enable --now test-dongle")


def first_installation(table: Table) -> None:
    run(f"echo '127.0.0.1 {NAME}' >>/etc/hosts; mkdir -p {CA.parent}")
    export("HEAD", HEAD)
    with table.check("a port that is taken and a zone that is none end it before anything is done"):
        run("systemd-run --unit=taken python3 -m http.server 80")
        until("the port is taken", lambda: run("ss -Hltn 'sport = :80'"))
        site = {"SITE_ADDRESS": NAME, "DEVICE_ID": DEVICE}
        command = f"{HEAD}/systemd/install-server </dev/null"
        words = run(f"{command}; [ $? = 1 ]", **site)
        expect("said", "port 80 is held by python3, and Caddy needs it" in words, True)
        run("systemctl stop taken")
        words = run(f"{command}; [ $? = 78 ]", SITE_TIMEZONE="Europe/Atlantis", **site)
        expect("said", "SITE_TIMEZONE='Europe/Atlantis'" in words, True)
        expect("installed", run("command -v psql caddy redis-server pip3", check=False), "")
        expect("made", run(f"ls -d {ETC} /opt/sungrow-server 2>/dev/null", check=False), "")
    with table.check("installed by one command, without a question") as said:
        asked = "cat-file -e HEAD~1:systemd/install-server && echo yes"
        older = run(f"git -c safe.directory='*' -C {PROJECT} {asked}", check=False)
        export("HEAD~1" if older == "yes" else "HEAD", PREVIOUS)
        words = install(PREVIOUS)
        TOKEN.touch(0o600)
        TOKEN.write_text(re.search(r"^device_\S+$", words, re.MULTILINE)[0])
        shutil.copy(ETC / "ca.pem", CA)
        said.append(sql("SHOW server_version"))
    with table.check("a reading in /v1/realtime within 60 s of the edge's start") as said:
        start_dongle()
        first = PREVIOUS if (PREVIOUS / "systemd/install-edge").exists() else HEAD
        run(f"{first}/systemd/install-edge </dev/null", **EDGE_SETTINGS)
        said.append(f"{until('a reading', lambda: get('/v1/realtime')[0] == 200):.0f} s")
    with table.check("missing settings end it with 78"):
        command = f"env -i PATH=$PATH {HEAD}/systemd/install-server </dev/null"
        run(f"mv {ETC}/site.env /root; {command}; code=$?; mv /root/site.env {ETC}; [ $code = 78 ]")


def units(table: Table) -> None:
    with table.check("units run, systemctl status is green"):
        expect(
            "active",
            run(f"systemctl is-active {' '.join((*RUNNING, *TIMERS))}").split(),
            ["active"] * 6,
        )
        expect("failed", run("systemctl --failed --plain --no-legend"), "")
    with table.check("systemd-analyze verify is silent"):
        names = " ".join(
            path.name for path in Path("/etc/systemd/system").glob("sungrow-server*.*")
        )
        expect("verify", run(f"systemd-analyze verify {names}"), "")
    with table.check("exposure of the running unit is at most 0.9") as said:
        words = run("systemd-analyze security --no-pager sungrow-server")
        said.append(re.search(r"level for sungrow-server.service: ([\d.]+)", words)[1])
        if float(said[0]) > 0.9:
            raise Failed(said[0])
    with table.check("doctor finds nothing wrong") as said:
        words = run("sungrow-server doctor")
        expect("not ok", [line for line in words.splitlines() if not line.startswith("ok ")], [])
        said.append(f"{len(words.splitlines())} checks")
        expect("check", run("sungrow-server check"), "the server would start")
    with table.check("backup and doctor run as the timers start them"):
        run("systemctl start sungrow-server-backup sungrow-server-doctor")
    with table.check("answers over IPv6, too"):
        run(f"curl -sf --cacert {CA} --resolve '{NAME}:443:[::1]' {URL}/health")
    with table.check("all is refused on port 80"):
        url = f"http://{NAME}/v1/realtime"
        expect(
            "status", run(f"curl -so /dev/null -w '%{{http_code}} %{{redirect_url}}' {url}"), "403"
        )


def upgrades(table: Table) -> None:
    with table.check("upgrade from the commit before") as said:
        before = release()
        install(HEAD)
        expect("healthy, and another release", (is_healthy(), release() != before), (True, True))
        said.append(f"a reading after {fresh():.0f} s")
    with table.check("the edge upgraded from the commit before") as said:
        run(f"{HEAD}/systemd/install-edge </dev/null")
        said.append(f"a reading after {fresh():.0f} s")
    broken = 'raise RuntimeError("broken on purpose")\n'
    with table.check("an upgrade that does not start is rolled back") as said:
        failing(said, "gunicorn.conf.py", broken)
        shutil.rmtree(BROKEN)
    with table.check("an upgrade whose code is broken changes nothing") as said:
        failing(said, "server/api/ingest.py", broken, "nothing was changed")
        shutil.rmtree(BROKEN)
    with table.check(
        "an upgrade that migrates and is ill is rolled back with the database"
    ) as said:
        number = 1 + int(sql("SELECT max(number) FROM schema_migrations"))
        shutil.copytree(HEAD, BROKEN)
        migration = BROKEN / f"sql/{number:04}_broken.sql"
        migration.write_text("-- Broken.\nCREATE TABLE broken (a int);\n")
        failing(said, "server/app.py", "health = lambda: ('ill', 500)\n")
        expect("the table", sql("SELECT to_regclass('broken') IS NULL"), "t")
        kept = sql("SELECT datname FROM pg_database WHERE datname LIKE 'sungrow_before_%'")
        expect("the changed database is kept", len(kept.split()), 1)
    with table.check("no more than the current release and two old ones are kept"):
        install(HEAD)
        install(HEAD)
        expect("releases", len(list(Path("/opt/sungrow-server/releases").iterdir())), 3)


def failing(said: list[str], file: str, line: str, words: str = "{} runs again") -> None:
    shutil.copytree(HEAD, BROKEN, dirs_exist_ok=True)
    with (BROKEN / file).open("a") as code:
        code.write(f"\n\n{line}")
    before = release(), sql("SELECT max(number) FROM schema_migrations")
    count = len(list(Path("/opt/sungrow-server/releases").iterdir()))
    output = run(f"{BROKEN}/systemd/install-server </dev/null; [ $? = 1 ]")
    expect("the old one runs", words.format(before[0]) in output, True)
    expect("releases", len(list(Path("/opt/sungrow-server/releases").iterdir())), count)
    after = release(), sql("SELECT max(number) FROM schema_migrations")
    expect("release and schema", after, before)
    said.append(f"healthy again, a reading after {fresh():.0f} s")


def accidents(table: Table) -> None:
    for name, command in (
        ("PostgreSQL restarted", "systemctl restart postgresql"),
        ("PostgreSQL killed", "pkill -KILL -o -x postgres"),
        ("gunicorn's master killed", "systemctl kill -s KILL --kill-whom=main sungrow-server"),
        ("a worker killed", "pkill -KILL -n gunicorn"),
        ("Redis killed", "systemctl kill -s KILL redis-server@sungrow"),
        ("Caddy killed", "systemctl kill -s KILL caddy"),
        ("settings read again by reload", "systemctl reload sungrow-server"),
    ):
        with table.check(name) as said:
            before = newest()
            run(command)
            said.append(f"a reading after {fresh(before):.0f} s")
    with table.check("a restart on a bad setting fails, and its log names it once"):
        settings, since = ETC / "server.env", run("date +%T")
        kept = settings.read_text()
        settings.write_text(f"{kept}CACHE_TTL_S=soon\n")
        try:
            run("systemctl restart sungrow-server; [ $? = 1 ]")
            words = run(f"journalctl -u sungrow-server -p err --since {since} -o cat --no-pager")
            run("systemctl stop sungrow-server.socket sungrow-server")
        finally:
            settings.write_text(kept)
            run("systemctl start sungrow-server.socket sungrow-server")
        expect("the log", words.startswith("CACHE_TTL_S='soon' must be"), True)
        expect("a traceback", "Traceback" in words, False)
    with table.check("journalctl -p warning finds it under the unit's name"):
        lines = run("journalctl -p warning -u sungrow-server -o json --no-pager").splitlines()
        names = {json.loads(line)["SYSLOG_IDENTIFIER"] for line in lines}
        expect("name", "sungrow-server" in names, True)
    with table.check("the certificate replaced") as said:
        shown = f"openssl s_client -connect {NAME}:443 -servername {NAME} </dev/null 2>&1"
        serial = f"{shown} | openssl x509 -noout -serial"
        before = run(serial)
        run("rm -r /var/lib/caddy/.local/share/caddy/certificates; systemctl restart caddy")
        said.append(f"a reading after {fresh():.0f} s")
        expect("same certificate", run(serial) == before, False)
    with table.check("the token rotated while all runs") as said:
        rotate()
        said.append(f"a reading after {fresh():.0f} s")
    with table.check("200 slow clients") as said:
        command = f"python3 -m tests.chaos.slowloris {URL} --ca {CA} --token {TOKEN.read_text()}"
        said.append(run(f"cd {HEAD} && {command}"))


def rotate() -> None:
    old = TOKEN.read_text().strip()
    words = run(f"sungrow-server tokens new {DEVICE}")
    TOKEN.write_text(re.search(r"^device_\S+$", words, re.MULTILINE)[0])
    run("cp /etc/sungrow-test/token /etc/sungrow-edge/token; systemctl restart sungrow-edge")
    fresh()
    oldest = run("sungrow-server tokens list").splitlines()[1].split()[0]
    run(f"sungrow-server tokens revoke {oldest}")
    expect("the old one", get("/v1/realtime", old)[0], 401)


def state() -> dict[str, str]:
    """Everything that a backup has to bring back, each table as a checksum."""
    names = sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1").split()
    found = {
        name: sql(f"SELECT count(*), md5(string_agg(t::text, ',' ORDER BY t::text)) FROM {name} t")  # noqa: S608
        for name in names
    }
    tokens = "cat /etc/sungrow-server/device-tokens /etc/sungrow-server/server.env | md5sum"
    return {**found, "tokens and settings": run(tokens)}


def backup_and_restore(table: Table) -> None:
    run("systemctl stop sungrow-edge")
    before = state()
    with table.check("backup, for root alone"):
        backup = run("sungrow-server backup")
        expect("modes", run(f"find {backup} -printf '%m '"), "700 600 600 600")
    with table.check("a backup that fails by hand is named as such, and not as the unit's"):
        run("systemctl stop postgresql")
        words = run("sungrow-server backup; [ $? = 1 ]")
        expect("said", "no backup was made" in words, True)
        run("systemctl start postgresql")
        until("the database", is_healthy)
        words = run("sungrow-server doctor", check=False)
        (line,) = (line for line in words.splitlines() if line.split()[1] == "backup")
        expect(
            "doctor", line.startswith("failed") and ", by hand; the newest was made" in line, True
        )
        run("sungrow-server backup")
        words = run("sungrow-server doctor", check=False)
        expect("mended", "ok       backup    the newest was made" in words, True)
    run("systemctl start sungrow-edge")
    since = readings()
    until("readings that the backup lacks", lambda: readings() > since + 3)
    run("systemctl stop sungrow-edge")
    with table.check("wiped, installed anew, restored: rows, rollups, tokens equal") as said:
        last = readings()
        run(f"{HEAD}/systemd/install-server --remove")
        run(f"cd /; runuser -u postgres -- dropdb --force sungrow; rm -r {ETC}")
        install(HEAD)
        run(f"sungrow-server restore {backup}")
        expect("state", state(), before)
        said.append(f"{len(before)} tables, {readings()} of {last} readings")
    with table.check("the edge brings what came after the backup") as said:
        run("systemctl start sungrow-edge")
        seconds = until("all readings", lambda: readings() > last)
        said.append(f"{seconds:.0f} s")


def nothing_lost(table: Table, when: str) -> None:
    with table.check(f"nothing lost, nothing doubled {when}") as said:
        run("systemctl stop sungrow-edge")
        run("sungrow-edge reconcile")
        counts = "SELECT count(*), count(*) - count(DISTINCT (boot, seq)) FROM sungrow_samples"
        stored, doubled = map(int, sql(counts).split("|"))
        gaps = "SELECT coalesce(sum(n), 0) FROM (SELECT max(seq) - min(seq) + 1 - count(*) AS n"
        missing = int(sql(f"{gaps} FROM sungrow_samples GROUP BY boot) t"))
        conflicts = int(sql("SELECT count(*) FROM sungrow_parked"))
        said.append(f"{stored} readings, {missing} lost, {doubled} doubled, {conflicts} parked")
        expect("lost, doubled, parked", (missing, doubled, conflicts), (0, 0, 0))
        run("systemctl start sungrow-edge")


def removal(table: Table) -> None:
    with table.check("removal leaves data and settings, no unit, user or file"):
        run(f"systemctl disable --now test-dongle; {HEAD}/systemd/install-edge --remove")
        words = run(f"{HEAD}/systemd/install-server --remove")
        left = "ls -d /opt/sungrow* /var/lib/sungrow* /run/sungrow* /etc/systemd/system/sungrow* "
        left += "/etc/systemd/system/*.wants/sungrow* /usr/local/bin/sungrow*"
        expect("files", run(f"{left} 2>/dev/null", check=False), "/var/lib/sungrow-edge")
        expect(
            "accounts",
            run("getent passwd sungrow-server sungrow-edge; getent group sungrow-front", False),
            "",
        )
        expect("said", all(str(place) in words for place in (ETC, BACKUPS)), True)
        if readings() == 0 or not (ETC / "device-tokens").read_text():
            raise Failed("data are gone")


def main(argv: list[str]) -> int:
    table = Table()
    if argv == ["after-reboot"]:
        with table.check("after a reboot all comes back by itself") as said:
            said.append(f"a reading after {fresh():.0f} s")
            expect("failed", run("systemctl --failed --plain --no-legend"), "")
        nothing_lost(table, "over the reboot")
        removal(table)
        return table.end()
    first_installation(table)
    if table.end():
        return 1
    for part in (units, upgrades, accidents, backup_and_restore):
        part(table)
    nothing_lost(table, "so far")
    table.end()
    return 0  # the reboot comes in any case; the table of then decides


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
