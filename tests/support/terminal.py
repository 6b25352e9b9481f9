"""A terminal with somebody at it: what the installers ask is answered line by line."""

import os
import subprocess

PATH = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}


def at_a_terminal(script: str, answers: list[str]) -> tuple[int, str]:
    """Run a bash script that is answered so; return its exit status and all that it printed."""
    terminal, its_other_end = os.openpty()
    os.write(terminal, "".join(f"{answer}\n" for answer in answers).encode())
    done = subprocess.run(
        ["bash", "-c", script],
        env=PATH,
        stdin=its_other_end,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
    )
    os.close(terminal)
    os.close(its_other_end)
    return done.returncode, done.stdout
