"""A HomeWizard dongle over real HTTP and TLS: every field, every bad answer, the certificate."""

import json
import socket
import threading
from contextlib import closing
from pathlib import Path

import pytest

from edge_lib.clock import Clock
from edge_lib.p1 import http
from edge_lib.p1.advice import sentence
from edge_lib.p1.homewizard import HomeWizard, of_v1, of_v2
from edge_lib.p1.reading import Counts
from edge_lib.p1_config import p1_config
from edge_lib.simulator.certificate import Authority
from tests.support.p1_lines import (
    LineServer,
    Port,
    answers,
    failure,
    meter,
    read_for,
    sends,
)
from tests.support.tls_server import TlsServer, answer, message

# HomeWizard.

V1 = {
    "wifi_ssid": "home",
    "smr_version": 50,
    "unique_id": "4530303437303030303132333435363738",
    "active_tariff": 2,
    "total_power_import_kwh": 13779.338,
    "total_power_import_t1_kwh": 10830.511,
    "total_power_import_t2_kwh": 2948.827,
    "total_power_export_kwh": 0,
    "total_power_export_t1_kwh": 0,
    "total_power_export_t2_kwh": 0,
    "active_power_w": -543,
    "active_power_l1_w": -676,
    "active_power_l2_w": 133,
    "active_power_l3_w": 0,
    "active_voltage_l1_v": 230.1,
    "active_current_l1_a": -2.9,
    "active_power_average_w": 123.0,
    "montly_power_peak_w": 1111.0,
    "montly_power_peak_timestamp": 260701080010,
    "external": [
        {"unique_id": "47", "type": "gas_meter", "timestamp": 261128181010, "value": 2569.646,
         "unit": "m3"},
        {"unique_id": "48", "type": "water_meter", "timestamp": 261128181000, "value": 11.5,
         "unit": "m3"},
        {"unique_id": "49", "type": "heat_meter", "timestamp": 261128181000, "value": 7.5,
         "unit": "GJ"},
    ],
}  # fmt: skip
V2 = {
    "protocol_version": 50,
    "unique_id": "4530303437303030303132333435363738",
    "timestamp": "2026-11-28T18:15:30",
    "tariff": 2,
    "energy_import_kwh": 13779.338,
    "energy_import_t1_kwh": 10830.511,
    "energy_import_t2_kwh": 2948.827,
    "energy_export_kwh": 0,
    "energy_export_t1_kwh": 0,
    "energy_export_t2_kwh": 0,
    "power_w": -543,
    "power_l1_w": -676,
    "power_l2_w": 133,
    "power_l3_w": 0,
    "voltage_l1_v": 230.1,
    "current_l1_a": -2.9,
    "average_power_15m_w": 123.0,
    "monthly_power_peak_w": 1111.0,
    "monthly_power_peak_timestamp": "2026-07-01T08:00:10",
    "external": [
        {"type": "gas_meter", "timestamp": "2026-11-28T18:10:10", "value": 2569.646, "unit": "m3"},
        {"type": "water_meter", "timestamp": "2026-11-28T18:10:00", "value": 11.5, "unit": "m3"},
        {"type": "heat_meter", "timestamp": "2026-11-28T18:10:00", "value": 7.5, "unit": "GJ"},
    ],
}
BOTH = {
    "power_w": -543.0,
    "import_power_w": 0.0,
    "energy_import_kwh": 13779.338,
    "energy_export_kwh": 0.0,
    "import_t1_kwh": 10830.511,
    "import_t2_kwh": 2948.827,
    "export_t1_kwh": 0.0,
    "export_t2_kwh": 0.0,
    "tariff": 2,
    "power_l1_w": -676.0,
    "power_l2_w": 133.0,
    "power_l3_w": 0.0,
    "voltage_l1_v": 230.1,
    "current_l1_a": -2.9,
    "demand_w": 123.0,
    "month_peak_w": 1111.0,
    "month_peak_ts": "2026-07-01T08:00:10+02:00",
    "gas_m3": 2569.646,
    "gas_ts": "2026-11-28T18:10:10+01:00",
    "water_m3": 11.5,
    "water_ts": "2026-11-28T18:10:00+01:00",
    "meter_id": "E0047000012345678",
}
READERS = [(of_v1, V1, {}), (of_v2, V2, {"meter_ts": "2026-11-28T18:15:30+01:00"})]
NOW = Clock().now()


