"""``python -m server.site set DEVICE ...``, ``show``: what only its owner knows of a house."""

import argparse
import math
import sys
from collections.abc import Mapping

from psycopg2.extensions import cursor as Cursor  # noqa: N812  a type, not a function

from edge_lib.shared.command_names import server_command
from server import cli, settings, site_options
from server.alerts.sun import Place, place_of
from server.auth import known_tokens
from server.cli import Refused
from server.database import deletions, migrations, sites
from server.database.sites import STRINGS
from server.plane import Plane
from server.site_options import NONE, SITE

COMMAND = server_command("site")
_NEAR_KM, _FAR_KM = 2_000, 3_000  # of a zone's town: where its houses are, and where none is
_EARTH_KM = 6_371
_SET_NAME = (
    "INSERT INTO sungrow_devices (device_id, name) VALUES (%s, %s)"
    " ON CONFLICT (device_id) DO UPDATE SET name = excluded.name"
)
_READ_STRINGS = (
    "SELECT DISTINCT string FROM sungrow_strings_5min WHERE device_id = %(device_id)s AND bucket >="
    " (SELECT max(bucket) - interval '7 days' FROM sungrow_strings_5min"
    "   WHERE device_id = %(device_id)s) ORDER BY 1"
)
_HELP = f"""
"{NONE}" takes latitude, longitude or export limit back. What is set counts from the next night on,
or at once by {server_command("nightly")} --device DEVICE --job roof."""


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=COMMAND, description="What only the owner of a house knows of it."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    setting = commands.add_parser("set", help="change what is known of a house", epilog=_HELP)
    setting.add_argument("device", metavar="DEVICE", type=cli.device_id, help="the house")
    setting.add_argument(
        "--name", type=site_options.name, default=argparse.SUPPRESS, help="what the page calls it"
    )
    for name, (placeholder, read, about) in SITE.items():
        option = f"--{name.replace('_', '-')}"
        setting.add_argument(
            option, metavar=placeholder, type=read, default=argparse.SUPPRESS, help=about
        )
    setting.add_argument(
        "--string",
        action="append",
        metavar="N:TILT,AZIMUTH[,KWP[,NAME]]",
        type=site_options.plane,
        default=[],
        help=f"how the panels of a string are mounted: {site_options.PLANE}; again for each string",
    )
    setting.add_argument(
        "--no-string",
        action="append",
        metavar="N",
        type=site_options.string,
        default=[],
        help="take it back",
    )
    showing = commands.add_parser("show", help="print what is set for a house")
    showing.add_argument("device", metavar="DEVICE", type=cli.device_id, help="the house")
    arguments = parser.parse_args(argv)
    if arguments.command == "set":
        _check(setting, arguments)
    return arguments


