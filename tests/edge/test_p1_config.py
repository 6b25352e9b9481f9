"""The settings of the grid meter: what is taken, and how what is not is refused."""

import pytest

from edge_lib.config import problems
from edge_lib.p1_config import P1Source, p1_config
from edge_lib.shared.env import ConfigError
from tests.support.tls_server import Authority

TOKEN = "0123456789ABCDEF0123456789ABCDEF"


@pytest.fixture(scope="module")
def ca_file(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca") / "own").ca_file


def read(source: str, **more: str):
    return p1_config({"P1_SOURCE": source, **more})


@pytest.mark.parametrize("env", [{}, {"P1_SOURCE": ""}, {"P1_SOURCE": "  ", "P1_TOKEN": "x"}])
def test_without_a_source_there_is_no_meter(env):
    assert p1_config(env) is None


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("tcp://192.168.1.60:20202", P1Source("tcp", "192.168.1.60:20202", "192.168.1.60", 20202)),
        ("tcp://pi.lan:23/", P1Source("tcp", "pi.lan:23", "pi.lan", 23)),
        ("TCP://Pi.LAN:23", P1Source("tcp", "pi.lan:23", "pi.lan", 23)),
        (" tcp://[fe80::1]:23 ", P1Source("tcp", "[fe80::1]:23", "fe80::1", 23)),
        ("tcp://h:23?dsmr=2", P1Source("tcp", "h:23", "h", 23, dsmr2=True)),
        ("serial:///dev/ttyUSB0", P1Source("serial", "/dev/ttyUSB0", path="/dev/ttyUSB0")),
        (
            "serial:///dev/serial/by-id/usb-FTDI_x-port0?dsmr=2",
            P1Source(
                "serial",
                "/dev/serial/by-id/usb-FTDI_x-port0",
                path="/dev/serial/by-id/usb-FTDI_x-port0",
                dsmr2=True,
            ),
        ),
        ("homewizard://hw.lan", P1Source("homewizard", "hw.lan:80", "hw.lan", 80)),
        ("homewizard://1.2.3.4:8080", P1Source("homewizard", "1.2.3.4:8080", "1.2.3.4", 8080)),
    ],
)
def test_sources(given, expected):
    config = read(given)
    assert config is not None
    assert config.source == expected
    assert (config.interval_s, config.token, config.ca_file) == (5.0, None, None)


def test_a_homewizard_of_version_2(ca_file):
    config = read("homewizards://1.2.3.4/5c2faf001122", P1_TOKEN=TOKEN, P1_CA_FILE=str(ca_file))
    assert config is not None
    assert config.source == P1Source(
        "homewizards", "1.2.3.4:443", "1.2.3.4", 443, serial="5c2faf001122"
    )
    assert (config.token, config.ca_file) == (TOKEN, ca_file)
    assert TOKEN not in repr(config)


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ("192.168.1.60:20202", "must start with one of tcp://"),
        ("http://192.168.1.60", "must start with one of tcp://"),
        ("/dev/ttyUSB0", "must start with one of tcp://"),
        ("tcp://192.168.1.60", "must name the port"),
        ("tcp://192.168.1.60:0", "must name the port"),
        ("tcp://192.168.1.60:70000", "is not an address"),
        ("tcp://192.168.1.60:x", "is not an address"),
        ("tcp://:20202", "must name a host"),
        ("tcp://-a:20202", "must name a host"),
        ("tcp://a b:20202", "must start with one of"),
        ("tcp://h:1/path", "must not have a path"),
        ("tcp://user@h:1", "may end in nothing but ?dsmr=2"),
        ("tcp://h:1?dsmr=5", "may end in nothing but ?dsmr=2"),
        ("tcp://h:1?", "may end in nothing but ?dsmr=2"),
        ("tcp://h:1#x", "may end in nothing but ?dsmr=2"),
        ("serial://dev/ttyUSB0", "must name the port's file"),
        ("serial:///", "must name the port's file"),
        ("serial:///dev/ttyUSB0?baud=9600", "may end in nothing but ?dsmr=2"),
        ("homewizard://h/5c2faf001122", "must not have a path"),
        ("homewizard://h?dsmr=2", "takes neither user, query nor #"),
        ("homewizards://h", "must end in the meter's serial number"),
        ("homewizards://h/a/b", "must end in the meter's serial number"),
        ("homewizards://h/5c2f%61f", "must end in the meter's serial number"),
    ],
)
def test_what_is_not_a_source_is_refused_with_an_example(given, what):
    with pytest.raises(ConfigError, match=r"^P1_SOURCE='.*'.*; example: P1_SOURCE=\w+://") as error:
        read(given)
    assert what in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("interval", ["0", "0.5", "-5", "x", "3601", "inf"])
