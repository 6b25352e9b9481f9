"""``python -m server.p1 import FILE --device D``: what concerns the grid meter of a house.

``import`` reads a CSV file that P1-Edge-VPS's table was written into; ``lag D SECONDS`` changes
with which of the meter's readings a sample of the inverter is paired.
"""

import argparse
import math
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TextIO

from edge_lib.shared.command_names import server_command
from server import cli, settings
from server.cli import Refused
from server.database import deletions, migrations
from server.house.rollups import MOST_LAG_S, change_lag
from server.p1 import importing
from server.p1.csv_lines import COPY, BadLine, NotThatTable, Table

COMMAND = server_command("p1")
_MOST_NAMED = 20
_EVERY = 500_000  # readings from one line of progress to the next
_IMPORT_HELP = f"""
Write the file on the old server with: psql -c "{COPY}".
The readings are stored day by day, each day in one transaction; an interrupted import is complete
up to there. It may be run again at any time: what is stored already stays as it is. Lines that are
not readings are named and counted, and the others are imported; it then exits with 1."""

_LAG_HELP = """
A sample of the inverter is paired with the reading of the grid meter that is so much older. All
that rests on the pairs is computed again, in one transaction."""


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=COMMAND, description="What concerns the grid (P1) meter of a house."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    importing_ = commands.add_parser(
        "import", help="import readings that P1-Edge-VPS stored", epilog=_IMPORT_HELP
    )
    importing_.add_argument("file", metavar="FILE", help="CSV with a header line; - is stdin")
    importing_.add_argument(
        "--device", metavar="D", type=cli.device_id, required=True, help="the house"
    )
    importing_.add_argument(
        "--meter", metavar="NAME", help="what the file calls it, if it holds several meters"
    )
    importing_.set_defaults(run=_import)
    lag = commands.add_parser(
        "lag", help="say how much later the inverter reports the grid", epilog=_LAG_HELP
    )
    lag.add_argument("device", metavar="D", type=cli.device_id, help="the house")
    lag.add_argument("lag_s", metavar="SECONDS", type=_lag, help="as /v1/referee proposes it")
    lag.set_defaults(run=_change_lag)
    return parser.parse_args(argv)


class Complaints:
    """Names the first bad lines on stderr, and counts them all."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, number: int, why: str) -> None:
        """Name one more."""
        self.count += 1
        if self.count <= _MOST_NAMED:
            print(f"line {number}: {why}", file=sys.stderr)
        elif self.count == _MOST_NAMED + 1:
            print("further ones are only counted", file=sys.stderr)


def _lag(text: str) -> float:
    try:
        lag_s = float(text)
    except ValueError:
        lag_s = math.nan
    if not abs(lag_s) <= MOST_LAG_S:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a number of seconds from -{MOST_LAG_S:g} to {MOST_LAG_S:g}, like 2.5"
        )
    return lag_s


def _change_lag(arguments: argparse.Namespace, env: Mapping[str, str]) -> None:
    with (
        migrations.connect(settings.database_url(env)) as found,
        found as connection,
        connection.cursor() as cursor,
    ):
        migrations.refuse_not_current(cursor)
        known = deletions.devices(cursor)
        if arguments.device not in known:
            there = ", ".join(known) or "none"
            raise Refused(f"nothing is stored for {arguments.device}; devices: {there}")
        change_lag(cursor, arguments.device, arguments.lag_s)
    print(f"{arguments.device}: {arguments.lag_s:g} s; its house was computed again")


def _import(arguments: argparse.Namespace, env: Mapping[str, str]) -> None:
    complain = Complaints()
    with _opened(arguments.file) as file, migrations.connect(settings.database_url(env)) as found:
        with found, found.cursor() as cursor:
            migrations.refuse_not_current(cursor)
        table = _table(file, arguments.file)
        if table.unknown:
            print(f"columns left out: {', '.join(table.unknown)}", file=sys.stderr)
        lines = importing.Lines(file, table, arguments.meter, complain)
        told, done = 0, None
        for done in importing.store(found, arguments.device, lines, complain):
            read = done.inserted + done.duplicates + done.conflicts
            if read >= told + _EVERY:
                told = read
                print(f"{arguments.device}: up to {done.day}, {read} readings so far", flush=True)
    _tell(arguments.device, done, lines.bad)
    if complain.count:
        raise Refused(f"{complain.count} lines were not imported")


def _tell(device_id: str, done: importing.Progress | None, bad: int) -> None:
    inserted, duplicates, conflicts = done[1:] if done else (0, 0, 0)
    print(
        f"{device_id}: {inserted} readings stored, {duplicates} were there already or forgotten, "
        f"{conflicts} in conflict with what is there, {bad} lines are not readings"
    )


def _table(file: TextIO, name: str) -> Table:
    try:
        return Table(file.readline(8192))
    except (NotThatTable, BadLine) as error:
        raise Refused(f"{name} cannot be imported: {error}") from error


@contextmanager
def _opened(name: str) -> Iterator[TextIO]:
    # What is not UTF-8 makes its own line a bad one, and stops nothing.
    try:
        descriptor = os.dup(0) if name == "-" else os.open(name, os.O_RDONLY)
        file = os.fdopen(descriptor, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise Refused(f"{name} cannot be read: {error.strerror or error}") from error
    with file:
        yield file


def main(argv: list[str]) -> int:
    """Run the command; return its exit status: 0, 1 with the reason, 78 for a bad setting."""
    arguments = _arguments(argv)
    return cli.run(lambda env: arguments.run(arguments, env))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
