"""What to do about a meter that cannot be read, in sentences for people."""

import errno
import socket

from edge_lib.p1.errors import P1Error
from edge_lib.p1_config import HOMEWIZARD, HOMEWIZARDS, SERIAL, P1Source
from edge_lib.shared.command_names import edge_command

CLOCK = (
    "the meter's clock is the grid operator's; readings are kept by this machine's clock, but the "
    "meter's own quarter hours and peaks go by it: tell the operator"
)
_PORT = (
    "The P1 port speaks only once it is asked to: does the cable hold its data request line high, "
    "is it in the P1 port to its end, does the meter need its port to be switched on by the grid "
    "operator?"
)
_SPEED = (
    "meters of DSMR 4, 5 and e-MUCS send 115200 8N1; older ones 9600 7E1, and P1_SOURCE then ends "
    "in ?dsmr=2"
)
NOISE = (
    "the line disturbs them: a shorter or better cable, away from mains and power supplies; a PoE "
    f"splitter beside it is a known cause. Or the speed is wrong: {_SPEED}"
)
_SENTENCES = {
    "reset": "it hung up: is another program reading the meter through it?",
    "refused": "it accepts the connection and hangs up at once: another reader (Home Assistant, "
    "dsmr-reader, a second edge) holds it, and ser2net serves one at a time: stop the other, or "
    "raise its max-connections",
    "silent": f"nothing comes. {_PORT} Is another reader holding it?",
    "mismatch": f"what comes is not a meter's telegram. Is P1_SOURCE the meter? {_SPEED}",
    "bad_crc": f"its telegrams arrive damaged: {NOISE}",
    "no_crc": "its telegrams end without a CRC, as those of DSMR 2 and 3 do. If the meter is such "
    "a one, let P1_SOURCE end in ?dsmr=2; meters from version 4 on always send one, so something "
    "on the way cuts it off",
    "encrypted": "the meter sends encrypted or binary data (DLMS), as in Luxembourg and Austria: "
    "this program cannot read it. Ask the grid operator for its key and put a decryptor that "
    "serves plain telegrams by TCP in between, or use another source",
    "timeout": "it does not answer in time: is its Wi-Fi weak, is it busy with another reader?",
    "stopped": "given up: this took too long",
    "locked": "the service, or another command of this machine, reads the meter; stop it first "
    "(systemctl stop sungrow-edge)",
    "tls": "no TLS there: homewizards:// wants a dongle whose firmware has the API version 2; "
    "else take homewizard://",
}
_HOMEWIZARD = {
    "mismatch": "what answers there is not a HomeWizard P1 dongle, or the dongle has no meter yet",
    "reset": "it hung up; is P1_SOURCE a HomeWizard P1 dongle?",
    "not_enabled": "its local API is switched off: in the HomeWizard app, Settings, Meters, the "
    "P1 meter, switch on Local API",
    "http_404": "it does not know this API: is it a P1 dongle, is its firmware up to date?",
    "http_426": "it refuses this version of the API: update its firmware in the HomeWizard app",
    "http_503": "it has no reading yet: is it plugged into the meter, does its light tell so?",
    "certificate": "its certificate is not that of this dongle: is the serial number at the end of "
    "P1_SOURCE right, is P1_CA_FILE HomeWizard's own authority? Nothing was sent to it",
}
# Of what answers by HTTP, and so as no dongle does.
_ANOTHER = "is the address in P1_SOURCE the dongle's? What answers there"
_REDIRECTS = f"{_ANOTHER} is a web server that redirects, which no P1 dongle does"
_NO_READING = f"{_ANOTHER} has no reading of a meter; a dongle that was just started has one soon"
_UNREACHABLE: tuple[tuple[type[BaseException], str], ...] = (
    (socket.gaierror, "P1_SOURCE: the name cannot be resolved; set the address instead"),
    (UnicodeError, "P1_SOURCE: this cannot be a host name"),
    (ConnectionRefusedError, "the port is closed: does ser2net, or the dongle, serve it there?"),
    (TimeoutError, "nothing is there: is it powered, has it (still) this address? Let the router "
    "always assign it the same one"),
    (OSError, "no way there: is it powered, is it in the same network as this machine?"),
)  # fmt: skip
_DEVICE = {
    errno.ENOENT: "there is no such port: is the cable plugged in? `ls /dev/serial/by-id/` lists "
    "them, by names that stay the same",
    errno.EACCES: "this user may not open it: as root run `usermod -a -G dialout USER`; an "
    "installed service is given it by systemd/install-edge",
    errno.EBUSY: "another program holds it (ser2net, dsmr-reader, ModemManager): stop that one",
    errno.ENOTTY: "this is not a serial port",
}
_UNPLUGGED = "the port has gone: has the cable been unplugged? It is opened again by itself"


def where(source: P1Source) -> str:
    """Return the meter's address for people."""
    return source.path if source.kind == SERIAL else f"{source.host} port {source.port}"


def sentence(error: P1Error, source: P1Source) -> str:
    """Return what an error means and what to do."""
    cause = error.__cause__
    if error.reason == "unreachable":
        kinds = (text for kind, text in _UNREACHABLE if isinstance(cause, kind))
        return f"{where(source)}: {next(kinds, _UNREACHABLE[-1][1])}"
    if error.reason == "device":
        number = cause.errno if isinstance(cause, OSError) else None
        text = _DEVICE.get(number or 0, _UNPLUGGED)
        return f"{text} ({error})"
    text = _of_homewizard(error.reason, source) or _SENTENCES.get(error.reason, "it cannot be read")
    return f"{where(source)}: {text} ({error.reason}: {error})"


def _of_homewizard(reason: str, source: P1Source) -> str | None:
    if source.kind not in (HOMEWIZARD, HOMEWIZARDS):
        return None
    if reason in ("unauthorised", "not_enabled") and source.kind == HOMEWIZARDS:
        command = edge_command("p1 --pair")
        return f"it does not know P1_TOKEN: make another one by `{command}`"
    if reason in _HOMEWIZARD or not reason.startswith("http_"):
        return _HOMEWIZARD.get(reason)
    return _REDIRECTS if reason.startswith("http_3") else _NO_READING
