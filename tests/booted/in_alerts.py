"""Runs as root inside the machine that ``tests/booted/alerts`` boots; not on one that you need.

A small fake of ntfy and of a dead-man's service listens on this machine; mail goes by
exim4. A simulator and an edge live beside the server.
"""

import json
import re
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(PROJECT))
from tests.booted.machine import Failed, Table, expect, run, until  # noqa: E402

NAME, DEVICE = "sungrow.test", "home-1"
TOPIC, TOLD = "booted-Se-cret", Path("/root/told")
HEAD = Path("/root/head")
DONGLE = Path("/opt/dongle-test")
FAKE = """
import http.server, json, pathlib, sys
class Fake(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        content = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        line = json.dumps({"path": self.path, "content": content})
        with open("/root/told", "a") as told:
            print(line, file=told, flush=True)
        ok = self.path != "/" or "topic" in json.loads(content)
        self.send_response(200 if ok else 400)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")
http.server.ThreadingHTTPServer(("127.0.0.1", 2586), Fake).serve_forever()
"""
DONGLE_UNIT = f"""[Service]
WorkingDirectory={DONGLE}
ExecStart={DONGLE}/.venv/bin/python edge.py simulate
Restart=always
"""


def told() -> list[dict]:
    lines = TOLD.read_text().splitlines() if TOLD.exists() else []
    return [json.loads(line) for line in lines]


def messages() -> list[dict]:
    return [json.loads(one["content"]) for one in told() if one["path"] == "/"]


def titles() -> list[str]:
    return [one["title"] for one in messages()]


def pings() -> list[str]:
    return [one["path"] for one in told() if one["path"] != "/"]


def sql(statement: str) -> str:
    escaped = statement.replace("'", "'\\''")
    return run(f"cd /; runuser -u postgres -- psql -XAtq -d sungrow -c '{escaped}'")


def installed(**settings: str) -> str:
    site = {"SITE_ADDRESS": NAME, "DEVICE_ID": DEVICE, "SITE_TIMEZONE": "UTC"}
    return run(f"{HEAD}/systemd/install-server </dev/null", **site, **settings)


def prepare(table: Table) -> None:
    run(f"echo '127.0.0.1 {NAME}' >>/etc/hosts; mkdir {HEAD}")
    run(f"git -c safe.directory='*' -C {PROJECT} archive HEAD | tar -x -C {HEAD}")
    with table.check("without a channel there is no timer, and doctor says so"):
        words = installed()
        Path("/root/token").write_text(re.search(r"^device_\S+$", words, re.MULTILINE)[0])
        expect("said", "nobody is told when something is wrong" in words, True)
        said = run("systemctl is-enabled sungrow-alerts.timer", check=False)
        expect("timer", said.splitlines()[-1] == "enabled", False)
        expect("account", run("getent passwd sungrow-alerts", check=False), "")
        expect("doctor", "nobody is told" in run("sungrow-server doctor", check=False), True)
        words = run("sungrow-server alerts list; [ $? = 1 ]")
        expect("command", "no channel is set up" in words, True)
    with table.check("a bad channel ends it with 78, before anything is changed"):
        words = run(
            f"{HEAD}/systemd/install-server </dev/null; [ $? = 78 ]",
            ALERT_NTFY_URL="http://ntfy.sh/topic",
        )
        expect("said", "http:// is for loopback" in words, True)
        expect("quoted", "ntfy.sh/topic" in words, False)


def set_up(table: Table) -> None:
    packages = "exim4-daemon-light bsd-mailx"
    run(f"DEBIAN_FRONTEND=noninteractive apt-get -qqy install --no-install-recommends {packages}")
    run("useradd -m reader")
    Path("/root/fake.py").write_text(FAKE)
    run("systemd-run --unit=fake-ntfy --property=Restart=always python3 /root/fake.py")
    with table.check("with a channel it is set up by the same command") as said:
        words = installed(
            ALERT_NTFY_URL=f"http://127.0.0.1:2586/{TOPIC}",
            ALERT_SMTP_URL="smtp://localhost:25/?from=sungrow@localhost.localdomain",
            ALERT_MAIL_TO="reader@localhost",
            DEADMAN_URL="http://127.0.0.1:2586/dead-Se-cret",
            RULE_NO_DATA_FOR="60s",
            ALERT_QUIET="00:00-00:00",
        )
        said.append(re.search(r"^alerts go to: .*$", words, re.MULTILINE)[0])
        expect("timer", run("systemctl is-active sungrow-alerts.timer"), "active")
        modes = "stat -c '%a %U' /etc/sungrow-server/alerts.env /etc/sungrow-server/alert-secrets"
        expect("modes", run(modes).splitlines(), ["600 root", "700 root"])
        plain = Path("/etc/sungrow-server/alerts.env").read_text()
        expect("secret in alerts.env", "Se-cret" in plain, False)
    with table.check("alerts test reaches ntfy and the mailbox"):
        expect(
            "said",
            run("sungrow-server alerts test").splitlines(),
            ["mail: delivered", "ntfy: delivered"],
        )
        expect("ntfy", titles(), ["Test of the alerts"])
        until("mail", lambda: "Test of the alerts" in run("cat /var/mail/reader", check=False))
    with table.check("its role may not write a reading, nor read the server's settings"):
        alerts = "cd /; runuser -u sungrow-alerts --"
        deletes = "psql -d sungrow -c 'DELETE FROM sungrow_samples'"
        words = run(f"{alerts} {deletes}; [ $? = 1 ]")
        expect("said", "permission denied" in words, True)
        run(f"{alerts} cat /etc/sungrow-server/server.env; [ $? = 1 ]")
        run(f"{alerts} cat /etc/sungrow-server/alert-secrets/ALERT_NTFY_URL; [ $? = 1 ]")
    with table.check("a run of the unit goes well, and pings") as said:
        run("systemctl start sungrow-alerts.service")
        expect("result", run("systemctl show -p Result --value sungrow-alerts"), "success")
        until("a ping", lambda: "/dead-Se-cret" in pings())
        words = run("systemd-analyze security --no-pager sungrow-alerts")
        said.append(re.search(r"level for sungrow-alerts.service: ([\d.]+)", words)[1])
        expect("verify", run("systemd-analyze verify /etc/systemd/system/sungrow-alerts.*"), "")
    with table.check("backup and doctor leave what the alerts read"):
        run(
            "systemctl start sungrow-server-backup; systemctl start sungrow-server-doctor",
            check=False,
        )
        for name in ("backup", "doctor"):
            path = Path(f"/var/lib/sungrow-server/status/{name}.json")
            expect(f"mode of {name}", oct(path.stat().st_mode & 0o777), "0o644")
            expect(f"{name} has a time", "time" in json.loads(path.read_text()), True)
        expect(
            "backup",
            json.loads(Path("/var/lib/sungrow-server/status/backup.json").read_text())["result"],
            "ok",
        )


