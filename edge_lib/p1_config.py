"""The settings of the grid meter. Read where ``P1_SOURCE`` is set, and not imported elsewhere."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple


class P1Config(NamedTuple):
    """What it takes to read the meter.

    Attributes:
        kind: ``tcp``, ``serial``, ``homewizard`` (API v1) or ``homewizards`` (v2).
        address: where it is, as messages and the lock name it.
        host: its name or address; "" for a serial port.
        port: of TCP.
        path: of the serial port; "" for the others.
        dsmr2: a meter of DSMR 2 or 3: 9600 7E1, telegrams without a CRC.
        serial: of a HomeWizard v2, as in its certificate's name.
        interval_s: ``P1_INTERVAL_S``.
        token: of a HomeWizard v2; None: none yet.
        ca_file: that signed its certificate.
    """

    kind: str
    address: str
    host: str
    port: int
    path: str
    dsmr2: bool
    serial: str
    interval_s: float
    token: str | None
    ca_file: Path | None


def p1_config(env: Mapping[str, str]) -> P1Config | None:
    """Read the settings of the meter; None where ``P1_SOURCE`` is not set.

    Raises:
        ConfigError: one of them is missing or malformed.
    """
    raise NotImplementedError
