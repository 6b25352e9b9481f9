"""Inside a booted machine, by root: the edge as its unit, installed, broken, upgraded, removed.

``prepare-edge`` has put a server and a fake dongle there. ``tests/booted/edge`` runs both.
"""

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from tests.booted.machine import Failed, Table, until
from tests.booted.machine import run as must

PROJECT = Path(__file__).resolve().parent.parent.parent
STATE = Path("/var/lib/sungrow-edge")
RELEASES = Path("/opt/sungrow-edge/releases")
TOKENS = Path("/srv/around/tokens")
UNIT = "sungrow-edge.service"
SETTINGS = (
    "SUNGROW_HOST=localhost SUNGROW_PORT=5020 DEVICE_ID=home-1 MODBUS_TIMEOUT_S=1 "
    "UPLOAD_INTERVAL_S=2 MAX_BACKOFF_S=4 VPS_INGEST_URL=https://[::1]:8443 "
    "VPS_CA_FILE=/srv/around/ca/ca.pem"
)
DATABASE = "runuser -u around -- psql -XAt 'postgresql:///sungrow?host=/run/postgresql'"


def run(command: str) -> subprocess.CompletedProcess:
    """Run a shell command, however it ends."""
    return subprocess.run(["bash", "-c", command], capture_output=True, text=True)


def check(table: Table, name: str, work: Callable[[], str]) -> None:
    """Run a check, which gives what is to be said of it."""
    with table.check(name) as said:
        try:
            said.append(work())
        except AssertionError as error:
            raise Failed(str(error)) from error


def install(settings: str = "", source: Path = PROJECT) -> subprocess.CompletedProcess:
    return run(f"env {settings} {source}/systemd/install-edge </dev/null")


def installed(settings: str = "", source: Path = PROJECT) -> str:
    done = install(settings, source)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()[-1]


def health() -> dict:
    try:
        return json.loads((STATE / "health.json").read_text())
    except (OSError, ValueError):
        return {}


def sql(statement: str) -> str:
    return must(f'{DATABASE} -c "{statement}"')


def stored() -> int:
    return int(sql("SELECT count(*) FROM sungrow_samples"))


def show(name: str) -> str:
    return must(f"systemctl show {UNIT} --property={name} --value")


def flows() -> None:
    """Wait until a new reading is in the database."""
    before = stored()
    until("a new reading in the database", lambda: stored() > before, 60)


def lost_and_doubled() -> str:
    """Wait until all is delivered, then count holes in each boot's numbers, and readings twice."""
    copy = "/root/compare.db"
    must(f"sungrow-edge backup {copy}")
    until("the spool's readings are all in the database", lambda: missing(copy) == 0, 120)
    until("no hole in the numbers", lambda: tally()["lost"] == 0, 30)
    found = tally()
    assert found["doubled"] == 0, found
    return "lost {lost}, doubled {doubled} of {stored}, {boots} boot(s)".format(**found)


def tally() -> dict[str, int]:
    per_boot = sql(
        "SELECT count(*), count(DISTINCT seq), max(seq) FROM (SELECT boot, seq FROM sungrow_samples"
        " UNION ALL SELECT boot, seq FROM sungrow_parked) AS all_of_them GROUP BY boot"
    )
    rows = [[int(n) for n in line.split("|")] for line in per_boot.splitlines()]
    return {
        "lost": sum(last - distinct for _, distinct, last in rows),
        "doubled": sum(count - distinct for count, distinct, _ in rows),
        "stored": sum(row[0] for row in rows),
        "boots": len(rows),
    }


def missing(copy: str) -> int:
    """Count the readings of a copy of the spool that the database lacks."""
    with closing(sqlite3.connect(copy)) as db:
        ours = set(db.execute("SELECT boot || ' ' || seq FROM samples").fetchall())
    theirs = sql("SELECT boot || ' ' || seq FROM sungrow_samples").splitlines()
    return len({text for (text,) in ours} - set(theirs))


