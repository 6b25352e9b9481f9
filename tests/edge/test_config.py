"""The edge's settings: each rule of the contract, and words that a user can act on."""

import os
import re
from pathlib import Path

import pytest

from edge_lib.config import (
    DongleConfig,
    StoreConfig,
    UploadConfig,
    dongle_config,
    store_config,
    upload_config,
)
from edge_lib.shared import env as env_module
from edge_lib.shared.env import ConfigError, environment

SECRET = "never-shown-8f3a"
LEAST = {
    "SUNGROW_HOST": "192.168.1.50",
    "DEVICE_ID": "home-1",
    "VPS_INGEST_URL": "https://solar.example.org",
    "VPS_TOKEN": SECRET,
}


def read(env: dict) -> tuple[DongleConfig, UploadConfig, StoreConfig]:
    return dongle_config(env), upload_config(env), store_config(env)


def complaint(**changes: str) -> str:
    """The one line that these settings are refused with."""
    with pytest.raises(ConfigError) as refusal:
        read(LEAST | changes)
    words = str(refusal.value)
    assert "\n" not in words
    assert SECRET not in words
    return words


def test_the_required_settings_are_enough_and_the_rest_has_the_defaults_of_the_contract():
    dongle, upload, store = read(LEAST)
    assert dongle == DongleConfig("192.168.1.50", 502, 1, "home-1", 5.0, 0.02, 5.0, "INFO")
    assert upload == UploadConfig("https://solar.example.org", SECRET, None, 10.0, 500, 300.0)
    folder = Path("/var/lib/sungrow-edge")
    assert store == StoreConfig(folder / "spool.db", 7.0, folder / "health.json")


def test_every_setting_is_read():
    env = {
        "SUNGROW_HOST": "dongle.lan",
        "SUNGROW_PORT": "5020",
        "SUNGROW_SLAVE_ID": "247",
        "DEVICE_ID": "A.b_c-9",
        "VPS_INGEST_URL": "https://[::1]:8443/solar/",
        "VPS_TOKEN": "a:b",
        "POLL_INTERVAL_S": "7.5",
        "INTER_REGISTER_DELAY_MS": "50",
        "MODBUS_TIMEOUT_S": "1.5",
        "UPLOAD_INTERVAL_S": "1",
        "BATCH_SIZE": "1000",
        "MAX_BACKOFF_S": "1",
        "SPOOL_PATH": "/srv/spool.db",
        "SPOOL_KEEP_DAYS": "0",
        "HEALTH_PATH": "/srv/health.json",
        "LOG_LEVEL": "debug",
    }
    dongle, upload, store = read(env)
    assert dongle == DongleConfig("dongle.lan", 5020, 247, "A.b_c-9", 7.5, 0.05, 1.5, "DEBUG")
    assert upload == UploadConfig("https://[::1]:8443/solar", "a:b", None, 1.0, 1000, 1.0)
    assert store == StoreConfig(Path("/srv/spool.db"), 0.0, Path("/srv/health.json"))


