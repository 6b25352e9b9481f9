"""What ``doctor`` checks behind the dongle: one poll over one connection, block by block.

As gentle as the service: the same reader, the same pauses. While the service polls, the dongle is
left alone, and the service's last result is the finding.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing
from datetime import timedelta

from edge_lib import config, health
from edge_lib.clock import Clock
from edge_lib.doctor.machine import Service, service_of
from edge_lib.dongle.advice import (
    NO_METER,
    SENTENCES,
    Failure,
    about_the_unit,
    sentence,
    written_down,
)
from edge_lib.dongle.block_pieces import NEEDED
from edge_lib.dongle.decode import facts, is_silent
from edge_lib.dongle.inverter import (
    LONGEST_REST_S,
    BlockAnswer,
    Inverter,
    InverterError,
    has_four_strings,
)
from edge_lib.dongle.lock import DongleLock
from edge_lib.dongle.registers import BLOCKS, FAULT_WORDS, FOUR_STRINGS, USED, Block
from edge_lib.poller import NO_SAMPLE, reading
from edge_lib.shared.command_names import edge_command
from edge_lib.shared.fields import EARLIEST
from edge_lib.shared.findings import FAILED, OK, WARNING, Finding
from edge_lib.shared.timestamps import parse_ts

_QUICK_S = 5.0  # for a unit that may not be there: doctor has a minute for everything
# Source: Sungrow's iHomeManager protocol V1.0.2.
_IHOMEMANAGER, _IHOMEMANAGER_CODE = Block("iHomeManager", 8000, 1, ((8000, 1),)), 0x072A
_METER_SILENT = timedelta(hours=24)
_NOTHING = {0, 0xFFFF, 0x7FFF}  # zero, and the words of "no value"


def all_of(
    env: Mapping[str, str], clock: Clock, wait: Callable[[float], bool]
) -> Iterator[Finding]:
    """Check the dongle and the inverter, or report the service's last result."""
    settings = config.dongle_config(env)
    with DongleLock(settings.host, settings.port) as lock:
        if not lock.acquire():
            yield from _as_the_service_says(settings, service_of(config.store_config(env)), clock)
            return
        quick_s = min(settings.modbus_timeout_s, _QUICK_S)
        others = settings._replace(modbus_timeout_s=quick_s)
        with closing(Inverter.from_config(settings, clock, wait)) as inverter:
            yield from _blocks(
                inverter,
                settings,
                lambda unit: closing(
                    Inverter.from_config(others._replace(unit_id=unit), clock, wait)
                ),
            )


def _as_the_service_says(
    settings: config.DongleConfig, found: Service, clock: Clock
) -> Iterator[Finding]:
    if not found.runs:
        text = "not checked: another command of this machine talks to it; try again"
        yield Finding("dongle", WARNING, text)
        return
    complaints = health.complaints_by_part(found.state, clock.now())["poll"]
    if complaints:
        yield _of_its_polls(settings, complaints, written_down(found.state))
    else:
        text = f"polled by the service, last {found.state['last_poll_ts']}"
        yield Finding("dongle", OK, text)
    since = found.state.get("meter_silent_since_ts")
    if since and clock.now() - parse_ts(since) > _METER_SILENT:
        text = (
            f"the grid meter has read exactly 0 since {since}: was it removed? Then stop the "
            f"service, run: {edge_command('forget-meter')}, and start it again"
        )
        yield Finding("meter", WARNING, text)


def _of_its_polls(
    settings: config.DongleConfig, complaints: list[str], failure: Failure | None
) -> Finding:
    if failure is None:
        return Finding("dongle", FAILED, f"reported by the service: {'; '.join(complaints)}")
    if failure.reason == NO_SAMPLE:
        return Finding("sample", FAILED, _parked(failure.detail))
    if failure.reason == "inverter_off":
        return Finding("sample", WARNING, SENTENCES["inverter_off"])
    text = sentence(failure, f"{settings.host} port {settings.port}")
    # Otherwise a cause that was just mended seems to be there still.
    rest = f"which may rest for {LONGEST_REST_S:.0f} s before it tries again"
    return Finding("dongle", FAILED, f"{text}; reported by the service, {rest}: {complaints[0]}")


def _blocks(
    inverter: Inverter,
    settings: config.DongleConfig,
    others: Callable[[int], AbstractContextManager[Inverter]],
) -> Iterator[Finding]:
    """Read the blocks of a poll, and report each as soon as the unit has proved to be there."""
    where = f"{settings.host} port {settings.port}"
    words: dict[int, int] = {}
    failures, waiting = [], [Finding("dongle", OK, f"answers at {where}")]
    try:
        for block, answer in _answers(inverter):
            words |= answer.words
            failures += [answer.failure] if answer.failure else []
            waiting.append(_block(block, answer))
            if words:
                yield from waiting
                waiting.clear()
    except InverterError as error:
        yield Finding("dongle", FAILED, sentence(error, where))
        return
    if not words:
        inverter.close()
        failure = next(iter(failures), InverterError("exception_2", "every block is refused"))
        found = _who_else(others, settings.unit_id)
        yield Finding("dongle", FAILED, f"{where}: {found}" if found else sentence(failure, where))
        return
    yield _model(words)
    yield from _sample(words, settings.device_id)


