"""``python -m server.doctor [--json] [--url https://...]``: what is wrong, and what to do about it.

Prints a line a check. Changes nothing, and ends within a minute, whatever hangs.
"""

import argparse
import json
import logging
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from edge_lib.shared import findings, jsonlog
from edge_lib.shared.command_names import server_command
from edge_lib.shared.env import EXIT_CONFIG, ConfigError, environment
from edge_lib.shared.findings import FAILED, Finding, Group
from server import settings as settings_module
from server.database.pool import DatabaseAway
from server.doctor import backup, database, front, machine

COMMAND = server_command("doctor")
PATIENCE_S = 60.0


def checked(groups: Iterable[Group], patience_s: float = PATIENCE_S) -> list[Finding]:
    """Make the checks of all groups; one that hangs or crashes is a finding as well."""
    return findings.run(groups, _made, patience_s, time.monotonic)


def _made(group: Group) -> Iterator[Finding]:
    try:
        yield from group.checks()
    except DatabaseAway as error:
        yield Finding(group.name, FAILED, str(error))


def _groups(env: Mapping[str, str], url: SplitResult | None, ca: Path | None) -> list[Group]:
    groups = [
        Group("settings", lambda: machine.settings(env)),
        Group("secrets", lambda: machine.secrets(env, settings_module.DOTENV)),
        Group("tokens", lambda: machine.device_tokens(env)),
        Group("database", lambda: database.all_of(env)),
        Group("redis", lambda: machine.redis(env)),
    ]
    if backup.are_set_up():
        groups.append(Group("backup", lambda: backup.all_of(datetime.now(UTC))))
    if url:
        groups.append(Group("tls", lambda: front.all_of(url, ca)))
    return groups


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=COMMAND, description="Check the server, from its settings to the proxy in front of it."
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--url", type=_url, help="the server's address, as the edge knows it")
    parser.add_argument("--ca", type=Path, metavar="FILE", help="PEM file of a private CA")
    parser.add_argument("--status", type=Path, metavar="FILE", help="write what came of it there")
    return parser.parse_args(argv)


def _url(text: str) -> SplitResult:
    try:
        url = urlsplit(text)
        usable = url.scheme == "https" and bool(url.hostname) and url.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise argparse.ArgumentTypeError("not like https://solar.example.org")
    return url


def main(argv: list[str]) -> int:
    """Run the command; return its exit status: 0, 1 where a check failed, 78 for a bad file."""
    arguments = _arguments(argv)
    logging.basicConfig(level=logging.CRITICAL)  # the findings say what is logged, too
    try:
        env = environment(settings_module.DOTENV)
    except ConfigError as error:
        print(f"{jsonlog.priority(logging.CRITICAL)}{error}", file=sys.stderr)
        return EXIT_CONFIG
    found = checked(_groups(env, arguments.url, arguments.ca))
    status = findings.report(found, arguments.json)
    if arguments.status:
        _note(arguments.status, found, env)
    return status


def _note(file: Path, found: list[Finding], env: Mapping[str, str]) -> None:
    """Write for the alerts, which see neither the journal nor the disk, what came of it."""
    failed = [finding.check for finding in found if finding.state == FAILED]
    noted = {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "result": "failed" if failed else "ok",
        "failed": failed,
        "disk": database.free(env),
    }
    new = file.with_name(f"{file.name}.new")
    try:
        new.write_text(json.dumps(noted))
        new.chmod(0o644)
        new.replace(file)
    except OSError as error:
        print(f"{file} cannot be written: {error}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
