"""The lines of a telegram: registers by OBIS number, each with its groups in brackets. Pure."""

import re

BARE_NUMBER = re.compile(r"\d{1,12}(?:\.\d{1,6})?", re.ASCII)
OBIS = re.compile(r"\d{1,3}-\d{1,3}:[\d.]+", re.ASCII)
DSMR3_VOLUME = "24.3.0"  # its value is on the next line

_LINE = re.compile(r"(\d{1,3}-\d{1,3}):(\d{1,3}\.\d{1,3}\.\d{1,3})(?:\*\d{1,3})?(\(.*\))", re.ASCII)
_GROUP = re.compile(r"\(([^()]*)\)")
_NUMBER = re.compile(r"(\d{1,12}(?:\.\d{1,6})?)\*([A-Za-z0-9]{1,4})", re.ASCII)
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2}){1,64}", re.ASCII)
_PRINTABLE = re.compile(r"[ -~]{1,64}", re.ASCII)
_FACTORS = {
    "W": {"kW": 1000.0, "W": 1.0},
    "kWh": {"kWh": 1.0, "Wh": 0.001, "MWh": 1000.0},
    "V": {"V": 1.0},
    "A": {"A": 1.0},
    "m³": {"m3": 1.0},
}

# By medium and register, ("1-0", "1.8.1"): what is in each pair of brackets.
Lines = dict[tuple[str, str], list[str]]


def lines_of(body: bytes) -> Lines:
    """Return the lines of a telegram; what is not one is passed over, of two the first counts."""
    found: Lines = {}
    last: list[str] | None = None
    for line in body.decode("latin-1").split("\n")[1:]:  # Latin-1 reads any byte
        if match := _LINE.fullmatch(line.rstrip("\r")):
            groups = _GROUP.findall(match[3])
            found.setdefault((match[1], match[2]), groups)
            last = groups if match[2] == DSMR3_VOLUME else None
        elif last is not None and line.startswith("("):
            last += _GROUP.findall(line)
    return found


def number(text: str, unit: str) -> float | None:
    """Return a value in our unit, like ``W`` of ``00.204*kW``; None where it is not one."""
    found = _NUMBER.fullmatch(text)
    factor = _FACTORS[unit].get(found[2]) if found else None
    return round(float(found[1]) * factor, 6) if found and factor else None


def meter_id(text: str) -> str | None:
    """Return a meter's number, which most write in hex digits; None where it is not one."""
    if _HEX.fullmatch(text):
        plain = bytes.fromhex(text).decode("latin-1")
        if _PRINTABLE.fullmatch(plain):
            return plain
    return text if _PRINTABLE.fullmatch(text) and text.strip() else None