def comes_back(break_it: str, within_s: float) -> str:
    """Break the service; wait for its next life."""
    restarts = int(show("NRestarts"))
    must(break_it)
    took_s = until("restarted", lambda: int(show("NRestarts")) > restarts, within_s)
    until("active", lambda: show("ActiveState") == "active", 30)
    flows()
    return f"back after {took_s:.0f} s; {lost_and_doubled()}"


def refuses_to_guess() -> str:
    done = install()
    assert done.returncode == 78, done
    assert "missing: SUNGROW_HOST DEVICE_ID VPS_INGEST_URL VPS_TOKEN" in done.stderr
    done = install(f"{SETTINGS} VPS_TOKEN=x POLL_INTERVAL_S=1")
    assert done.returncode == 78, done
    assert "POLL_INTERVAL_S" in done.stderr
    assert not Path("/etc/systemd/system", UNIT).exists()
    return "exit 78, nothing started"


def a_dongle_that_is_away() -> str:
    must("systemctl stop around-dongle")
    done = install(f"HEALTH_WITHIN_S=15 {SETTINGS} VPS_TOKEN=first-token")
    must("systemctl start around-dongle")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "is installed and runs, but has no reading yet" in done.stdout, done.stdout
    assert "the port is closed" in done.stdout
    return done.stdout.splitlines()[-1]


def first_installation() -> str:
    said = installed(f"{SETTINGS} VPS_TOKEN=first-token")
    curl = "curl -sf --cacert /srv/around/ca/ca.pem -H 'Authorization: Bearer first-token'"
    url = "https://localhost:8443/v1/realtime"
    took_s = until("a reading in /v1/realtime", lambda: run(f"{curl} {url}").returncode == 0, 60)
    return f"{took_s:.0f} s to /v1/realtime; {said}"


def is_green() -> str:
    assert must("systemctl is-system-running") == "running"
    assert must(f"systemctl is-active {UNIT}") == "active"
    until("the clock is known", lambda: "clock" not in show("StatusText"), 60)
    return show("StatusText")


def is_hardened() -> str:
    verify = run(f"systemd-analyze verify {UNIT} sungrow-edge-backup.timer")
    assert verify.stdout + verify.stderr == "", verify
    line = must(f"systemd-analyze --no-pager security {UNIT} | tail -n 1")
    exposure = float(line.split(": ")[1].split()[0])
    assert exposure <= 1.1, line
    return f"verify silent, exposure {exposure}"


def keeps_secrets() -> str:
    pid = show("MainPID")
    assert b"first-token" not in Path(f"/proc/{pid}/environ").read_bytes()
    assert b"first-token" not in Path(f"/proc/{pid}/cmdline").read_bytes()
    assert "first-token" not in must(f"journalctl -u {UNIT} --no-pager")
    assert must("stat -c '%a %U' /etc/sungrow-edge/token") == "600 root"
    assert must(f"stat -c '%a %U' {STATE}/spool.db") == "600 sungrow-edge"
    assert run("runuser -u nobody -- cat /etc/sungrow-edge/edge.env").returncode
    return "not in the environment, the log or the command line"


def commands_work() -> str:
    assert run("sungrow-edge once").returncode == 3, "the service has the dongle"
    until("healthy", lambda: run("sungrow-edge status").returncode == 0, 30)
    assert must("sungrow-edge parked") == "nothing is parked"
    must(f"systemctl stop {UNIT}")
    stopped = run("sungrow-edge status")
    assert stopped.returncode == 1, stopped.stdout
    assert "NOT HEALTHY: the service does not run" in stopped.stdout, stopped.stdout
    must(f"systemctl start {UNIT}")
    until("healthy again", lambda: run("sungrow-edge status").returncode == 0, 30)
    return "status, once, parked"


UNDELIVERABLE = {
    "VPS_TOKEN=wrong": "token",
    "VPS_TOKEN=other-token": "device",
    "VPS_CA_FILE=/etc/ssl/certs/ca-certificates.crt": "tls",
    "VPS_INGEST_URL=https://nowhere.invalid": "dns",
}


