"""What ``doctor`` checks of the grid meter: one reading, how much of its line is noise, its clock.

While the service reads the meter, it is left alone, and the service's last result is the finding.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import datetime, timedelta

from edge_lib import config, health
from edge_lib.clock import Clock
from edge_lib.doctor.machine import service_of
from edge_lib.p1.advice import CLOCK, NOISE, sentence, where
from edge_lib.p1.meter import P1Error, P1Meter, Reading
from edge_lib.p1_config import SERIAL, TCP, P1Config, p1_config
from edge_lib.shared.command_names import edge_command
from edge_lib.shared.findings import FAILED, OK, WARNING, Finding

_WITHIN_S = 40.0  # for a reading; doctor has a minute for everything
_LISTEN_S = 4.0  # for the share of damaged telegrams
_STEP_S = 1.2
_CLOCK_OFF = timedelta(seconds=60)

Wait = Callable[[float], bool]


def all_of(env: Mapping[str, str], clock: Clock, wait: Wait) -> Iterator[Finding]:
    """Check the meter, or report the service's last result."""
    settings = p1_config(env)
    if settings is None:
        return
    with closing(P1Meter(settings, clock, wait)) as meter:
        try:
            reading = _one_reading(settings, meter, clock, wait)
        except P1Error as error:
            if error.reason == "locked":
                yield _as_the_service_says(env, clock)
                return
            yield Finding("p1", FAILED, sentence(error, settings.source))
            return
        yield Finding("p1", OK, f"answers at {where(settings.source)}")
        yield from _line(meter)
    yield from _values(reading)
    yield from _clock(reading)


def _as_the_service_says(env: Mapping[str, str], clock: Clock) -> Finding:
    found = service_of(config.store_config(env))
    if not found.runs:
        text = "not checked: another command of this machine reads it; try again"
        return Finding("p1", WARNING, text)
    complaints = health.complaints_by_part(found.state, clock.now()).get("p1", [])
    if complaints:
        return Finding("p1", FAILED, f"reported by the service: {'; '.join(complaints)}")
    return Finding("p1", OK, f"read by the service, last {found.state.get('last_p1_ts')}")


def _one_reading(settings: P1Config, meter: P1Meter, clock: Clock, wait: Wait) -> Reading:
    """Return a reading, and listen a little longer where telegrams come by themselves."""
    began_s = clock.monotonic_s()
    is_raw = settings.source.kind in (TCP, SERIAL)
    reading: Reading | None = None
    while (now_s := clock.monotonic_s()) < began_s + _WITHIN_S and not wait(0.0):
        readings = meter.read(now_s + _STEP_S)
        reading = readings[-1] if readings else reading
        if reading and (not is_raw or clock.monotonic_s() > began_s + _LISTEN_S):
            return reading
    raise P1Error("silent", f"no telegram within {_WITHIN_S:.0f} s")


def _line(meter: P1Meter) -> Iterator[Finding]:
    if meter.bad:
        text = f"{meter.bad} of {meter.good + meter.bad} telegrams arrived damaged: {NOISE}"
        yield Finding("p1 line", WARNING, text)


def _values(reading: Reading) -> Iterator[Finding]:
    if reading.doubts:
        text = f"left out of the readings: {'; '.join(reading.doubts)}"
        yield Finding("p1 values", WARNING, text)
    lacking = [
        name
        for name in ("power_w", "energy_import_kwh", "energy_export_kwh")
        if reading.values.get(name) is None
    ]
    if lacking:
        text = f"the meter does not tell {', '.join(lacking)}; see: {edge_command('p1')}"
        yield Finding("p1 values", WARNING, text)
    elif not reading.doubts:
        yield Finding("p1 values", OK, f"see the numbers with: {edge_command('p1')}")


def _clock(reading: Reading) -> Iterator[Finding]:
    told = reading.values.get("meter_ts")
    if told is None:
        return
    off = datetime.fromisoformat(told) - reading.at
    if abs(off) <= _CLOCK_OFF:
        yield Finding("p1 clock", OK, "agrees with this machine's")
        return
    side = "ahead of" if off > timedelta(0) else "behind"
    by = abs(off)
    much = f"{by.days} days" if by >= timedelta(days=2) else f"{by.total_seconds():.0f} s"
    text = f"{much} {side} this machine's: {CLOCK}"
    yield Finding("p1 clock", WARNING, text)
