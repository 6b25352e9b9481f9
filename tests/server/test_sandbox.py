"""The private servers that demo, tests and benchmarks stand on."""

import os
import signal
import ssl
import subprocess
import sys
from pathlib import Path

import psycopg2
import pytest

from server import sandbox

pytestmark = pytest.mark.server

# An app in the place of ours, so that these tests know nothing of it.
APP = """
def create_app():
    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"here"]
    return app
"""


def test_the_database_is_what_the_files_said(databases):
    if "TEST_DATABASE_URL" in os.environ:
        pytest.skip("TEST_DATABASE_URL names another server")
    assert sandbox.edition(databases.migrated()) == sandbox.installed_edition()


def test_two_databases_of_one_template_share_nothing(databases):
    one, two = databases.empty(), databases.empty()
    sandbox.execute(one, "create table here (a int)")
    with pytest.raises(psycopg2.errors.UndefinedTable):
        sandbox.execute(two, "select * from here")


def test_an_immediate_stop_loses_no_committed_row(tmp_path):
    with sandbox.Postgres(tmp_path) as server:
        url = server.create_database("kept")
        sandbox.execute(url, "create table kept as select 1")
        server.stop(immediate=True)
        with pytest.raises(psycopg2.OperationalError):
            sandbox.execute(url, "select * from kept")
        server.start()
        sandbox.execute(url, "select * from kept")
    assert not server.run_dir.exists()


def test_nobody_else_enters_the_sockets_directory(postgres, redis_server):
    for server in (postgres, redis_server):
        assert server.run_dir.stat().st_mode & 0o777 == 0o700


def test_a_server_that_cannot_start_says_why(tmp_path):
    with sandbox.Postgres(tmp_path, fast=True) as server:
        server.stop()
        with (server.data / "postgresql.conf").open("a") as conf:
            conf.write("no_such_setting = 1\n")
        with pytest.raises(sandbox.PrivateError, match="no_such_setting"):
            server.start()


def test_our_certificate_passes_the_strict_checks_of_newer_pythons(ca):
    cert = ca.issue(name="strict")
    sandbox.run(["openssl", "verify", "-x509_strict", "-CAfile", cert.ca, cert.cert])
    assert cert.key.stat().st_mode & 0o777 == ca.key.stat().st_mode & 0o777 == 0o600
    trust = ssl.create_default_context(cafile=cert.ca)
    trust.verify_flags |= ssl.VERIFY_X509_STRICT
    assert trust.get_ca_certs()


CHILD = """
import sys, threading
from pathlib import Path
from server import sandbox
folder = Path(sys.argv[1])
servers = [sandbox.Postgres(folder, fast=True), sandbox.Redis(folder)]
web = sandbox.Gunicorn(folder / "web.log", {"PYTHONPATH": sys.argv[2]}, workers=2)
sandbox.gunicorn.ROOT = Path(sys.argv[2])
for server in [*servers, web]:
    server.start()
groups = [server.process.pid for server in [*servers, web]]
print(*groups, servers[0].run_dir, servers[1].run_dir, flush=True)
threading.Event().wait()
"""


def test_all_servers_die_with_their_parent_even_on_sigkill(tmp_path):
    app = tmp_path / "app"
    app.mkdir()
    (app / "server.py").write_text(APP)
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, tmp_path, app],
        stdout=subprocess.PIPE,
        text=True,
        cwd=sandbox.ROOT,
    ) as parent:
        *pids, run_dir, _ = parent.stdout.readline().split()
        assert len(pids) == 3
        sessions = set(map(int, pids))
        before = family(sessions, run_dir)
        assert len(before) >= 3 + 2, "gunicorn's workers were seen"
        parent.kill()
    assert sandbox.wait_until(lambda: not family(sessions, run_dir), 20), family(sessions, run_dir)


def test_ctrl_c_in_the_terminal_does_not_reach_a_server(redis_server):
    pid = redis_server.process.pid
    assert os.getsid(pid) == os.getpgid(pid) == pid != os.getsid(0)


def test_a_paused_server_can_be_stopped(tmp_path):
    with sandbox.Redis(tmp_path) as server:
        process = server.process
        server.pause()
        server.stop()
        assert process.returncode in (0, -signal.SIGTERM)


def test_a_taken_port_is_named(tmp_path):
    with sandbox.Gunicorn(tmp_path / "a.log", {})._bind() as listener:
        listener.listen()
        other = sandbox.Gunicorn(tmp_path / "b.log", {}, port=listener.getsockname()[1])
        with pytest.raises(sandbox.PortTakenError, match="port"):
            other.start()


def family(sessions: set[int], run_dir: str) -> list[str]:
    """The processes of these sessions, and PostgreSQL's, whose children have their own."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text, command = stat.read_text(), stat.with_name("cmdline").read_text()
        except OSError:  # gone meanwhile
            continue
        parent, _, session = map(int, text.rsplit(")", 1)[1].split()[1:4])
        alive = text.rsplit(")", 1)[1].split()[0] != "Z"
        if alive and (session in sessions or parent in sessions or run_dir in command):
            found.append(f"{stat.parent.name}: {command}")
    return found
