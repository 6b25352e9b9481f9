"""``python -m server.rebuild``: compute the rollups again from the readings, or in another zone."""

import argparse
import sys
from collections.abc import Iterator, Mapping
from datetime import date, datetime

from psycopg2.extensions import connection as Connection  # noqa: N812  types, not functions
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from edge_lib.shared.command_names import server_command
from edge_lib.shared.env import text
from server import cli, settings
from server.cli import Refused
from server.database import migrations, nights, rollups, zone_names, zones
from server.database.connection import one_row

COMMAND = server_command("rebuild")
_PROGRESS_SAMPLES = 1_000_000
_HELP = """
A week of a device is computed in one transaction, in which nobody else stores samples of that
device; an interrupted run is complete up to there, and can be repeated. Rollups that count more
samples than there are (old ones were dropped to save room) are kept, and named. If SITE_TIMEZONE is
set and differs from the zone of the stored days, the days of all devices without a zone of their
own are computed in that zone instead, in one transaction."""


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=COMMAND, description="Compute rollups again.", epilog=_HELP
    )
    parser.add_argument("--device", metavar="D", help="only of this device")
    cli.add_range(parser, "; local days are taken whole")
    parser.add_argument(
        "--timezone",
        metavar="ZONE",
        type=_zone,
        help="give the device a zone of its own, or 'site': that of the site",
    )
    parser.add_argument(
        "--shrink",
        action="store_true",
        help="let rollups whose samples are gone count what is left, and delete those without any",
    )
    arguments = parser.parse_args(argv)
    cli.refuse_empty_range(parser, arguments)
    if arguments.timezone and (not arguments.device or arguments.first or arguments.end):
        parser.error("--timezone needs --device, and is for all its days: without --from, --to")
    return arguments


def _zone(name: str) -> str:
    if name == "site":
        return name
    if problem := zone_names.problem(name):
        raise argparse.ArgumentTypeError(
            f"{name!r} {problem}; give a name like {zone_names.instead(name)}, or 'site'"
        )
    return name


def _run(arguments: argparse.Namespace, env: Mapping[str, str]) -> None:
    zone = settings.site_timezone(env) if text(env, "SITE_TIMEZONE", "") else None
    with migrations.connect(settings.database_url(env)) as connection:
        devices, kept_zone = _known(connection)
        if arguments.device not in (None, *devices):
            known = ", ".join(devices) or "none"
            raise Refused(f"nothing is stored for {arguments.device}; devices: {known}")
        if arguments.timezone:
            _change_device(connection, arguments)
        elif zone not in (None, kept_zone):
            _change_site(connection, arguments, kept_zone, zone)
        else:
            for device_id in [arguments.device] if arguments.device else devices:
                _rebuild(connection, device_id, arguments)


def _known(connection: Connection) -> tuple[list[str], str]:
    """Return all devices, and the zone of the site.

    Raises:
        SchemaError: the database is not current.
    """
    with connection, connection.cursor() as cursor:
        migrations.refuse_not_current(cursor)
        cursor.execute("SELECT array(SELECT sungrow_known_devices()), timezone FROM sungrow_site")
        devices, timezone = one_row(cursor)
    return devices, timezone


def _change_device(connection: Connection, arguments: argparse.Namespace) -> None:
    zone = None if arguments.timezone == "site" else arguments.timezone
    with connection, connection.cursor() as cursor:
        count = zones.change_device(cursor, arguments.device, zone, arguments.shrink)
    print(f"{arguments.device}: {arguments.timezone}, {count} days")


def _change_site(
    connection: Connection, arguments: argparse.Namespace, kept: str, zone: str
) -> None:
    if arguments.device or arguments.first or arguments.end:
        raise Refused(
            f"SITE_TIMEZONE is {zone}, the stored days are in {kept}: a zone changes for all "
            "devices and all time at once, so leave out --device, --from and --to, or set "
            f"SITE_TIMEZONE={kept}"
        )
    with connection, connection.cursor() as cursor:
        counts = zones.change_site(cursor, zone, arguments.shrink)
    print(f"site: {kept} -> {zone}")
    for device_id, count in counts.items():
        print(f"{device_id}: {count} days")


def _rebuild(connection: Connection, device_id: str, arguments: argparse.Namespace) -> None:
    for kind, what in ((rollups.SAMPLE, "samples"), (rollups.P1, "P1 readings")):
        readings, told, kept = 0, 0, []
        for days, done in _weeks(connection, kind, device_id, arguments):
            readings += done.readings
            kept += done.kept
            if readings >= told + _PROGRESS_SAMPLES:
                told = readings
                print(f"{device_id}: up to {days.last_day}, {readings} {what} so far", flush=True)
        if readings or kept or kind is rollups.SAMPLE:
            print(f"{device_id}: {readings} {what}")
        if kept:
            _name_kept(device_id, kept)


def _weeks(
    connection: Connection, kind: rollups.Kind, device_id: str, arguments: argparse.Namespace
) -> Iterator[tuple[rollups.Days, rollups.Rebuilt]]:
    first = arguments.first or rollups.FOREVER[0]
    last = arguments.end + kind.reaches if arguments.end else rollups.FOREVER[1]
    while True:
        with connection, connection.cursor() as cursor:
            nights.wait(cursor, device_id)
            rollups.lock(cursor, device_id)
            done = _week(cursor, kind, device_id, (first, last), arguments.shrink)
        if not done:
            return
        yield done
        first = done[0].end


def _week(
    cursor: Cursor,
    kind: rollups.Kind,
    device_id: str,
    span: tuple[datetime | str, datetime | str],
    shrink: bool,
) -> tuple[rollups.Days, rollups.Rebuilt] | None:
    days = rollups.next_days(cursor, kind, device_id, *span)
    if not days:
        return None
    may_shrink = rollups.FOREVER if shrink else rollups.NEVER
    return days, rollups.rebuild_days(cursor, kind, device_id, days, may_shrink)


def _name_kept(device_id: str, kept: list[date]) -> None:
    print(
        f"{device_id}: kept as they were, in whole or in part, because samples that these rollups "
        f"count are gone: {zones.spans(kept)}; with --shrink they follow the samples",
        file=sys.stderr,
    )


def main(argv: list[str]) -> int:
    """Run the command; return its exit status: 0, 1 with the reason, 78 for a bad setting."""
    arguments = _arguments(argv)
    return cli.run(lambda env: _run(arguments, env))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
