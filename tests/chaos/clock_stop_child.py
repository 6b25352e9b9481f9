"""The fast edge (``support/fast_edge.py``, same arguments), telling of its polls on stdout."""

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import edge
from tests.chaos.clock_child import listen_to_polls
from tests.support.fast_edge import FastClock, FastThreading

if __name__ == "__main__":
    edge.Clock, edge.threading = FastClock, FastThreading
    listen_to_polls(
        FastClock().monotonic_s, lambda *words: os.write(1, (json.dumps(words) + "\n").encode())
    )
    sys.exit(edge.main([]))
