"""``python -m server.battery set DEVICE ...``: what only the owner of a battery knows of it."""

import argparse
import math
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from psycopg2.extensions import cursor as Cursor  # noqa: N812  a type, not a function

from edge_lib.shared.command_names import server_command
from server import cli, settings
from server.auth import known_tokens
from server.battery import settings_table
from server.battery.settings_table import COLUMNS, Settings
from server.cli import Refused
from server.database import deletions, migrations

COMMAND = server_command("battery")
NONE = "none"
_LONGEST_NAME = max(map(len, COLUMNS))
_HELP = f"""
"{NONE}" takes a setting back. What is set counts from the next night on, or at once by
{server_command("nightly")} --device DEVICE --job battery."""


def number(low: float, high: float) -> Callable[[str], float | None]:
    """Return what reads a number between two others, both included; ``none`` is None."""

    def read(text: str) -> float | None:
        if text == NONE:
            return None
        try:
            found = float(text)
        except ValueError:
            found = math.nan
        if not low <= found <= high:
            raise argparse.ArgumentTypeError(f"a number from {low:g} to {high:g}, or {NONE}")
        return found

    return read


def whole(most: int) -> Callable[[str], int | None]:
    """Return what reads a whole number from 1 to another; ``none`` is None."""

    def read(text: str) -> int | None:
        if text == NONE:
            return None
        if not (text.isascii() and text.isdigit() and 1 <= int(text) <= most):
            raise argparse.ArgumentTypeError(f"a whole number from 1 to {most}, or {NONE}")
        return int(text)

    return read


def day(text: str) -> date | None:
    """Return a date that is not in the future; ``none`` is None."""
    if text == NONE:
        return None
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = None
    latest = datetime.now(UTC).date()
    if not found or found.isoformat() != text or not date(2000, 1, 1) <= found <= latest:
        raise argparse.ArgumentTypeError(
            f"a date like 2024-05-01, from 2000 on, not in the future, or {NONE}"
        )
    return found


# Of each column: the placeholder, what reads it, what it is.
_OPTIONS: dict[str, tuple[str, Callable[[str], Any], str]] = {
    "capacity_kwh": ("KWH", number(0.5, 1000), "nominal, in place of what the inverter says"),
    "min_soc_pct": ("PCT", number(0, 95), "at which it stops discharging (reserve included)"),
    "cells": ("N", whole(1000), "in series; 20 for each 3.2-kWh module of an SBR, left out there"),
    "installed": ("DATE", day, "when"),
    "modules": ("N", whole(100), "how many"),
    "warranty_years": ("N", number(0.5, 50), "from the day on which it was installed"),
    "warranty_mwh": ("MWH", number(0.1, 100_000), "that the warranty allows to be discharged"),
    "warranty_capacity_pct": ("PCT", number(1, 100), "of the nominal capacity, that is warranted"),
    "warranty_t_min_c": ("C", number(-60, 100), "least temperature that the warranty allows"),
    "warranty_t_max_c": ("C", number(-60, 100), "greatest one"),
}


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=COMMAND, description="What only the owner of a battery knows of it.", epilog=_HELP
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    setting = commands.add_parser("set", help="change what is known of a battery", epilog=_HELP)
    setting.add_argument("device", metavar="DEVICE", type=cli.device_id, help="the house")
    for name, (placeholder, read, about) in _OPTIONS.items():
        setting.add_argument(
            _option(name),
            dest=name,
            metavar=placeholder,
            type=read,
            help=about,
            default=argparse.SUPPRESS,
        )
    showing = commands.add_parser("show", help="print what is set for a battery")
    showing.add_argument("device", metavar="DEVICE", type=cli.device_id, help="the house")
    commands.add_parser("list", help="print what is set for every battery")
    arguments = parser.parse_args(argv)
    if arguments.command == "set" and not _given(arguments):
        setting.error("nothing to set; see --help")
    return arguments


def _option(name: str) -> str:
    return (
        "--min-soc" if name == "min_soc_pct" else f"--{name.removesuffix('_c').replace('_', '-')}"
    )


def _given(arguments: argparse.Namespace) -> dict[str, Any]:
    return {name: value for name, value in vars(arguments).items() if name in COLUMNS}


def _run(arguments: argparse.Namespace, env: Mapping[str, str]) -> None:
    with (
        migrations.connect(settings.database_url(env)) as found,
        found as connection,
        connection.cursor() as cursor,
    ):
        migrations.refuse_not_current(cursor)
        if arguments.command == "list":
            _list(cursor)
            return
        _refuse_unknown(cursor, arguments.device, env)
        if arguments.command == "set":
            _set(cursor, arguments)
        else:
            _show(cursor, arguments.device)


def _refuse_unknown(cursor: Cursor, device_id: str, env: Mapping[str, str]) -> None:
    with_token = {device for token in known_tokens.known(env) for device in token.devices}
    known = sorted({*deletions.devices(cursor), *with_token})
    if device_id not in known:
        there = ", ".join(known) or "none"
        raise Refused(f"nothing is known of {device_id}; the known devices are: {there}")


def _set(cursor: Cursor, arguments: argparse.Namespace) -> None:
    given = _given(arguments)
    try:
        settings_table.change(cursor, arguments.device, given)
    except ValueError as error:
        raise Refused(f"nothing was set: {error}") from error
    for name, value in given.items():
        print(f"{arguments.device}: {name} {_said(value)}")


def _show(cursor: Cursor, device_id: str) -> None:
    for line in _lines(device_id, settings_table.read(cursor, device_id), True):
        print(line)
    cursor.execute(
        "SELECT battery_capacity_kwh FROM sungrow_devices WHERE device_id = %s", (device_id,)
    )
    (told,) = cursor.fetchone() or (None,)
    print(f"{device_id}: the inverter says {'nothing' if told is None else f'{told:g} kWh'}")


def _list(cursor: Cursor) -> None:
    cursor.execute("SELECT device_id FROM sungrow_battery_settings ORDER BY device_id")
    devices = [device_id for (device_id,) in cursor.fetchall()]
    if not devices:
        print("nothing is set")
    for device_id in devices:
        for line in _lines(device_id, settings_table.read(cursor, device_id), False):
            print(line)


def _lines(device_id: str, known: Settings, with_unset: bool) -> Iterable[str]:
    for name, value in known._asdict().items():
        if with_unset or value is not None:
            yield f"{device_id}: {name:<{_LONGEST_NAME}} {_said(value)}"


def _said(value: object) -> str:
    if value is None:
        return "not set"
    return f"{value:g}" if isinstance(value, float) else str(value)


def main(argv: list[str]) -> int:
    """Run the command; return its exit status: 0, 1 with the reason, 78 for a bad setting."""
    arguments = _arguments(argv)
    return cli.run(lambda env: _run(arguments, env))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
