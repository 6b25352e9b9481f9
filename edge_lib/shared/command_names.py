"""What the commands are called on this machine, for every text that names one; edge and server."""

import os

# Set by the units, and by the commands that the installers put into /usr/local/bin.
_INSTALLED = "SUNGROW_INSTALLED"


def is_installed() -> bool:
    """Return whether the installer put this here, with commands and files where it puts them."""
    return bool(os.environ.get(_INSTALLED))


def edge_command(arguments: str) -> str:
    """Return how one calls a command of the edge: ``edge.py status``, or as installed."""
    return f"{'sungrow-edge' if is_installed() else 'edge.py'} {arguments}"


def server_command(arguments: str) -> str:
    """Return how one calls a command of the server: ``python -m server.doctor``, or as installed.

    Nothing is known of the other machine but that it was most likely installed as this one was.
    """
    return f"{'sungrow-server ' if is_installed() else 'python -m server.'}{arguments}"
