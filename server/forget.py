"""``python -m server.forget DEVICE [--from T] [--to T]``: deletes samples for good.

The range is remembered: a sample of it that an edge still has in its spool is acknowledged and not
stored. Asks nothing.
"""

import argparse
import logging
import sys
from datetime import datetime

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812  a type, not a function

from edge_lib.called import server_command
from edge_lib.env import EXIT_CONFIG, ConfigError, environment
from edge_lib.sample import format_ts, is_device_id, parse_ts
from server import aggregates, cache, forgotten, schema, settings

COMMAND = server_command("forget")
_HELP = """
Deletes what was measured from --from on and before --to: samples, readings that were parked (where
the time of one is not known, that of its receipt counts), and gaps that lie inside; rollups follow
in the same transaction. Facts of the device and the edge's counts of its polls stay. Without --from
it begins with the first sample. It ends now at the latest: what comes later is stored as ever."""


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=COMMAND, description="Deletes samples for good.", epilog=_HELP
    )
    parser.add_argument("device", metavar="DEVICE", type=_device_id, help="whose")
    example = "RFC 3339, like 2026-11-23T12:00:00Z"
    parser.add_argument("--from", dest="first", metavar="T", type=_time, help=example)
    parser.add_argument("--to", dest="end", metavar="T", type=_time, help=example)
    arguments = parser.parse_args(argv)
    if arguments.first and arguments.end and arguments.first >= arguments.end:
        parser.error("--to must lie after --from")
    return arguments


def _device_id(text: str) -> str:
    if not is_device_id(text):
        raise argparse.ArgumentTypeError("a device_id has 1 to 64 of A-Za-z0-9._-")
    return text


def _time(text: str) -> datetime:
    try:
        return parse_ts(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _run(arguments: argparse.Namespace, options: settings.Settings) -> None:
    newest = cache.configured(options)
    with schema.connect(options.database_url) as connection:
        with newest.forgetting(arguments.device):
            deleted = _forget(connection, arguments)
        if deleted is None:
            print(f"nothing to forget: {arguments.device} has nothing from then on")
            return
        first, end = map(format_ts, deleted.range)
        print(
            f"forgot {deleted.samples} samples of {arguments.device} from {first} to {end}, "
            f"{deleted.parked} parked readings, {deleted.gaps} gaps"
        )
        for delay in aggregates.refresh(connection, *deleted.range):
            print(delay, file=sys.stderr)
    if newest.state() == "down":
        seconds = options.cache_ttl_s
        print(f"Redis is away: a newest sample may show for {seconds} s more", file=sys.stderr)


def _forget(connection: Connection, arguments: argparse.Namespace) -> forgotten.Deleted | None:
    with connection, connection.cursor() as cursor:
        cursor.execute("SET LOCAL TimeZone = 'UTC'")
        found = schema.problems(cursor)
        if found:
            raise schema.SchemaError("the database is not current: " + "; ".join(found))
        return forgotten.forget(cursor, arguments.device, arguments.first, arguments.end)


def main(argv: list[str]) -> int:
    """Run the command; give its exit status: 0, 1 with the reason, 78 for a bad setting."""
    arguments = _arguments(argv)
    logging.basicConfig(format="%(message)s")
    try:
        _run(arguments, settings.read(environment(settings.DOTENV)))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return EXIT_CONFIG
    except (schema.SchemaError, psycopg2.Error) as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
