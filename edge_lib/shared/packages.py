"""What to do where a package is missing, as in a checkout without ``.venv``; edge and server."""

import logging
import sys
from types import TracebackType

from edge_lib.shared import jsonlog
from edge_lib.shared.command_names import is_installed
from edge_lib.shared.env import EXIT_CONFIG

_OURS = ("edge_lib", "server")


def advice(error: ModuleNotFoundError, side: str) -> str:
    """Return what is missing and what to do, in one line.

    Args:
        error: what the import raised.
        side: ``edge`` or ``server``: whose packages are needed.

    Raises:
        ModuleNotFoundError: a file of this project is missing, which no package brings.
    """
    name = (error.name or "").partition(".")[0]
    if name in _OURS:
        raise error
    if is_installed():
        return f"the Python package {name} is missing; run systemd/install-{side} again"
    return (
        f"the Python package {name} is missing; in the project's folder run: python3 -m venv .venv "
        f"&& .venv/bin/pip install -r requirements-{side}.txt; then use .venv/bin/python"
    )


def explain_missing(side: str) -> None:
    """End this process with ``advice`` and ``EXIT_CONFIG`` where it ends for want of a package."""

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if not isinstance(error, ModuleNotFoundError):
            sys.__excepthook__(kind, error, trace)
            return
        sys.stderr.write(f"{jsonlog.priority(logging.CRITICAL)}{advice(error, side)}\n")
        raise SystemExit(EXIT_CONFIG)

    sys.excepthook = hook