@pytest.mark.parametrize("name", LEAST)
@pytest.mark.parametrize("value", [None, "", "  "])
def test_what_is_required_is_asked_for_by_name_with_an_example(name, value):
    env = {k: v for k, v in LEAST.items() if k != name} | ({} if value is None else {name: value})
    with pytest.raises(ConfigError, match=rf"^{name} is missing.*; example: {name}"):
        read(env)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SUNGROW_PORT", "0"),
        ("SUNGROW_PORT", "65536"),
        ("SUNGROW_PORT", "502.5"),
        ("SUNGROW_SLAVE_ID", "0"),
        ("SUNGROW_SLAVE_ID", "248"),
        ("POLL_INTERVAL_S", "1"),
        ("POLL_INTERVAL_S", "4.999"),
        ("INTER_REGISTER_DELAY_MS", "19.9"),
        ("INTER_REGISTER_DELAY_MS", "0"),
        ("MODBUS_TIMEOUT_S", "0.9"),
        ("MODBUS_TIMEOUT_S", "30.1"),
        ("UPLOAD_INTERVAL_S", "0.5"),
        ("BATCH_SIZE", "0"),
        ("BATCH_SIZE", "1001"),
        ("BATCH_SIZE", "10.5"),
        ("MAX_BACKOFF_S", "0"),
        ("SPOOL_KEEP_DAYS", "-1"),
        *(
            ("POLL_INTERVAL_S", value)
            for value in ("5s", "abc", "nan", "inf", "1e1", "5,5", "0x10")
        ),
        *(("POLL_INTERVAL_S", value) for value in ("+5", "-5", "\u0665", "5 5", "5.", "9" * 400)),
        ("LOG_LEVEL", "LOUD"),
        ("DEVICE_ID", "home 1"),
        ("DEVICE_ID", "x" * 65),
        ("DEVICE_ID", "häuschen"),
        ("SUNGROW_HOST", "http://192.168.1.50"),
        ("SUNGROW_HOST", "192.168.1.50:502"),
        ("SUNGROW_HOST", "192.168.1.50/24"),
        ("SUNGROW_HOST", "two words"),
        ("SUNGROW_HOST", "a..b"),
        ("SUNGROW_HOST", ":::"),
        ("SUNGROW_HOST", "-v"),
        ("VPS_INGEST_URL", "http://solar.example.org"),
        ("VPS_INGEST_URL", "solar.example.org"),
        ("VPS_INGEST_URL", "https://"),
        ("VPS_INGEST_URL", "https:///v1"),
        ("VPS_INGEST_URL", "https://user:pass@solar.example.org"),
        ("VPS_INGEST_URL", "https://solar.example.org/?a=1"),
        ("VPS_INGEST_URL", "https://solar.example.org/?"),
        ("VPS_INGEST_URL", "https://solar.example.org/#top"),
        ("VPS_INGEST_URL", "https://solar.example.org:0"),
        ("VPS_INGEST_URL", "https://solar.example.org:99999"),
        ("VPS_INGEST_URL", "https://solar.exa mple.org"),
        ("VPS_INGEST_URL", "https://solar.example.org\r\nX-Header:1"),
        ("VPS_INGEST_URL", "https://[::1"),
        ("VPS_TOKEN", "two words"),
        ("VPS_TOKEN", "tökén"),
        ("VPS_TOKEN", "a\nb"),
    ],
)
def test_a_malformed_value_is_refused_by_name_with_an_example(name, value):
    assert re.match(rf"{name}\b.*; example: {name}(_FILE)?=\S", complaint(**{name: value}))


@pytest.mark.parametrize(
    "host", ["dongle", "winet-s.fritz.box", "10.0.0.7", "fe80::1%eth0", "::1", "[::1]", "a_b.lan."]
)
def test_a_host_is_a_name_or_an_address_of_either_kind(host):
    assert dongle_config(LEAST | {"SUNGROW_HOST": host}).host == host.strip("[]")


def test_a_url_with_a_password_is_not_repeated():
    words = complaint(VPS_INGEST_URL=f"https://me:{SECRET}@solar.example.org")
    assert "without user" in words


def test_the_token_is_in_no_repr(capsys):
    upload = upload_config(LEAST)
    for text in (repr(upload), str(upload), f"{upload}", "%s %r" % (upload, [upload])):  # noqa: UP031
        assert SECRET not in text
    assert "https://solar.example.org" in repr(upload)


@pytest.mark.usefixtures("private_files")
def test_the_token_may_come_from_a_file(tmp_path):
    path = tmp_path / "token"
    path.write_text(f"{SECRET}\n")
    env = {k: v for k, v in LEAST.items() if k != "VPS_TOKEN"} | {"VPS_TOKEN_FILE": str(path)}
    assert upload_config(env).token == SECRET


def test_a_token_in_both_forms_is_refused(tmp_path):
    words = complaint(VPS_TOKEN_FILE=str(tmp_path / "token"))
    assert re.match(r"VPS_TOKEN and VPS_TOKEN_FILE are both set.*; example: VPS_TOKEN_FILE=", words)


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o660, 0o620, 0o666])
def test_a_file_that_others_may_read_or_change_is_refused(tmp_path, mode):
    path = tmp_path / "token"
    path.write_text(SECRET)
    path.chmod(mode)
    words = complaint(VPS_TOKEN="", VPS_TOKEN_FILE=str(path))
    assert re.match(r"VPS_TOKEN_FILE: .*; run: chmod 640 .*; example: VPS_TOKEN_FILE=", words)
    assert f"{mode:04o}" in words


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o400, 0o440])
def test_a_file_for_owner_and_group_is_taken(tmp_path, mode):
    path = tmp_path / "token"
    path.write_text(SECRET)
    path.chmod(mode)
    assert upload_config(LEAST | {"VPS_TOKEN": "", "VPS_TOKEN_FILE": str(path)}).token == SECRET


