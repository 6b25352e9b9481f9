"""``python -m server.site set DEVICE --name N``: what only the owner of a house knows of it."""

import argparse
import sys
import unicodedata
from collections.abc import Mapping

from edge_lib.shared.command_names import server_command
from server import cli, settings
from server.auth import known_tokens
from server.cli import Refused
from server.database import deletions, migrations

COMMAND = server_command("site")
LONGEST_NAME = 64
_SET = (
    "INSERT INTO sungrow_devices (device_id, {column}) VALUES (%s, %s)"
    " ON CONFLICT (device_id) DO UPDATE SET {column} = excluded.{column}"
)


def _name(text: str) -> str | None:
    """Return a name as it is shown; None: the device's own."""
    name = " ".join(text.split())
    if len(name) > LONGEST_NAME or any(unicodedata.category(sign)[0] == "C" for sign in name):
        raise argparse.ArgumentTypeError(
            f"a name has at most {LONGEST_NAME} characters that can be shown; "
            "an empty one gives the device its own back"
        )
    return name or None


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=COMMAND, description="What only the owner of a house knows of it."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    setting = commands.add_parser("set", help="change what is known of a house")
    setting.add_argument("device", metavar="DEVICE", type=cli.device_id, help="the house")
    setting.add_argument(
        "--name", type=_name, default=argparse.SUPPRESS, help="what the page calls it"
    )
    arguments = parser.parse_args(argv)
    if not _given(arguments):
        setting.error("nothing to set; see --help")
    return arguments


def _given(arguments: argparse.Namespace) -> dict[str, str | None]:
    """Return the columns that were asked for, with their values."""
    return {name: value for name, value in vars(arguments).items() if name in ("name",)}


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
        for column, value in _given(arguments).items():
            cursor.execute(_SET.format(column=column), (arguments.device, value))
            print(f"{arguments.device}: {column} {value or 'as the device'}")


def main(argv: list[str]) -> int:
    """Run the command; return its exit status: 0, 1 with the reason, 78 for a bad setting."""
    arguments = _arguments(argv)
    return cli.run(lambda env: _run(arguments, env))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
