"""The edge: polls a Sungrow hybrid inverter through its WiNet-S, and delivers every reading.

``python edge.py`` is the service: the thread ``poll`` puts readings into the spool, the thread
``upload`` delivers them, and the main thread waits for a signal and watches that both live. Where
``P1_SOURCE`` is set, the thread ``p1`` does for the grid meter what ``poll`` does for the inverter.
``edge_lib/__init__.py`` is the map of the rest.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from edge_lib import VERSION, config
from edge_lib.best_effort import BestEffort
from edge_lib.clock import Clock
from edge_lib.dongle.lock import DongleLock
from edge_lib.shared import jsonlog
from edge_lib.shared.command_names import edge_command
from edge_lib.shared.env import EXIT_CONFIG, ConfigError, environment
from edge_lib.spool.errors import SpoolBusy, SpoolError
from edge_lib.spool.kinds import P1
from edge_lib.spool.spool import Spool
from edge_lib.systemd import Pulse, Systemd, steps_s

_missing: ModuleNotFoundError | None = None
try:
    from edge_lib import commands
    from edge_lib.dongle.inverter import Inverter
    from edge_lib.health import Health, line
    from edge_lib.poll_counts import PollCounts
    from edge_lib.poller import Poller
    from edge_lib.upload.https import HttpsClient
    from edge_lib.upload.reconcile import Reconciler
    from edge_lib.upload.uploader import Uploader
except ModuleNotFoundError as error:  # a package: --help and --version do without it
    _missing = error

if TYPE_CHECKING:
    import argparse

    from edge_lib.p1_config import P1Config
    from edge_lib.p1_poller import P1Poller
    from edge_lib.watch_config import Channel

log = logging.getLogger("sungrow.edge")
DOTENV = Path(__file__).with_name(".env")
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
MOST_SPEED = 100_000  # of ``simulate``
STOP_WITHIN_S = 8.0  # the contract allows 10
EXIT_THREAD_DIED, EXIT_BUSY, EXIT_INTERRUPTED = 1, 3, 130


class Edge(NamedTuple):
    """What the loops share; ``p1``: None without ``P1_SOURCE``."""

    clock: Clock
    stop: threading.Event
    poller: Poller
    uploader: Uploader
    reconciler: Reconciler
    health: Health
    pulse: Pulse
    spool: Spool
    counts: PollCounts
    p1: P1Poller | None = None


def main(argv: list[str]) -> int:
    """Run the service or a command; return its exit status."""
    run = _command(argv) if argv else service
    try:
        if _missing:
            raise _missing
        return run(environment(DOTENV))
    except ConfigError as error:
        return _ill_prepared(str(error))
    except ModuleNotFoundError as error:
        from edge_lib.shared import packages  # here: nobody else needs it

        return _ill_prepared(packages.advice(error, "edge"))
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


def _ill_prepared(text: str) -> int:
    print(f"{jsonlog.priority(logging.CRITICAL)}{text}", file=sys.stderr)
    return EXIT_CONFIG


def service(env: Mapping[str, str]) -> int:
    """Poll and upload until SIGTERM or SIGINT."""
    _block_stop_signals()
    settings, target, place = (
        config.dongle_config(env),
        config.upload_config(env),
        config.store_config(env),
    )
    p1, watched = p1_settings(env), watch_settings(env)
    jsonlog.start(settings.log_level)
    clock, stop = Clock(), threading.Event()
    try:
        spool = Spool(place.spool_path, place.spool_keep_days, clock)
    except SpoolBusy as error:
        log.critical("not started", extra={"reason": str(error)})
        return EXIT_BUSY
    except SpoolError as error:
        raise ConfigError(str(error)) from error
    pulse = Pulse(clock, steps_s(settings.modbus_timeout_s, place.spool_keep_days))
    inverter = Inverter.from_config(settings, clock, functools.partial(pause, pulse, stop))
    client = HttpsClient.from_config(target)
    counts = PollCounts(spool, clock)
    uploader = Uploader(target, spool, clock, client, counts=counts)
    uploader.condition.folder = place.health_path.parent
    reconciler = Reconciler(spool, client, clock, settings.device_id)
    lock = DongleLock(settings.host, settings.port)
    health = Health(place.health_path, spool, clock)
    poller = Poller(
        settings,
        inverter,
        lock,
        spool,
        clock,
        counts,
        least_seq=health.last_seq,
        meter_silent_since=health.meter_silent_since,
    )
    edge = Edge(clock, stop, poller, uploader, reconciler, health, pulse, spool, counts)
    edge = with_p1(edge, p1, settings.device_id)
    start_watch(edge, watched, settings.device_id, place.health_path)
    systemd = Systemd(env, clock, pulse, lambda: line(health.state, clock.now()))
    log.info("started", extra={"version": VERSION, "device_id": settings.device_id})
    exit_status = _supervise(edge, systemd)
    try:
        for one in uploader.poll_counts.values():
            one.close()
    finally:
        spool.close()
    log.info("stopped", extra={"exit_status": exit_status})
    return exit_status


def p1_settings(env: Mapping[str, str]) -> P1Config | None:
    """Read the settings of the grid meter; None, and nothing imported, without ``P1_SOURCE``."""
    if not config.has_p1(env):
        return None
    from edge_lib.p1_config import p1_config

    return p1_config(env)


def with_p1(edge: Edge, settings: P1Config | None, device_id: str) -> Edge:
    """Return the edge with the grid meter's part, where it has one."""
    if settings is None:
        return edge
    from edge_lib.p1_poller import P1Poller  # here: most houses do without its memory

    counts = edge.uploader.poll_counts[P1] = PollCounts(edge.spool, edge.clock, P1)
    wait = functools.partial(pause, edge.pulse, edge.stop, loop="p1")
    least_seq = edge.health.last_p1_seq
    p1 = P1Poller.from_config(settings, device_id, edge.spool, edge.clock, wait, counts, least_seq)
    edge.health.note(**p1.state())
    return edge._replace(p1=p1)


