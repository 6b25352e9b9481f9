"""``check_alerts.py CODE FOLDER``: the channels that the settings in FOLDER set up, one a word.

FOLDER is /etc/sungrow-server, with alerts.env and alert-secrets where they are there; the
environment overrides them, as install-server takes it. Ends with 1, and what is wrong, where
something is. Where this Python lacks what the reader needs it says nothing.
"""

import os
import sys
from pathlib import Path

import check_settings

PREFIXES = ("ALERT_", "RULE_", "DEADMAN_")


def settings_in(folder: Path) -> dict[str, str]:
    """Return what the unit would have."""
    env = {}
    lines = folder / "alerts.env"
    for line in lines.read_text(encoding="utf-8-sig").splitlines() if lines.exists() else ():
        name, is_one, value = line.strip().partition("=")
        if is_one and not name.startswith(("#", ";")):
            env[name.strip()] = value.strip().strip("\"'")
    secrets = folder / "alert-secrets"
    for path in secrets.iterdir() if secrets.is_dir() else ():
        env[path.name] = path.read_text(encoding="utf-8-sig").strip()
    return env


def main(code: str, folder: str) -> str | None:
    """Print the channels; return what is wrong, None where nothing is known to be."""
    check_settings.prepare(code)
    try:
        from edge_lib.shared.env import ConfigError
        from server.alerts import settings
    except (ImportError, SyntaxError):
        return None
    env = settings_in(Path(folder))
    for name, value in os.environ.items():
        if name.startswith(PREFIXES) and value:
            env.pop(name.removesuffix("_FILE"), None)
            env.pop(f"{name}_FILE", None)
            env[name] = value
    env.setdefault("DATABASE_URL", "postgresql:///sungrow")
    try:
        found = settings.read(env)
    except ImportError:
        return None
    except ConfigError as error:
        return str(error)
    named = [*found.channels, *(["dead-man"] if found.deadman_urls else [])]
    sys.stdout.write(f"{' '.join(named)}\n" if named else "")
    return None


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