def nothing_can_be_delivered() -> str:
    for setting, named in UNDELIVERABLE.items():
        done = install(setting)
        assert done.returncode == 1, (setting, done.stdout)
        assert f"\nfailed   {named}" in f"\n{done.stdout}", done.stdout
        assert "delivers nothing" in done.stderr
        said = run("sungrow-edge status").stdout + show("StatusText")
        assert "nothing can be delivered: " in said or " dns: " in said, said
        installed(f"{SETTINGS} VPS_TOKEN=first-token")
    flows()
    warnings = must(f"journalctl -p warning -u {UNIT} -o json --no-pager").splitlines()
    named = {(json.loads(w)["SYSLOG_IDENTIFIER"], json.loads(w)["PRIORITY"]) for w in warnings}
    assert ("sungrow-edge", "3") in named, named
    return f"{len(UNDELIVERABLE)} times exit 1; {lost_and_doubled()}"


def another_device_that_speaks_modbus() -> str:
    dump = json.loads(next((PROJECT / "tests/dumps").glob("sh80rt*wlan*.json")).read_text())
    dump["input"] = {"4999": 3599, "5016": 0, "5017": 28672}  # PV of 1.9 GW, and nothing else
    Path("/srv/around/foreign.json").write_text(json.dumps(dump))
    simulate = "/srv/around/.venv/bin/python edge.py simulate --port 5021"
    place = "--unit=foreign --property=WorkingDirectory=/srv/around"
    must(f"systemd-run {place} {simulate} --dump /srv/around/foreign.json")
    done = install(f"{SETTINGS} SUNGROW_PORT=5021 HEALTH_WITHIN_S=30 VPS_TOKEN=first-token")
    assert done.returncode == 1, done.stdout
    must("systemctl stop foreign")
    assert "back to " in done.stderr, done.stderr
    installed(f"{SETTINGS} VPS_TOKEN=first-token")
    flows()
    return done.stderr.splitlines()[-1]


def knows_the_time_from_timesyncd() -> str:
    must("systemctl stop around-server")
    must("mkdir -p /run/systemd/timesync && touch /run/systemd/timesync/synchronized")
    must(f"systemctl restart {UNIT}")
    until("clock synchronised", lambda: health().get("clock_synced") is True, 30)
    must("systemctl start around-server")
    flows()
    return lost_and_doubled()


def a_hung_thread() -> str:
    # Opening a FIFO that nobody reads never ends: the poll thread hangs in its health file.
    fifo = STATE / ".health.json.new"
    pid = show("MainPID")
    while not fifo.is_fifo():
        run(f"mkfifo {fifo}")
    must(f"chown sungrow-edge {fifo}")
    took_s = until("killed", lambda: show("MainPID") != pid, 300)
    fifo.unlink()  # before its next life
    said = must(f"journalctl -u {UNIT} _PID={pid} --no-pager --output=cat")
    assert '"event": "a thread hangs"' in said
    assert "health.py" in said, said
    flows()
    return f"watchdog after {took_s:.0f} s; {lost_and_doubled()}"


def a_rotated_token() -> str:
    TOKENS.write_text("second-token:home-1\n")
    until("refused", lambda: health().get("upload_failures", 0) > 0, 60)
    must("printf second-token >/etc/sungrow-edge/token")
    must(f"systemctl restart {UNIT}")
    flows()
    return lost_and_doubled()


def a_full_disk() -> str:
    must(f"systemctl stop {UNIT} && cp -a {STATE} /tmp/state")
    must(f"mount -t tmpfs -o size=16M,mode=755 tmpfs {STATE}")
    must(f"chown sungrow-edge: {STATE} && cp -a /tmp/state/. {STATE}")
    must(f"systemctl start {UNIT}")
    flows()
    took_s = until("full", lambda: filled() and "spool is full" in show("StatusText"), 240)
    until("three readings in memory", lambda: in_memory() >= 3, 120)
    (STATE / "filling").unlink()
    until("the spool works again", lambda: "spool is" not in show("StatusText"), 120)
    flows()
    said = lost_and_doubled()
    must(f"systemctl stop {UNIT} && rm -rf /tmp/state && cp -a {STATE} /tmp/state")
    must(f"umount {STATE} && cp -a /tmp/state/. {STATE} && systemctl start {UNIT}")
    flows()
    return f"full after {took_s:.0f} s; {said}"


