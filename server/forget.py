"""``python -m server.forget DEVICE [--from T] [--to T]``: delete samples permanently.

The range is remembered: a sample of it that an edge still has in its spool is acknowledged and not
stored. Prints first what would be deleted, and wants ``--yes``, or the device's name typed.
"""

import argparse
import sys
from collections.abc import Mapping

from psycopg2.extensions import connection as Connection  # noqa: N812  a type, not a function

from edge_lib.shared.command_names import server_command
from edge_lib.shared.timestamps import format_ts
from server import cache, cli, settings
from server.cli import Refused
from server.database import aggregates, deletions, migrations
from server.database.pool import Database

COMMAND = server_command("forget")
_HELP = """
Deletes what was measured from --from on and before --to: samples, readings of the grid meter (P1),
parked readings (by the time of receipt if their own is unknown), gaps and alerts inside that range,
with their messages; rollups follow in the same transaction, what was computed of them in the next
night. Facts of the device, what was set of it (server.site, server.battery) and the edge's counts
of its polls stay.
Without --from the range begins before all samples. It ends now at the latest: what arrives later
is stored as usual.
Nothing is deleted without --yes, or the device's name typed at a terminal."""


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=COMMAND, description="Delete samples permanently.", epilog=_HELP
    )
    parser.add_argument("device", metavar="DEVICE", type=cli.device_id, help="whose samples")
    cli.add_range(parser)
    sure = parser.add_mutually_exclusive_group()
    sure.add_argument("--yes", action="store_true", help="delete without asking")
    sure.add_argument(
        "--dry-run", action="store_true", help="print what would be deleted, delete nothing"
    )
    arguments = parser.parse_args(argv)
    cli.refuse_empty_range(parser, arguments)
    return arguments


def _run(arguments: argparse.Namespace, env: Mapping[str, str]) -> None:
    options = settings.read(env)
    newest = cache.configured(options, Database(options.database_url))
    with migrations.connect(options.database_url) as connection:
        would_go = _preview(connection, arguments)
        if would_go is not None and not _is_wanted(arguments, would_go):
            return
        with newest.forgetting(arguments.device):
            deleted = _forget(connection, arguments)
        if deleted is None:
            print(f"nothing to forget: {arguments.device} has nothing from then on")
            return
        print(f"forgot {_told(arguments.device, deleted)}")
        for delay in aggregates.refresh(connection, *deleted.range):
            print(delay, file=sys.stderr)
    if newest.state() == "down":
        seconds = options.cache_ttl_s
        print(
            f"Redis is unavailable: the deleted newest sample may be shown for {seconds} s more",
            file=sys.stderr,
        )


def _told(device: str, range_: deletions.Deleted) -> str:
    first, end = map(format_ts, range_.range)
    alerts = f", {range_.alerts} alerts" if range_.alerts else ""
    of_p1 = f" and {range_.p1} P1 readings" if range_.p1 else ""
    return (
        f"{range_.samples} samples{of_p1} of {device} from {first} to {end}, "
        f"{range_.parked} parked readings, {range_.gaps} gaps{alerts}"
    )


def _preview(connection: Connection, arguments: argparse.Namespace) -> deletions.Deleted | None:
    with connection, connection.cursor() as cursor:
        cursor.execute("SET LOCAL TimeZone = 'UTC'")
        migrations.refuse_not_current(cursor)
        known = deletions.devices(cursor)
        if arguments.device not in known:
            names = ", ".join(known) or "none yet"
            raise Refused(f"nothing is known of {arguments.device}; the known devices are: {names}")
        return deletions.preview(cursor, arguments.device, arguments.first, arguments.end)


def _is_wanted(arguments: argparse.Namespace, would_go: deletions.Deleted) -> bool:
    """Return whether to delete: after ``--yes``, or after the name of the device was typed.

    Raises:
        Refused: nobody is at a terminal, or another name was typed.
    """
    if arguments.yes:
        return True
    told = f"would delete permanently {_told(arguments.device, would_go)}"
    if arguments.dry_run:
        print(told)
        return False
    if not sys.stdin.isatty():
        raise Refused(f"{told}; nothing is deleted without --yes")
    print(told, flush=True)
    print(f"To delete it, type {arguments.device}: ", end="", flush=True)
    if sys.stdin.readline().strip() != arguments.device:
        raise Refused("nothing was deleted")
    return True


def _forget(connection: Connection, arguments: argparse.Namespace) -> deletions.Deleted | None:
    with connection, connection.cursor() as cursor:
        cursor.execute("SET LOCAL TimeZone = 'UTC'")
        return deletions.forget(cursor, arguments.device, arguments.first, arguments.end)


def main(argv: list[str]) -> int:
    """Run the command; return its exit status: 0, 1 with the reason, 78 for a bad setting."""
    arguments = _arguments(argv)
    return cli.run(lambda env: _run(arguments, env))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
