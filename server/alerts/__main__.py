"""``python -m server.alerts run|list|test|silence|replay``: what is wrong, told to the owner."""

import argparse
import sys
from collections.abc import Callable, Mapping

from edge_lib.shared import jsonlog
from edge_lib.shared.command_names import server_command
from edge_lib.shared.env import EXIT_CONFIG, ConfigError, environment
from server import cli
from server import settings as server_settings
from server.alerts import commands, names, replay, run, settings
from server.alerts.settings import Settings

COMMAND = server_command("alerts")


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=COMMAND, description="Alerts: what is wrong, told to the owner."
    )
    kinds = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    kinds.add_parser("run", help="evaluate the rules, send what is due; once a minute by a timer")
    kinds.add_parser("list", help="what is open and silenced, and how the channels are")
    kinds.add_parser("test", help="send a test through every channel")
    silence = kinds.add_parser("silence", help="no messages for a while; always with an end")
    silence.add_argument("device", nargs="?", metavar="DEVICE", type=cli.device_id)
    silence.add_argument("duration", nargs="?", type=commands.duration, help="30m, 2h, 3d")
    silence.add_argument("--all", action="store_true", help="all houses, and the server")
    silence.add_argument("--rule", choices=names.RULES, metavar="R", help="this rule alone")
    silence.add_argument("--why", help="shown on the page")
    silence.add_argument("--end", type=int, metavar="ID", help="end a silence now")
    past = kinds.add_parser("replay", help="the messages that a past would have made")
    cli.add_range(past)
    past.add_argument("--device", type=cli.device_id, help="this house alone")
    past.add_argument(
        "--at-once", action="store_true", help="as if each reading had arrived at once"
    )
    arguments = parser.parse_args(argv)
    if arguments.command == "replay":
        cli.refuse_empty_range(past, arguments)
    if arguments.command == "silence":
        _check_silence(silence, arguments)
    return arguments


def _check_silence(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    if arguments.end is not None:
        return
    if arguments.all and arguments.device and not arguments.duration:
        # With --all the only word is the time.
        try:
            arguments.duration = commands.duration(arguments.device)
        except argparse.ArgumentTypeError as error:
            parser.error(str(error))
        arguments.device = None
    if arguments.all == bool(arguments.device) or not arguments.duration or not arguments.why:
        parser.error("like: silence DEVICE 2h --why 'new roof', or --all 2h --why ..., or --end ID")


def main(argv: list[str]) -> int:
    """Run the command; return its exit status: 0, 1 with the reason, 78 for a bad setting."""
    arguments = _arguments(argv)
    if arguments.command == "run":
        return _run()
    if arguments.command == "replay":
        return cli.run(lambda env: replay.command(settings.read(env), arguments))
    made: dict[str, Callable[[Settings], None]] = {
        "list": commands.show,
        "test": commands.test,
        "silence": lambda known: commands.silence(known, arguments),
    }

    def command(env: Mapping[str, str]) -> None:
        made[arguments.command](settings.read(env))

    return cli.run(command)


def _run() -> int:
    try:
        known = settings.read(environment(server_settings.DOTENV))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return EXIT_CONFIG
    jsonlog.start(known.log_level)
    return run.once(known)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
