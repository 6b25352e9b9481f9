"""What ``doctor`` looks at behind the dongle: one poll over one connection, block by block.

As gentle as the service: the same reader, the same pauses. While the service polls, the dongle is
left alone, and the service's last result stands.
"""

import re
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing

from edge_lib import config, health
from edge_lib.called import edge_command
from edge_lib.checks import FAILED, OK, WARNING, Finding, Service, service_of
from edge_lib.clock import Clock
from edge_lib.commands import inverter_of
from edge_lib.decode import facts, is_silent
from edge_lib.dongle_lock import DongleLock
from edge_lib.inverter import Inverter, InverterError, Ranges, has_four_strings
from edge_lib.polling import NO_SAMPLE, reading
from edge_lib.registers import BLOCKS, FOUR_STRINGS, Block
from edge_lib.sample import EARLIEST

_ALONE = "the dongle stands one at a time: stop the other one, leave it alone for 90 s, try again"
_SENTENCES = {
    "timeout": "it takes the connection and does not answer. Either another client (Home "
    f"Assistant, an app, a second edge) holds it, and {_ALONE}; or SUNGROW_HOST is another machine",
    "reset": "it takes the connection and hangs up: another client (Home Assistant, an app, a "
    f"second edge) holds it, and {_ALONE}",
    "mismatch": "what answers there does not speak Modbus: is SUNGROW_HOST the WiNet-S?",
    "exception_10": "no such unit behind the dongle: SUNGROW_SLAVE_ID is 1 for most",
    "exception_11": "no such unit behind the dongle: SUNGROW_SLAVE_ID is 1 for most",
    "exception_2": "all of it is refused",
    "stopped": "given up: this took too long",
}
_BUSY = f"the inverter refuses for now. Either another client asks as well, and {_ALONE}; or wait"
_CONNECTING: tuple[tuple[type[BaseException], str], ...] = (
    (
        socket.gaierror,
        "SUNGROW_HOST: the name cannot be resolved; give the address that the router lists",
    ),
    (UnicodeError, "SUNGROW_HOST: this can be no name"),
    (
        ConnectionRefusedError,
        "the port is closed: switch Modbus TCP (port 502) off and on in the WiNet-S's own page, "
        "and see that SUNGROW_PORT is that port",
    ),
    (
        TimeoutError,
        "nobody is there: is SUNGROW_HOST (still) the dongle's address, is it in the WLAN, may "
        "this machine reach that network? Let the router give it always the same address",
    ),
    (OSError, "no way there: is the dongle powered, is it in the same network as this machine?"),
)
_OFF = (
    "the dongle answers, but with zeros alone: the inverter behind it is off, as without a "
    "battery it is at night, or the dongle sits loose"
)
_NEEDED = ("A", "D")
_NOTHING = {0, 0xFFFF, 0x7FFF}  # zero, and the words of "no value"


def all_of(
    env: Mapping[str, str], clock: Clock, wait: Callable[[float], bool]
) -> Iterator[Finding]:
    """Look at the dongle and the inverter, or at what the service last said of them."""
    settings = config.dongle_config(env)
    with DongleLock(settings.host, settings.port) as lock:
        if not lock.acquire():
            yield _as_the_service_says(settings, service_of(config.store_config(env)), clock)
            return
        with closing(inverter_of(settings, clock, wait)) as inverter:
            yield from _blocks(inverter, settings)


def _as_the_service_says(settings: config.DongleConfig, found: Service, clock: Clock) -> Finding:
    if not found.runs:
        text = "not looked at: another command of this machine talks to it; try again"
        return Finding("dongle", WARNING, text)
    complaints = health.complaints_by_part(found.state, clock.now())["poll"]
    if not complaints:
        return Finding("dongle", OK, f"polled by the service, last {found.state['last_poll_ts']}")
    error = _written_down(found.state.get("last_poll_error") or "")
    if error is None:
        return Finding("dongle", FAILED, f"the service says: {'; '.join(complaints)}")
    if error.reason == NO_SAMPLE:
        return Finding("sample", FAILED, _parked(str(error)))
    if error.reason == "inverter_off":
        return Finding("sample", WARNING, _OFF)
    text = _sentence(error, f"{settings.host} port {settings.port}")
    return Finding("dongle", FAILED, f"{text}; so says the service: {complaints[0]}")


