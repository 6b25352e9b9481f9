"""The meter over real lines: TCP, pseudo-ttys, HTTP and TLS, behaving well and badly."""

import contextlib
import errno
import fcntl
import os
import subprocess
import sys
import termios
import threading
import tty
from contextlib import closing
from datetime import timedelta
from itertools import pairwise

import pytest

from edge_lib.clock import Clock
from edge_lib.p1 import raw_source
from edge_lib.p1.advice import sentence
from edge_lib.p1.errors import P1Error
from edge_lib.p1_config import p1_config
from tests.support.p1_lines import LineServer, Port, failure, meter, read_for, repeats, sends
from tests.support.p1_telegrams import DSMR3, DSMR5, changed, telegram, whole

NOTHING_S = 0.05
TIOCGEXCL = 0x80045440  # of Linux; the module termios lacks it


def at(clock: str, watts: int = 100) -> bytes:
    """Return a telegram of this time of the meter's clock, ``hhmmss``."""
    return telegram(
        changed(
            DSMR5,
            clock=f"0-0:1.0.0(261128{clock}W)",
            **{"import": f"1-0:1.7.0({watts / 1000:06.3f}*kW)", "export": "1-0:2.7.0(00.000*kW)"},
        )
    )


def clocks(readings) -> list[str]:
    return [reading.values["meter_ts"][11:19] for reading in readings]


# Raw telegrams.


def test_of_an_interval_the_last_telegram_is_kept():
    stream = [at("181500"), at("181501"), at("181502")]
    with (
        LineServer(sends(*stream)) as server,
        closing(meter(f"tcp://127.0.0.1:{server.port}")) as m,
    ):
        before = Clock().now()
        readings = read_for(m, 0.5)
    assert clocks(readings) == ["18:15:02"]
    assert before < readings[0].at < before + timedelta(seconds=0.5)
    assert abs(readings[0].boottime_us - Clock().boottime_us()) < 2e6
    assert (m.good, m.bad, m.failures, m.last_error) == (3, 0, 0, None)


def test_the_first_telegram_of_each_quarter_of_the_meters_clock_is_kept_too():
    times = ("181458", "181459", "181500", "181501", "182959", "183002", "183003")
    with (
        LineServer(sends(*map(at, times))) as server,
        closing(meter(f"tcp://127.0.0.1:{server.port}")) as m,
    ):
        assert clocks(read_for(m, 0.5)) == ["18:15:00", "18:30:02", "18:30:03"]


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        (("181459", "181500"), ["18:15:00"]),  # once, though it is both
        (("181459", "182000", "184000"), ["18:20:00", "18:40:00"]),  # late, but the first
        (("181501", "181459"), ["18:14:59"]),  # the clock was set back
    ],
)
def test_quarters_in_odd_streams(times, expected):
    with (
        LineServer(sends(*map(at, times))) as server,
        closing(meter(f"tcp://127.0.0.1:{server.port}")) as m,
    ):
        assert clocks(read_for(m, 0.4)) == expected


def test_a_quarter_that_begins_between_two_intervals_is_not_missed():
    with (
        LineServer(
            sends(at("181459"), b"", b"", b"", at("181500"), at("181501"), every_s=0.2)
        ) as server,
        closing(meter(f"tcp://127.0.0.1:{server.port}")) as m,
    ):
        assert clocks(read_for(m, 0.4)) == ["18:14:59"]
        assert clocks(read_for(m, 1.2)) == ["18:15:00", "18:15:01"]


def test_a_meter_without_a_clock_has_the_quarters_of_ours(monkeypatch):
    monkeypatch.setattr(raw_source, "QUARTER_S", 1)
    with (
        LineServer(repeats(whole("3"), 0.3)) as server,
        closing(meter(f"tcp://127.0.0.1:{server.port}?dsmr=2")) as m,
    ):
        readings = read_for(m, 2.5)
    assert 2 <= len(readings) <= 4  # and not one


def test_a_damaged_telegram_is_counted_and_never_read():
    harmed = at("181501").replace(b"00.100", b"00.900")
    stream = (at("181500"), harmed, harmed[:300], at("181502"), whole("3"))
    with (
        LineServer(sends(*stream)) as server,
        closing(meter(f"tcp://127.0.0.1:{server.port}")) as m,
    ):
        assert clocks(read_for(m, 0.5)) == ["18:15:02"]
    assert (m.good, m.bad) == (2, 3)