def _answers(inverter: Inverter) -> Iterator[tuple[Block, BlockAnswer]]:
    """Read one block after the other; where the first one is not answered at all, no other."""
    words: dict[int, int] = {}
    for block in (*BLOCKS, FOUR_STRINGS):
        if block is FOUR_STRINGS and not has_four_strings(words):
            return
        answer = inverter.read_block(block)
        words |= answer.words
        yield block, answer
        if answer.failure and block is BLOCKS[0]:
            return


def _who_else(
    others: Callable[[int], AbstractContextManager[Inverter]], unit_id: int
) -> str | None:
    """Return what answers at another unit number, where the one that is set does not."""
    for unit, block, describe in _ELSEWHERE:
        if unit == unit_id:
            continue
        with others(unit) as inverter, contextlib.suppress(InverterError):
            if text := describe(inverter.read_block(block).words):
                return text
    return None


def _is_unit_1(words: dict[int, int]) -> str | None:
    known = facts(words)
    if known["device_type_code"] is None:
        return None
    return "SUNGROW_SLAVE_ID is not the inverter's: unit 1 answers there; set SUNGROW_SLAVE_ID=1"


def _is_ihomemanager(words: dict[int, int]) -> str | None:
    if words.get(_IHOMEMANAGER.number) != _IHOMEMANAGER_CODE:
        return None
    return (
        "this is an iHomeManager, which keeps its values in other registers and cannot be read by "
        "this program; set SUNGROW_HOST to the inverter's own WiNet-S, if it still has one"
    )


# What may be there instead: unit, a block that it serves, and what its words mean.
_ELSEWHERE = (
    (1, Block("type", 5000, 1, ((5000, 1),)), _is_unit_1),
    (247, _IHOMEMANAGER, _is_ihomemanager),
)


def _block(block: Block, answer: BlockAnswer) -> Finding:
    name, last = f"block {block.name}", block.number + block.count - 1
    text = f"registers {block.number} to {last}"
    if answer.failure:
        text = f"{text}: {answer.failure.reason}, so what it holds is stored as null"
        return Finding(name, WARNING, text)
    words = answer.words
    refused = [r for r in USED if r.number in _span(block) and r.number not in words]
    is_needed = any(r.number == NEEDED for r in refused)
    if not words:
        lack = "no reading without it" if is_needed else "what it holds is stored as null"
        text = f"{text}: all refused, so {lack}; is the inverter in standby, its firmware old?"
        return Finding(name, FAILED if is_needed else WARNING, text)
    if refused:
        text = f"{text}: the unit refuses {', '.join(r.field or r.name for r in refused)}; "
        if is_needed:
            return Finding(name, FAILED, f"{text}no reading without pv_power_w")
        return Finding(name, WARNING, f"{text}stored as null")
    if set(words.values()) <= _NOTHING:
        return Finding(name, OK, f"{text}: served, but empty")
    if block.shorter and FAULT_WORDS[0].number not in words:
        text = f"{text}: served, but for the fault words: no fault can be told"
        return Finding(name, OK, text)
    if answer.refused:
        return Finding(name, OK, f"{text}: served in pieces, with all that is used of it")
    return Finding(name, OK, f"{text}: served")


def _span(block: Block) -> range:
    return range(block.number, block.number + block.count)


def _model(words: dict[int, int]) -> Finding:
    if wrong := about_the_unit(words):
        return Finding("model", FAILED, wrong)
    known = facts(words)
    code, model = known["device_type_code"], known["model"]
    if model:
        return Finding("model", OK, str(model))
    what = f"unknown type 0x{code:04X}" if code else "the inverter does not report its type"
    text = f"{what}: read as any other; `{edge_command('dump')}` in a bug report makes it known"
    return Finding("model", WARNING, text)


def _sample(words: dict[int, int], device_id: str) -> Iterator[Finding]:
    if is_silent(words):
        yield Finding("sample", WARNING, SENTENCES["inverter_off"])
        return
    # At a time that is valid whatever this machine's clock shows: that is another check.
    _, problems, doubts = reading(words, EARLIEST, {"device_id": device_id})
    if problems:
        yield Finding("sample", FAILED, _parked("; ".join(problems)))
    elif doubts:
        text = f"out of range, so stored as null: {'; '.join(doubts)}"
        yield Finding("sample", WARNING, text)
    else:
        text = f"a poll makes one; see the numbers with: {edge_command('once')}"
        yield Finding("sample", OK, text)
    if facts(words)["has_meter"] is False:
        yield Finding("meter", OK, NO_METER)


def _parked(problems: str) -> str:
    return (
        f"a poll cannot be decoded, so readings are parked: {problems}; see: {edge_command('dump')}"
    )
