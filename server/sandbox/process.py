"""A child process that dies with us, its log, and its private directory for sockets."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from dotenv import dotenv_values

ROOT = Path(__file__).resolve().parent.parent.parent
START_TIMEOUT_S = 60
Env = Mapping[str, str]
_PREFIX = "sungrow-private-"
_SHORT = Path("/tmp")  # noqa: S108 - a socket's path has 107 bytes at most; the folders are 0700
# $0 is our process id: had we died before setpriv's call, no signal would come.
_WHILE_PARENT_LIVES = '[ "$PPID" = "$0" ] && exec "$@"'


class PrivateError(RuntimeError):
    """A private server did not start, or a tool of it failed; the text has the end of its log."""


class PortTakenError(PrivateError):
    """Another process listens on the requested port."""


def service_account() -> dict[str, Any]:
    """Return arguments of ``Popen`` for what may not run as root; none unless we are root."""
    if os.geteuid() != 0:
        return {}
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    entry = names.get("postgres") or names["nobody"]
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def run(argv: Sequence[object], env: Env | None = None, **popen: Any) -> str:
    """Run a tool to its end, away from the terminal's Ctrl-C; return what it printed.

    Raises:
        PrivateError: it failed.
    """
    process = spawn(argv, env, "KILL", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **popen)
    output = str(process.communicate()[0], errors="replace")
    if process.returncode:
        tail = "\n".join(output.splitlines()[-15:])
        raise PrivateError(f"{Path(str(argv[0])).name} exited with {process.returncode}: {tail}")
    return output


def spawn(
    argv: Sequence[object], env: Env | None, death_signal: str, **popen: Any
) -> subprocess.Popen[bytes]:
    """Start a child that gets ``death_signal`` when the thread that calls this ends."""
    guard = ["setpriv", "--pdeathsig", death_signal, "sh", "-c", _WHILE_PARENT_LIVES]
    child: subprocess.Popen[bytes] = subprocess.Popen(  # noqa: S603 - nothing here comes from outside
        [*guard, str(os.getpid()), *map(str, argv)],
        env=env if env is not None else environment(),
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        **popen,
    )
    return child


def environment(**variables: str) -> dict[str, str]:
    """Return a child's environment: the least that programs need, and ``variables``.

    A ``.env`` beside ``edge.py`` is meant for the real service: its variables are blanked here.
    """
    dotenv = dotenv_values(ROOT / ".env", interpolate=False, encoding="utf-8-sig")
    blank = dict.fromkeys(dotenv, "")
    kept = {k: os.environ[k] for k in ("PATH", "HOME", "USER", "TMPDIR") if k in os.environ}
    return {**blank, **kept, "LANG": "C.UTF-8", **variables}


def wait_until(ready: Callable[[], bool], timeout_s: float) -> bool:
    """Call ``ready`` every 20 ms until it returns True; False after ``timeout_s``."""
    deadline, pause = time.monotonic() + timeout_s, threading.Event()
    while not ready():
        if time.monotonic() > deadline:
            return False
        pause.wait(0.02)
    return True


class Server:
    """One server process, and the file that it logs to."""

    death_signal = "TERM"

    def __init__(self, log: Path):
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Start it, and return when it answers; raises ``PrivateError``."""
        raise NotImplementedError

    def stop(self) -> None:
        """Stop it in an orderly way; nothing if it does not run."""
        self._end(signal.SIGTERM, 15)

    def kill(self) -> None:
        """End it by SIGKILL, as a crash would."""
        self._end(signal.SIGKILL, 15)

    def close(self) -> None:
        """Stop it for good."""
        self.stop()

    def restart(self) -> None:
        """Stop and start it, at the same address."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Let it hang: connections stay open, nothing answers."""
        os.killpg(self.running().pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Go on after ``pause``."""
        os.killpg(self.running().pid, signal.SIGCONT)

    def running(self) -> subprocess.Popen[bytes]:
        """Return its process, between ``start`` and ``stop``."""
        if self.process is None:
            raise PrivateError(f"{self.log.stem} was not started")
        return self.process

    def _launch(
        self, argv: Sequence[object], env: Env, ready: Callable[[], bool], **popen: Any
    ) -> None:
        with self.log.open("ab") as log:
            self.process = process = spawn(
                argv, env, self.death_signal, stdout=log, stderr=subprocess.STDOUT, **popen
            )
        if not wait_until(lambda: process.poll() is not None or ready(), START_TIMEOUT_S):
            self.kill()
            raise PrivateError(f"{self.log.stem} did not answer: {self.last_words()}")
        if (code := process.poll()) is not None:
            self.kill()
            raise PrivateError(f"{self.log.stem} exited with {code}: {self.last_words()}")

    def _end(self, signum: int, grace_s: float) -> None:
        process, self.process = self.process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGCONT)
        process.send_signal(signum)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(grace_s)
        # The rest of its session, and itself if it would not:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def last_words(self) -> str:
        """Return the end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])


class SocketServer(Server):
    """A server on a unix socket in ``run_dir``, by the service account."""

    def __init__(self, folder: Path, name: str):
        super().__init__(folder / f"{name}.log")
        self.account = service_account()
        _sweep()
        self.run_dir = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=_SHORT))
        self._give(self.run_dir)

    def close(self) -> None:
        """Stop it for good; its sockets' directory goes."""
        self.stop()
        shutil.rmtree(self.run_dir, ignore_errors=True)

    def _give(self, path: Path) -> None:
        if self.account:
            os.chown(path, self.account["user"], self.account["group"])

    def _reachable(self, folder: Path) -> bool:
        try:
            run(["test", "-x", folder.resolve()], cwd="/", **self.account)
        except PrivateError:
            return False
        return True


def _sweep() -> None:
    """Remove what processes left behind that were ended by SIGKILL."""
    for path in _SHORT.glob(f"{_PREFIX}*"):
        pid = path.name.removeprefix(_PREFIX).split("-")[0]
        if not Path("/proc", pid).exists():
            shutil.rmtree(path, ignore_errors=True)