def filled() -> bool:
    """Take what is free, and what the edge has freed of its ballast."""
    run(f"dd if=/dev/zero bs=4k >>{STATE}/filling")
    return True


def in_memory() -> int:
    """Return how many readings wait in memory: the health file cannot be written, systemd knows."""
    found = re.search(r"(\d+) readings wait in memory", show("StatusText"))
    return int(found[1]) if found else 0


def changed(version: str, **edits: tuple[str, str]) -> Path:
    """Return a copy of the project of another version, with texts replaced in files of edge_lib."""
    copy = Path("/srv/upgrades", version)
    shutil.copytree(PROJECT, copy, dirs_exist_ok=True)
    edits["__init__"] = ('VERSION = "', f'VERSION = "{version}+')
    for module, (old, new) in edits.items():
        file = copy / "edge_lib" / f"{module}.py"
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new))
    return copy


def upgrades() -> str:
    for number in range(4):
        installed(source=changed(f"9.{number}"))
        assert health()["version"].startswith(f"9.{number}+")
    kept = sorted(path.name for path in RELEASES.iterdir())
    assert len(kept) == 3, kept
    return f"4 times, 3 releases kept; {lost_and_doubled()}"


def rolls_back(source: Path) -> str:
    env = (Path("/etc/sungrow-edge/edge.env")).read_text()
    done = install("HEALTH_WITHIN_S=40 LOG_LEVEL=DEBUG", source)
    assert done.returncode == 1, done
    assert "back to 9.3" in done.stderr, done.stderr
    until("active", lambda: show("ActiveState") == "active", 30)
    assert Path("/etc/sungrow-edge/edge.env").read_text() == env
    flows()
    assert health()["version"].startswith("9.3+")
    assert not list(RELEASES.glob(f"{source.name}*"))
    return f"{done.stderr.splitlines()[-1].removeprefix('install-edge: ')}; {lost_and_doubled()}"


def an_interrupted_upgrade() -> str:
    source = changed("9.9")
    process = subprocess.Popen(
        [source / "systemd/install-edge"], stdout=subprocess.PIPE, start_new_session=True, text=True
    )
    process.stdout.readline()  # "building ..."
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    flows()
    assert health()["version"].startswith("9.3+")
    installed(source=source)
    assert health()["version"].startswith("9.9+")
    unfinished = [path for path in RELEASES.iterdir() if not (path / ".complete").exists()]
    assert not unfinished, unfinished
    return lost_and_doubled()


def backup_wipe_restore() -> str:
    must("systemctl stop around-server")
    waiting = health().get("spool_count", 0)
    until("some wait", lambda: health().get("spool_count", 0) >= waiting + 3, 60)
    must("sungrow-edge backup /root/copy.db && systemctl start sungrow-edge-backup")
    assert Path("/var/lib/sungrow-edge-backup/spool.db").exists()
    must(f"systemctl stop {UNIT} && rm -rf {STATE}/* /run/sungrow-edge/*")  # a new Pi
    must(f"systemctl start {UNIT} around-server")
    assert missing("/root/copy.db") >= 3, "nothing was lost: the check proves nothing"
    must(f"sungrow-edge restore /root/copy.db && systemctl restart {UNIT}")
    until("all of the copy delivered", lambda: missing("/root/copy.db") == 0, 90)
    flows()
    return lost_and_doubled()


def a_queue_before_the_reboot() -> str:
    must("systemctl stop around-server")
    until("some wait", lambda: health().get("spool_count", 0) >= 5, 90)
    Path("/root/boot").write_text(f"{health()['boot']} {stored()}")
    return f"{health()['spool_count']} wait"


