"""What to do about a dongle that cannot be read, in sentences for people.

``sentence`` speaks of an error, ``about_the_unit`` of what answers instead of a hybrid inverter.
A ``Failure`` is an error as the health file keeps it.
"""

import socket
from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from edge_lib.dongle.decode import facts, is_silent
from edge_lib.dongle.modbus_client import InverterError
from edge_lib.dongle.registers import MODELS

ALONE = (
    "the dongle accepts only one client at a time: stop the other one, leave the dongle alone for "
    "90 s, try again"
)
UNIT = "no such unit behind the dongle: set SUNGROW_SLAVE_ID to the inverter's, which is 1 for most"
_OTHER = "another client (Home Assistant, an app, a second edge) holds it"
_BUSY = f"the inverter is busy. Either {_OTHER}, and {ALONE}; or wait"
SENTENCES = {
    "timeout": f"it accepts the connection and does not answer. Either {_OTHER}, and {ALONE}; or "
    "SUNGROW_SLAVE_ID is not the inverter's; or SUNGROW_HOST is another machine",
    "reset": f"it accepts the connection and hangs up: {_OTHER}, and {ALONE}",
    "mismatch": "what answers there does not speak Modbus, or answers another request. Is "
    f"SUNGROW_HOST the WiNet-S? If so, {_OTHER}, and {ALONE}",
    "exception_10": UNIT,
    "exception_11": UNIT,
    "exception_5": _BUSY,
    "exception_6": _BUSY,
    "exception_4": f"the inverter cannot answer now. Either {_OTHER}, and {ALONE}; or wait: it may "
    "be starting",
    "stopped": "given up: this took too long",
    "inverter_off": "the dongle answers, but with zeros alone: the inverter behind it is off, as "
    "without a battery it is at night, or the dongle sits loose",
    "locked": "another command of this machine talks to the dongle; try again when it has ended",
}
NO_METER = (
    "no grid meter seen: house use, import and export cannot be known and are stored as null; they "
    "appear by themselves once the inverter has a meter"
)
_REFUSED = (
    "it answers and refuses every register. Is the inverter in standby? Is it a hybrid inverter "
    "(SH or MG), and SUNGROW_SLAVE_ID its number? Is Modbus access limited in the WiNet-S's own "
    "page?"
)
# Why a dongle is not reached; the first that fits.
_CAUSES: tuple[tuple[type[BaseException], str], ...] = (
    (socket.gaierror, "unknown_name"),
    (UnicodeError, "bad_name"),
    (ConnectionRefusedError, "port_closed"),
    (TimeoutError, "no_answer"),
    (OSError, "no_way"),
)
_UNREACHABLE = {
    "unknown_name": "SUNGROW_HOST: the name cannot be resolved; set the address that the router "
    "lists",
    "bad_name": "SUNGROW_HOST: this cannot be a host name",
    "port_closed": "the port is closed: switch Modbus TCP (port 502) off and on in the WiNet-S's "
    "own page, and see that SUNGROW_PORT is that port",
    "no_answer": "nothing is there: is SUNGROW_HOST (still) the dongle's address, is it on the "
    "Wi-Fi, may this machine reach that network? Let the router always assign it the same address",
    "no_way": "no way there: is the dongle powered, is it in the same network as this machine?",
}
# The high byte of a type code. Source: P16 (hybrids), Sungrow's document for string inverters.
_HYBRIDS = (0x0D, 0x0E)


class Failure(NamedTuple):
    """Why a poll made no sample.

    Attributes:
        reason: as of an ``InverterError``, or of a poll whose answer makes no sample.
        detail: its text.
        cause: why the dongle is not reached, where it is not.
    """

    reason: str
    detail: str
    cause: str | None = None

    @classmethod
    def of(cls, error: InverterError) -> Self:
        """Return what is kept of an error."""
        kinds = (name for kind, name in _CAUSES if isinstance(error.__cause__, kind))
        cause = next(kinds, None) if error.reason == "unreachable" else None
        return cls(error.reason, str(error), cause)

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"


def sentence(error: InverterError | Failure, where: str) -> str:
    """Return what an error means and what to do; ``where`` names the dongle's address."""
    failure = error if isinstance(error, Failure) else Failure.of(error)
    if failure.reason == "unreachable":
        return f"{where}: {_UNREACHABLE.get(failure.cause or '', _UNREACHABLE['no_way'])}"
    return f"{where}: {SENTENCES.get(failure.reason, _REFUSED)} ({failure})"


def written_down(state: Mapping[str, Any]) -> Failure | None:
    """Return the failure that the service wrote into its health file, if any.

    An older service wrote no cause; and whatever damage made of a field is passed over.
    """
    text, cause = state.get("last_poll_error"), state.get("last_poll_cause")
    reason, colon, detail = text.partition(": ") if type(text) is str else ("", "", "")
    if not colon:
        return None
    return Failure(reason, detail, cause if type(cause) is str else None)


def about_the_unit(words: dict[int, int]) -> str | None:
    """Return why the words of a poll are not those of a hybrid inverter; None: they may be.

    A unit that does not report its type is believed, if it reports anything that a Sungrow does.
    """
    known = facts(words)
    code = known["device_type_code"]
    if code is not None and code not in MODELS and code >> 8 not in _HYBRIDS:
        return (
            f"type 0x{code:04X} is not a hybrid inverter (SH, MG): a string inverter (SG) keeps "
            "its values in other registers, and cannot be read by this program"
        )
    if code is None and not known["serial"] and not is_silent(words) and 5000 in words:
        return (
            "it speaks Modbus, but has neither the type nor the serial number of a Sungrow "
            "inverter: is SUNGROW_HOST the WiNet-S, and not another Modbus device?"
        )
    return None
