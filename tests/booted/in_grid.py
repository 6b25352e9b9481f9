"""Runs as root inside the machine that ``tests/booted/grid`` boots; not on one that you need.

A simulated house has both meters. Whatever the grid meter is read by, and while it is changed: no
reading of either kind lost, none doubled, and the page shows what may still be drawn.
"""

import re
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))
from tests.booted import in_server as there
from tests.booted.machine import Table, expect, run, until

VENV = Path("/opt/browser")
DROP_IN = Path("/etc/systemd/system/sungrow-edge.service.d/p1.conf")
UNITS = {
    "house": (
        f"{there.DONGLE}/.venv/bin/python edge.py simulate"
        " --p1-port 20202 --p1-http-port 8081 --p1-https-port 8444"
    ),
    # What a cable brings: the same telegrams, on a terminal that dialout may read.
    "cable": (
        "socat pty,link=/dev/ttyP1,raw,echo=0,group=dialout,mode=660,wait-slave"
        " tcp:127.0.0.1:20202,forever,interval=1"
    ),
}
TABLES = {"samples": "sungrow_samples", "P1 readings": "p1_samples"}


def unit(name: str) -> None:
    text = f"""[Unit]
StartLimitIntervalSec=0
[Service]
WorkingDirectory={there.DONGLE}
ExecStart=/usr/bin/env {UNITS[name]}
Restart=always
RestartSec=1
"""
    Path(f"/etc/systemd/system/test-{name}.service").write_text(text)
    run(f"systemctl daemon-reload; systemctl start test-{name}")


def both_flow() -> float:
    """Wait until new readings of both kinds are stored; return the seconds."""
    begun = there.sql("SELECT now()")

    def flow(table: str) -> bool:
        newer = f"SELECT count(*) FROM {table} WHERE ts > '{begun}'"  # noqa: S608
        return there.sql(newer) != "0"

    return until("readings of both kinds", lambda: all(map(flow, TABLES.values())), 90)


def packages(folder: Path, requirements: str) -> None:
    """Make a .venv of these packages there."""
    pip = f"PIP_CONSTRAINT=/dev/null {folder}/.venv/bin/pip install --quiet --only-binary :all:"
    run(f"mkdir -p {folder}; python3 -m venv {folder}/.venv; {pip} {requirements}", timeout_s=900)


def prepare(table: Table) -> None:
    run(f"echo '127.0.0.1 {there.NAME}' >>/etc/hosts; mkdir -p {there.CA.parent}")
    there.export("HEAD", there.HEAD)
    with table.check("the server, installed by one command"):
        words = there.install(there.HEAD)
        there.TOKEN.touch(0o600)
        there.TOKEN.write_text(re.search(r"^device_\S+$", words, re.MULTILINE)[0])
        shutil.copy(there.ETC / "ca.pem", there.CA)
    packages(there.DONGLE, f"-r {there.HEAD}/requirements-edge.txt")
    run(f"cp -r {there.HEAD}/edge.py {there.HEAD}/edge_lib {there.DONGLE}")
    run("apt-get -qqy install --no-install-recommends socat", timeout_s=900)
    for name in UNITS:
        unit(name)


def meters(table: Table) -> None:
    """Read the meter in each way; the edge is installed anew each time, over what is there."""
    ways = {
        "without a meter": "",
        "by TCP": "tcp://127.0.0.1:20202",
        "by a serial port": "serial:///dev/ttyP1",
        "by HomeWizard's API": "homewizard://127.0.0.1:8081",
    }
    for name, source in ways.items():
        with table.check(f"the edge, installed by one command, {name}") as said:
            settings = {**there.EDGE_SETTINGS, "P1_SOURCE": source, "P1_INTERVAL_S": "2"}
            run(f"{there.HEAD}/systemd/install-edge </dev/null", **settings)
            if not source:
                there.fresh()
                continue
            said.append(f"both kinds after {both_flow():.0f} s")
            expect("the port opened to the unit", DROP_IN.exists(), source.startswith("serial"))
            words = run("sungrow-edge doctor")
            found = [line for line in words.splitlines() if "p1" in line.split(":")[0]]
            expect("doctor", [line.split()[0] for line in found], ["ok"] * len(found))
            said.append(f"{len(found)} checks of the meter")
    with table.check("the cable pulled out and put in again") as said:
        settings = {**there.EDGE_SETTINGS, "P1_SOURCE": ways["by a serial port"]}
        run(f"{there.HEAD}/systemd/install-edge </dev/null", **settings)
        run("systemctl stop test-cable")
        there.fresh()
        run("systemctl start test-cable")
        said.append(f"both kinds after {both_flow():.0f} s")


def nothing_lost(table: Table) -> None:
    with table.check("nothing lost, nothing doubled of either kind") as said:
        run("systemctl stop sungrow-edge")
        run("sungrow-edge reconcile")
        for name, of in TABLES.items():
            counts = "count(*), count(*) - count(DISTINCT seq), max(seq) - min(seq) + 1 - count(*)"
            per_boot = f"SELECT {counts} FROM {of} GROUP BY boot"  # noqa: S608
            rows = [[int(n) for n in line.split("|")] for line in there.sql(per_boot).splitlines()]
            stored, doubled, lost = (sum(column) for column in zip(*rows, strict=True))
            said.append(f"{stored} {name} of {len(rows)} boots: {lost} lost, {doubled} doubled")
            expect(name, (lost, doubled), (0, 0))
        expect("parked", there.sql("SELECT count(*) FROM sungrow_parked"), "0")
        run("systemctl start sungrow-edge")


def the_page(table: Table) -> None:
    """Look at it in the machine's own Chromium."""
    browsers = "chromium chromium-driver fonts-dejavu-core"
    run(f"apt-get -qqy install --no-install-recommends {browsers}", timeout_s=900)
    packages(VENV, "selenium")
    words = run(f"sungrow-server tokens new {there.DEVICE} --read")
    token = re.search(r"^read_\S+$", words, re.MULTILINE)[0]
    with table.check("the page says what may be drawn until the quarter hour ends") as said:
        there.fresh()
        code = LOOK.format(url=there.URL, token=token)
        said.append(run(f"cd {there.HEAD} && {VENV}/.venv/bin/python -c {there.quoted(code)}"))


LOOK = """
from pathlib import Path
from tests.browser.browser import PHONE, browser
with browser(Path("/root/profile")) as page:
    page.resize(PHONE)
    page.log_in({url!r}, {token!r})
    page.open({url!r} + "/?view=capacity")
    print(page.wait_text("main", "until").splitlines()[0:3])
    page.screenshot(Path("/root/capacity.png"))
    page.open({url!r})
    page.wait_text("main", "P1")
    page.screenshot(Path("/root/now.png"))
    assert not page.console()
"""


def main() -> int:
    table = Table()
    prepare(table)
    for part in (meters, nothing_lost, the_page):
        part(table)
    return table.end()


if __name__ == "__main__":
    sys.exit(main())
