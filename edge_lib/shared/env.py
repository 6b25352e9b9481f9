"""Typed readers of environment variables: each names the variable, what was wrong and an example.

Edge and server both read their settings with these; the server imports this file too.
"""

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path

EXIT_CONFIG = 78  # EX_CONFIG of sysexits.h; the unit files do not restart on it
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
_TOO_OPEN = stat.S_IRWXO | stat.S_IWGRP
_ENCODING = "utf-8-sig"  # without the byte order mark that some editors begin a file with
_CONTAINER_SECRETS = Path("/run/secrets")


class ConfigError(Exception):
    """A setting is missing or malformed: a human has to act. The text says which and how."""


def environment(dotenv: Path) -> dict[str, str]:
    """Return the environment, with the file ``dotenv`` (which may be absent) underneath it.

    A value is taken literally: ``${`` may be part of a secret, and does not begin a variable.

    Raises:
        ConfigError: the file is there and cannot be read.
    """
    from dotenv import dotenv_values  # here: an installer checks settings before it is there

    try:
        settings = dotenv_values(dotenv, interpolate=False, encoding=_ENCODING)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"cannot read the settings in {dotenv}: {error}; it has to be UTF-8 and readable by "
            "the user that runs this"
        ) from error
    return {**{k: v or "" for k, v in settings.items()}, **os.environ}


def text(env: Mapping[str, str], name: str, default: str) -> str:
    """Return a text, or the default where it is absent or empty."""
    return env.get(name, "").strip() or default


def required(env: Mapping[str, str], name: str, example: str) -> str:
    """Return a text that has to be there.

    Raises:
        ConfigError: it is absent or empty.
    """
    value = env.get(name, "").strip()
    if not value:
        raise ConfigError(f"{name} is missing; example: {name}={example}")
    return value


def number(env: Mapping[str, str], name: str, default: float, low: float, high: float) -> float:
    """Return a number from ``low`` to ``high``; digits with or without a fraction.

    Raises:
        ConfigError: it is something else.
    """
    given = text(env, name, f"{default:.10g}")
    if (
        not re.fullmatch(r"\d{1,12}(\.\d{1,9})?", given, re.ASCII)
        or not low <= float(given) <= high
    ):
        raise ConfigError(
            f"{name}={given!r} must be a number from {low:.10g} to {high:.10g}; "
            f"example: {name}={default:.10g}"
        )
    return float(given)


def whole(env: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    """Return a whole number from ``low`` to ``high``.

    Raises:
        ConfigError: it is something else.
    """
    given = number(env, name, default, low, high)
    if not given.is_integer():
        raise ConfigError(f"{name}={given:g} must be a whole number; example: {name}={default}")
    return int(given)


def secret(env: Mapping[str, str], name: str) -> str | None:
    """Return a secret from ``NAME`` or from the file that ``NAME_FILE`` points to; None if neither.

    Raises:
        ConfigError: both are set, or the file cannot be read, or others could read it too.
    """
    path = secret_file(env, name)
    if path is None:
        return env.get(name, "").strip() or None
    try:
        with path.open(encoding=_ENCODING) as file:
            _refuse_if_open(f"{name}_FILE", path, os.fstat(file.fileno()).st_mode)
            return file.read().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{name}_FILE: cannot read {path}: {error}; "
            f"example: {name}_FILE=/etc/sungrow/{name.lower()}"
        ) from error


def secret_file(env: Mapping[str, str], name: str) -> Path | None:
    """Return the file that ``NAME_FILE`` points to; None where that is not set.

    Raises:
        ConfigError: the secret itself is set, too.
    """
    path = env.get(f"{name}_FILE", "").strip()
    if path and env.get(name, "").strip():
        raise ConfigError(
            f"{name} and {name}_FILE are both set: keep one of them; "
            f"example: {name}_FILE={path}, and no {name}"
        )
    return Path(path) if path else None


def is_too_open(mode: int) -> bool:
    """Return whether others may read or change a file of this mode, or its group may change it."""
    return bool(mode & _TOO_OPEN)


def _refuse_if_open(name: str, path: Path, mode: int) -> None:
    """Do nothing where only the file's owner may write it, and only owner and group may read it.

    systemd's credentials (0400, 0440) pass; so do pipes. What a container's engine mounts at
    ``/run/secrets`` is always 0444, and there is no other user in there.
    """
    if not stat.S_ISREG(mode) or not is_too_open(mode) or path.is_relative_to(_CONTAINER_SECRETS):
        return
    raise ConfigError(
        f"{name}: {path} has mode {mode & 0o7777:04o}: others on this machine may read or change "
        f"it; run: chmod 640 {path} (or 600); example: {name}={path}"
    )


def log_level(env: Mapping[str, str]) -> str:
    """Return the name of a log level.

    Raises:
        ConfigError: there is no such level.
    """
    level = text(env, "LOG_LEVEL", "INFO").upper()
    if level not in _LEVELS:
        raise ConfigError(
            f"LOG_LEVEL={level!r} must be one of {', '.join(_LEVELS)}; example: LOG_LEVEL=INFO"
        )
    return level