@pytest.mark.parametrize(("read", "answered", "more"), READERS, ids=["v1", "v2"])
def test_every_field_of_an_answer(read, answered, more):
    told = read(answered, NOW)
    assert told.values == {**BOTH, **more}
    assert not told.doubts


@pytest.mark.parametrize(("read", "answered", "more"), READERS, ids=["v1", "v2"])
def test_what_is_absent_or_null_is_absent(read, answered, more):
    for name in answered:
        for without in ({k: v for k, v in answered.items() if k != name}, {**answered, name: None}):
            told = read(without, NOW)
            assert not told.doubts
            assert all(v == {**BOTH, **more}[k] for k, v in told.values.items() if v is not None)
    assert read({}, NOW).values == {"power_w": None}
    assert not read({}, NOW).is_reading


@pytest.mark.parametrize("value", ["-543", True, [1], {"w": 1}, 1e9, -1e9])
def test_what_is_not_a_power_is_left_out_and_named(value):
    told = of_v1({**V1, "active_power_w": value}, NOW)
    assert (told.values["power_w"], "import_power_w" in told.values) == (None, False)
    assert len(told.doubts) == 1
    assert "active_power_w" in told.doubts[0]


def test_totals_of_old_firmware_are_the_sum_of_the_tariffs():
    old = {k: v for k, v in V1.items() if k not in ("total_power_import_kwh", "external")}
    told = of_v1({**old, "total_gas_m3": 2569.646, "gas_timestamp": 261128181010}, NOW)
    assert told.values["energy_import_kwh"] == 13779.338
    assert (told.values["gas_m3"], told.values["gas_ts"]) == (2569.646, "2026-11-28T18:10:10+01:00")
    broken = of_v1({**old, "total_power_import_t2_kwh": "x"}, NOW)
    assert "energy_import_kwh" not in broken.values


@pytest.mark.parametrize(
    "external",
    [
        7,
        [7],
        [{}],
        [{"type": "gas_meter", "value": 1.0, "unit": "m3"}],
        [{"type": "gas_meter", "timestamp": "soon", "value": 1.0, "unit": "m3"}],
        [{"type": "gas_meter", "timestamp": 261128181010, "value": 1.0, "unit": "GJ"}],
        [{"type": "gas_meter", "timestamp": 261128181010, "value": "x", "unit": "m3"}],
        [{"type": "gas_meter", "timestamp": 261128181010, "value": -1, "unit": "m3"}],
        [{"type": ["gas_meter"], "timestamp": 261128181010, "value": 1, "unit": "m3"}],
    ],
)
def test_a_bad_gas_meter_costs_no_more_than_the_gas(external):
    told = of_v1({**V1, "external": external}, NOW)
    expected = {k: v for k, v in BOTH.items() if not k.startswith(("gas_", "water_"))}
    assert told.values == expected


def test_version_1_over_one_connection():
    with (
        LineServer(answers(message(200, V1))) as server,
        closing(meter(f"homewizard://127.0.0.1:{server.port}")) as m,
    ):
        for _ in range(3):
            (reading,) = read_for(m, 30)  # and does not wait for the interval's end
            assert reading.values == BOTH
        assert (m.good, m.bad, server.connections) == (3, 0, 1)


@pytest.mark.parametrize(
    "reply",
    [
        message(200, V1, {"Connection": "close"}),
        message(200, V1, length=False),
        b"HTTP/1.0 200 OK\r\nConnection: close\r\n\r\n" + json.dumps(V1).encode(),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"%x\r\n" % len(json.dumps(V1))
        + json.dumps(V1).encode()
        + b"\r\n0\r\n\r\n",
    ],
)
def test_answers_of_every_shape_that_http_allows(reply):
    with (
        LineServer(answers(reply)) as server,
        closing(meter(f"homewizard://127.0.0.1:{server.port}")) as m,
    ):
        for _ in range(2):
            (reading,) = read_for(m, 30)
            assert reading.values == BOTH


