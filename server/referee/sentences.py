"""The verdict in English, for the page and for people who use the API by hand.

Each sentence has an id and the values in it, by which the page translates it.
"""

from collections.abc import Iterator
from typing import NamedTuple

from edge_lib.shared.command_names import server_command
from server.referee import clock, figures
from server.referee.figures import Figure
from server.referee.phases import ELSEWHERE, REVERSED, SEEN, UNSEEN
from server.referee.verdict import Verdict

_NEAR_LAG_S, _NEAR_CLOCK_S = 0.5, 10.0
_LEAST_KWH, _LEAST_SHARE, _HALF = 0.05, 0.001, 0.5
_UNITS = ((86_400.0, "days"), (3600.0, "hours"), (60.0, "minutes"), (1.0, "s"))


class Sentence(NamedTuple):
    """A sentence; ``values`` are what it holds."""

    id: str
    values: dict[str, object]
    text: str


def sentences(verdict: Verdict, device_id: str, stored_lag_s: float) -> list[Sentence]:
    """Return what there is to say, the most important first."""
    found = verdict.figures
    why = found["lag"].reason
    said: list[Sentence] = []
    if why in _CANNOT:
        said.append(
            Sentence("cannot_compare", {"reason": why, "why": _WHY[why]}, f"{_CANNOT[why]}.")
        )
    else:
        said += _sign(found["sign"])
        said += _phases(verdict.phases)
        if all(state in (SEEN, None) for state in verdict.phases):
            said += [one for side in ("import", "export") for one in _gain(found, side)]
        said += _lag(found["lag"], device_id, stored_lag_s)
        said += _totals(found)
        said += _unexplained(found["unexplained"])
    said += _netting(found["netting"], found["phases_apart"])
    said += [*_loads(found), *_clock(found["clock"]), *_missing(found)]
    return said


# Why a figure is missing, for a client that translates the sentence.
_WHY = {
    figures.NO_METER: "no_meter",
    figures.NO_INVERTER: "no_inverter",
    figures.NO_P1: "no_p1",
    figures.TOO_FAR: "too_far",
}
_CANNOT = {
    figures.NO_METER: "The inverter has no grid meter of its own, so there is nothing to compare: "
    "import, export and house use come from the utility's meter",
    figures.NO_INVERTER: "There are no readings of the inverter in this time",
    figures.NO_P1: "There are no readings of the utility's meter in this time",
}


def _sign(sign: Figure) -> Iterator[Sentence]:
    if sign.value is not None and sign.value < 0:
        text = (
            "Your inverter's meter is the wrong way round: it shows import where the utility's "
            "meter shows export. The figures here are those of the turned meter."
        )
        yield Sentence("reversed", {}, text)


def _phases(states: tuple[str | None, ...]) -> Iterator[Sentence]:
    seen = [k for k, state in enumerate(states, 1) if state == SEEN]
    if len(seen) == 1 and states.count(UNSEEN) == 2:
        yield Sentence("one_phase", {"phase": seen[0]}, f"It measures phase {seen[0]} only.")
        return
    said = {
        UNSEEN: ("phase_unseen", "It does not measure phase {}."),
        REVERSED: ("phase_reversed", "Its clamp on phase {} is the wrong way round."),
        ELSEWHERE: (
            "phase_elsewhere",
            "Its clamp on phase {} seems to be on another phase than its voltage.",
        ),
    }
    for k, state in enumerate(states, 1):
        if state in said:
            name, text = said[state]
            yield Sentence(name, {"phase": k}, text.format(k))


def _gain(found: dict[str, Figure], side: str) -> Iterator[Sentence]:
    gain, offset = found[f"gain_{side}"], found[f"offset_{side}"]
    if gain.value is None or offset.value is None:
        text = f"Not enough happened to compare {side}."
        yield Sentence(f"gain_{side}", {"reason": gain.reason}, text)
        return
    percent, within = 100 * (gain.value - 1), _within(gain)
    values: dict[str, object] = {"percent": round(percent, 2), "within": round(within, 2)}
    values["offset_w"] = round(offset.value, 1)
    if abs(percent) <= within:
        text = f"Your inverter's meter reads {side} as the utility's meter does, ± {within:.1f} %"
    else:
        than = f"{abs(percent):.1f} % {'more' if percent > 0 else 'less'}"
        text = f"Your inverter's meter reads {than} {side} than the utility's meter, "
        text += f"± {within:.1f}"
    if abs(offset.value) >= 1:
        more = "more" if offset.value > 0 else "less"
        text += f", and at any power {abs(offset.value):.0f} W {more}"
    yield Sentence(f"gain_{side}", values, f"{text}.")
    if robust := found.get(f"gain_{side}_robust"):
        without = 100 * ((robust.value or 1.0) - 1)
        text = (
            f"Some odd quarter hours have a part in that; without them the difference in {side} is "
            f"{without:+.1f} %."
        )
        yield Sentence(f"gain_{side}_robust", {"percent": round(without, 2)}, text)


