"""What can be wrong around an edge, each provoked by the real thing: for ``test_edge_doctor``.

A fault takes the ``World`` in which all is well, breaks one thing, and gives the settings that
change. ``FAULTS`` says which check has to name it, how badly, and in which words.
"""

import json
import os
import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

from edge_lib import VERSION
from edge_lib.clock import Clock
from edge_lib.dongle.lock import DongleLock
from edge_lib.shared.findings import FAILED, WARNING
from edge_lib.shared.timestamps import format_ts
from edge_lib.simulator.fake_dongle import DumpSource, FakeDongle
from edge_lib.spool.spool import Spool
from tests.support.clocks import BOOT, START
from tests.support.disks import remount, small_disk
from tests.support.edge_env import edge_env
from tests.support.spooling import put
from tests.support.tls_server import Authority, Certificate, Script, Sink, TlsServer, answer
from tests.support.wire_proxy import MISMATCHES, SILENCE, WireProxy, exception

ROOT = Path(__file__).resolve().parents[2]
DUMP = ROOT / "tests" / "dumps" / "sh80rt20_2026-05-22_morning.json"
NOWHERE = "nosuch.invalid"
HEALTHY = {"status": "ok", "service": "sungrow", "version": VERSION, "database": "ok"}
Settings = dict[str, str]


class World:
    """A healthy edge's surroundings: what a fault may break, and ``until`` the test is over."""

    def __init__(self, folder: Path, authority: Authority, server, tokens, until: ExitStack):
        self.folder, self.authority, self.server, self.tokens = folder, authority, server, tokens
        self.until = until
        heard = folder / "synchronized"  # as systemd-timesyncd leaves it
        heard.touch()
        self.clock = Clock(timesync_file=heard)
        self.dongle = until.enter_context(FakeDongle(DumpSource(DUMP)))
        self.settings = edge_env(
            folder,
            server.certificate.ca,
            dongle_port=self.dongle.port,
            url=server.url,
            device_id=tokens.device_id,
            token=tokens.device,
            MODBUS_TIMEOUT_S="2",
        )

    @property
    def spool_path(self) -> Path:
        return self.folder / "spool.db"

    def serve(self, **changes) -> Settings:
        """Let the dongle serve other words: ``words`` over the dump's, ``refused`` ranges."""
        words = DumpSource(DUMP).words() | changes.get("words", {})
        refused = changes.get("refused", [])
        self.dongle.source = SimpleNamespace(words=lambda: words, refused=lambda: refused)
        return {}

    def unsynchronised(self) -> None:
        """Let nobody on this machine vouch for its clock."""
        self.clock = Clock(timesync_file=self.folder / "none")

    def tls(self, certificate: Certificate | None = None, *scripts: Script) -> Settings:
        """Put a scripted server in the server's place."""
        certificate = certificate or self.authority.certificate("good")
        server = self.until.enter_context(TlsServer(certificate))
        server.answers(*scripts)
        return {"VPS_INGEST_URL": server.url, "VPS_CA_FILE": str(self.authority.ca_file)}

    def service(self, **news: object) -> Settings:
        """Let the service run, as far as others can tell, and say this of itself."""
        lock = self.until.enter_context(DongleLock("127.0.0.1", self.dongle.port))
        assert lock.acquire()
        self.until.enter_context(Spool.strict(self.spool_path))
        now = format_ts(datetime.now(UTC))
        state = {"last_poll_ts": now, "last_upload_ts": now, "clock_synced": True, "spool_count": 3}
        (self.folder / "health.json").write_text(json.dumps(state | news, indent=1))
        return {}


class Fault(NamedTuple):
    """One thing that is wrong, and what ``doctor`` has to say of it."""

    name: str
    break_it: Callable[[World], Settings]
    check: str
    state: str
    words: str
    also: tuple[str, ...] = ()  # checks that fail in its wake


