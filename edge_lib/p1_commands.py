"""``edge.py p1 [--json] [--pair]``: one reading of the grid meter; a HomeWizard's token."""

import json
import logging
import sys
from collections.abc import Callable, Mapping
from typing import Any

from edge_lib.address_lock import AddressLock
from edge_lib.clock import Clock
from edge_lib.p1.advice import sentence
from edge_lib.p1.homewizard import HomeWizard
from edge_lib.p1.meter import P1Error, P1Meter, Reading
from edge_lib.p1.reading import Counts
from edge_lib.p1_config import HOMEWIZARDS, P1Config, p1_config
from edge_lib.shared import jsonlog
from edge_lib.shared.env import ConfigError
from edge_lib.shared.p1_reading import FIELDS, P1
from edge_lib.shared.timestamps import format_ts

OK, FAILED, BUSY = 0, 1, 3
WITHIN_S = 40.0  # for a reading: DSMR 2 speaks every 10 s, and silence is noticed after 30 s
PAIR_WITHIN_S = 60.0
PAIR_EVERY_S = 1.0
_STEP_S = 1.2
_ABOUT = {
    **{field.name: (field.unit, field.about) for field in FIELDS},
    **{name: ("", about) for name, (_, about) in P1.texts.items()},
    **{name: ("", about) for name, about in P1.times.items()},
}

Wait = Callable[[float], bool]


def p1(env: Mapping[str, str], as_json: bool, pair: bool, wait: Wait) -> int:
    """Print one reading of the meter, or make a token of a HomeWizard; touches nothing else."""
    config = p1_config(env, pairing=pair)
    if config is None:
        raise ConfigError("P1_SOURCE is missing; example: P1_SOURCE=tcp://192.168.1.60:20202")
    try:
        if pair:
            return _pair(config, wait)
        reading = one_reading(config, Clock(), wait)
    except P1Error as error:
        return _fail(sentence(error, config.source), BUSY if error.reason == "locked" else FAILED)
    for doubt in reading.doubts:
        print(f"left out: {doubt}", file=sys.stderr)
    print(json.dumps(shown(reading)) if as_json else _table(reading))
    return OK


def one_reading(config: P1Config, clock: Clock, wait: Wait) -> Reading:
    """Return the first reading that comes.

    Raises:
        P1Error: none came.
    """
    meter, until_s = P1Meter(config, clock, wait), clock.monotonic_s() + WITHIN_S
    try:
        while (now_s := clock.monotonic_s()) < until_s:
            if readings := meter.read(now_s + _STEP_S):
                return readings[-1]
            if wait(0.0):
                raise P1Error("stopped", "the program is to stop")
    finally:
        meter.close()
    raise P1Error("silent", f"no telegram within {WITHIN_S:.0f} s")


def shown(reading: Reading) -> dict[str, Any]:
    """Return a reading as JSON shows it."""
    peaks = [peak._asdict() for peak in reading.peaks]
    values = P1.in_order({"ts": format_ts(reading.at), **reading.values})
    return {**values, "p1_peaks": peaks} if peaks else values


def _table(reading: Reading) -> str:
    values = P1.in_order({"ts": format_ts(reading.at), **reading.values})
    lines = []
    for name, value in values.items():
        unit, about = _ABOUT.get(name, ("", ""))
        given = "-" if value is None else f"{value:.10g}" if type(value) is float else value
        lines.append(f"{name:<20} {given:>32} {unit:<5} {about}".rstrip())
    for peak in reading.peaks:
        text = f"peak of the month that ended {peak.month}: {peak.peak_w:.10g} W"
        lines.append(f"{text}, at {peak.peak_ts}")
    return "\n".join(lines)


def _pair(config: P1Config, wait: Wait) -> int:
    if config.source.kind != HOMEWIZARDS:
        raise ConfigError(
            "P1_SOURCE: only a HomeWizard read by its API version 2 has a token; "
            "example: P1_SOURCE=homewizards://192.168.1.60/5c2faf001122"
        )
    clock = Clock()
    with AddressLock("p1", config.source.address) as lock:
        if not lock.acquire():
            raise P1Error("locked", "another command of this machine reads the meter")
        dongle = HomeWizard(config, clock, wait, Counts())
        try:
            token = _token(dongle, clock, wait)
        finally:
            dongle.close()
    if token is None:
        return _fail(f"nobody has pressed the dongle's button within {PAIR_WITHIN_S:.0f} s")
    print(token)
    text = (
        "this is the token. Keep it in a file that nobody else may read (mode 0640), set "
        "P1_TOKEN_FILE to that file (/etc/sungrow-edge/p1-token), and restart the service"
    )
    print(text, file=sys.stderr)
    return OK


def _token(dongle: HomeWizard, clock: Clock, wait: Wait) -> str | None:
    until_s = clock.monotonic_s() + PAIR_WITHIN_S
    asked = False
    while clock.monotonic_s() < until_s:
        if token := dongle.pair():
            return token
        if not asked:
            print("press the button on the dongle, once and shortly, now", file=sys.stderr)
            asked = True
        if wait(PAIR_EVERY_S):
            break
    return None


def _fail(text: str, exit_status: int = FAILED) -> int:
    print(f"{jsonlog.priority(logging.ERROR)}{text}", file=sys.stderr)
    return exit_status