def watch_settings(env: Mapping[str, str]) -> tuple[Channel, ...]:
    """Read the edge's own channels; (), and nothing imported, without any."""
    if not config.has_watch(env):
        return ()
    from edge_lib.watch_config import watch_config

    return watch_config(env)


def start_watch(
    edge: Edge, channels: tuple[Channel, ...], device_id: str, health_path: Path
) -> None:
    """Watch the server in a thread of its own, which may die alone and holds up no stop."""
    if not channels:
        return
    from edge_lib.server_watch import LOOK_S, ServerWatch  # here: most do without its memory

    path = health_path.with_name("server-watch.json")
    clock, health, best_effort = edge.clock, edge.health, BestEffort(log, edge.clock)

    def waiting() -> object:
        return health.state.get("spool_count", "an unknown number of")

    watch = ServerWatch(channels, device_id, edge.uploader, clock, path, waiting)

    def loop() -> None:
        while not edge.stop.wait(LOOK_S):
            best_effort.run("watch", watch.step, None)

    threading.Thread(target=loop, name="watch", daemon=True).start()


def pause(pulse: Pulse, stop: threading.Event, pause_s: float, loop: str = "poll") -> bool:
    """Wait before a request, and beat: a unit that refuses much takes many of them a poll.

    Returns:
        Whether the program is to stop.
    """
    pulse.beat(loop, pause_s)
    return stop.wait(pause_s)


def poll_loop(edge: Edge) -> None:
    """Poll, and wait for the next poll's time."""
    best_effort = BestEffort(log, edge.clock)
    while not edge.stop.is_set():
        started_s = edge.clock.monotonic_s()
        edge.pulse.beat("poll")
        best_effort.run("poll", lambda: poll_step(edge), None)
        wait_s = max(0.0, edge.poller.next_poll_s(started_s) - edge.clock.monotonic_s())
        edge.pulse.beat("poll", wait_s)
        edge.stop.wait(wait_s)
    edge.poller.close()


def poll_step(edge: Edge) -> None:
    """Poll once, hand news of the device to the uploader, write the health file."""
    poller, known = edge.poller, edge.poller.device.facts
    try:
        poller.poll_once()
        if poller.device.facts != known:
            edge.uploader.facts = poller.device.facts
    finally:
        if poller.last_error:
            edge.uploader.condition.failed("poll", poller.last_error)
        edge.health.write(
            last_poll_ts=poller.last_success,
            poll_failures=poller.failures,
            polled_count=poller.polls,
            failed_count=poller.failed_polls,
            last_poll_error=poller.last_error,
            last_poll_cause=poller.last_failure and poller.last_failure.cause,
            last_sample=poller.last_sample,
            seq=poller.seq,
            meter_silent_since_ts=poller.device.meter_silent_since,
            **poller.day_so_far(),
        )


def p1_loop(edge: Edge) -> None:
    """Read the grid meter, interval by interval."""
    best_effort, p1 = BestEffort(log, edge.clock), edge.p1
    while p1 and not edge.stop.is_set():
        until_s = p1.next_until_s()
        edge.pulse.beat("p1")
        best_effort.run("p1", functools.partial(p1_step, edge, until_s), None)
        wait_s = max(0.0, until_s - edge.clock.monotonic_s())
        edge.pulse.beat("p1", wait_s)
        edge.stop.wait(wait_s)
    if p1:
        p1.close()


def p1_step(edge: Edge, until_s: float) -> None:
    """Read the meter until then, and tell the others; they write the health file."""
    if edge.p1 is None:
        return
    try:
        edge.p1.poll_once(until_s)
        edge.uploader.p1.peaks = edge.p1.peaks
    finally:
        edge.health.note(**edge.p1.state())


