"""Apply the files of sql/ that the database lacks: ``python -m server.migrate``."""

import argparse
import sys
from collections.abc import Mapping

from server import cli, settings
from server.database import migrations
from server.database.to_timescaledb import to_timescaledb


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=migrations.COMMAND, description=__doc__.partition(":")[0] + "."
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help="only compare, change nothing")
    what.add_argument(
        "--record",
        metavar="FILE",
        help="note a file that was applied by hand with psql -1 -f: the number of the next one, or "
        "the name of one of sql/functions",
    )
    what.add_argument(
        "--to-timescaledb",
        action="store_true",
        help="turn a filled database into the richest edition that its server has, then apply "
        "what is missing; needs room for a second copy of the samples",
    )
    return parser.parse_args(argv)


def _run(arguments: argparse.Namespace, env: Mapping[str, str]) -> None:
    url, site_timezone = settings.database_url(env), settings.site_timezone(env)
    if arguments.record is not None:
        print(f"noted {migrations.record(url, arguments.record)}")
    elif arguments.check:
        with migrations.connect(url) as connection, connection, connection.cursor() as cursor:
            found = migrations.problems(cursor)
            if found:
                raise migrations.SchemaError("; ".join(found))
            migrations.refuse_other_timezone(cursor, site_timezone)
        print("current")
    else:
        done = False
        if arguments.to_timescaledb:
            for line in to_timescaledb(url):
                print(line)
                done = True
        for line in migrations.migrate(url, site_timezone):
            print(line)
            done = True
        if not done:
            print("current")


def main(argv: list[str]) -> int:
    """Run the command; return its exit status: 0, 1 with the reason, 78 for a bad setting."""
    arguments = _arguments(argv)
    return cli.run(lambda env: _run(arguments, env))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
