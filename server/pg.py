"""``python -m server.pg psql|pg_dump|pg_restore ...``: run that program on the service's database.

The settings are read as the server reads them, so it is the same database, however its address is
written. A password is passed in a file that nobody else can open, never on a command line.
``python -m server.pg where`` prints which database it is, without connecting to it.
"""

import ipaddress
import os
import sys
from pathlib import Path

import psycopg2
from psycopg2.extensions import make_dsn, parse_dsn

from edge_lib.shared.command_names import server_command
from edge_lib.shared.env import ConfigError
from server import cli, settings

PROGRAMS = ("psql", "pg_dump", "pg_restore")
DEBIANS = Path("/usr/lib/postgresql")
_SOCKETS = ("/", "@")


def where(url: str) -> list[str]:
    """Return host, port, database and user as the URL has them, and the addresses behind the host.

    What the URL leaves out is empty. A socket has no address; that of a name is ``any``.

    Raises:
        ConfigError: the URL leaves it to a service file, which others may not read alike.
    """
    known = parse_dsn(url)
    if "service" in known:
        raise ConfigError(
            "DATABASE_URL names a service, which does not say where the database is: write out its "
            "host and name; example: DATABASE_URL=postgresql://sungrow@db.example.org/sungrow"
        )
    names = ("host", "port", "dbname", "user")
    return [*(known.get(name, "") for name in names), _addresses(known)]


def _addresses(known: dict[str, str]) -> str:
    hosts = (known.get("hostaddr") or known.get("host") or "").split(",")
    remote = [host for host in hosts if host and not host.startswith(_SOCKETS)]
    try:
        return " ".join(str(ipaddress.ip_address(host)) for host in remote)
    except ValueError:
        return "any"


def without_secrets(url: str) -> tuple[str, int | None]:
    """Return a connection string for a command line, and the open file that holds the password.

    Raises:
        ConfigError: it holds a secret that libpq takes from nowhere else.
    """
    known = parse_dsn(url)
    if "sslpassword" in known:
        raise ConfigError(
            "DATABASE_URL has an sslpassword, which programs would get on their command line: "
            "use a key without one; example: DATABASE_URL=postgresql://sungrow@db/sungrow"
        )
    password = known.pop("password", None)
    if password is None:
        return make_dsn(**known), None
    if "\n" in password:
        raise ConfigError(
            "DATABASE_URL: the password has a line break, which libpq's files cannot hold; "
            "example: DATABASE_URL=postgresql://sungrow:PASSWORD@db/sungrow"
        )
    file = os.memfd_create("pgpass", 0)  # in memory, and gone with the program
    os.fchmod(file, 0o600)
    escaped = password.replace("\\", "\\\\").replace(":", "\\:")
    os.write(file, f"*:*:*:*:{escaped}\n".encode())
    return make_dsn(**known | {"passfile": f"/proc/self/fd/{file}"}), file


def program(name: str, major: int) -> str:
    """Return the program that fits a server of that version: Debian installs several."""
    there = {int(path.parent.parent.name): path for path in DEBIANS.glob(f"[0-9]*/bin/{name}")}
    newer = [there[version] for version in sorted(there) if version >= major]
    return str(newer[0]) if newer else name


def _run(name: str, arguments: list[str], url: str) -> None:
    if name == "where":
        print("\n".join(where(url)))
        return
    dsn, _ = without_secrets(url)
    connection = psycopg2.connect(url, connect_timeout=10)
    major = connection.server_version // 10_000
    connection.close()
    found = program(name, major)
    try:
        os.execvp(found, [found, "-d", dsn, *arguments])  # noqa: S606 - no shell is meant
    except FileNotFoundError as error:
        raise cli.Refused(f"{name} is missing: apt install postgresql-client") from error


def main(argv: list[str]) -> int:
    """Become the program; return 1 with the reason, 78 for a bad setting, 2 for a usage error."""
    if argv == ["where"]:
        name, arguments = "where", []
    elif argv and argv[0] in PROGRAMS:
        name, *arguments = argv
    else:
        what = "|".join(("where", *PROGRAMS))
        print(f"usage: {server_command('pg')} {what} [its arguments]", file=sys.stderr)
        return 0 if argv in (["-h"], ["--help"]) else 2
    return cli.run(lambda env: _run(name, arguments, settings.database_url(env)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
