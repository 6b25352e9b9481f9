"""``edge.py simulate``: a fake dongle, and the P1 meter of the same simulated house."""

import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import NamedTuple

from edge_lib.clock import Clock
from edge_lib.simulator.certificate import Authority
from edge_lib.simulator.fake_dongle import DumpSource, FakeDongle, HouseholdSource
from edge_lib.simulator.p1_server import TOKEN, HomeWizardServer, TelegramServer
from edge_lib.simulator.p1_shapes import SERIAL

OK, FAILED = 0, 1


class Options(NamedTuple):
    """What to simulate; a port that is None is not served, 0 is any free one."""

    port: int = 5020
    dump_file: Path | None = None
    day: date | None = None
    speed: float = 1.0
    faults: tuple[tuple[int, int], ...] = ()  # document number of a register, what it says
    roof: str | None = None  # of ``roofs.NAMES``; None: the plain house
    p1_port: int | None = None
    p1_http_port: int | None = None
    p1_https_port: int | None = None


def simulate(options: Options, wait_for_stop: Callable[[], None]) -> int:
    """Serve a fake dongle on this machine, and meters where asked for, until it is to stop."""
    try:
        source: DumpSource | HouseholdSource = (
            DumpSource(options.dump_file)
            if options.dump_file
            else HouseholdSource(Clock(), options.day, options.speed, roof=options.roof)
        )
        with ExitStack() as until:
            dongle = FakeDongle(source, port=options.port)
            dongle.faults |= dict(options.faults)
            until.enter_context(dongle)
            print(f"a fake dongle listens on 127.0.0.1 port {dongle.port}", flush=True)
            if isinstance(source, HouseholdSource):
                _serve_meters(options, source, until)
            wait_for_stop()
    except (ValueError, subprocess.CalledProcessError) as error:
        print(error, file=sys.stderr)
        return FAILED
    except OSError as error:
        where = error.filename or "one of the P1 ports"
        print(f"cannot serve {where}: {error.strerror or error}", file=sys.stderr)
        return FAILED
    return OK


def _serve_meters(options: Options, source: HouseholdSource, until: ExitStack) -> None:
    view = source.grid_meter
    if options.p1_port is not None:
        raw = until.enter_context(TelegramServer(view, options.p1_port))
        print(f"P1_SOURCE=tcp://127.0.0.1:{raw.port}", flush=True)
    if options.p1_http_port is not None:
        plain = until.enter_context(HomeWizardServer(view, options.p1_http_port))
        print(f"P1_SOURCE=homewizard://127.0.0.1:{plain.port}", flush=True)
    if options.p1_https_port is not None:
        folder = Path(until.enter_context(tempfile.TemporaryDirectory()))
        authority = Authority(folder, "simulated HomeWizard authority")
        made = authority.issue(hosts=(), name=f"appliance/p1dongle/{SERIAL}")
        certificate = (made.cert, made.key)
        safe = until.enter_context(HomeWizardServer(view, options.p1_https_port, certificate))
        where = f"P1_SOURCE=homewizards://127.0.0.1:{safe.port}/{SERIAL}"
        print(f"{where} P1_CA_FILE={made.ca} P1_TOKEN={TOKEN}", flush=True)
