"""The clocks of the edge: boots, and what makes a wall clock count as right."""

import os
import re
import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from edge_lib.clock import Clock

NOWHERE = Path("/nonexistent/file")


def clock(boot_id_file=NOWHERE, timesync_file=NOWHERE, environ=None):
    return Clock(boot_id_file, timesync_file, environ or {})


@pytest.fixture
def timesync_file(tmp_path):
    file = tmp_path / "synchronized"
    file.touch()
    return file


def test_now_is_aware_and_in_utc():
    before = datetime.now(UTC)
    now = clock().now()
    assert now.utcoffset() == timedelta(0)
    assert before <= now <= datetime.now(UTC)


def test_the_intervals_never_run_backwards():
    seen = [clock().monotonic_s() for _ in range(1000)]
    assert seen == sorted(seen)


def test_boottime_is_in_microseconds_since_the_boot():
    assert clock().boottime_us() == pytest.approx(
        time.clock_gettime(time.CLOCK_BOOTTIME) * 1e6, abs=10e6
    )
    assert type(clock().boottime_us()) is int


def test_the_boot_is_the_kernels_without_its_dashes():
    if not Path("/proc/sys/kernel/random/boot_id").exists():
        pytest.skip("this machine hides the kernel's boot_id")
    first, second = Clock(), Clock()
    assert re.fullmatch(r"[0-9a-f]{32}", first.boot())
    assert first.boot() == second.boot()


def test_the_source_of_the_time_is_named_where_there_is_one(timesync_file):
    assert clock(timesync_file=timesync_file).source() == "systemd-timesyncd"
    assert clock().source() is None


def test_a_hidden_boot_id_is_replaced_by_one_that_lasts_as_long_as_the_runtime_directory(tmp_path):
    runtime = {"RUNTIME_DIRECTORY": f"{tmp_path}:/run/other"}
    boot = clock(environ=runtime).boot()
    assert re.fullmatch(r"[0-9a-f]{32}", boot)
    assert clock(environ=runtime).boot() == boot
    assert [file.name for file in tmp_path.iterdir()] == ["boot"]
    (tmp_path / "boot").unlink()  # what a boot does to /run
    assert clock(environ=runtime).boot() != boot


def test_half_a_number_in_the_runtime_directory_is_replaced(tmp_path):
    (tmp_path / "boot").write_text("00ff")
    boot = clock(environ={"RUNTIME_DIRECTORY": str(tmp_path)}).boot()
    assert (tmp_path / "boot").read_text() == boot != "00ff"


def test_without_any_place_the_boot_is_random_but_lasting_within_the_clock():
    one = clock()
    assert one.boot() == one.boot() != clock().boot()
    unusable = clock(environ={"RUNTIME_DIRECTORY": "/nonexistent/directory"})
    assert re.fullmatch(r"[0-9a-f]{32}", unusable.boot())


def test_nobody_vouches_for_the_clock_of_a_fresh_boot():
    assert not clock().synchronised()


def test_timesyncds_file_vouches_for_the_clock(timesync_file):
    assert clock(timesync_file=timesync_file).synchronised()


def test_timesyncds_file_from_before_the_boot_proves_nothing(timesync_file):
    one = clock(timesync_file=timesync_file)
    booted_s = time.time() - one.boottime_us() / 1e6
    os.utime(timesync_file, (booted_s - 5, booted_s - 5))
    assert not one.synchronised()


def test_once_known_to_be_right_the_clock_stays_so(timesync_file):
    one = clock(timesync_file=timesync_file)
    assert one.synchronised()
    timesync_file.unlink()
    assert one.synchronised()


@pytest.mark.parametrize("off_s", [-1.5, 0, 1.5])
def test_a_server_that_agrees_within_two_seconds_confirms_the_clock(off_s):
    one = clock()
    date = (one.now() + timedelta(seconds=off_s)).astimezone(timezone(timedelta(hours=2)))
    assert one.confirm(date)
    assert one.synchronised()


@pytest.mark.parametrize("off_s", [-3600, -2.5, 2.5, 86400])
def test_a_server_that_disagrees_confirms_nothing_and_takes_nothing_back(off_s):
    one = clock()
    assert not one.confirm(one.now() + timedelta(seconds=off_s))
    assert not one.synchronised()
    assert one.confirm(one.now())
    assert not one.confirm(one.now() + timedelta(seconds=off_s))
    assert one.synchronised()
