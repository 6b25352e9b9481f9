"""``check_settings.py CODE FILE``: the server's settings as they will be, before it is installed.

CODE is the folder with ``server`` and ``edge_lib``, FILE the server.env of an earlier installation,
if there is one; the environment overrides it, as install-server takes it. Prints what the
server's own reader has against them, and ends with 1 then. Where this Python lacks what the reader
needs it says nothing: install-server looks again, with one that has it, before it changes anything.
"""

import os
import sys
import types
from pathlib import Path

ETC = "/etc/sungrow-server"
SECRETS = ("DATABASE_URL", "DEVICE_TOKENS", "READ_TOKENS", "METRICS_TOKEN", "SECRET_KEY")


def prepare(code: str) -> None:
    """Let ``server.settings`` be imported without all that ``import server`` needs."""
    sys.path.insert(0, code)
    package = types.ModuleType("server")
    package.__path__ = [f"{code}/server"]
    sys.modules["server"] = package
    try:
        import psycopg2  # noqa: F401
    except ImportError:
        stub, extensions = types.ModuleType("psycopg2"), types.ModuleType("psycopg2.extensions")
        stub.ProgrammingError, stub.extensions = ValueError, extensions
        extensions.parse_dsn = lambda _: {}
        sys.modules.update({"psycopg2": stub, "psycopg2.extensions": extensions})


def merged(env: dict[str, str], given: dict[str, str]) -> dict[str, str]:
    """Return the settings of the file, with those of the environment in their place."""
    for name in SECRETS:
        if given.get(name) or given.get(f"{name}_FILE"):
            env = {k: v for k, v in env.items() if k not in (name, f"{name}_FILE")}
    # Of install-server's own files some may not be made yet.
    made = {f"{name}_FILE": f"{ETC}/{name.lower().replace('_', '-')}" for name in SECRETS}
    env = {k: v for k, v in env.items() if made.get(k) != v or Path(v).exists()} | given
    if not (env.get("DATABASE_URL") or env.get("DATABASE_URL_FILE")):
        env["DATABASE_URL"] = "postgresql:///sungrow"
    return env


def main(code: str, file: str) -> str | None:
    """Return what is wrong, None where nothing is known to be."""
    prepare(code)
    try:
        from edge_lib.shared.env import ConfigError, environment
        from server import settings
    except (ImportError, SyntaxError):
        return None
    given = dict(os.environ)
    os.environ.clear()  # `environment` would lay it over the file as it is
    try:
        settings.read(merged(environment(Path(file)) if Path(file).exists() else {}, given))
    except ImportError:
        return None
    except ConfigError as error:
        return str(error)
    return None


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