def test_a_kept_connection_that_was_closed_meanwhile_costs_no_reading():
    def once(connection: socket.socket, stop: threading.Event) -> None:
        connection.recv(4096)
        connection.sendall(message(200, V1))

    with (
        LineServer(once) as server,
        closing(meter(f"homewizard://127.0.0.1:{server.port}")) as m,
    ):
        for _ in range(3):
            assert len(read_for(m, 30)) == 1
        assert (server.connections, m.bad) == (3, 0)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (message(403, {"error": {"id": 202}}), "not_enabled"),
        (message(404, {}), "http_404"),
        (message(503, {}), "http_503"),
        (message(200, b"[]"), "mismatch"),
        (message(200, b"{"), "mismatch"),
        (message(200, b'{"active_power_w": NaN}'), "mismatch"),
        (message(200, b"[" * 50_000), "mismatch"),
        (message(200, {}), "mismatch"),
        (message(200, b"x" * 70_000), "mismatch"),
        (message(200, V1)[:-40] + b"Connection: close", "mismatch"),
        (message(200, V1, {"Content-Length": "5000", "Connection": "close"}), "mismatch"),
        (b"Connection: close", "mismatch"),
        (b"SSH-2.0-OpenSSH_9.2\r\nConnection: close\r\n", "mismatch"),
    ],
)
def test_answers_that_are_not_a_measurement(reply, reason):
    with (
        LineServer(answers(reply)) as server,
        closing(meter(f"homewizard://127.0.0.1:{server.port}")) as m,
    ):
        error = failure(m)
        assert error.reason == reason
        source = p1_config({"P1_SOURCE": f"homewizard://127.0.0.1:{server.port}"}).source
        assert len(sentence(error, source)) > 60
    assert (m.good, m.bad) == (0, 1)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (301, "a web server that redirects, which no P1 dongle does (http_301: status 301"),
        (308, "a web server that redirects, which no P1 dongle does (http_308: status 308"),
        (204, "has no reading of a meter"),
        (400, "is the address in P1_SOURCE the dongle's?"),
        (404, "it does not know this API"),
        (500, "(http_500: status 500 Internal Server Error)"),
        (599, "(http_599: status 599)"),
    ],
)
def test_another_web_server_is_told_from_a_dongle(status, words):
    with (
        LineServer(answers(message(status, {}))) as server,
        closing(meter(f"homewizard://127.0.0.1:{server.port}")) as m,
    ):
        source = p1_config({"P1_SOURCE": f"homewizard://127.0.0.1:{server.port}"}).source
        assert words in sentence(failure(m), source)


@pytest.mark.parametrize("script", [sends(), answers(message(200, V1), every_s=0.05)])
def test_an_answer_that_does_not_come_in_time(monkeypatch, script):
    monkeypatch.setattr(http, "ANSWER_S", 0.5)
    with LineServer(script) as server, closing(meter(f"homewizard://127.0.0.1:{server.port}")) as m:
        clock = Clock()
        before = clock.monotonic_s()
        assert failure(m).reason == "timeout"
        assert clock.monotonic_s() - before < 2


# Version 2: the certificate.

TOKEN = "0123456789ABCDEF0123456789ABCDEF"
SERIAL = "5c2faf001122"
NAME = f"appliance/p1dongle/{SERIAL}"


@pytest.fixture(scope="module")
def issued(tmp_path_factory):
    """Return a function that issues a certificate with a common name, of an authority each."""

    def make(name: str):
        return Authority(tmp_path_factory.mktemp("ca")).issue(hosts=(), name=name)

    return make


@pytest.fixture(scope="module")
def certificate(issued):
    return issued(NAME)


def v2(port: int, ca, serial: str = SERIAL):
    return meter(f"homewizards://127.0.0.1:{port}/{serial}", P1_TOKEN=TOKEN, P1_CA_FILE=str(ca))


def test_version_2_is_read_from_the_dongle_that_is_meant(certificate):
    with (
        TlsServer(certificate, answer(200, V2)) as server,
        closing(v2(server.port, certificate.ca)) as m,
    ):
        for _ in range(2):
            (reading,) = read_for(m, 30)
            assert reading.values == {**BOTH, "meter_ts": "2026-11-28T18:15:30+01:00"}
    asked = server.requests[0]
    assert (asked.method, asked.path) == ("GET", "/api/measurement")
    assert asked.headers["Authorization"] == f"Bearer {TOKEN}"
    assert asked.headers["X-Api-Version"] == "2"
    assert server.connections == 1  # a handshake costs the dongle much


