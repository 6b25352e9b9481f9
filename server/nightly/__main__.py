"""``python -m server.nightly``: compute what rests on a house's whole history; every night."""

import argparse
import sys
from collections.abc import Mapping

from edge_lib.shared.command_names import server_command
from server import cli, settings
from server.cli import Refused
from server.nightly import runner
from server.nightly.days import Span
from server.nightly.jobs import NAMES
from server.nightly.runner import Wanted

COMMAND = server_command("nightly")
_HELP = """
Each job takes account of the local days that changed since it last ran, and takes up where it
stopped; of one device in one transaction. With --from or --to it takes all days of that time, and
no others. A job that fails is named, and the others run; the command then exits with 1."""


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=COMMAND, description="Compute what rests on the whole history.", epilog=_HELP
    )
    parser.add_argument("--device", metavar="D", type=cli.device_id, help="only of this device")
    cli.add_range(parser, "; local days are taken whole")
    parser.add_argument(
        "--job", metavar="NAME", choices=NAMES, help=f"only this one of: {', '.join(NAMES)}"
    )
    arguments = parser.parse_args(argv)
    cli.refuse_empty_range(parser, arguments)
    return arguments


def _run(arguments: argparse.Namespace, env: Mapping[str, str]) -> None:
    url = settings.database_url(env)
    known = runner.known(url)
    if arguments.device not in (None, *known):
        there = ", ".join(known) or "none"
        raise Refused(f"nothing is stored for {arguments.device}; devices: {there}")
    wanted = Wanted(
        (arguments.job,) if arguments.job else NAMES,
        (arguments.device,) if arguments.device else tuple(known),
        Span(arguments.first, arguments.end),
    )
    if failed := runner.run(url, wanted):
        raise Refused(f"{len(failed)} of the jobs failed: {', '.join(failed)}; see above")


def main(argv: list[str]) -> int:
    """Run the command; return its exit status: 0, 1 with the reason, 78 for a bad setting."""
    arguments = _arguments(argv)
    return cli.run(lambda env: _run(arguments, env))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
