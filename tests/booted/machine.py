"""What the programs that run inside a booted machine share: a table, commands, patience."""

import contextlib
import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

KEPT = Path("/root/booted-table.json")


class Failed(Exception):
    """What was looked at is not so; the text says what was there instead."""


class Table:
    """One line a check; kept in a file, so that it goes on after a reboot."""

    def __init__(self):
        self.rows: list[list[str]] = json.loads(KEPT.read_text()) if KEPT.exists() else []

    @contextlib.contextmanager
    def check(self, name: str) -> Iterator[list[str]]:
        """Note how the block ends; what it appends to the list is printed beside the name."""
        said: list[str] = []
        begun = time.monotonic()
        try:
            yield said
            state = "ok"
        except (Failed, subprocess.SubprocessError, OSError, ValueError, KeyError) as error:
            state = "FAILED"
            said.append(str(error))
        said.append(f"{time.monotonic() - begun:.1f} s")
        self.rows.append([state, name, ", ".join(said)])
        print(f"--- {state}: {name}: {', '.join(said)}", flush=True)
        KEPT.write_text(json.dumps(self.rows))

    def end(self) -> int:
        """Print all; return the exit status."""
        print("\n| | checked | |\n|---|---|---|")
        print("\n".join(f"| {' | '.join(row)} |" for row in self.rows))
        return int(any(row[0] != "ok" for row in self.rows))


def run(command: str, check: bool = True, timeout_s: float = 600, **env: str) -> str:
    """Run a shell command as root; return what it printed on both."""
    lines = ["env", *(f"{name}={value}" for name, value in env.items()), "bash", "-c", command]
    done = subprocess.run(
        lines, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout_s
    )
    if check and done.returncode:
        raise Failed(f"{command!r} ended with {done.returncode}: {done.stdout[-2000:]}")
    return done.stdout.strip()


def until(what: str, ready: Callable[[], object], patience_s: float = 60) -> float:
    """Ask every half second until it is so; return the seconds it took."""
    begun, pause = time.monotonic(), threading.Event()
    while not (found := ready()):
        if time.monotonic() - begun > patience_s:
            raise Failed(f"after {patience_s:.0f} s still not: {what} ({found!r})")
        pause.wait(0.5)
    return time.monotonic() - begun


def expect(name: str, found: object, wanted: object) -> None:
    """Raise where they differ."""
    if found != wanted:
        raise Failed(f"{name}: {found!r} instead of {wanted!r}")
