"""A reload as systemd makes it, by the lines of the unit: with bad settings what runs goes on."""

import http.client
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from server import sandbox
from tests.server.test_fronts import free_ports

pytestmark = pytest.mark.server

UNIT = (sandbox.ROOT / "systemd/sungrow-server.service").read_text()
TOKEN = "token-of-home-1"
INSTALLED = "/opt/sungrow-server/current"


class Release(sandbox.Server):
    """The server in a folder of its own, whose settings are its ``.env``, as it is installed."""

    def __init__(self, folder: Path, settings: dict[str, str]):
        super().__init__(folder / "server.log")
        self.folder, self.settings = folder, settings
        for name in ("server", "edge_lib", "sql"):
            shutil.copytree(sandbox.ROOT / name, folder / name)
        shutil.copy(sandbox.ROOT / "gunicorn.conf.py", folder)
        (self.port,) = free_ports(1)
        self.write()

    def write(self, **changes: str) -> None:
        """Write the settings into the file, with these changes."""
        lines = [f"{name}={value}\n" for name, value in (self.settings | changes).items()]
        (self.folder / ".env").write_text("".join(lines))

    def start(self) -> None:
        argv = [sys.executable, "-m", "gunicorn", "--workers", "2", "--no-control-socket"]
        argv += ["--bind", f"127.0.0.1:{self.port}", "--graceful-timeout", "2"]
        argv += ["server:create_app()"]
        self._launch(argv, sandbox.environment(), self.is_ready, cwd=self.folder)

    def reload(self) -> subprocess.CompletedProcess:
        """Run the unit's lines one after the other, up to the first that fails, as systemd does."""
        lines = re.findall(r"^ExecReload=(.*)$", UNIT, re.MULTILINE)
        assert lines[-1] == "/bin/kill -HUP $MAINPID"
        for line in lines:
            line = line.replace(f"{INSTALLED}/.venv/bin/python", sys.executable)
            line = line.replace("$MAINPID", str(self.process.pid))
            done = subprocess.run(
                line.split(),
                cwd=self.folder,
                env=sandbox.environment(),
                capture_output=True,
                text=True,
                timeout=60,
            )
            if done.returncode:
                break
        return done

    def ask(self, path: str, token: str = TOKEN) -> tuple[int, dict]:
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        client.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        with client.getresponse() as answer:
            found = answer.status, json.loads(answer.read())
        client.close()
        return found

    def is_healthy(self) -> bool:
        try:
            return self.ask("/health")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def is_ready(self) -> bool:
        """Return whether both workers have read the settings: one that comes later reads others."""
        lines = map(json.loads, self.log.read_text().splitlines())
        ready = {line["pid"] for line in lines if line["event"] == "ready"}
        return len(ready & self.workers()) == 2 and self.is_healthy()

    def workers(self) -> set[int]:
        pid = self.process.pid
        return set(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


@pytest.fixture(scope="module")
def release(database_url, tmp_path_factory):
    settings = {"DATABASE_URL": database_url, "DEVICE_TOKENS": f"{TOKEN}:home-1"}
    with Release(tmp_path_factory.mktemp("release"), settings) as running:
        yield running


BAD = {
    "CACHE_TTL_S": "viel",
    "SITE_TIMEZONE": "CET",
    "REDIS_URL": "redis://localhost/0?foo=bar",
    "DEVICE_TOKENS": "t:home-1;u:home-2",
    "READ_TOKENS": f"{TOKEN}:home-1",
    "SECRET_KEY": "short",
    "DATABASE_URL": "nonsense",
    "DEVICE_TOKENS_FILE": "/nowhere",
    "LOG_LEVEL": "LOUD",
    "CORS_ORIGINS": "*",
}


@pytest.mark.parametrize("name", BAD)
def test_a_reload_with_a_bad_setting_fails_says_which_and_keeps_what_runs(release, name):
    assert sandbox.wait_until(release.is_ready, 20)
    before = release.workers()
    release.write(**{name: BAD[name]})
    done = release.reload()
    assert done.returncode == 78
    assert name.removesuffix("_FILE") in done.stderr
    assert "Traceback" not in done.stderr
    assert [release.ask("/health")[0] for _ in range(10)] == [200] * 10
    assert release.workers() == before
    release.write()


def test_a_file_of_settings_that_cannot_be_read_keeps_what_runs_too(release):
    (release.folder / ".env").write_bytes(b"DEVICE_TOKENS=caf\xe9\n")
    assert release.reload().returncode == 78
    assert release.is_healthy()
    release.write()


def test_a_database_whose_schema_is_not_current_keeps_what_runs(release, databases):
    release.write(DATABASE_URL=databases.empty())
    done = release.reload()
    assert done.returncode == 1
    assert "python -m server.migrate" in done.stderr
    assert release.is_healthy()
    release.write()


def test_a_reload_with_good_settings_takes_them(release):
    release.write(READ_TOKENS="reader:home-1")
    done = release.reload()
    assert (done.returncode, done.stderr) == (0, "")
    assert sandbox.wait_until(lambda: release.ask("/v1/devices", "reader")[0] == 200, 20)
    release.write()


@pytest.mark.slow
def test_a_reload_while_the_database_is_away_is_no_bad_setting(release):
    release.write(DATABASE_URL="postgresql://sungrow@127.0.0.1:1/sungrow")
    assert release.reload().returncode == 0
    assert sandbox.wait_until(lambda: release.ask("/health")[0] == 503, 20)
    release.write()
    assert release.reload().returncode == 0
    assert sandbox.wait_until(release.is_ready, 20)