@contextmanager
def listener(behave: Callable[[socket.socket], None]) -> Iterator[int]:
    """Accept one connection after another and do something to it; return the port."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                taken, _ = server.accept()
            except OSError:
                return
            with taken:
                behave(taken)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
        server.close()


def open_token_file(world: World) -> Settings:
    path = world.folder / "token"
    path.write_text(world.tokens.device)
    path.chmod(0o644)
    return {"VPS_TOKEN": "", "VPS_TOKEN_FILE": str(path)}


def open_dotenv(world: World) -> Settings:
    path = world.folder / "dotenv"
    path.write_text(f"VPS_TOKEN={world.tokens.device}\n")
    path.chmod(0o644)
    return {}


def open_topic(world: World) -> Settings:
    path = world.folder / "dotenv"
    path.write_text("ALERT_NTFY_URL=https://ntfy.sh/a-long-random-name\n")
    path.chmod(0o644)
    return {}


def dongle_that_never_answers_a_connect(world: World) -> Settings:
    # A queue of one that is full: the kernel drops what comes, as a network does.
    full = world.until.enter_context(socket.socket())
    full.bind(("127.0.0.1", 0))
    full.listen(0)
    world.until.enter_context(socket.create_connection(full.getsockname()))
    return {"SUNGROW_PORT": str(full.getsockname()[1]), "MODBUS_TIMEOUT_S": "1"}


def dongle_that_hangs_up(world: World) -> Settings:
    port = world.until.enter_context(listener(lambda taken: taken.recv(12)))
    return {"SUNGROW_PORT": str(port)}


def dongle_that_is_silent(world: World) -> Settings:
    return {
        "SUNGROW_PORT": str(world.until.enter_context(Sink()).port),
        "MODBUS_TIMEOUT_S": "1",
    }


def web_server_for_a_dongle(world: World) -> Settings:
    def behave(taken: socket.socket) -> None:
        taken.recv(12)
        taken.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    return {"SUNGROW_PORT": str(world.until.enter_context(listener(behave)))}


def sun_without_a_value(world: World) -> Settings:
    world.dongle.faults[5017] = "sentinel"
    return {}


def inverter_as_unit_3(world: World) -> Settings:
    world.dongle.unit_id = 3
    return {"SUNGROW_SLAVE_ID": "2"}


def ihomemanager(world: World) -> Settings:
    world.dongle.unit_id = 247
    return world.serve(words={7999: 0x072A}, refused=[(0, 7998), (8000, 65535)])


def unit_that_refuses_everything(world: World) -> Settings:
    return world.serve(refused=[(0, 65535)])


def string_inverter(world: World) -> Settings:
    return world.serve(words={4999: 0x2430}, refused=[(5213, 5214), (5600, 5638), (12999, 13046)])


def another_modbus_device(world: World) -> Settings:
    words = dict.fromkeys(DumpSource(DUMP).words(), 0) | {5007: 215, 5010: 17, 13022: 4, 13007: 99}
    return world.serve(words=words)


def silent_block(world: World) -> Settings:
    proxy = world.until.enter_context(WireProxy(("127.0.0.1", world.dongle.port)))
    proxy.always(SILENCE, 5213)
    return {"SUNGROW_PORT": str(proxy.port)}


def answers_to_other_requests(world: World) -> Settings:
    return through(world, *(fault for fault in MISMATCHES if fault.name == "wrong transaction"))


def through(world: World, *faults) -> Settings:
    """Let a proxy that breaks every answer stand before the dongle."""
    proxy = world.until.enter_context(WireProxy(("127.0.0.1", world.dongle.port)))
    for fault in faults:
        proxy.always(fault)
    return {"SUNGROW_PORT": str(proxy.port)}


def temperature_out_of_range(world: World) -> Settings:
    return world.serve(words={13024: 32000})  # tenths of a degree, of the battery


def everything_zero(world: World) -> Settings:
    return world.serve(words={a: 0 for a in DumpSource(DUMP).words() if a > 5001})


def locked_dongle(world: World) -> Settings:
    lock = world.until.enter_context(DongleLock("127.0.0.1", world.dongle.port))
    assert lock.acquire()
    return {}


def full_disk(world: World) -> Settings:
    return {"SPOOL_PATH": f"{disk_of(world, '8m')}/spool.db"}


def filling_disk(world: World) -> Settings:
    return {"SPOOL_PATH": f"{disk_of(world, '60m')}/spool.db"}


def read_only_disk(world: World) -> Settings:
    place = disk_of(world, "300m")
    remount(place, "ro")
    return {"SPOOL_PATH": f"{place}/spool.db"}


def disk_of(world: World, size: str) -> Path:
    return world.until.enter_context(small_disk(world.folder / "disk", size))


def damaged_spool(world: World) -> Settings:
    with Spool.strict(world.spool_path) as spool:
        for seq in range(1, 300):
            put(spool, seq)
    with world.spool_path.open("r+b") as file:
        file.seek(20_000)
        file.write(os.urandom(20_000))
    return {}


def foreign_database(world: World) -> Settings:
    with sqlite3.connect(world.spool_path) as db:
        db.execute("CREATE TABLE songs (name TEXT)")
    db.close()
    return {}


def newer_spool(world: World) -> Settings:
    with Spool.strict(world.spool_path):
        pass
    with sqlite3.connect(world.spool_path) as db:
        db.execute("CREATE TABLE later (id INTEGER)")
        db.execute("PRAGMA user_version = 4")
    db.close()
    return {}


def parked_reading(world: World) -> Settings:
    with Spool.strict(world.spool_path) as spool:
        spool.park_words({5000: 1}, "no load", START, BOOT, 1, 5_000_000, 0)
    return {}


def service_ended(world: World) -> Settings:
    world.service()
    world.until.pop_all().close()
    world.dongle.start()
    return {}


def wrong_clock(world: World, vouched: bool) -> Settings:
    if not vouched:
        world.unsynchronised()
    date = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    return world.tls(None, *sound(health=answer(200, HEALTHY, {"Date": date})))


def no_clock_at_all(world: World) -> Settings:
    world.unsynchronised()
    return {"VPS_INGEST_URL": "https://localhost:1"}


def sound(
    health: Script | None = None, ingest: Script | None = None, newest: Script | None = None
) -> tuple[Script, Script, Script]:
    """Return a sound server's three answers, but for those told otherwise."""
    return (
        health or answer(200, HEALTHY),
        ingest or answer(200, {"inserted": 0, "duplicates": 0, "conflicts": []}),
        newest or answer(404, {"detail": "no sample of this device yet"}),
    )