def _lag(lag: Figure, device_id: str, stored_s: float) -> Iterator[Sentence]:
    if lag.value is None:
        reason = f"{lag.reason}"
        text = f"How much later the inverter shows a change is not known: {reason}."
        why = _WHY.get(reason, "not_enough")
        yield Sentence("lag", {"reason": reason, "why": why}, text)
        return
    within, value = _half(lag), lag.value
    values: dict[str, object] = {"seconds": round(value, 1), "within": round(within, 1)}
    later = "later" if value >= 0 else "earlier"
    text = f"Your inverter shows a change {abs(value):.1f} s {later} than the utility's meter, "
    yield Sentence("lag", values, f"{text}± {max(within, 0.1):.1f}.")
    if abs(value - stored_s) > max(_NEAR_LAG_S, within):
        command = server_command(f"p1 lag {device_id} {value:.1f}")
        text = f"The two are paired with {stored_s:g} s now; to use this lag, run: {command}"
        yield Sentence("lag_stored", {"stored_s": stored_s, "command": command}, text)


def _totals(found: dict[str, Figure]) -> Iterator[Sentence]:
    for side in ("import", "export"):
        more, p1 = found[f"total_{side}"], found[f"total_{side}_p1"]
        if more.value is None or p1.value is None:
            continue
        values: dict[str, object] = {"kwh": round(more.value, 1), "p1_kwh": round(p1.value, 1)}
        text = (
            f"The inverter's counter of {side} rose by {more.value + p1.value:.1f} kWh, the "
            f"utility's by {p1.value:.1f} kWh."
        )
        yield Sentence(f"total_{side}", values, text)


def _unexplained(rest: Figure) -> Iterator[Sentence]:
    if rest.value is not None and rest.value >= _LEAST_KWH:
        text = f"{rest.value:.2f} kWh between the two meters are explained by none of this."
        yield Sentence("unexplained", {"kwh": round(rest.value, 2)}, text)


def _loads(found: dict[str, Figure]) -> Iterator[Sentence]:
    before, after = found["negative_loads_before"], found["negative_loads_after"]
    if before.value is None or after.value is None or before.value < _LEAST_SHARE:
        return
    values: dict[str, object] = {
        "before_percent": round(100 * before.value, 1),
        "after_percent": round(100 * after.value, 1),
    }
    text = (
        f"Taken at the same moment, {100 * before.value:.1f} % of house-use figures are below "
        f"zero; after the shift {100 * after.value:.1f} %."
    )
    if after.value > 0.01:
        text += " Another generator may feed in behind the same meter."
    yield Sentence("negative_loads", values, text)


def _netting(share: Figure, more: Figure) -> Iterator[Sentence]:
    if share.value is None or more.value is None:
        return
    values: dict[str, object] = {"kwh": round(more.value, 2), "netted": share.value < _HALF}
    kwh = f"{more.value:.1f} kWh"
    if share.value < _HALF:
        text = (
            "The utility's meter nets the three phases: what one exports while another imports "
            f"costs nothing. Counted each for itself, import would be {kwh} more."
        )
    else:
        text = (
            "The utility's meter counts each phase for itself: what one exports while another "
            f"imports is both. That is {kwh} more import than if they were netted, so a battery "
            "helps only on the phase that it is on."
        )
    yield Sentence("netting", values, text)


def _clock(offset: Figure) -> Iterator[Sentence]:
    if offset.value is None or abs(offset.value) <= _NEAR_CLOCK_S:
        return
    size, unit = next(one for one in _UNITS if abs(offset.value) >= one[0])
    count = abs(offset.value) / size
    side = "ahead" if offset.value > 0 else "behind"
    text = f"The clock of the utility's meter is {count:.1f} {unit} {side}"
    is_hour = clock.is_an_hour_off(offset.value)
    if is_hour:
        text += ": its summer time does not fit the house's zone"
    values: dict[str, object] = {"seconds": round(offset.value, 1), "hour_off": is_hour}
    yield Sentence("clock", values, f"{text}.")


def _missing(found: dict[str, Figure]) -> Iterator[Sentence]:
    of = found["missing_p1"].n
    for name, who in (("missing_inverter", "the inverter"), ("missing_p1", "the utility's meter")):
        count = round(found[name].value or 0.0)
        if count:
            text = f"{count} of {of} quarter hours have no reading of {who}."
            yield Sentence(name, {"quarters": count, "of": of}, text)


def _half(figure: Figure) -> float:
    return ((figure.high or 0.0) - (figure.low or 0.0)) / 2


def _within(figure: Figure) -> float:
    """Return half the interval in percent, not less than meters show at all."""
    return max(100 * _half(figure), 0.1)