def upload_loop(edge: Edge) -> None:
    """Upload, and wait unless more is waiting."""
    best_effort, more = BestEffort(log, edge.clock), False
    while not edge.stop.is_set():
        wait_s = 0.0 if more else edge.uploader.next_wait_s()
        edge.pulse.beat("upload", wait_s)
        if edge.stop.wait(wait_s):
            break
        edge.pulse.beat("upload")
        more = best_effort.run("upload", lambda: upload_step(edge), otherwise=False)
    edge.uploader.close()


def upload_step(edge: Edge) -> bool:
    """Upload once, or compare with the server; salvage; True if more is waiting."""
    with ExitStack() as afterwards:  # each, whatever becomes of the others
        afterwards.callback(_write_upload_health, edge)
        afterwards.callback(edge.spool.salvage)
        more = edge.uploader.upload_once()
        if not more and edge.uploader.last_success and not edge.uploader.failures:
            more = edge.reconciler.step()
    return more


def _write_upload_health(edge: Edge) -> None:
    edge.health.write(
        last_upload_ts=edge.uploader.last_success,
        upload_failures=edge.uploader.failures,
        last_upload_error=edge.uploader.last_error,
        **edge.uploader.counts,
        **edge.uploader.p1.figures(),
    )


def _supervise(edge: Edge, systemd: Systemd) -> int:
    """Run the loops until a signal comes or one of them ends; return the exit status."""
    loops = {"poll": poll_loop, "upload": upload_loop} | ({"p1": p1_loop} if edge.p1 else {})
    threads = [
        threading.Thread(target=loop, args=(edge,), name=name) for name, loop in loops.items()
    ]
    for thread in threads:
        thread.start()
    systemd.ready()
    exit_status = 0
    while not _stop_requested(1.0):
        systemd.update()
        if not all(thread.is_alive() for thread in threads):
            log.critical(
                "a thread died", extra={"alive": [t.name for t in threads if t.is_alive()]}
            )
            exit_status = EXIT_THREAD_DIED
            break
    systemd.stopping()
    edge.stop.set()
    edge.uploader.abort()
    deadline_s = edge.clock.monotonic_s() + STOP_WITHIN_S
    for thread in threads:
        thread.join(max(0.0, deadline_s - edge.clock.monotonic_s()))
    if any(thread.is_alive() for thread in threads):
        # Stuck in a system call. All that counts is on disk.
        log.warning("exiting although a thread is still blocked")
        logging.shutdown()
        os._exit(exit_status)
    return exit_status


def _command(argv: list[str]) -> Callable[[Mapping[str, str]], int]:
    import argparse  # here: the service does without its memory

    parser = argparse.ArgumentParser(
        prog=edge_command("").strip(), description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--version", action="version", version=VERSION)
    command = parser.add_subparsers(dest="command", metavar="COMMAND (none: the service)")
    once = command.add_parser("once", help="poll once, print the sample, touch nothing else")
    status = command.add_parser("status", help="the service's last state; 0 = healthy")
    parked = command.add_parser("parked", help="readings that could not be stored, with reasons")
    check = command.add_parser("doctor", help="what is wrong, and what to do about it")
    for printing in (once, status, parked, check):
        printing.add_argument("--json", action="store_true", help="print JSON")
    parked.add_argument(
        "--release", nargs="+", type=int, default=[], metavar="ID", help="queue them again"
    )
    command.add_parser("reconcile", help="send again what the server has lost; 0 = it has all")
    for name, about in (("backup", "copy the spool"), ("restore", "bring back what a copy holds")):
        command.add_parser(name, help=about).add_argument("file", type=Path, metavar="FILE")
    command.add_parser("forget-meter", help="the grid meter was taken out of the house")
    p1 = command.add_parser("p1", help="read the grid meter once, print it, touch nothing else")
    p1.add_argument("--json", action="store_true", help="print JSON")
    p1.add_argument("--pair", action="store_true", help="make a token of a HomeWizard (API v2)")
    command.add_parser("dump", help="print all known registers as JSON, for a bug report")
    _add_simulate(command.add_parser("simulate", help="serve a fake dongle on this machine"))
    arguments = parser.parse_args(argv)
    if arguments.command == "simulate" and arguments.dump and _p1_ports(arguments):
        parser.error("a recorded dump has no P1 meter: leave out --dump, or the --p1 ports")
    return functools.partial(_run, arguments)


def _add_simulate(simulate: argparse.ArgumentParser) -> None:
    simulate.add_argument(
        "--port", type=_port, default=5020, help="of the dongle (5020); 0: a free one"
    )
    simulate.add_argument("--dump", type=Path, metavar="FILE", help="replay what `dump` printed")
    simulate.add_argument("--day", type=_day, metavar="DATE", help="as on a day like 2026-06-21")
    simulate.add_argument("--speed", type=_speed, default=1.0, metavar="N", help="N times as fast")
    simulate.add_argument(
        "--roof", choices=("one", "two", "four"), help="strings with shade, instead of plain ones"
    )
    simulate.add_argument(
        "--faults",
        type=_faults,
        default=(),
        metavar="WORDS",
        help="raise these bits, as `faults` of a sample has them: 13066=4000, or 13000=5500 for "
        "the running state; several with blanks between",
    )
    for name, about in (
        ("--p1-port", "also serve the house's P1 meter: raw telegrams by TCP"),
        ("--p1-http-port", "the same meter as a HomeWizard, API version 1"),
        ("--p1-https-port", "the same, API version 2, with a CA of its own"),
    ):
        simulate.add_argument(name, type=_port, metavar="N", help=about)


def _p1_ports(arguments: argparse.Namespace) -> bool:
    ports = (arguments.p1_port, arguments.p1_http_port, arguments.p1_https_port)
    return any(port is not None for port in ports)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= 65_535):
        raise _malformed("a port is a number from 0 (a free one) to 65535")
    return int(text)


