"""The two LD_PRELOAD libraries of ``shim/``: compiled into a folder of the test's, and controlled.

A C compiler is a test dependency: without one ``compiled`` raises NoCompiler, which says so.
"""

import ctypes
import mmap
import shutil
import struct
import subprocess
from enum import IntEnum
from pathlib import Path

SOURCES = Path(__file__).with_name("shim")
_LAYOUT = struct.Struct("=QQQQII64sqqq")


class NoCompiler(Exception):
    """There is no C compiler on this machine; the text says what to install."""


class Action(IntEnum):
    """What happens to the chosen call; as in calls.c."""

    COUNT = 0
    KILL = 1  # SIGKILL instead of the call
    EXIT = 2
    TORN = 3  # half of the bytes, then SIGKILL
    EIO = 4
    ENOSPC = 5
    EINTR = 6
    SHORT = 7  # half of the bytes


def compiled(name: str, folder: Path) -> Path:
    """Compile ``shim/NAME.c``; return the library."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise NoCompiler("no C compiler: apt-get install gcc libc6-dev")
    library = folder / f"{name}.so"
    line = [compiler, "-O1", "-shared", "-fPIC", "-o", str(library), str(SOURCES / f"{name}.c")]
    subprocess.run([*line, "-ldl"], check=True)
    return library


class Control:
    """The memory that the preloaded library and this process share."""

    def __init__(self, file: Path):
        file.write_bytes(bytes(4096))
        self.file = file
        with file.open("r+b") as opened:
            self._memory = mmap.mmap(opened.fileno(), 4096)

    def attach(self, folder: Path) -> None:
        """Let the library that this very process has preloaded watch a folder."""
        if ctypes.CDLL(None).shim_attach(str(self.file).encode(), str(folder).encode()):
            raise OSError(f"the shim cannot map {self.file}")

    def arm(self, action: Action, at: int = 0, times: int = 1) -> None:
        """Count from now on; calls number ``at`` and the ``times`` - 1 after it go wrong."""
        self._memory[: _LAYOUT.size] = _LAYOUT.pack(0, at, times, 0, action, 1, b"", 0, 0, 0)

    def disarm(self) -> None:
        """Let all calls through, uncounted."""
        values = list(self.state())
        values[5] = 0
        self._memory[: _LAYOUT.size] = _LAYOUT.pack(*values)

    def state(self) -> tuple:
        """Return the raw values, in the order of ``struct control``."""
        return _LAYOUT.unpack(self._memory[: _LAYOUT.size])

    @property
    def calls(self) -> int:
        return self.state()[0]

    @property
    def hits(self) -> int:
        return self.state()[3]

    @property
    def what(self) -> str:
        return self.state()[6].rstrip(b"\0").decode()

    def last_sync(self) -> tuple[int, int, int]:
        """Return when the last fdatasync was entered and returned (monotonic ns), its result."""
        return self.state()[7:10]
