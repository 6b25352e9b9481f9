"""A release as install-server makes one: the code with its settings as ``.env`` beside it."""

import atexit
import functools
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from server.sandbox.process import ROOT

_LEAVE = shutil.ignore_patterns("__pycache__", "static", "pictures")


@functools.cache
def _compiled() -> Path:
    """Return a folder with the code and its byte code: compiling takes longer than most tests."""
    folder = Path(tempfile.mkdtemp(prefix="release-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for name in ("server", "edge_lib", "sql", "systemd"):
        shutil.copytree(ROOT / name, folder / name, ignore=_LEAVE)
    compile_all = [sys.executable, "-m", "compileall", "-q", "server", "edge_lib"]
    subprocess.run(compile_all, cwd=folder, env={}, check=True, timeout=60)
    return folder


def a_release(folder: Path, settings: str = "") -> Path:
    """Make one in a new folder."""
    shutil.copytree(_compiled(), folder)
    (folder / ".venv").mkdir()
    (folder / ".venv/bin").symlink_to(Path(sys.executable).parent)
    (folder / ".venv/lib").symlink_to(Path(sys.executable).parent.parent / "lib")
    (folder / ".venv/pyvenv.cfg").symlink_to(Path(sys.executable).parent.parent / "pyvenv.cfg")
    (folder / ".env").write_bytes(settings.encode())
    return folder


def module(release: Path, *argv: str, **popen: object) -> subprocess.CompletedProcess:
    """Run ``python -m`` of a release, as the installed commands do: with no other environment."""
    return subprocess.run(
        [release / ".venv/bin/python", "-m", *argv],
        cwd=release,
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", **popen.pop("env", {})},
        capture_output=True,
        text=True,
        timeout=60,
        **popen,
    )
