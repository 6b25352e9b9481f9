"""``python -m server.tokens new DEVICE | list | revoke ID``: make, show and end tokens.

The token is printed once; what is kept is its SHA-256, in the file of ``DEVICE_TOKENS_FILE`` or
``READ_TOKENS_FILE``. A running server knows of the change with its next request. ``--link`` prints
a link instead, which logs one browser in.
"""

import argparse
import hashlib
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from edge_lib.shared.command_names import server_command
from edge_lib.shared.env import ConfigError, secret_file
from server import cli, settings
from server.auth import known_tokens, pairings, token_file, token_uses
from server.auth.known_tokens import LIVE_TOKENS, NAMES, P1, Known, setting
from server.cli import Refused

COMMAND = server_command("tokens")
_MINUTE = "%Y-%m-%d %H:%MZ"
_EXAMPLES = {name: f"/etc/sungrow-server/{kind}-tokens" for kind, name in NAMES.items()}
_PREFIX = re.compile(r"[0-9a-f]{6,64}", re.ASCII)


def new(env: Mapping[str, str], devices: list[str], kind: str) -> str:
    """Make a token and return it; it cannot be shown again.

    Raises:
        ConfigError: there is no file to keep it in, or it is malformed.
        Refused: the device has enough of them.
        OSError: the file cannot be replaced.
    """
    token = f"{kind}_{secrets.token_urlsafe(32)}"
    _keep(env, devices, kind, token)
    return token


def link(env: Mapping[str, str], devices: list[str]) -> tuple[str, datetime]:
    """Make a read token and a link that logs one browser in with it; return that, and its end.

    Nobody sees the token itself.

    Raises:
        ConfigError, OSError: as ``new``; the page's address is malformed.
        Refused: the page's address is not known.
    """
    address = settings.site_url(env)
    if address is None:
        raise Refused(
            "which address has the page? Say it by SITE_URL, for example: "
            f"SITE_URL=https://solar.example.org {COMMAND} new {devices[0]} --read --link"
        )
    _file(env, setting("read"))
    token, code = f"read_{secrets.token_urlsafe(32)}", secrets.token_urlsafe(16)
    digest, path = hashlib.sha256(token.encode()).digest(), settings.pairings_path(env)
    made = pairings.add(path, code, digest, datetime.now(UTC))
    _keep(env, devices, "read", token)
    return f"{address}/#pair={code}", made.end


def _keep(env: Mapping[str, str], devices: list[str], kind: str, token: str) -> None:
    name = setting(kind)
    file = _file(env, name)
    with token_file.locked(file):
        if kind == "device":
            _refuse_a_third(env, devices[0])
        digest, today = hashlib.sha256(token.encode()).digest(), datetime.now(UTC).date()
        names = [f"{device}{token_file.P1}" if kind == P1 else device for device in devices]
        token_file.replace(
            file, token_file.added(known_tokens.text(env, name), digest, names, today)
        )


def revoke(env: Mapping[str, str], prefix: str) -> Known:
    """End the token whose SHA-256 begins with ``prefix``; return what it was.

    Raises:
        ConfigError: a list is malformed.
        Refused: none or several begin with it, or it is in the environment itself, or the server
            could not start without it.
        OSError: the file cannot be replaced.
    """
    token = _only(known_tokens.known(env), prefix)
    name = setting(token.kind)
    if token.file is None:
        raise Refused(f"{token.id} is in {name} itself: remove it there and restart the server")
    with token_file.locked(token.file):
        text = known_tokens.text(env, name)
        token_file.entries(name, text)
        text = token_file.without(text, token.digest)
        left = token_file.entries(name, text)
        if token.kind == "device" and all(entry.is_p1 for entry in left):
            raise Refused(
                f"{token.id} is the last device token, and the server needs one; make the next one "
                f"first: {COMMAND} new {token.devices[0]}"
            )
        token_file.replace(token.file, text)
    return token


def _refuse_a_third(env: Mapping[str, str], device_id: str) -> None:
    live = [t for t in known_tokens.known(env) if t.kind == "device" and device_id in t.devices]
    if len(live) >= LIVE_TOKENS:
        raise Refused(
            f"{device_id} has {len(live)} tokens; end the one that its edge does not use, of which "
            f"{live[0].id} is the oldest: {COMMAND} revoke {live[0].id}"
        )