def the_reboot() -> str:
    boot, before = Path("/root/boot").read_text().split()
    until("all delivered", lambda: stored() > int(before) + 5, 90)
    assert health()["boot"] != boot
    assert must("systemctl is-system-running") == "running"
    return lost_and_doubled()


def removal() -> str:
    must(f"systemctl stop {UNIT}")
    count = must(f"ls {STATE}")
    said = must(f"{PROJECT}/systemd/install-edge --remove")
    assert str(STATE) in said
    left = run(
        "find / -xdev ( -iname '*sungrow*edge*' ) -not -path '/proc/*' -not -path '/home/*' "
        "-not -path '/srv/*' -not -path '/root/*'".replace("(", r"\(").replace(")", r"\)")
    ).stdout.splitlines()
    kept = {"/var/lib/sungrow-edge", "/var/lib/sungrow-edge-backup", "/etc/sungrow-edge"}
    assert set(left) <= kept, left
    assert run("id sungrow-edge").returncode == 1
    assert "sungrow" not in must("systemctl list-unit-files --all --no-pager")
    assert must(f"ls {STATE}") == count
    assert must(f"{PROJECT}/systemd/install-edge --remove"), "may be repeated"
    return said


def installed_again() -> str:
    installed()
    flows()
    assert must(f"stat -c %U {STATE}/spool.db") == "sungrow-edge"
    return f"no question, settings and readings still there; {lost_and_doubled()}"


def asks_at_a_terminal() -> str:
    must(f"{PROJECT}/systemd/install-edge --remove && rm -rf /etc/sungrow-edge")
    terminal, its_other_end = os.openpty()
    answers = ["localhost", "home-1", "https://[::1]:8443", "second-token", "/srv/around/ca/ca.pem"]
    os.write(terminal, "".join(f"{answer}\n" for answer in answers).encode())
    done = subprocess.run(
        ["env", "SUNGROW_PORT=5020", PROJECT / "systemd/install-edge"],
        stdin=its_other_end,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done
    flows()
    return lost_and_doubled()


def checks(table: Table) -> None:
    check(table, "settings missing or wrong", refuses_to_guess)
    check(table, "installed while the dongle is away", a_dongle_that_is_away)
    check(table, "installed by one command", first_installation)
    check(table, "systemctl status is green", is_green)
    check(table, "systemd-analyze", is_hardened)
    check(table, "the token is kept secret", keeps_secrets)
    check(table, "commands beside the service", commands_work)
    check(table, "nothing can be delivered", nothing_can_be_delivered)
    check(table, "another device that speaks Modbus", another_device_that_speaks_modbus)
    check(table, "clock known without the server", knows_the_time_from_timesyncd)
    check(table, "SIGKILL", lambda: comes_back(f"systemctl kill -s KILL {UNIT}", 60))
    check(table, "SIGSTOP: watchdog", lambda: comes_back(f"systemctl kill -s STOP {UNIT}", 180))
    check(table, "a thread hangs: watchdog", a_hung_thread)
    check(table, "token rotated", a_rotated_token)
    check(table, "disk full and freed", a_full_disk)
    check(table, "upgrade", upgrades)
    asks = "words = self._read_words()"
    never_polls = changed("9.5", poller=(asks, "raise InverterError('broken', 'broken')"))
    check(table, "failing upgrade: never polls", lambda: rolls_back(never_polls))
    never_starts = changed("9.6", poller=("import logging", "import logging, no_such_module"))
    check(table, "failing upgrade: never starts", lambda: rolls_back(never_starts))
    check(table, "upgrade broken off", an_interrupted_upgrade)
    check(table, "removed", removal)
    check(table, "installed again", installed_again)
    check(table, "asks at a terminal for what it must know", asks_at_a_terminal)
    check(table, "full queue before a reboot", a_queue_before_the_reboot)


def main(arguments: list[str]) -> int:
    table = Table()
    if not arguments:
        checks(table)
        return 0  # the table follows after the reboot
    check(table, "reboot with a full queue", the_reboot)
    check(table, "backup, wipe, restore", backup_wipe_restore)
    return table.end()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
