"""The stories of ``clock_chaos``, once each, and the service stopped in the middle of its polls."""

import itertools
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time

import pytest

from edge_lib.simulator.fake_dongle import DumpSource, FakeDongle
from tests.chaos.clock_chaos import checked, readings, stories
from tests.chaos.crash_points import DUMP, ROOT
from tests.chaos.crash_shim import NoCompiler, compiled
from tests.support.edge_env import edge_env

SPEED = 50
_pause = threading.Event().wait
ALL = stories(random.Random(1))


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    try:
        return compiled("wall", tmp_path_factory.mktemp("shim"))
    except NoCompiler as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("name", ALL)
def test_whatever_the_wall_clock_does_nothing_is_lost_doubled_or_misplaced(name, library):
    told, complaints = checked(name, ALL[name], library)
    assert complaints == []
    assert len(readings(told)) > 40


def test_a_service_stopped_for_a_minute_makes_up_for_no_poll(tmp_path):
    with FakeDongle(DumpSource(DUMP)) as dongle:
        process = subprocess.Popen(
            [sys.executable, "tests/chaos/clock_stop_child.py", str(SPEED), str(time.monotonic())],
            env={**os.environ, **edge_env(tmp_path, tmp_path / "ca", dongle_port=dongle.port)}
            | {"VPS_CA_FILE": ""},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        with process.stdout as pipe:
            polls = [_poll(pipe) for _ in range(5)]
            process.send_signal(signal.SIGSTOP)
            _pause(60 / SPEED)
            process.send_signal(signal.SIGCONT)
            polls += [_poll(pipe) for _ in range(10)]
            process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    gaps_s = [b - a for a, b in itertools.pairwise(polls)]
    assert min(gaps_s) >= 5
    assert max(gaps_s) > 50  # it was stopped


def _poll(pipe) -> float:
    return json.loads(pipe.readline())[1]
