"""``python -m server.grafana``: what shows the database in Grafana."""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from edge_lib.shared.command_names import server_command
from server import cli, settings
from server.cli import Refused
from server.grafana import provision

COMMAND = server_command("grafana")
_PARTS = {
    "role": "the SQL of the read-only role, for psql",
    "datasource": "the data source, for Grafana's provisioning/datasources/",
    "folder": "the folder of dashboards, for Grafana's provisioning/dashboards/",
    "write": "make dashboards and alert rules again, for those who change them",
}


def _arguments(argv: list[str]) -> argparse.Namespace:
    about = "What shows the database in Grafana; everything, unless a part is named."
    text = "\n".join(f"  {part:<12}{what}" for part, what in _PARTS.items())
    parser = argparse.ArgumentParser(
        prog=COMMAND,
        description=f"{about}\n\n{text}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("part", nargs="?", choices=_PARTS, metavar="PART")
    parser.add_argument(
        "--database-host", metavar="HOST", help="the database as Grafana sees it, if elsewhere"
    )
    parser.add_argument("--path", type=Path, help="the folder as Grafana sees it, if elsewhere")
    return parser.parse_args(argv)


def _run(arguments: argparse.Namespace, env: Mapping[str, str]) -> None:
    if arguments.part == "role":
        sys.stdout.write(provision.role())
        return
    if arguments.part == "folder":
        sys.stdout.write(provision.folder(arguments.path or provision.place(provision.DASHBOARDS)))
        return
    if arguments.part == "write":
        _write()
        return
    known = provision.source(settings.database_url(env), arguments.database_host)
    part = provision.datasource if arguments.part == "datasource" else provision.everything
    sys.stdout.write(part(known))


def _write() -> None:
    try:
        provision.DASHBOARDS.mkdir(exist_ok=True)
        for path, text in provision.files().items():
            path.write_text(text, encoding="utf-8")
            print(path)
    except OSError as error:
        raise Refused(f"cannot write: {error}") from error


def main(argv: list[str]) -> int:
    """Run the command; return its exit status: 0, 1 with the reason, 78 for a bad setting."""
    arguments = _arguments(argv)
    return cli.run(lambda env: _run(arguments, env))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
