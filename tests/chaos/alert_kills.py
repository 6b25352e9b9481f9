"""kill -9 of the alerter at every line of its code, against channels that count.

``python -m tests.chaos.alert_kills [KILLS]`` (1000): each kill is followed by a run that is left
alone; at the end all that waits is delivered. Prints what came, and fails where a message was lost,
or came twice without having been on its way when the process died.
"""

import itertools
import json
import re
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from server import sandbox
from server.database.connection import connect
from tests.support import alert_servers
from tests.support.alert_servers import Web

BEGAN = datetime(2026, 11, 2, tzinfo=UTC)
STEP = timedelta(minutes=3)
STRIDE = 7919  # a prime: goes through all lines before it comes to one again
# From the first byte that leaves to the commit that says so.
ON_ITS_WAY = {"send", "_record"}


class Kills:
    """A child that runs the alerter, and the time."""

    def __init__(self, url: str, web: Web, ca: Path, folder: Path):
        env = sandbox.environment(
            DATABASE_URL=url,
            ALERT_NTFY_URL=f"{web.url}/topic",
            ALERT_WEBHOOK_URL=f"{web.url}/hook",
            ALERT_CA_FILE=str(ca),
            ALERT_STATE_PATH=str(folder / "state.json"),
            STAND_IN="1",
        )
        argv = [sys.executable, "-m", "tests.chaos.alert_kills_child"]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self._child = subprocess.Popen(argv, env=env, cwd=sandbox.ROOT, text=True, **pipes)
        self._now = BEGAN

    def run(self, at: int | None = None) -> tuple[int, str]:
        """Do a run; return its status, and where it was killed, or how many lines it had."""
        self._now += STEP
        asked = {"at": at, "now": self._now.isoformat()}
        print(json.dumps(asked), file=self._child.stdin, flush=True)
        said = json.loads(self._child.stdout.readline())
        return said["status"], said["where"]

    def close(self) -> None:
        self._child.stdin.close()
        self._child.wait()
        self._child.stdout.close()


def rule(request: alert_servers.Request) -> alert_servers.Answer:
    """Answer as ntfy at the root, and as a webhook elsewhere."""
    if request.path == "/":
        return alert_servers.ntfy(request)
    return alert_servers.Answer()


def torture(url: str, ca: Path, web: Web, folder: Path, kills: int) -> dict[str, Any]:
    """Kill so often; return what came, in numbers."""
    sent = Kills(url, web, ca, folder)
    try:
        for _ in range(12):  # so that a run has something of each kind to do
            status, lines = sent.run()
            assert status == 0
        places, on_its_way, whole = Counter(), 0, int(lines)
        for n in itertools.count():
            if places.total() == kills:
                break
            at = n * STRIDE % whole + 1
            status, where = sent.run(at)
            if status == -9:
                places[where.split()[-1] if where else ""] += 1
                on_its_way += bool(ON_ITS_WAY & set(where.split()))
            status, _ = sent.run()
            assert status == 0, "the run after a kill"
        for _ in range(4):
            sent.run()
    finally:
        sent.close()
    return counts(url, web) | {
        "kills": sum(places.values()),
        "places": len(places),
        "lines": whole,
        "on_its_way": on_its_way,
    }


def counts(url: str, web: Web) -> dict[str, Any]:
    """Return how many episodes there were, and what the channels were told of them."""
    with closing(connect(url, {})) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM sungrow_alerts")
        ((episodes,),) = cursor.fetchall()
    found: dict[str, Any] = {"episodes": episodes}
    for channel, path in (("ntfy", "/"), ("webhook", "/hook")):
        requests = [request.json for request in web.taken if request.path == path]
        opened = [re.fullmatch(r"opened (\d+)", one["title"]) for one in requests]
        told = Counter(match[1] for match in opened if match)
        found[channel] = {"episodes": len(told), "doubles": told.total() - len(told)}
        found[channel]["resolved"] = len({o["title"] for o in requests if "resolved" in o["title"]})
        if channel == "webhook":
            found[channel]["ids"] = len({o["id"] for o in requests if o["title"][:1] == "o"})
    return found


def main(argv: list[str]) -> int:
    """Run the command; return 0 where nothing was lost."""
    kills = int(argv[0]) if argv else 1000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        certificate = sandbox.Authority(folder / "ca").issue()
        with sandbox.Postgres(folder, fast=True) as postgres, Web(certificate, rule) as web:
            url = postgres.url()
            env = sandbox.environment(DATABASE_URL=url)
            sandbox.run([sys.executable, "-m", "server.migrate"], env, cwd=sandbox.ROOT)
            found = torture(url, certificate.ca, web, folder, kills)
            postgres.stop(immediate=True)
    print(json.dumps(found, indent=1))
    problem = verdict(found)
    print(problem or "none lost; doubles only of what was on its way")
    return 1 if problem else 0


def verdict(found: dict[str, Any]) -> str | None:
    """Return what is wrong with these counts."""
    for channel in ("ntfy", "webhook"):
        if found[channel]["episodes"] != found["episodes"]:
            return f"{channel} was told of {found[channel]['episodes']} episodes"
        if found[channel]["doubles"] > found["on_its_way"]:
            return f"{channel} has more doubles than kills of what was on its way"
    if found["webhook"]["ids"] != found["episodes"]:
        return "a double has another id"
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
