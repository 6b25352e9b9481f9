"""Inside a booted machine with a kernel of its own, by root: the memory of the edge, and its limit.

The unit runs ``tests/support/fast_edge.py``: the product with its clock ``SPEED`` times as fast.
"""

import re
import sys
import time
from pathlib import Path

from tests.booted.edge_checks import UNIT, check, first_installation, health, must, show
from tests.booted.machine import Table, until

SPEED, POLLS, EVERY = 10, 2500, 100
DROP_IN = Path(f"/etc/systemd/system/{UNIT}.d/test.conf")


def drop_in(*lines: str) -> None:
    DROP_IN.parent.mkdir(exist_ok=True)
    DROP_IN.write_text("\n".join(["[Service]", *lines, ""]))
    must(f"systemctl daemon-reload && systemctl restart --no-block {UNIT}")


def resident_kb() -> int:
    status = Path(f"/proc/{show('MainPID')}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1])


def is_flat() -> str:
    must("cp -r tests /srv/around/ && chmod -R go+rX /srv/around/tests")
    program = f"/srv/around/tests/support/fast_edge.py {SPEED} {time.monotonic()}"
    drop_in("ExecStart=", f"ExecStart=/opt/sungrow-edge/current/.venv/bin/python {program}")
    first, sizes_kb = health()["seq"], []
    for number in range(EVERY, POLLS + 1, EVERY):
        until(f"{number} polls", lambda least=first + number: health().get("seq", 0) >= least, 600)
        sizes_kb.append(resident_kb())
        print(
            f"{number} polls: {sizes_kb[-1]} kB resident, unit {show('MemoryCurrent')}", flush=True
        )
    assert show("NRestarts") == "0"
    middle, last = sizes_kb[len(sizes_kb) // 2], sizes_kb[-1]
    assert last <= 1.02 * middle, sizes_kb
    peak, most = int(show("MemoryPeak")), int(show("MemoryMax"))
    assert peak <= most / 2, f"{peak} of {most} bytes"
    return f"{POLLS} polls: {middle} kB, then {last} kB; peak {peak >> 20} of {most >> 20} MB"


def is_limited() -> str:
    drop_in("MemoryMax=12M", "MemorySwapMax=0")
    until("killed", lambda: "oom-kill" in must(f"journalctl -u {UNIT} --no-pager -n 50"), 120)
    DROP_IN.unlink()
    must(f"systemctl daemon-reload && systemctl restart {UNIT}")
    until("polls again", lambda: show("ActiveState") == "active", 60)
    return "12 MB: killed and started again"


def main() -> int:
    table = Table()
    check(table, "installed by one command", first_installation)
    check(table, "memory is flat and far from the limit", is_flat)
    check(table, "the limit holds", is_limited)
    return table.end()


if __name__ == "__main__":
    sys.exit(main())
