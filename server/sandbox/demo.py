"""The whole chain on one machine, until Ctrl-C. ``server/demo`` installs what it needs and runs it.

    a house -> FakeDongle -Modbus-> edge.py -HTTPS-> gunicorn -> PostgreSQL, Redis
            -> TelegramServer -P1-> edge.py

All its files lie under ``.demo``, made again at each start. The servers are children of this
process, and it alone hears Ctrl-C. A signal is only noted; each step and each wait looks for it. So
what has been started is known at any moment, and stopped.
"""

import argparse
import contextlib
import fcntl
import itertools
import secrets
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import psycopg2

from edge_lib import VERSION
from edge_lib.clock import Clock
from edge_lib.shared.timestamps import parse_ts
from edge_lib.simulator.fake_dongle import FakeDongle
from edge_lib.simulator.p1_server import TelegramServer
from server import sandbox
from server.sandbox.demo_client import Api, DemoError, line
from server.sandbox.demo_house import DemoHouse, Sample, roof_options

DEVICE_ID = "demo-house"
CHECK_LIMIT_S = 120
BATCH = 1000
LOCK = "demo.lock"
LOOK_EVERY_S = 1.0
AnyServer = TypeVar("AnyServer", bound=sandbox.Server)


class StopAskedError(Exception):
    """A signal asked us to stop."""


class Stop:
    """Notes the signals that ask for an end; nothing else happens in a handler."""

    SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __init__(self) -> None:
        self.asked = 0
        for signum in self.SIGNALS:
            signal.signal(signum, self._note)

    def _note(self, signum: int, _frame: object) -> None:
        self.asked = signum

    def check(self) -> None:
        """Raise ``StopAskedError`` if a signal came."""
        if self.asked:
            raise StopAskedError

    def wait(self, seconds: float) -> None:
        """Wait, or raise ``StopAskedError`` as soon as a signal comes."""
        sandbox.wait_until(lambda: bool(self.asked), seconds)
        self.check()


class Edge(sandbox.Server):
    """``edge.py`` as its own process, with its settings in the environment."""

    def __init__(self, log: Path, settings: dict[str, str]):
        super().__init__(log)
        self.settings = settings

    def start(self) -> None:
        """Start it; its readings will show whether it works."""
        argv = [sys.executable, sandbox.ROOT / "edge.py"]
        self._launch(argv, sandbox.environment(**self.settings), lambda: True, cwd=sandbox.ROOT)


