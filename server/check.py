"""``python -m server.check``: check that the server would start on its settings, as they are now.

A reload runs it first, since new workers that refuse to start would end those that run.
"""

import argparse
import sys
from collections.abc import Mapping

from edge_lib.shared.command_names import server_command
from server import cli
from server.app import make_app

COMMAND = server_command("check")


def _run(env: Mapping[str, str]) -> None:
    make_app(env)
    print("the server would start")


def main(argv: list[str]) -> int:
    """Run the command; return its exit status: 0, 1 with the reason, 78 for a bad setting."""
    argparse.ArgumentParser(prog=COMMAND, description="Would the server start?").parse_args(argv)
    return cli.run(_run)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