def _check(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    """End the command where there is nothing to set, or a string is named twice."""
    named = [string for string, _ in arguments.string] + arguments.no_string
    if not named and not {"name", *SITE} & set(vars(arguments)):
        parser.error("nothing to set; see --help")
    for string in named:
        if named.count(string) > 1:
            parser.error(f"string {string} is named twice")


def _run(arguments: argparse.Namespace, env: Mapping[str, str]) -> None:
    with (
        migrations.connect(settings.database_url(env)) as found,
        found as connection,
        connection.cursor() as cursor,
    ):
        migrations.refuse_not_current(cursor)
        with_token = {device for token in known_tokens.known(env) for device in token.devices}
        known = sorted({*deletions.devices(cursor), *with_token})
        if arguments.device not in known:
            there = ", ".join(known) or "none"
            raise Refused(f"nothing is known of {arguments.device}; the known devices are: {there}")
        if arguments.command == "set":
            _set(cursor, arguments)
        else:
            _show(cursor, arguments.device)


def _set(cursor: Cursor, arguments: argparse.Namespace) -> None:
    device, told = arguments.device, vars(arguments)
    given = {name: told[name] for name in SITE if name in told}
    planes: dict[int, Plane | None] = dict(arguments.string) | dict.fromkeys(arguments.no_string)
    if given or planes:
        try:
            site = sites.change(cursor, device, given, planes)
        except ValueError as error:
            raise Refused(f"nothing was set: {error}") from error
        if {"latitude", "longitude"} & given.keys():
            _refuse_swapped(cursor, device, site)
    # Nothing is told to be set before nothing can be refused any more.
    if "name" in told:
        cursor.execute(_SET_NAME, (device, arguments.name))
        print(f"{device}: name {arguments.name or 'as the device'}")
    for name, value in given.items():
        print(f"{device}: {name} {_said(value)}")
    for string, plane in planes.items():
        print(f"{device}: string {string} {_mounted(plane)}")
    _warn_of_unread(cursor, device, [string for string, plane in planes.items() if plane])


def _warn_of_unread(cursor: Cursor, device: str, named: list[int]) -> None:
    """Say which strings were set and are not there: a wrong number, or one still to be wired."""
    reported = _reported(cursor, device)
    those = f"strings that the inverter reports: {_listed(reported)}"
    for string in named:
        if string not in reported:
            print(
                f"{device}: string {string} is none of the {those}; what was set counts once it is"
                f" read (--no-string {string} takes it back)"
            )


def _reported(cursor: Cursor, device: str) -> list[int]:
    """Return the strings of the last seven days with readings."""
    cursor.execute(_READ_STRINGS, {"device_id": device})
    return [string for (string,) in cursor.fetchall()]


def _listed(strings: list[int]) -> str:
    return ", ".join(map(str, strings)) or "none yet"


def _refuse_swapped(cursor: Cursor, device: str, site: sites.Site) -> None:
    """Refuse a place far from where the house's zone is, if the other way round it is near."""
    if site.latitude is None or site.longitude is None:
        return
    cursor.execute("SELECT sungrow_timezone(%s)", (device,))
    (zone,) = cursor.fetchone() or ("UTC",)
    town = place_of(zone)
    if not town or abs(site.longitude) > 90:
        return
    given = _km(Place(site.latitude, site.longitude), town)
    swapped = _km(Place(site.longitude, site.latitude), town)
    if given > _FAR_KM and swapped < _NEAR_KM:
        raise Refused(
            f"nothing was set: {site.latitude:g}, {site.longitude:g} is {given:.0f} km from where"
            f" {zone} is, and {swapped:.0f} km the other way round; latitude (north) and longitude"
            f" (east) look swapped. If they are right, the zone is wrong:"
            f" {server_command('rebuild')} --device {device} --timezone ZONE"
        )


def _km(one: Place, other: Place) -> float:
    """Return the way between two places over the earth (haversine)."""
    north, south = math.radians(one.latitude), math.radians(other.latitude)
    across = math.sin(math.radians(one.longitude - other.longitude) / 2) ** 2
    h = math.sin((north - south) / 2) ** 2 + math.cos(north) * math.cos(south) * across
    return 2 * _EARTH_KM * math.asin(min(1.0, math.sqrt(h)))


def _show(cursor: Cursor, device: str) -> None:
    cursor.execute("SELECT name FROM sungrow_devices WHERE device_id = %s", (device,))
    (name,) = cursor.fetchone() or (None,)
    print(f"{device}: name {name or 'as the device'}")
    site, planes = sites.read(cursor, device)
    for column, value in site._asdict().items():
        print(f"{device}: {column} {_said(value)}")
    for string in STRINGS:
        if string in planes:
            print(f"{device}: string {string} {_mounted(planes[string])}")
    seen = _listed(_reported(cursor, device))
    print(f"{device}: strings that the inverter reports: {seen}")


def _said(value: float | None) -> str:
    return "not set" if value is None else f"{value:.10g}"


def _mounted(plane: Plane | None) -> str:
    if not plane:
        return "not set"
    kwp = "" if plane.kwp is None else f", {plane.kwp:g} kWp"
    called = f", {plane.name}" if plane.name else ""
    return f"tilt {plane.tilt_deg:g}, azimuth {plane.azimuth_deg:g}{kwp}{called}"


def main(argv: list[str]) -> int:
    """Run the command; return its exit status: 0, 1 with the reason, 78 for a bad setting."""
    arguments = _arguments(argv)
    return cli.run(lambda env: _run(arguments, env))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