class Chain:
    """All of it, started in order; ``stack`` stops it in the reverse order."""

    def __init__(self, stack: contextlib.ExitStack, stop: Stop, arguments: argparse.Namespace):
        folder = arguments.folder.resolve()
        self.stop, self.folder, self.zone = stop, folder, site_timezone()
        device_token, read_token = secrets.token_hex(16), secrets.token_hex(16)
        read_tokens = folder / "read-tokens"  # a file, to which pairing adds
        read_tokens.write_text(f"{read_token}:{DEVICE_ID}\n")
        read_tokens.chmod(0o600)
        certificate = sandbox.Authority(folder / "ca", "sungrow demo CA").issue()
        self.servers: list[sandbox.Server] = []
        postgres = self._start(stack, sandbox.Postgres(folder))
        redis = self._start(stack, sandbox.Redis(folder))
        settings = {
            "DATABASE_URL": postgres.create_database("sungrow"),
            "REDIS_URL": redis.url,
            "DEVICE_TOKENS": f"{device_token}:{DEVICE_ID}",
            "READ_TOKENS_FILE": str(read_tokens),
            "PAIRINGS_PATH": str(folder / "pairings"),
            "SECRET_KEY": secrets.token_hex(32),
            "SITE_TIMEZONE": self.zone,
        }
        migrate = [sys.executable, "-m", "server.migrate"]
        sandbox.run(migrate, sandbox.environment(**settings), cwd=sandbox.ROOT)
        where = [sys.executable, "-m", "server.site", "set", DEVICE_ID, *roof_options(self.zone)]
        sandbox.run(where, sandbox.environment(**settings), cwd=sandbox.ROOT)
        log = folder / "gunicorn.log"
        web = sandbox.Gunicorn(log, settings, certificate, arguments.port, workers=2)
        self._start(stack, web)
        self._settings = settings | {"SITE_URL": web.url}
        self.api = Api(web.url, certificate.ca, device_token, read_token)
        self.database_url = settings["DATABASE_URL"]
        self.edition = sandbox.edition(self.database_url)
        self.house = DemoHouse(Clock(), ZoneInfo(self.zone), arguments.days)
        dongle = stack.enter_context(FakeDongle(self.house))
        meter = stack.enter_context(TelegramServer(self.house.grid_meter))
        self._start(stack, Edge(folder / "edge.log", self._edge_settings(dongle.port, meter.port)))

    def _start(self, stack: contextlib.ExitStack, server: AnyServer) -> AnyServer:
        self.stop.check()
        stack.callback(server.close)
        server.start()
        self.servers.append(server)
        return server

    def _edge_settings(self, port: int, p1_port: int) -> dict[str, str]:
        return {
            "SUNGROW_HOST": "127.0.0.1",
            "SUNGROW_PORT": str(port),
            "P1_SOURCE": f"tcp://127.0.0.1:{p1_port}",
            "DEVICE_ID": DEVICE_ID,
            "VPS_INGEST_URL": self.api.url,
            "VPS_TOKEN": self.api.device_token,
            "VPS_CA_FILE": str(self.api.ca),
            "UPLOAD_INTERVAL_S": "1",
            "SPOOL_PATH": str(self.folder / "spool.db"),
            "HEALTH_PATH": str(self.folder / "health.json"),
        }

    def first_reading(self, limit_s: float) -> Sample:
        """Wait for a reading that came from the edge: one with a boot, which history lacks.

        Raises:
            DemoError: none came in time; the text has what the API and the edge said.
        """
        deadline, reason = time.monotonic() + limit_s, "not asked"
        while time.monotonic() < deadline:
            self.watch()
            try:
                sample = self.api.newest()
            except DemoError as error:
                reason = str(error)
            else:
                if sample["boot"]:
                    return sample
                reason = "the newest sample did not come from the edge"
            self.stop.wait(0.2)
        log = self.servers[-1].last_words()
        raise DemoError(f"no reading made the whole way in time: {reason}; the edge says:\n{log}")

    def send_history(self, first: Sample) -> int:
        """Send the house's past through the API, up to its first live reading; return the count."""
        minutes, count = self.house.history(DEVICE_ID, parse_ts(first["ts"])), 0
        while batch := list(itertools.islice(minutes, BATCH)):
            samples, p1_samples = map(list, zip(*batch, strict=True))
            self.api.ingest(samples, p1_samples)
            count += len(batch)
            self.watch()
        return count

    def compute_history(self) -> None:
        """Compute what rests on the whole history, as an installed server does every night."""
        command = [sys.executable, "-m", "server.nightly"]
        sandbox.run(command, sandbox.environment(**self._settings), cwd=sandbox.ROOT)

    def link(self) -> str:
        """Return a link that logs one browser in, with its QR code where that can be drawn."""
        command = [sys.executable, "-m", "server.tokens", "new", DEVICE_ID, "--read", "--link"]
        env = sandbox.environment(**self._settings)
        return sandbox.run(command, env, cwd=sandbox.ROOT).rstrip()

    def readings(self) -> Iterator[Sample]:
        """Yield each new reading, for ever."""
        last = None
        while True:
            self.watch()
            sample = self.api.newest()
            if sample["ts"] != last:
                last = sample["ts"]
                yield sample
            self.stop.wait(LOOK_EVERY_S)

    def watch(self) -> None:
        """Raise ``StopAskedError`` after a signal, ``DemoError`` if one of the servers has died."""
        self.stop.check()
        for server in self.servers:
            if (code := server.running().poll()) is not None:
                raise DemoError(f"{server.log.stem} ended with {code}: {server.last_words()}")


def site_timezone() -> str:
    """Return the IANA name of this machine's zone; UTC if it is unknown."""
    candidates = ["UTC"]
    link = Path("/etc/localtime").resolve()
    if link.is_relative_to("/usr/share/zoneinfo"):
        candidates.insert(0, str(link.relative_to("/usr/share/zoneinfo")))
    with contextlib.suppress(OSError):
        candidates.insert(0, Path("/etc/timezone").read_text().strip())
    for name in candidates:
        with contextlib.suppress(ZoneInfoNotFoundError, ValueError, OSError):
            return ZoneInfo(name).key
    return "UTC"


