"""Real servers for the tests; all of them end with the test run, whatever ends it.

``postgres`` and ``redis_server`` are shared by the whole run: a test that stops, pauses or fills a
server starts one of its own (``with Postgres(tmp_path, fast=True) as mine``: half a second).
``TEST_DATABASE_URL`` points all tests but those at another server, whatever its edition; its role
must be allowed to create databases and, for TimescaleDB, the extension.

Tests are marked by what they need, by their folder and their fixtures; a test that starts a server
of its own says ``@pytest.mark.server``, and fails if it does not. ``--fast`` runs those that need
no server and are not slow; a file of which it could run nothing says so by its ``pytestmark``, and
is not even imported.
"""

import collections
import contextlib
import gc
import itertools
import logging
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psycopg2
import pytest
from hypothesis import HealthCheck, settings
from psycopg2 import sql

from edge_lib.shared import jsonlog
from server import sandbox
from tests.support.background_jobs import background_jobs_problem
from tests.support.commands import miss_a_library
from tests.support.order import turn

# For tests that leave the number of examples open. Those of --hypothesis-profile=long are others
# each time.
_SLOW = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))
settings.register_profile("quick", _SLOW, max_examples=3, derandomize=True)
settings.register_profile("long", _SLOW, max_examples=250)
settings.load_profile("quick")

_TESTS = Path(__file__).parent
_BY_FOLDER = {"browser": ("browser", "server"), "chaos": ("chaos", "server")}
_ONE_OF = {"browser": 4, "server": 3}  # cases of a test that the quick suite runs
_FAST = "not (server or browser or chaos or slow)"
_ALL_OF_IT = re.compile(r"^pytestmark = .*\bpytest\.mark\.(server|slow)\b", re.MULTILINE)
_SERVERS = {"postgres", "databases", "redis_server", "https_server"}  # fixtures

# A shell lets its background jobs ignore SIGINT, and so would all that the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)


class Databases:
    """Makes databases on one server; migrated ones are copies of a template, one for each zone."""

    def __init__(self, admin_url: str):
        self.admin_url = admin_url
        self._numbers = itertools.count(1)
        self._templates: dict[str, str] = {}
        self._made: list[str] = []

    def empty(self) -> str:
        return self._create("template0")

    def migrated(self, site_timezone: str = "UTC") -> str:
        if site_timezone not in self._templates:
            self._templates[site_timezone] = self._template(site_timezone)
        return self._create(self._templates[site_timezone])

    def drop_all(self) -> None:
        for name in self._made:
            drop = sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name))
            sandbox.execute(self.admin_url, drop)

    def _create(self, template: str) -> str:
        name = f"sungrow_test_{os.getpid()}_{next(self._numbers)}"
        sandbox.create_database(self.admin_url, name, template)
        self._made.append(name)
        return _with_database(self.admin_url, name)

    def _template(self, site_timezone: str) -> str:
        url = self.empty()
        migrate(url, SITE_TIMEZONE=site_timezone)
        name = self._made[-1]
        # TimescaleDB's launcher connects to every database, and then none can be copied from it.
        closed = sql.SQL("alter database {} allow_connections false").format(sql.Identifier(name))
        sandbox.execute(self.admin_url, closed)
        leave = "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s"
        with contextlib.suppress(psycopg2.errors.InsufficientPrivilege):
            sandbox.execute(self.admin_url, leave, (name,))
        return name


class Tokens(NamedTuple):
    """What ``https_server`` accepts unless told otherwise, all for the device ``house``."""

    device: str = "device-token"
    read: str = "read-token"
    device_id: str = "house"


def migrate(url: str, **settings: str) -> str:
    """Run ``python -m server.migrate`` on a database; return what it printed."""
    env = sandbox.environment(DATABASE_URL=url, **settings)
    return sandbox.run([sys.executable, "-m", "server.migrate"], env, cwd=sandbox.ROOT)


