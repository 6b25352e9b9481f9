"""What the kernel says that a process takes."""

import contextlib
import os
import re
from pathlib import Path


def memory_mb(pid: int) -> float:
    """Return the resident memory of a process, what it shares with others included."""
    # Not VmRSS: the kernel lets that one lag behind.
    return _kib(f"/proc/{pid}/smaps_rollup", "Rss") / 1024


def peak_mb(pid: int) -> float:
    """Return the most that its resident memory ever was."""
    return _kib(f"/proc/{pid}/status", "VmHWM") / 1024


def cpu_s(pid: int) -> float:
    """Return the CPU time of a process, of its children, and of theirs, ended ones included."""
    stats = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            stats[int(path.parent.name)] = path.read_text().rpartition(")")[2].split()
    family = [pid]
    for one in family:
        family += [child for child, fields in stats.items() if int(fields[1]) == one]
    ticks = sum(int(ticks) for one in family for ticks in stats[one][11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


def _kib(file: str, name: str) -> int:
    return int(re.search(rf"^{name}:\s+(\d+) kB", Path(file).read_text(), re.MULTILINE)[1])