@pytest.mark.parametrize(
    ("source", "data", "reason"),
    [
        ("", b"", "silent"),
        ("", b"noise without a telegram\r\n", "mismatch"),
        ("", at("181500").replace(b"00.100", b"00.900"), "bad_crc"),
        ("", at("181500")[:500], "bad_crc"),
        ("", whole("3"), "no_crc"),
        ("", at("181500")[:-6] + b"\r\n", "no_crc"),
        ("?dsmr=2", at("181500")[:-6] + b"\r\n", "no_crc"),  # of version 5: it always has one
        ("?dsmr=2", telegram(DSMR3.values(), crc="0000"), "bad_crc"),
        ("", telegram([]), "mismatch"),
        ("", bytes.fromhex("db08534147670000000182018a30000000"), "encrypted"),
    ],
)
def test_silence_says_what_came_instead(monkeypatch, source, data, reason):
    monkeypatch.setattr(raw_source, "SILENCE_S", 0.4)
    with (
        LineServer(repeats(data)) as server,
        closing(meter(f"tcp://127.0.0.1:{server.port}{source}")) as m,
    ):
        error = failure(m)
        assert error.reason == reason
        config = p1_config({"P1_SOURCE": f"tcp://127.0.0.1:{server.port}"})
        assert f"({reason}: " in sentence(error, config.source)
    assert m.good == 0


def test_a_quiet_meter_is_no_failure_until_it_is_silent_for_long():
    with (
        LineServer(sends(whole("3"), every_s=0.1)) as server,
        closing(meter(f"tcp://127.0.0.1:{server.port}?dsmr=2")) as m,
    ):
        assert len(read_for(m, 0.3)) == 1
        assert read_for(m, 0.1) == []
        assert (m.failures, m.last_error, server.connections) == (0, None, 1)


def test_a_line_that_hangs_up_is_opened_again_after_a_pause(monkeypatch):
    monkeypatch.setattr("edge_lib.p1.meter._BACK_OFF_S", (0.3,))
    with (
        LineServer(sends(at("181500"), then_hang_up=True), repeats(at("181501"))) as server,
        closing(meter(f"tcp://127.0.0.1:{server.port}")) as m,
    ):
        assert clocks(read_for(m, 5)) == ["18:15:00"]  # what had come is not lost
        assert failure(m).reason == "reset"
        assert read_for(m, 0.05) == []  # left alone
        assert server.connections == 1
        assert clocks(read_for(m, 0.6)) == ["18:15:01"]
        assert (m.failures, m.last_error, server.connections) == (0, None, 2)


def test_a_second_reader_is_told_that_there_is_another():
    with (
        LineServer(lambda _connection, _stop: None) as server,
        closing(meter(f"tcp://127.0.0.1:{server.port}")) as m,
    ):
        error = failure(m)
    assert error.reason == "refused"
    assert "another reader" in sentence(error, p1_config({"P1_SOURCE": "tcp://h:1"}).source)


@pytest.mark.parametrize(
    ("source", "advice"),
    [
        ("tcp://127.0.0.1:1", "the port is closed"),
        ("tcp://nobody.invalid:1", "the name cannot be resolved"),
        ("homewizard://127.0.0.1:1", "the port is closed"),
    ],
)
def test_who_cannot_be_reached_is_told_why(source, advice):
    with closing(meter(source)) as m:
        error = failure(m, 0.5)
    assert error.reason == "unreachable"
    assert advice in sentence(error, p1_config({"P1_SOURCE": source}).source)


def test_failures_back_off_and_never_outlast_the_interval(monkeypatch):
    monkeypatch.setattr("edge_lib.p1.meter._BACK_OFF_S", (0.2, 60.0))
    with closing(meter("tcp://127.0.0.1:1")) as m:
        clock = Clock()
        failure(m, 0.1)
        failure(m, 0.5)
        before = clock.monotonic_s()
        assert read_for(m, 0.3) == []
        assert 0.25 < clock.monotonic_s() - before < 1


@pytest.mark.parametrize(("source", "data"), [("tcp", at("181500")), ("homewizard", b"")])
def test_a_stop_ends_a_read_at_once(source, data):
    stop = threading.Event()
    with LineServer(sends(data)) as server:
        address = f"127.0.0.1:{server.port}"
        with closing(meter(f"{source}://{address}", stop.wait)) as m:
            threading.Timer(0.3, stop.set).start()
            clock = Clock()
            before = clock.monotonic_s()
            with contextlib.suppress(P1Error):
                assert clocks(read_for(m, 30)) == ["18:15:00"]
            assert clock.monotonic_s() - before < 2
            assert m.failures == 0


def test_the_reader_looks_twice_a_second_whether_it_is_to_stop():
    looked = []

    def wait(pause_s: float) -> bool:
        looked.append(Clock().monotonic_s())
        return threading.Event().wait(pause_s)

    with (
        LineServer(sends()) as server,
        closing(meter(f"tcp://127.0.0.1:{server.port}", wait)) as m,
    ):
        read_for(m, 2.2)
    assert max(b - a for a, b in pairwise(looked)) < 0.9
    assert len(looked) < 20


# One talker a meter.