def _with_database(url: str, name: str) -> str:
    return re.sub(r"^(\w+://[^/?]*)(/[^?]*)?", rf"\1/{name}", url)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fast", action="store_true", help="run what needs no server and is not slow")
    parser.addoption("--long", action="store_true", help="run what is marked as long, too")


def pytest_configure(config: pytest.Config) -> None:
    wanted = [f"({config.option.markexpr})"] if config.option.markexpr else []
    wanted += [_FAST] if config.option.fast else []
    wanted += [] if config.option.long else ["not long"]
    config.option.markexpr = " and ".join(wanted)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out, before it is imported, what ``--fast`` would run nothing of."""
    if not config.option.fast:
        return None
    if collection_path.parent == _TESTS and collection_path.name in _BY_FOLDER:
        return True
    if collection_path.match("test_*.py"):
        return bool(_ALL_OF_IT.search(collection_path.read_text())) or None
    return None


def pytest_report_header() -> str:
    try:
        if url := os.environ.get("TEST_DATABASE_URL"):
            return f"database: {_ask_edition(url)} (TEST_DATABASE_URL)"
        return f"database: {sandbox.installed_edition()}"
    except (sandbox.PrivateError, psycopg2.Error) as error:
        return f"database: none that works: {error}"


def _ask_edition(url: str) -> str:
    databases = Databases(url)
    try:
        return sandbox.edition(databases.migrated())
    finally:
        databases.drop_all()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what needs a server or a browser, and what is long; let long files begin."""
    for item in items:
        file = item.path.relative_to(_TESTS)
        for name in _BY_FOLDER.get(file.parts[0], ()):
            item.add_marker(name)
        if _SERVERS & set(item.fixturenames):
            item.add_marker("server")
    if all(Path(asked).resolve() == _TESTS for asked in config.args):
        _thin_out(items)
    items.sort(key=lambda item: turn(item.path.stem))


def _thin_out(items: list[pytest.Item]) -> None:
    """Mark as long all but each fourth case of a test with a browser, each third with a server.

    So for all tests in one go, which have to end within the time that a change waits for them; who
    names a file, or says --long, has all its cases.
    """
    counts = collections.Counter[str]()
    for item in items:
        test, _, case = item.nodeid.partition("[")
        fixtures = set(item.fixturenames)
        # A page's function costs nothing: the document stays open for the next one.
        is_cheap = "called" in fixtures and not fixtures & {"page", "home"}
        if not case or is_cheap or item.get_closest_marker("long"):
            continue
        every = next((n for name, n in _ONE_OF.items() if item.get_closest_marker(name)), 1)
        if counts[test] % every:
            item.add_marker("long")
        counts[test] += 1


