"""Disks that are small, full, read-only or broken, for real. What needs root says so and skips."""

import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """Mount a memory disk of its own; needs root."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("this machine lets nobody but root mount a disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def remount(folder: Path, how: str) -> None:
    """Mount it ``ro`` or ``rw``; nobody may have a file there open for writing."""
    subprocess.run(["mount", "-o", f"remount,{how}", str(folder)], check=True)


def fill_up(folder: Path) -> Path:
    """Take what room there is; deleting the file gives it back."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        os.posix_fallocate(file.fileno(), 0, max(4096, shutil.disk_usage(folder).free - 4096))
    return filler


@contextmanager
def nothing_can_be_written() -> Iterator[None]:
    """Let every write to a file fail with EFBIG, an I/O error to SQLite, whoever runs the test."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def not_ours(file: Path) -> Iterator[None]:
    """Let a file belong to somebody else."""
    user = os.geteuid()
    file.chmod(0o400 if user else 0o600)
    if not user:
        os.seteuid(65534)
    try:
        yield
    finally:
        if not user:
            os.seteuid(0)
        file.chmod(0o600)
