"""``python -m server.doctor [--json] [--url https://...]``: what is wrong, and what to do about it.

One line a check. Changes nothing, and ends in bounded time, whatever hangs.
"""

import argparse
import json
import logging
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from edge_lib.shared import jsonlog
from edge_lib.shared.command_names import server_command
from edge_lib.shared.env import EXIT_CONFIG, ConfigError, environment
from server import settings as settings_module
from server.database.pool import DatabaseAway
from server.doctor import database, front, machine
from server.doctor.machine import FAILED, OK, WARNING, Finding

COMMAND = server_command("doctor")
PATIENCE_S = 60.0  # of each group of checks, whose steps have time limits of their own
_BY_WEIGHT = (OK, WARNING, FAILED)


class Group(NamedTuple):
    """Checks that are made one after the other, in a thread of their own."""

    name: str
    look: Callable[[], Iterable[Finding]]


def findings(groups: Iterable[Group], patience_s: float = PATIENCE_S) -> list[Finding]:
    """Make all checks; what hangs or breaks is a finding as well."""
    found: list[Finding] = []
    for group in groups:
        seen: list[Finding] = []
        thread = threading.Thread(target=_look, args=(group, seen), daemon=True)
        thread.start()
        thread.join(patience_s)
        if thread.is_alive():
            text = f"no answer within {patience_s:.0f} s; what it asks hangs"
            seen = [*seen, Finding(group.name, FAILED, text)]
        found += seen or [Finding(group.name, FAILED, "this check itself broke: see above")]
    return found


def _look(group: Group, seen: list[Finding]) -> None:
    try:
        for finding in group.look():
            seen.append(finding)
    except DatabaseAway as error:
        seen.append(Finding(group.name, FAILED, " ".join(str(error).split())))


def _groups(env: Mapping[str, str], url: SplitResult | None, ca: Path | None) -> list[Group]:
    groups = [
        Group("settings", lambda: machine.settings(env)),
        Group("secrets", lambda: machine.secrets(env, settings_module.DOTENV)),
        Group("tokens", lambda: machine.device_tokens(env)),
        Group("database", lambda: database.all_of(env)),
        Group("redis", lambda: machine.redis(env)),
    ]
    if url:
        groups.append(Group("tls", lambda: front.all_of(url, ca)))
    return groups


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=COMMAND, description="Says what is wrong.")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--url", type=_url, help="the server's address, as the edge knows it")
    parser.add_argument("--ca", type=Path, metavar="FILE", help="PEM file of a private CA")
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


def _line(finding: Finding) -> str:
    level = {OK: logging.INFO, WARNING: logging.WARNING, FAILED: logging.ERROR}[finding.state]
    # The timer's run goes to the journal.
    start = jsonlog.priority(level, jsonlog.STDOUT_FD)
    return f"{start}{finding.state:<8} {finding.check:<9} {finding.text}"


def main(argv: list[str]) -> int:
    """Run the command; return its exit status: 0, 1 where a check failed, 78 for a bad file."""
    arguments = _arguments(argv)
    logging.basicConfig(level=logging.CRITICAL)  # what is logged stands in the findings, too
    try:
        env = environment(settings_module.DOTENV)
    except ConfigError as error:
        print(f"{jsonlog.priority(logging.CRITICAL)}{error}", file=sys.stderr)
        return EXIT_CONFIG
    found = findings(_groups(env, arguments.url, arguments.ca))
    worst = max((finding.state for finding in found), key=_BY_WEIGHT.index)
    if arguments.json:
        print(json.dumps({"status": worst, "checks": [finding._asdict() for finding in found]}))
    else:
        print("\n".join(map(_line, found)))
    return 1 if worst == FAILED else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
