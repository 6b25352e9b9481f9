"""Forks edges on demand: ``python tests/chaos/edge_forks.py SPEED START_S``, told by lines of JSON.

``{"env": {...}, "log": PATH, "ledger": PATH}`` starts an edge and prints its process id;
``{"kill": PID, "signal": N}`` signals it and prints how it ended. A fork has the imports behind it,
so that a start costs a hundredth of a second and a thousand of them are cheap; what runs from then
on is the product's own ``edge.main``, with the clock of ``fast_edge``. Each reading that is on disk
for certain (``put`` has come back, and none waits in memory) is noted in the ledger.
"""

import ctypes
import json
import logging
import os
import signal
import sys
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import edge
from edge_lib.spool import spool
from edge_lib.spool.kinds import SAMPLES, Kind
from edge_lib.upload.https import HttpsClient
from tests.support import fast_edge

DEADLINE_S = 0.6  # of a request: the proxy's worst harm is to say nothing
_PR_SET_PDEATHSIG = 1


class ImpatientClient(HttpsClient):
    def __init__(self, *args):
        super().__init__(*args, total_timeout_s=DEADLINE_S, connect_timeout_s=DEADLINE_S)


def become_an_edge(env: dict[str, str], log: str, ledger: str) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    os.environ.clear()
    os.environ.update(env)
    append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    os.dup2(os.open(log, append, 0o644), 2)
    noted = os.open(ledger, append, 0o644)
    put = spool.Spool.put

    def put_and_note(
        self: spool.Spool, sample: dict, boottime_us: int, kind: Kind = SAMPLES
    ) -> dict:
        stored = put(self, sample, boottime_us, kind)
        if not len(self._attempts.buffer):  # what waits in memory dies with the process
            os.write(noted, f"{kind.name} {stored['seq']} {stored['ts']}\n".encode())
        return stored

    spool.Spool.put = put_and_note
    status = edge.main([])
    logging.shutdown()
    os._exit(status)


def main() -> None:
    # Long runs in a fast world take weeks there: they begin that far in the past.
    fast_edge.START -= timedelta(days=30)
    edge.Clock, edge.threading = fast_edge.FastClock, fast_edge.FastThreading
    edge.HttpsClient = ImpatientClient
    for line in sys.stdin:
        told = json.loads(line)
        if "kill" in told:
            os.kill(told["kill"], told["signal"])
            _, status = os.waitpid(told["kill"], 0)
            print(os.waitstatus_to_exitcode(status), flush=True)
            continue
        child = os.fork()
        if child == 0:
            become_an_edge(**told)
        print(child, flush=True)


if __name__ == "__main__":
    main()