def live(table: Table) -> None:
    with table.check("an edge delivers"):
        run(f"mkdir {DONGLE}; python3 -m venv {DONGLE}/.venv")
        run(f"cp -r {HEAD}/edge.py {HEAD}/edge_lib {DONGLE}")
        pip = "PIP_CONSTRAINT=/dev/null .venv/bin/pip install --quiet --only-binary :all:"
        run(f"cd {DONGLE} && {pip} -r {HEAD}/requirements-edge.txt")
        Path("/etc/systemd/system/test-dongle.service").write_text(DONGLE_UNIT)
        run("systemctl daemon-reload; systemctl start test-dongle")
        run("install -m 644 /etc/sungrow-server/ca.pem /root/ca.pem")
        run(
            f"{HEAD}/systemd/install-edge </dev/null",
            SUNGROW_HOST="127.0.0.1",
            SUNGROW_PORT="5020",
            DEVICE_ID=DEVICE,
            VPS_INGEST_URL=f"https://{NAME}",
            VPS_TOKEN_FILE="/root/token",
            VPS_CA_FILE="/root/ca.pem",
            UPLOAD_INTERVAL_S="2",
            MAX_BACKOFF_S="4",
        )
        until("readings", lambda: int(sql("SELECT count(*) FROM sungrow_samples")) > 3)
        run("systemctl start sungrow-alerts.service")
    with table.check("silence during an upgrade: its own work is told to nobody") as said:
        count = len(messages())
        installed()
        said.append(sql("SELECT why FROM sungrow_silences ORDER BY id DESC LIMIT 1"))
        expect("silence", said[0], "install-server upgrades")
        expect("timer", run("systemctl is-active sungrow-alerts.timer"), "active")
        expect("messages", len(messages()), count)
        sql("UPDATE sungrow_silences SET to_ts = greatest(from_ts, now())")
    with table.check("the dongle is gone: one message, to ntfy and by mail") as said:
        run("systemctl stop test-dongle")
        seconds = until("a message", lambda: any("no data" in t.lower() for t in titles()), 900)
        said += [titles()[-1], f"after {seconds:.0f} s"]
        until("mail", lambda: "no data" in run("cat /var/mail/reader").lower(), 120)
    with table.check("it is back: one message says so") as said:
        count = len(messages())
        run("systemctl start test-dongle")
        seconds = until("a message", lambda: len(messages()) > count, 900)
        said += [titles()[-1], f"after {seconds:.0f} s"]
        events = sql(
            "SELECT string_agg(event || ' ' || channel, ',' ORDER BY position)"
            " FROM sungrow_alert_outbox WHERE event <> 'test'"
        )
        expect(
            "events",
            sorted(events.split(",")),
            ["opened mail", "opened ntfy", "resolved mail", "resolved ntfy"],
        )


def dead(table: Table) -> None:
    with table.check("the database is away: the dead-man hears it at once") as said:
        run("systemctl stop postgresql")
        run("systemctl start sungrow-alerts.service", check=False)
        seconds = until("a ping", lambda: "/dead-Se-cret/fail" in pings(), 120)
        said.append(f"after {seconds:.0f} s")
    with table.check("and back: it pings again"):
        run("systemctl start postgresql")
        count = pings().count("/dead-Se-cret")
        until("a ping", lambda: pings().count("/dead-Se-cret") > count, 180)
    with table.check("no secret in the journal, the database or the list of processes"):
        run("journalctl --sync")
        found = "grep -c Se-cret || true"
        expect(
            "journal", run(f"journalctl -o cat -u sungrow-alerts -u sungrow-server | {found}"), "0"
        )
        dump = "cd /; runuser -u postgres -- pg_dump sungrow 2>/dev/null"
        expect("database", run(f"{dump} | {found}"), "0")
    with table.check("removed, with its account"):
        run(f"{HEAD}/systemd/install-server --remove")
        expect("account", run("getent passwd sungrow-alerts", check=False), "")
        expect("units", run("ls /etc/systemd/system | grep sungrow-alerts", check=False), "")


def main() -> int:
    table = Table()
    try:
        for part in (prepare, set_up, live, dead):
            part(table)
    except (Failed, OSError) as error:
        print(f"--- FAILED: {error}", flush=True)
        table.end()
        return 1
    return table.end()


if __name__ == "__main__":
    sys.exit(main())