def pytest_collection_finish() -> None:
    """Let the garbage collector look no more at the thousands of tests: they stay to the end."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        if not item.get_closest_marker("server"):
            patch.setattr(sandbox.Server, "_launch", _unmarked)
        return (yield)


def _unmarked(*_: object, **__: object) -> None:
    pytest.fail("this test starts a server: mark it with @pytest.mark.server")


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_setup() -> Iterator[None]:
    yield
    jsonlog.STDERR.drain()  # while pytest still holds what this very process logs


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call() -> Iterator[None]:
    yield
    jsonlog.STDERR.drain()


@pytest.fixture(scope="module", autouse=True)
def _log_level_ends_with_its_module() -> Iterator[None]:
    # An app sets the level of all that logs in this process, and so of the next module's tests.
    root = logging.getLogger()
    level = root.level
    yield
    root.setLevel(level)


@pytest.fixture(scope="session")
def servers_folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("servers")


@pytest.fixture(scope="session")
def postgres(servers_folder):
    """A private PostgreSQL; do not stop it."""
    with sandbox.Postgres(servers_folder, fast=True) as server:
        yield server
        server.stop(immediate=True)  # nobody needs what it would write now
        gone = Path(tempfile.mkdtemp(prefix="sungrow-gone-"))
        with contextlib.suppress(OSError):  # of another disk: then its folder goes with it
            server.data.rename(gone / "data")
    # A hundred databases take a minute to delete; nobody has to wait for it.
    subprocess.run(["sh", "-c", 'rm -rf "$0" >/dev/null 2>&1 &', gone], check=True)


@pytest.fixture(scope="session")
def databases(request):
    """Makes databases: ``empty()``, ``migrated(site_timezone)``; each gives a URL."""
    url = os.environ.get("TEST_DATABASE_URL")
    databases = Databases(url or request.getfixturevalue("postgres").url())
    yield databases
    if url:  # a server of our own goes with all of them
        databases.drop_all()


@pytest.fixture(scope="module")
def database_url(databases) -> str:
    """A fresh migrated database, in UTC, for the tests of one module."""
    return databases.migrated()


@pytest.fixture
def empty_database_url(databases) -> str:
    """A database with nothing in it, for one test."""
    return databases.empty()


@pytest.fixture
def other_library(databases):
    """A migrated database in which a library is missing where TimescaleDB is asked for."""
    url = databases.migrated()
    if "plain" not in sandbox.edition(url):
        pytest.skip("this database has the library")
    sandbox.execute(url, "create schema shadow")
    # What is asked first of the edition.
    asked = "shadow.current_setting(text, boolean) returns text"
    miss_a_library(url, asked, "$libdir/timescaledb-9.9.9")
    path = sql.SQL("alter database {} set search_path = shadow, pg_catalog, public")
    sandbox.execute(url, path.format(sql.Identifier(psycopg2.extensions.parse_dsn(url)["dbname"])))
    return url


@pytest.fixture(scope="session")
def working_jobs(databases) -> None:
    """Skip a test that needs TimescaleDB's background jobs where this server fails every one.

    TimescaleDB 2.28 does on PostgreSQL 15.20 and later minors, whatever a job is to do.
    """
    url = databases.migrated()
    if "(timescale)" in sandbox.edition(url) and (problem := background_jobs_problem(url)):
        pytest.skip(f"background jobs fail on {sandbox.edition(url)}: {problem}")


@pytest.fixture(scope="session")
def redis_server(servers_folder):
    """A private Redis; do not stop it."""
    with sandbox.Redis(servers_folder) as server:
        yield server


@pytest.fixture(scope="session")
def ca(servers_folder) -> sandbox.Authority:
    """A CA of our own; ``issue()`` makes certificates."""
    return sandbox.Authority(servers_folder / "ca")


@pytest.fixture(scope="session")
def certificate(ca) -> sandbox.Certificate:
    """A certificate for localhost, 127.0.0.1 and ::1."""
    return ca.issue()


@pytest.fixture
def private_files():
    """Let files that the test writes be for their owner alone, as files of secrets have to be."""
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.fixture(scope="session")
def tokens() -> Tokens:
    return Tokens()


@pytest.fixture(scope="module")
def https_server(request, certificate, tokens, tmp_path_factory):
    """Start the API behind gunicorn on TLS: ``https_server(workers=2, CACHE_TTL_S="1")``.

    Gives the running ``Gunicorn``: ``url``, ``certificate.ca``, ``log``, ``stop()``, ``start()``.
    Without a DATABASE_URL it has the module's ``database_url``.
    """
    with contextlib.ExitStack() as stack:

        def start(workers: int = 1, threads: int = 4, **settings: str) -> sandbox.Gunicorn:
            if "DATABASE_URL" not in settings:
                settings["DATABASE_URL"] = request.getfixturevalue("database_url")
            settings.setdefault("DEVICE_TOKENS", f"{tokens.device}:{tokens.device_id}")
            settings.setdefault("READ_TOKENS", f"{tokens.read}:{tokens.device_id}")
            log = tmp_path_factory.mktemp("gunicorn") / "gunicorn.log"
            server = sandbox.Gunicorn(log, settings, certificate, workers=workers, threads=threads)
            stack.callback(server.kill)  # an orderly end waits for connections that are kept alive
            server.start()
            return server

        yield start
