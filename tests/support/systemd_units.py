"""What systemd's own tools say of a unit file, without a running systemd."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

# It wants its own directory below /run, which an ordinary user cannot make where systemd never ran.
_CAN_RUN = Path("/run/systemd").is_dir() or os.access("/run", os.W_OK)
needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None or not _CAN_RUN,
    reason="systemd-analyze is not installed, or cannot run here",
)


def analyze(*arguments: object) -> str:
    """Return what systemd-analyze says, on both channels."""
    command = ["systemd-analyze", "--no-pager", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return done.stdout + done.stderr


def exposure(unit: Path) -> float:
    """Return how exposed a service would be, 0 to 10."""
    said = analyze("security", "--offline=true", unit)
    found = re.search(r"exposure level for \S+: ([\d.]+)", said)
    assert found, said
    return float(found[1])