@contextlib.contextmanager
def fresh_folder(folder: Path) -> Iterator[None]:
    """Empty the folder and hold it, so that no second demo empties it under us.

    Raises:
        DemoError: another demo runs in it, or it is not a demo's.
    """
    folder.mkdir(exist_ok=True)
    if any(folder.iterdir()) and not (folder / LOCK).exists():
        raise DemoError(f"{folder} is not a folder of the demo: it would be emptied")
    with (folder / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DemoError(f"another demo runs in {folder}") from error
        for path in folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path.name != LOCK:
                path.unlink()
        yield


def show(chain: Chain) -> None:
    """Print what runs and how to use it, then the readings until a signal comes."""
    api = chain.api
    print(f"page          {api.url}/  log in with the read token; its CA: {api.ca}")
    print(f"database      {chain.edition}; days are those of {chain.zone}")
    print(f"in SQL        psql '{chain.database_url}'")
    print(f"device token  {api.device_token}")
    print(f"read token    {api.read_token}")
    print(f"or, once, within 15 minutes, without it:\n{chain.link()}")
    print("\n".join(["try", *(f"  {command}" for command in api.curls()), ""]))
    print("live readings, until Ctrl-C", flush=True)
    for sample in chain.readings():
        print(line(sample, chain.zone), flush=True)


def demo(arguments: argparse.Namespace, stop: Stop) -> None:
    """Run it: to the first reading with ``check``, else until a signal comes."""
    began, folder = time.monotonic(), arguments.folder.resolve()
    sandbox.Gunicorn(folder, {}, port=arguments.port).check_port()
    with fresh_folder(folder), contextlib.ExitStack() as stack:
        print("starting database, cache, server, dongle and edge", flush=True)
        chain = Chain(stack, stop, arguments)
        first = chain.first_reading(CHECK_LIMIT_S - (time.monotonic() - began))
        print(f"a reading made the whole way: {line(first, chain.zone)}", flush=True)
        if not arguments.check:
            print(f"sending {arguments.days} days of history", flush=True)
            print(f"{chain.send_history(first)} samples sent\n", flush=True)
            chain.compute_history()
            show(chain)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="server/demo", description="The whole chain, here.")
    parser.add_argument("--version", action="version", version=VERSION)
    parser.add_argument("--check", action="store_true", help="end when a reading made the way")
    parser.add_argument("--port", type=_port, default=8443, help="of the server; 0: a free one")
    parser.add_argument("--days", type=_days, default=21, help="of history (21)")
    parser.add_argument("--folder", type=Path, default=sandbox.ROOT / ".demo", help="is emptied")
    return parser.parse_args()


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= 65_535):
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return int(text)


def _days(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 366):
        raise argparse.ArgumentTypeError("history is a number of days from 1 to 366")
    return int(text)


def main() -> int:
    """Run the command.

    Returns:
        0, also when Ctrl-C ended the show; 1 with the reason; else 128 + the signal that came.
    """
    arguments, stop = _arguments(), Stop()
    try:
        demo(arguments, stop)
    except StopAskedError:
        return _stopped(arguments, stop)
    except sandbox.PortTakenError as error:
        print(f"{error}. Stop what listens there, or try --port 8444", file=sys.stderr)
        return 1
    except PermissionError as error:
        print(_not_ours(error, arguments.folder), file=sys.stderr)
        return 1
    except (DemoError, sandbox.PrivateError, psycopg2.Error, OSError) as error:
        # A child that has no session of its own yet hears Ctrl-C too.
        if stop.asked:
            return _stopped(arguments, stop)
        print(f"the demo failed: {error}", file=sys.stderr)
        return 1
    return 0


def _not_ours(error: PermissionError, folder: Path) -> str:
    if folder.exists() and Path(error.filename or folder).is_relative_to(folder):
        return (
            f"{folder} holds files of another user, who ran the demo before (root?): "
            f"sudo rm -r {folder}, or name another one by --folder"
        )
    return f"the demo failed: {error}"


def _stopped(arguments: argparse.Namespace, stop: Stop) -> int:
    print("\nstopped: nothing is left running")
    at_ease = stop.asked == signal.SIGINT and not arguments.check
    return 0 if at_ease else 128 + stop.asked


if __name__ == "__main__":
    sys.exit(main())
