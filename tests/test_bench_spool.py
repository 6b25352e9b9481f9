import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).with_name("bench") / "spool.py"


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
def test_a_reading_costs_one_flush_and_few_bytes_over_its_whole_life():
    command = [sys.executable, BENCH, "--quick"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "ptrace" in done.stderr and "not permitted" in done.stderr:
        pytest.skip("this machine forbids strace")
    assert done.returncode == 0, done.stdout + done.stderr
    words = {line.split()[0]: line.split() for line in done.stdout.splitlines()}
    # Below one flush a reading it could not survive a power cut: the count itself would be wrong.
    assert 1.0 <= float(words["flushes"][1]) <= 1.1
    assert float(words["bytes"][2]) < float(words["bytes"][1]) <= 16_000