def test_two_readers_of_one_meter_never_talk_to_it_at_once(monkeypatch):
    monkeypatch.setattr("edge_lib.p1.meter._BACK_OFF_S", (0.2,))
    with LineServer(repeats(at("181500"))) as server:
        source = f"tcp://127.0.0.1:{server.port}"
        first, second = meter(source), meter(source)
        assert read_for(first, 0.3)
        assert failure(second, 0.3).reason == "locked"
        assert server.connections == 1
        first.close()
        with closing(second):
            assert clocks(read_for(second, 1)) == ["18:15:00"]


def test_the_lock_of_another_process_counts_and_dies_with_it(monkeypatch):
    monkeypatch.setattr("edge_lib.p1.meter._BACK_OFF_S", (0.2,))
    code = (
        "import sys; from edge_lib.address_lock import AddressLock; "
        "lock = AddressLock('p1', sys.argv[1]); print(lock.acquire(), flush=True); input()"
    )
    with LineServer(repeats(at("181500"))) as server:
        address = f"127.0.0.1:{server.port}"
        other = subprocess.Popen(
            [sys.executable, "-c", code, address],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert other.stdout.readline() == "True\n"
        with closing(meter(f"tcp://{address}")) as m:
            assert failure(m, 0.1).reason == "locked"
            other.kill()
            other.communicate()
            assert clocks(read_for(m, 1)) == ["18:15:00"]


# Serial ports.


@pytest.mark.parametrize(("query", "name"), [("", "5"), ("", "fluvius"), ("?dsmr=2", "3")])
def test_a_serial_port(query, name):
    with Port() as port, closing(meter(f"serial://{port.path}{query}")) as m:
        threading.Timer(0.2, port.send, [whole(name)[100:] + whole(name)]).start()
        readings = read_for(m, 1)
        attributes = termios.tcgetattr(port.master)
    assert len(readings) == 1
    assert readings[0].values["power_w"] == {"5": -204, "fluvius": 1193, "3": 980}[name]
    assert attributes[4] == attributes[5] == (termios.B9600 if query else termios.B115200)
    assert not attributes[3] & (termios.ECHO | termios.ICANON | termios.ISIG)
    assert not attributes[1] & termios.OPOST
    assert not attributes[0] & (termios.ICRNL | termios.IXON)  # CRLF counts for the CRC
    assert bool(attributes[0] & termios.ISTRIP) == bool(query)


def test_what_a_port_had_received_before_it_was_opened_is_forgotten():
    with Port() as port, closing(meter(f"serial://{port.path}")) as m:
        tty.setraw(port.master)
        port.send(at("181400"))
        threading.Timer(0.2, port.send, [at("181500")]).start()
        assert clocks(read_for(m, 0.5)) == ["18:15:00"]
    assert (m.good, m.bad) == (1, 0)


def test_a_parity_bit_is_stripped_from_7e1():
    with_parity = bytes(b | (bin(b).count("1") & 1) << 7 for b in whole("3"))
    with Port() as port, closing(meter(f"serial://{port.path}?dsmr=2")) as m:
        threading.Timer(0.2, port.send, [with_parity]).start()
        assert read_for(m, 0.5)[0].values["power_w"] == 980


def test_a_port_is_opened_for_this_process_alone():
    with Port() as port, closing(meter(f"serial://{port.path}")) as m:
        assert read_for(m, NOTHING_S) == []
        try:
            other = os.open(port.path, os.O_RDWR | os.O_NOCTTY)
        except OSError as error:
            if error.errno != errno.EBUSY:  # which is what any user but root gets
                raise
            return
        exclusive = fcntl.ioctl(other, TIOCGEXCL, bytes(4))
        os.close(other)
        assert int.from_bytes(exclusive, sys.byteorder) == 1


def test_a_port_that_is_pulled_out_is_opened_again_when_it_is_back(monkeypatch, tmp_path):
    monkeypatch.setattr("edge_lib.p1.meter._BACK_OFF_S", (0.1,))
    link = tmp_path / "ttyUSB0"
    first = Port()
    link.symlink_to(first.path)
    with closing(meter(f"serial://{link}")) as m:
        threading.Timer(0.2, first.send, [at("181500")]).start()
        assert clocks(read_for(m, 0.4)) == ["18:15:00"]
        first.unplug()
        assert failure(m).reason == "device"
        link.unlink()
        error = failure(m)
        assert "no such port" in sentence(error, p1_config({"P1_SOURCE": "serial:///x"}).source)
        with Port() as second:
            link.symlink_to(second.path)
            threading.Timer(0.4, second.send, [at("181501")]).start()
            assert clocks(read_for(m, 0.8)) == ["18:15:01"]


@pytest.mark.parametrize(
    ("path", "advice"),
    [("/dev/null", "not a serial port"), ("/nowhere/ttyUSB0", "no such port"), ("/etc", "")],
)
def test_what_is_not_a_port_is_named(path, advice):
    with closing(meter(f"serial://{path}")) as m:
        error = failure(m)
    assert error.reason == "device"
    assert advice in sentence(error, p1_config({"P1_SOURCE": f"serial://{path}"}).source)