def _only(tokens: list[Known], prefix: str) -> Known:
    if not _PREFIX.fullmatch(prefix.lower()):
        raise Refused(f"an id has at least 6 hex digits; see: {COMMAND} list")
    found = [token for token in tokens if token.digest.hex().startswith(prefix.lower())]
    if not found:
        raise Refused(f"no token has the id {prefix}; see: {COMMAND} list")
    if len(found) > 1:
        raise Refused(f"{len(found)} ids begin with {prefix}: give more digits")
    return found[0]


def _file(env: Mapping[str, str], name: str) -> Path:
    file = secret_file(env, name)
    if file is None:
        raise ConfigError(
            f"{name}_FILE is missing: new tokens are kept in a file; write it into the server's "
            f"settings, and move there what {name} holds; example: {name}_FILE={_EXAMPLES[name]}"
        )
    return file


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=COMMAND, description="Make, show and end tokens.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    making = commands.add_parser("new", help="make a token and print it, once")
    making.add_argument("devices", nargs="+", metavar="DEVICE", type=cli.device_id)
    kind = making.add_mutually_exclusive_group()
    kind.add_argument("--read", action="store_true", help="a token that may read and not write")
    kind.add_argument(
        "--p1", action="store_true", help="a token for the device's P1 meter (P1-Edge-VPS) alone"
    )
    making.add_argument(
        "--link",
        action="store_true",
        help="with --read: print a link that logs one browser in, once, instead of the token",
    )
    commands.add_parser("list", help="show the valid tokens, by the start of their SHA-256")
    ending = commands.add_parser("revoke", help="end a token, at once")
    ending.add_argument("id", metavar="ID", help="as `list` shows it, or its first digits")
    arguments = parser.parse_args(argv)
    if arguments.command == "new" and len(arguments.devices) > 1 and not arguments.read:
        parser.error("a device's token has one device; several go with --read")
    if arguments.command == "new" and arguments.link and not arguments.read:
        parser.error("--link goes with --read")
    return arguments


def _run(arguments: argparse.Namespace, env: Mapping[str, str]) -> None:
    try:
        match arguments.command:
            case "new" if arguments.link:
                _show(*link(env, list(dict.fromkeys(arguments.devices))))
            case "new":
                print(new(env, list(dict.fromkeys(arguments.devices)), _kind(arguments)))
                print("only its SHA-256 is kept: it is not shown again", file=sys.stderr)
            case "list":
                print(_table(known_tokens.known(env), token_uses.known(env)))
            case "revoke":
                token = revoke(env, arguments.id)
                print(f"revoked {token.id}: {token.kind} token of {', '.join(token.devices)}")
    except OSError as error:
        # Naming the temporary file that could not be made would help nobody.
        reason = error.strerror or error
        raise Refused(
            f"the file of the tokens cannot be changed: {reason}; are you root?"
        ) from error


def _show(address: str, end: datetime) -> None:
    """Print the link, and as a QR code where Debian's qrencode is there."""
    print(address, flush=True)
    # By its stdin: arguments of a program can be seen by all.
    if drawing := shutil.which("qrencode"):
        argv = [drawing, "-t", "UTF8", "-m", "2", "-o", "-"]
        subprocess.run(argv, input=address.encode(), check=False, timeout=10)  # noqa: S603 - our words
    print(f"logs one browser in, once, until {end:{_MINUTE}}", file=sys.stderr)


def _kind(arguments: argparse.Namespace) -> str:
    if arguments.p1:
        return P1
    return "read" if arguments.read else "device"


def _table(tokens: list[Known], uses: token_uses.Known | None) -> str:
    head = ("ID", "KIND", "DEVICES", "KEPT AS", "MADE", "LAST USED")
    rows = [head, *(_row(token, uses) for token in tokens)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def _row(token: Known, uses: token_uses.Known | None) -> tuple[str, ...]:
    kept = "plain text" if token.is_plain else "SHA-256"
    place = str(token.file or f"{setting(token.kind)} itself")
    about = (token.id, token.kind, ",".join(token.devices), f"{kept} in {place}")
    return *about, str(token.made or "unknown"), _last_use(token.id, uses)


def _last_use(token_id: str, uses: token_uses.Known | None) -> str:
    if uses is None:
        return "unknown"
    last = uses.last.get(token_id)
    return f"{last:{_MINUTE}}" if last else f"not since {uses.since:{_MINUTE}}"


def main(argv: list[str]) -> int:
    """Run the command; return its exit status: 0, 1 with the reason, 78 for a bad setting."""
    arguments = _arguments(argv)
    return cli.run(lambda env: _run(arguments, env))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
