"""What Grafana is set up with: a role of the database, a data source, a folder of dashboards."""

import json
from pathlib import Path
from typing import NamedTuple

from psycopg2.extensions import parse_dsn

from edge_lib.shared.command_names import is_installed, server_command
from server.grafana import boards, rules

HERE = Path(__file__).parent
DASHBOARDS = HERE / "dashboards"
# Whichever release is in use; of one that an upgrade has replaced nothing is left.
_INSTALLED = Path("/opt/sungrow-server/current/server/grafana")
ALERTING = HERE / "alerting.json"
ROLE_SQL = HERE.parents[1] / "sql" / "roles" / "grafana.sql"
ROLE = "sungrow_grafana"
PASSWORD_FILE = "/etc/grafana/sungrow-password"  # noqa: S105  the name of a file
_LOCAL = ("localhost", "127.0.0.1", "::1")


class Source(NamedTuple):
    """Where Grafana finds the database."""

    host: str
    port: str
    database: str
    mode: str


def files() -> dict[Path, str]:
    """Return what is made of queries and panels: each file with its text."""
    made = {DASHBOARDS / f"{board['uid']}.json": _json(board) for board in boards.every()}
    return made | {ALERTING: _json(rules.provisioned())}


def source(url: str, host: str | None) -> Source:
    """Return how to reach the database of a URL from Grafana.

    Args:
        url: ``DATABASE_URL``.
        host: of the database as Grafana sees it; None: Grafana is on this machine.
    """
    known = parse_dsn(url)
    name = host or known.get("host") or ""
    if not name or name.startswith(("/", "@")):  # a socket: TCP on the same machine
        name = _LOCAL[1]
    # Nothing travels unencrypted; on the machine itself nothing travels.
    mode = "disable" if name in _LOCAL else "verify-full"
    database = known.get("dbname") or known.get("user") or "sungrow"
    return Source(name, known.get("port") or "5432", database, mode)


def role() -> str:
    """Return the SQL that makes the role, or brings its rights up to date."""
    text = ROLE_SQL.read_text(encoding="utf-8")
    return f"\\set ON_ERROR_STOP on\n\\set role {ROLE}\n{text}"


def datasource(known: Source) -> str:
    """Return the data source, for ``/etc/grafana/provisioning/datasources/sungrow.yaml``."""
    host = f"[{known.host}]" if ":" in known.host else known.host
    # TimescaleDB's own macros are off, so that one query does on all editions.
    return f"""\
apiVersion: 1
datasources:
  - name: Sungrow
    uid: sungrow
    type: postgres
    access: proxy
    url: {json.dumps(f"{host}:{known.port}")}
    user: {ROLE}
    database: {json.dumps(known.database)}
    secureJsonData:
      password: $__file{{{PASSWORD_FILE}}}
    jsonData:
      database: {json.dumps(known.database)}
      sslmode: {known.mode}
      maxOpenConns: 8
      maxIdleConns: 2
      connMaxLifetime: 3600
      postgresVersion: 1500
      timescaledb: false
    editable: false
"""


def folder(path: Path) -> str:
    """Return the folder of dashboards, for ``.../provisioning/dashboards/sungrow.yaml``."""
    return f"""\
apiVersion: 1
providers:
  - name: sungrow
    folder: Sungrow
    type: file
    disableDeletion: true
    updateIntervalSeconds: 60
    options:
      path: {json.dumps(str(path))}
"""


def place(path: Path) -> Path:
    """Return where a file of ours is for Grafana on this machine, also after an upgrade."""
    return _INSTALLED / path.relative_to(HERE) if is_installed() else path


def everything(known: Source) -> str:
    """Return all of it with what to do, as the command prints it."""
    etc = "/etc/grafana/provisioning"
    me = server_command("grafana")
    return f"""\
-- 1. The role, as the database's superuser: {me} role | psql -d {known.database}
{role()}
# 2. {etc}/datasources/sungrow.yaml ({me} datasource)
#    The role's password is in {PASSWORD_FILE}
{datasource(known)}
# 3. {etc}/dashboards/sungrow.yaml ({me} folder)
{folder(place(DASHBOARDS))}
# 4. If Grafana shall tell what is wrong: copy {place(ALERTING)}
#    to {etc}/alerting/sungrow.json
"""


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