@pytest.mark.parametrize(
    ("name", "serial"),
    [
        (NAME, "5c2faf001123"),
        ("appliance/energysocket/" + SERIAL, SERIAL),
        (SERIAL, SERIAL),
        ("127.0.0.1", SERIAL),
        ("*", SERIAL),
        ("appliance/p1dongle/*", SERIAL),
    ],
)
def test_another_name_is_refused_and_gets_no_token(issued, name, serial):
    other = issued(name)
    with (
        TlsServer(other, answer(200, V2)) as server,
        closing(v2(server.port, other.ca, serial)) as m,
    ):
        error = failure(m)
        assert error.reason == "certificate"
        assert "Nothing was sent" in sentence(
            error, p1_config({"P1_SOURCE": f"homewizard://127.0.0.1:{server.port}"}).source
        )
    assert not server.requests
    assert not server.received


def test_another_authority_is_refused_and_gets_no_token(issued, certificate):
    forged = issued(NAME)
    with (
        TlsServer(forged, answer(200, V2)) as server,
        closing(v2(server.port, certificate.ca)) as m,
    ):
        assert failure(m).reason == "certificate"
    assert not server.received


def test_a_server_without_tls_is_named(monkeypatch, certificate):
    monkeypatch.setattr(http, "ANSWER_S", 1.0)
    with (
        LineServer(answers(message(200, V2))) as server,
        closing(v2(server.port, certificate.ca)) as m,
    ):
        assert failure(m).reason in ("tls", "timeout")
    with (
        LineServer(sends(b"hello\r\n", every_s=0)) as server,
        closing(v2(server.port, certificate.ca)) as m,
    ):
        assert failure(m).reason == "tls"


def test_a_handshake_that_never_ends_is_given_up(monkeypatch, certificate):
    monkeypatch.setattr(http, "ANSWER_S", 0.5)
    with LineServer(sends()) as server, closing(v2(server.port, certificate.ca)) as m:
        assert failure(m).reason == "timeout"


def test_a_token_that_is_not_known(certificate):
    with (
        TlsServer(certificate, answer(401, {"error": {"code": "user:unauthorized"}})) as server,
        closing(v2(server.port, certificate.ca)) as m,
    ):
        error = failure(m)
    assert error.reason == "unauthorised"
    env = {"P1_SOURCE": f"homewizards://h/{SERIAL}", "P1_CA_FILE": str(certificate.ca)}
    text = sentence(error, p1_config(env, pairing=True).source)
    assert "--pair" in text
    assert TOKEN not in text


def test_pairing_waits_for_the_button(certificate):
    refused = answer(403, {"error": {"code": "user:creation-not-enabled"}})
    with TlsServer(certificate, answer(200, {"token": TOKEN, "name": "local/x"})) as server:
        server.answers(refused, refused)
        env = {
            "P1_SOURCE": f"homewizards://127.0.0.1:{server.port}/{SERIAL}",
            "P1_CA_FILE": str(certificate.ca),
        }
        config = p1_config(env, pairing=True)
        with closing(HomeWizard(config, Clock(), threading.Event().wait, Counts())) as dongle:
            assert [dongle.pair(), dongle.pair(), dongle.pair()] == [None, None, TOKEN]
    assert all((r.method, r.path) == ("POST", "/api/user") for r in server.requests)
    assert server.requests[0].json() == {"name": "local/sungrow-edge"}
    assert server.requests[0].headers["X-Api-Version"] == "2"


def test_nothing_stays_open(certificate):
    before = len(list(Path("/proc/self/fd").iterdir()))
    with TlsServer(certificate, answer(200, V2)) as server:
        m = v2(server.port, certificate.ca)
        read_for(m, 5)
        m.close()
    with LineServer(answers(message(404, {}))) as server:
        m = meter(f"homewizard://127.0.0.1:{server.port}")
        failure(m)
        m.close()
    with Port() as port:
        m = meter(f"serial://{port.path}")
        read_for(m, 0.05)
        m.close()
    assert len(list(Path("/proc/self/fd").iterdir())) <= before