def _day(text: str) -> date:
    with contextlib.suppress(ValueError):
        if 2000 <= (day := date.fromisoformat(text)).year < 2100:
            return day
    raise _malformed("a day of this century is like 2026-06-21")


def _speed(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 < (speed := float(text)) <= MOST_SPEED:
            return speed
    raise _malformed(f"a number above 0, {MOST_SPEED} at most")


def _faults(text: str) -> tuple[tuple[int, int], ...]:
    from edge_lib.dongle.registers import BY_NAME, FAULT_WORDS

    words = {word.number: word.words for word in (BY_NAME["running_state"], *FAULT_WORDS)}
    found = []
    for part in text.split():
        number, _, bits = part.partition("=")
        with contextlib.suppress(ValueError):
            if (word := int(number)) in words and 0 <= int(bits, 16) < 1 << 16 * words[word]:
                found.append((word, int(bits, 16)))
                continue
        raise _malformed("a fault is a word and its bits in hex, like 13066=4000")
    return tuple(found)


def _malformed(text: str) -> Exception:
    import argparse

    return argparse.ArgumentTypeError(text)


def _run(arguments: argparse.Namespace, env: Mapping[str, str]) -> int:
    run: dict[str | None, Callable[[], int]] = {
        None: lambda: service(env),
        "once": lambda: commands.once(env, arguments.json),
        "status": lambda: commands.status(env, arguments.json),
        "doctor": lambda: _doctor(env, arguments.json),
        "parked": lambda: commands.parked(env, arguments.json, arguments.release),
        "reconcile": lambda: commands.reconcile(env),
        "backup": lambda: commands.backup(env, arguments.file),
        "restore": lambda: commands.restore(env, arguments.file),
        "forget-meter": lambda: commands.forget_meter(env),
        "p1": lambda: _p1(env, arguments.json, arguments.pair),
        "dump": lambda: commands.dump(env),
        "simulate": lambda: _simulate(arguments),
    }
    return run[arguments.command]()


def _doctor(env: Mapping[str, str], as_json: bool) -> int:
    from edge_lib.doctor import run as doctor  # here: the service does without its memory

    return doctor.run(env, DOTENV, as_json)


def _simulate(arguments: argparse.Namespace) -> int:
    from edge_lib.simulator import run as simulator  # here: the service does without its memory

    options = simulator.Options(
        port=arguments.port,
        dump_file=arguments.dump,
        day=arguments.day,
        speed=arguments.speed,
        faults=arguments.faults,
        roof=arguments.roof,
        p1_port=arguments.p1_port,
        p1_http_port=arguments.p1_http_port,
        p1_https_port=arguments.p1_https_port,
    )
    return simulator.simulate(options, _wait_for_signal)


def _p1(env: Mapping[str, str], as_json: bool, pair: bool) -> int:
    from edge_lib import p1_commands  # here: a house without a P1 meter does without it

    return p1_commands.p1(env, as_json, pair, threading.Event().wait)


def _block_stop_signals() -> None:
    # For this thread and every one to come; sigtimedwait receives them. So no handler ever runs,
    # and none can deadlock on a lock that the code it interrupted holds.
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)


def _stop_requested(within_s: float) -> bool:
    info = signal.sigtimedwait(STOP_SIGNALS, within_s)
    # Stopped for longer (SIGSTOP) and continued, Python returns a siginfo that was never filled in.
    return info is not None and info.si_signo in STOP_SIGNALS


def _wait_for_signal() -> None:
    _block_stop_signals()
    signal.sigwait(STOP_SIGNALS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