def _written_down(text: str) -> InverterError | None:
    """Return the error that the service wrote into its health file, cause included."""
    reason, colon, detail = text.partition(": ")
    if not colon:
        return None
    error = InverterError(reason, detail)
    number = re.search(r"\[Errno (-?\d+)\]", detail)
    if number and number[1].startswith("-"):
        error.__cause__ = socket.gaierror(int(number[1]), "")
    elif number:
        error.__cause__ = OSError(int(number[1]), "")  # of the subclass that goes with the number
    elif "timed out" in detail:
        error.__cause__ = TimeoutError()
    elif "idna" in detail or "label" in detail:
        error.__cause__ = UnicodeError()
    return error


def _blocks(inverter: Inverter, settings: config.DongleConfig) -> Iterator[Finding]:
    where = f"{settings.host} port {settings.port}"
    words: dict[int, int] = {}
    blocks = list(BLOCKS)
    for block in blocks:
        try:
            served, gaps = inverter.read_block(block)
        except InverterError as error:
            yield Finding("dongle", FAILED, _sentence(error, where))
            return
        if not words:
            yield Finding("dongle", OK, f"answers at {where}")
        yield _block(block, served, gaps)
        words |= served
        if block is BLOCKS[-1] and has_four_strings(words):
            blocks.append(FOUR_STRINGS)
    yield _model(words)
    yield _sample(words, settings.device_id)


def _sentence(error: InverterError, where: str) -> str:
    if error.reason == "unreachable":
        kinds = (text for kind, text in _CONNECTING if isinstance(error.__cause__, kind))
        return f"{where}: {next(kinds, _CONNECTING[-1][1])}"
    return f"{where}: {_SENTENCES.get(error.reason, _BUSY)} ({error})"


def _block(block: Block, words: dict[int, int], gaps: Ranges) -> Finding:
    name, last = f"block {block.name}", block.number + block.count - 1
    text = f"registers {block.number} to {last}"
    if not words:
        state = FAILED if block.name in _NEEDED else WARNING
        lack = "no reading without it" if block.name in _NEEDED else "what it holds stays empty"
        text = f"{text}: all refused, so {lack}; is the inverter in standby, its firmware old?"
        return Finding(name, state, text)
    if set(words.values()) <= _NOTHING:
        return Finding(name, OK, f"{text}: served, and nothing in it")
    if gaps:
        return Finding(name, OK, f"{text}: served in pieces, {sum(n for _, n in gaps)} refused")
    return Finding(name, OK, f"{text}: served")


def _model(words: dict[int, int]) -> Finding:
    known = facts(words)
    code, model = known["device_type_code"], known["model"]
    if model:
        return Finding("model", OK, str(model))
    what = f"unknown type 0x{code:04X}" if code else "the inverter does not say its type"
    text = f"{what}: read as any other; `{edge_command('dump')}` in a bug report makes it known"
    return Finding("model", WARNING, text)


def _sample(words: dict[int, int], device_id: str) -> Finding:
    if is_silent(words):
        return Finding("sample", WARNING, _OFF)
    # At a time that is good whatever this machine's clock says: that is another check.
    _, problems, doubts = reading(words, EARLIEST, {"device_id": device_id})
    if problems:
        return Finding("sample", FAILED, _parked("; ".join(problems)))
    if doubts:
        text = f"out of range, so stored as null: {'; '.join(doubts)}"
        return Finding("sample", WARNING, text)
    text = f"a poll makes one; see the numbers with: {edge_command('once')}"
    return Finding("sample", OK, text)


def _parked(problems: str) -> str:
    return (
        f"a poll makes no sample, so readings are parked: {problems}; see: {edge_command('dump')}"
    )