def test_the_interval_is_a_second_or_more(interval):
    with pytest.raises(ConfigError, match=r"^P1_INTERVAL_S='.*' must be .*; example: P1_INTERVAL"):
        read("tcp://h:1", P1_INTERVAL_S=interval)


def test_an_interval_may_have_a_fraction():
    config = read("tcp://h:1", P1_INTERVAL_S="2.5")
    assert config is not None
    assert config.interval_s == 2.5


def test_version_2_wants_a_token_and_an_authority(ca_file, tmp_path):
    source = "homewizards://h/5c2faf001122"
    with pytest.raises(ConfigError, match=r"^P1_TOKEN is missing: .*example: P1_TOKEN_FILE="):
        read(source, P1_CA_FILE=str(ca_file))
    with pytest.raises(ConfigError, match=r"^P1_CA_FILE is missing: .*example: P1_CA_FILE="):
        read(source, P1_TOKEN=TOKEN)
    with pytest.raises(ConfigError, match=r"^P1_TOKEN must be printable ASCII"):
        read(source, P1_TOKEN="a b", P1_CA_FILE=str(ca_file))
    empty = tmp_path / "empty.pem"
    empty.touch()
    for file in (empty, tmp_path / "absent.pem", tmp_path):
        with pytest.raises(ConfigError, match=r"^P1_CA_FILE: cannot read certificates from"):
            read(source, P1_TOKEN=TOKEN, P1_CA_FILE=str(file))


def test_the_token_may_come_from_a_file_that_nobody_else_reads(ca_file, tmp_path):
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    file.chmod(0o640)
    env = {"P1_TOKEN_FILE": str(file), "P1_CA_FILE": str(ca_file)}
    config = read("homewizards://h/5c2faf001122", **env)
    assert config is not None
    assert config.token == TOKEN
    file.chmod(0o644)
    with pytest.raises(ConfigError, match="P1_TOKEN_FILE"):
        read("homewizards://h/5c2faf001122", **env)


def test_while_pairing_there_is_no_token_yet(ca_file):
    env = {"P1_SOURCE": "homewizards://h/5c2faf001122", "P1_CA_FILE": str(ca_file)}
    assert p1_config(env, pairing=True) is not None


BASE = {
    "SUNGROW_HOST": "h",
    "DEVICE_ID": "d",
    "VPS_INGEST_URL": "https://x",
    "VPS_TOKEN": "t",
}


@pytest.mark.parametrize(
    ("more", "names"),
    [
        ({}, []),
        ({"P1_INTERVAL_S": "0"}, []),  # it is not read without a source
        ({"P1_SOURCE": "tcp://h:1", "P1_INTERVAL_S": "0"}, ["P1_INTERVAL_S"]),
        ({"P1_SOURCE": "tcp://h", "P1_INTERVAL_S": "0"}, ["P1_SOURCE", "P1_INTERVAL_S"]),
        ({"P1_SOURCE": "homewizards://h/1"}, ["P1_TOKEN", "P1_CA_FILE"]),
        ({"P1_SOURCE": "homewizard://h"}, []),
    ],
)
def test_every_problem_is_named_beside_the_edges_others(more, names):
    found = problems({**BASE, **more})
    assert len(found) == len(names)
    assert all(text.startswith(name) for text, name in zip(found, names, strict=True))