def test_what_a_container_is_given_as_a_secret_is_taken_as_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr(env_module, "_CONTAINER_SECRETS", tmp_path)
    path = tmp_path / "token"
    path.write_text(SECRET)
    path.chmod(0o444)
    assert upload_config(LEAST | {"VPS_TOKEN": "", "VPS_TOKEN_FILE": str(path)}).token == SECRET


def test_a_pipe_is_no_file_that_others_could_read():
    reader, writer = os.pipe()
    os.write(writer, SECRET.encode())
    os.close(writer)
    given = {"VPS_TOKEN": "", "VPS_TOKEN_FILE": f"/dev/fd/{reader}"}
    assert upload_config(LEAST | given).token == SECRET
    os.close(reader)


@pytest.mark.usefixtures("private_files")
@pytest.mark.parametrize("content", [None, b"", b"  \n", b"\xff\xfe", b"two\nlines"])
def test_a_file_that_holds_no_token_is_refused(tmp_path, content):
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    assert re.match(
        r"VPS_TOKEN(_FILE)?\b.*; example: VPS_TOKEN_FILE=",
        complaint(VPS_TOKEN="", VPS_TOKEN_FILE=str(path)),
    )


def test_a_ca_file_is_looked_into(certificate):
    assert upload_config(LEAST | {"VPS_CA_FILE": str(certificate.ca)}).ca_file == certificate.ca


@pytest.mark.parametrize("content", [None, b"", b"no certificate", "a folder"])
def test_a_ca_file_without_certificates_is_refused(tmp_path, content):
    path = tmp_path / "ca.pem"
    if content == "a folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    words = complaint(VPS_CA_FILE=str(path))
    assert re.match(r"VPS_CA_FILE: cannot read.*; example: VPS_CA_FILE=\S", words)
    assert str(path) in words


def test_a_dongle_needs_no_server():
    only = {"SUNGROW_HOST": "dongle", "DEVICE_ID": "home-1"}
    assert dongle_config(only).host == "dongle"


def test_the_environment_stands_over_the_file_beside_the_program(tmp_path, monkeypatch):
    dotenv = tmp_path / ".env"
    dotenv.write_text("SUNGROW_HOST=from-file\nDEVICE_ID=home-1\nEMPTY\n")
    monkeypatch.setenv("SUNGROW_HOST", "from-environment")
    monkeypatch.delenv("DEVICE_ID", raising=False)
    env = environment(dotenv)
    assert (env["SUNGROW_HOST"], env["DEVICE_ID"]) == ("from-environment", "home-1")
    assert env["EMPTY"] == ""
    assert "SUNGROW_HOST" in environment(tmp_path / "absent")


def test_a_file_beside_the_program_that_is_no_text_is_named(tmp_path):
    dotenv = tmp_path / ".env"
    dotenv.write_bytes(b"DEVICE_ID=caf\xe9\n")
    with pytest.raises(ConfigError, match=r"\.env.*UTF-8"):
        environment(dotenv)


@pytest.mark.parametrize(
    "written", ["t${k}x", "${k}", "$k", "t${", "${k:-x}", "t$${k}", "a${PATH}b", "t\\${k}"]
)
@pytest.mark.parametrize("quotes", ["", "'"])
def test_what_stands_in_dotenv_is_taken_as_it_stands(tmp_path, written, quotes):
    dotenv = tmp_path / ".env"
    dotenv.write_text(f"k=replaced\nVPS_TOKEN={quotes}{written}{quotes}\n")
    assert environment(dotenv)["VPS_TOKEN"] == written


def test_a_byte_order_mark_is_skipped(tmp_path):
    dotenv, token = tmp_path / ".env", tmp_path / "token"
    token.write_bytes(b"\xef\xbb\xbf" + SECRET.encode() + b"\r\n")
    token.chmod(0o600)
    dotenv.write_bytes(b"\xef\xbb\xbfVPS_TOKEN_FILE=" + os.fsencode(token) + b"\r\nDEVICE_ID=a\r\n")
    env = environment(dotenv)
    assert env["DEVICE_ID"] == "a"
    given = LEAST | {"VPS_TOKEN": "", "VPS_TOKEN_FILE": env["VPS_TOKEN_FILE"]}
    assert upload_config(given).token == SECRET
