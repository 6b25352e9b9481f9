"""How the commands of the server read their arguments, and how they end."""

import argparse
import logging
import sys
from collections.abc import Callable, Mapping
from datetime import datetime

import psycopg2

from edge_lib.shared.env import EXIT_CONFIG, ConfigError, environment
from edge_lib.shared.fields import is_device_id
from edge_lib.shared.jsonlog import priority
from edge_lib.shared.timestamps import parse_ts
from server import settings
from server.database.connection import in_one_line
from server.database.migrations import SchemaError
from server.database.pool import DatabaseAway
from server.database.zones import Uncut


class Refused(Exception):
    """The command changes nothing; the text says why, and what to do instead."""


def run(command: Callable[[Mapping[str, str]], None]) -> int:
    """Run what a command does with the settings; return its exit status.

    Returns:
        0; 1 where it was refused or failed, 78 for a bad setting, with the reason on stderr.
    """
    logging.basicConfig(format="%(message)s")
    try:
        command(environment(settings.DOTENV))
    except ConfigError as error:
        print(f"{priority(logging.ERROR)}{error}", file=sys.stderr)
        return EXIT_CONFIG
    except (Refused, SchemaError, Uncut, DatabaseAway, psycopg2.Error) as error:
        print(f"{priority(logging.ERROR)}{in_one_line(error)}", file=sys.stderr)
        return 1
    return 0


def add_range(parser: argparse.ArgumentParser, example: str = "") -> None:
    """Add ``--from`` and ``--to`` to a command, as ``first`` and ``end``."""
    time = f"RFC 3339, like 2026-11-23T12:00:00Z{example}"
    parser.add_argument("--from", dest="first", metavar="T", type=moment, help=time)
    parser.add_argument("--to", dest="end", metavar="T", type=moment, help="the same")


def refuse_empty_range(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    """End the command where ``--to`` is not after ``--from``."""
    if arguments.first and arguments.end and arguments.first >= arguments.end:
        parser.error("--to must be after --from")


def moment(text: str) -> datetime:
    """Return a time on the command line, in UTC."""
    try:
        return parse_ts(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def device_id(text: str) -> str:
    """Return a device's name on the command line."""
    if not is_device_id(text):
        raise argparse.ArgumentTypeError("a device_id has 1 to 64 of A-Za-z0-9._-")
    return text
