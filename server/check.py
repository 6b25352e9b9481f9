"""``python -m server.check``: would the server start on its settings, as they are now?

What a reload asks first: new workers that refuse to start would end those that run.
"""

import argparse
import sys

from edge_lib.shared.command_names import server_command
from edge_lib.shared.env import EXIT_CONFIG, ConfigError, environment
from server import make_app, settings
from server.database import migrations

COMMAND = server_command("check")


def main(argv: list[str]) -> int:
    """Run the command; return its exit status: 0, 1 with the reason, 78 for a bad setting."""
    argparse.ArgumentParser(prog=COMMAND, description="Would the server start?").parse_args(argv)
    try:
        make_app(environment(settings.DOTENV))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return EXIT_CONFIG
    except migrations.SchemaError as error:
        print(error, file=sys.stderr)
        return 1
    print("the server would start")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