def scripted(**answers: Script) -> Callable[[World], Settings]:
    return lambda world: world.tls(None, *sound(**answers))


def certificate(**of) -> Callable[[World], Settings]:
    return lambda world: world.tls(world.authority.certificate("special", **of))


def unknown_authority(world: World) -> Settings:
    other = Authority(world.folder / "other")
    return world.tls(other.certificate("good")) | {"VPS_CA_FILE": str(world.authority.ca_file)}


def version(theirs: str) -> Callable[[World], Settings]:
    return scripted(health=answer(200, HEALTHY | {"version": theirs}))


def setting(**changed: str) -> Callable[[World], Settings]:
    return lambda _: changed


MANY = format_ts(datetime(2026, 1, 1, tzinfo=UTC))
FAULTS = (
    Fault("a setting is malformed", setting(POLL_INTERVAL_S="1"), "settings", FAILED, "from 5 to"),
    Fault("a CA file is none", setting(VPS_CA_FILE="/etc/hostname"), "settings", FAILED, "PEM"),
    Fault("others may read the token's file", open_token_file, "settings", FAILED, "chmod 640"),
    Fault("others may read the token in .env", open_dotenv, "secrets", FAILED, "chmod 640"),
    Fault("others may read a topic in .env", open_topic, "secrets", FAILED, "ALERT_NTFY_URL in"),
    Fault(
        "the spool's folder is missing",
        setting(SPOOL_PATH="/does/not/exist/spool.db"),
        *("disk", FAILED, "create it"),
    ),
    Fault("the disk is full", full_disk, "disk", FAILED, "make room"),
    Fault("the disk is filling", filling_disk, "disk", WARNING, "make room soon"),
    Fault("the disk is read-only", read_only_disk, "disk", FAILED, "mounted read-only"),
    Fault("the spool is damaged", damaged_spool, "spool", FAILED, "do not delete it"),
    Fault("another program's file", foreign_database, "spool", FAILED, "another program's"),
    Fault("a newer version's spool", newer_spool, "spool", FAILED, "upgrade the edge"),
    Fault("a reading is parked", parked_reading, "parked", WARNING, "edge.py parked"),
    Fault("the service ended", service_ended, "service", WARNING, "systemctl start"),
    Fault(
        "the service cannot deliver",
        lambda world: world.service(oldest_unsent_ts=MANY, last_upload_error="http_401"),
        *("service", FAILED, "http_401"),
    ),
    Fault(
        "the service cannot deliver, as since a moment ago",
        lambda world: world.service(last_upload_error="tls_name: for another name"),
        *("service", FAILED, "nothing can be delivered: tls_name"),
    ),
    Fault(
        "the service is of another version",
        lambda world: world.service(version="0.0.9"),
        *("service", WARNING, "systemctl restart"),
    ),
    Fault(
        "the service's polls fail",
        lambda world: world.service(last_poll_ts=None, last_poll_error="timeout: block A"),
        *("dongle", FAILED, "rest for 90 s before it tries again: no poll made a sample"),
    ),
    *(
        Fault(
            f"the service's polls fail: {error}, {cause}",
            lambda world, error=error, cause=cause: world.service(
                last_poll_ts=None, last_poll_error=error, last_poll_cause=cause
            ),
            *("dongle", FAILED, words),
        )
        for error, cause, words in (
            ("unreachable: [Errno 113] No route to host", "no_way", "is the dongle powered"),
            ("unreachable: [Errno 111] Connection refused", "port_closed", "WiNet-S's own page"),
            ("unreachable: timed out", "no_answer", "may this machine"),
            ("unreachable: [Errno 110] Connection timed out", "no_answer", "may this machine"),
            ("unreachable: [Errno -2] Name or s.", "unknown_name", "the name cannot be resolved"),
            ("unreachable: label too long", "bad_name", "cannot be a host name"),
            # What damage made of it, or a later service has written.
            ("unreachable: whatever", "another", "is the dongle powered"),
            ("unreachable: whatever", ["no_answer"], "is the dongle powered"),
        )
    ),
    *(  # as a service wrote it that knew no causes
        Fault(
            f"the service's polls fail: {error}",
            lambda world, error=error: world.service(last_poll_ts=None, last_poll_error=error),
            *(check, state, words),
        )
        for error, check, state, words in (
            ("unreachable: 127.0.0.1: [Errno 111] refused", "dongle", FAILED, "[Errno 111] ref"),
            ("reset: block A: the dongle hung up", "dongle", FAILED, "another client"),
            ("mismatch: block A: no answer", "dongle", FAILED, "does not speak Modbus"),
            ("exception_6: block A: exception 6", "dongle", FAILED, "the inverter is busy"),
            ("inverter_off: zeros alone", "sample", WARNING, "inverter behind it is off"),
            ("no_sample: 13008 not read", "sample", FAILED, "readings are parked: 13008"),
        )
    ),
    Fault(
        "the service's spool is full",
        lambda world: world.service(spool_state="full"),
        *("spool", FAILED, "make room"),
    ),
    Fault(
        "the meter was taken out",
        lambda world: world.service(meter_silent_since_ts=MANY),
        *("meter", WARNING, "edge.py forget-meter"),
    ),
    Fault("another command polls", locked_dongle, "dongle", WARNING, "another command"),
    Fault("the dongle has no such name", setting(SUNGROW_HOST=NOWHERE), "dongle", FAILED, "router"),
    Fault("Modbus TCP is off", setting(SUNGROW_PORT="1"), "dongle", FAILED, "WiNet-S's own page"),
    Fault(
        "nobody has the dongle's address",
        dongle_that_never_answers_a_connect,
        *("dongle", FAILED, "the dongle's address"),
    ),
    Fault("another client has it", dongle_that_hangs_up, "dongle", FAILED, "another client"),
    Fault("the dongle is silent", dongle_that_is_silent, "dongle", FAILED, "does not answer"),
    Fault(
        "it answers something else",
        answers_to_other_requests,
        *("dongle", FAILED, "answers another request"),
    ),
    Fault("it is at work", lambda world: through(world, exception(5)), "dongle", FAILED, "busy"),
    Fault("it is busy", lambda world: through(world, exception(6)), "dongle", FAILED, "busy"),
    Fault("it is a web server", web_server_for_a_dongle, "dongle", FAILED, "speak Modbus"),
    Fault("unit 1 it is", setting(SUNGROW_SLAVE_ID="2"), "dongle", FAILED, "SUNGROW_SLAVE_ID=1"),
    Fault("no such unit", inverter_as_unit_3, "dongle", FAILED, "SUNGROW_SLAVE_ID"),
    Fault("it is an iHomeManager", ihomemanager, "dongle", FAILED, "iHomeManager"),
    Fault("all is refused", unit_that_refuses_everything, "dongle", FAILED, "refuses every"),
    Fault("it is a string inverter", string_inverter, "model", FAILED, "string inverter (SG)"),
    Fault("it is no Sungrow", another_modbus_device, "model", FAILED, "another Modbus device"),
    Fault("a block is silent", silent_block, "block B", WARNING, "timeout"),
    Fault(
        "a register is refused",
        lambda world: world.serve(refused=[(12999, 12999)]),
        *("block D", WARNING, "refuses running_state; stored as null"),
    ),
    Fault(
        "block C is refused",
        lambda world: world.serve(refused=[(5600, 5638)]),
        *("block C", WARNING, "all refused"),
    ),
    Fault(
        "block D is refused",
        lambda world: world.serve(refused=[(12999, 13046)]),
        *("block D", WARNING, "all refused"),
    ),
    Fault(
        "block A is refused",
        lambda world: world.serve(refused=[(4989, 5035)]),
        *("block A", FAILED, "no reading without it"),
        ("sample",),
    ),
    Fault(
        "the power of the panels is refused",
        lambda world: world.serve(refused=[(5016, 5016)]),
        *("block A", FAILED, "refuses pv_power_w; no reading without"),
        ("sample",),
    ),
    Fault(
        "the model is unknown",
        lambda world: world.serve(words={4999: 0x0EEE}),
        *("model", WARNING, "0x0EEE"),
    ),
    Fault("the inverter is off", everything_zero, "sample", WARNING, "zeros alone"),
    Fault("a reading is no sample", sun_without_a_value, "sample", FAILED, "parked"),
    Fault("a value is impossible", temperature_out_of_range, "sample", WARNING, "out of range"),
    Fault(
        "the server has no such name",
        setting(VPS_INGEST_URL=f"https://{NOWHERE}"),
        *("dns", FAILED, "VPS_INGEST_URL"),
    ),
    Fault(
        "the server is down",
        setting(VPS_INGEST_URL="https://localhost:1"),
        *("server", FAILED, "nothing listens there"),
    ),
    Fault(
        "the certificate has expired",
        certificate(start="20200101000000Z", end="20200201000000Z"),
        *("tls", FAILED, "has expired"),
    ),
    Fault(
        "the certificate is not yet valid",
        certificate(start="20400101000000Z", end="20400201000000Z"),
        *("tls", FAILED, "not valid yet"),
    ),
    Fault(
        "the certificate is for another name",
        certificate(alt="DNS:example.org"),
        *("tls", FAILED, "another name"),
    ),
    Fault("the authority is unknown", unknown_authority, "tls", FAILED, "the server has now"),
    Fault(
        "the server moved",
        scripted(health=answer(301, b"", {"Location": "https://x"})),
        *("server", FAILED, "final address"),
    ),
    Fault(
        "another server answers",
        scripted(health=answer(200, b"<html>", {"Content-Type": "text/html"})),
        *("server", FAILED, "not of this project"),
    ),
    Fault(
        "the server behind the proxy is down",
        scripted(health=answer(502, b"", {"Server": "Caddy"})),
        *("server", FAILED, "the proxy in front answers, the server behind it does not"),
    ),
    Fault(
        "the server's database is away",
        scripted(health=answer(503, HEALTHY | {"status": "degraded", "database": "down"})),
        *("server", FAILED, "database is down"),
    ),
    Fault("the server is older", version("0.0.9"), "server", WARNING, "upgrade the server"),
    Fault("the server is newer", version("0.10.0"), "server", WARNING, "upgrade the edge"),
    Fault("nobody knows the token", setting(VPS_TOKEN="unknown"), "token", FAILED, "tokens new"),
    Fault(
        "it is a read token",
        lambda world: {"VPS_TOKEN": world.tokens.read},
        *("token", FAILED, "may read, not write"),
    ),
    Fault(
        "it is another device's token",
        setting(DEVICE_ID="another"),
        *("device", FAILED, "another device's than DEVICE_ID=another"),
    ),
    Fault(
        "too many wrong tokens came",
        scripted(ingest=answer(429, {"detail": "x"})),
        *("token", FAILED, "wait some minutes"),
    ),
    Fault(
        "the server takes nothing",
        scripted(ingest=answer(503, {"detail": "x"})),
        *("token", FAILED, "server.doctor"),
    ),
    Fault(
        "something answers in ingest's place",
        scripted(ingest=answer(200, b"ok")),
        *("token", FAILED, "not from ingest"),
    ),
    Fault(
        "nobody vouches for a wrong clock",
        lambda world: wrong_clock(world, vouched=False),
        *("clock", FAILED, "behind the server"),
    ),
    Fault(
        "the server's clock is wrong",
        lambda world: wrong_clock(world, vouched=True),
        *("clock", WARNING, "set the server's clock by a time server"),
    ),
    Fault(
        "nothing tells the time",
        no_clock_at_all,
        *("clock", FAILED, "or is not installed (see: timedatectl)"),
        ("server",),
    ),
)
