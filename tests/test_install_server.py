"""Parts of ``systemd/install-server``; ``tests/booted/server`` runs the whole of it."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from server.private.process import ROOT
from tests.systemd_units import exposure, needs_systemd

SCRIPTS = ["install-server", "backup-server", "restore-server", "sungrow-server", "server-lib.sh"]
UNITS = sorted(path.name for path in (ROOT / "systemd").glob("sungrow-server*.service"))


def bash(script: str, **env: str) -> subprocess.CompletedProcess:
    """Run a script that has the installer's functions."""
    lines = f". {ROOT}/systemd/install-server; {script}"
    return subprocess.run(
        ["bash", "-c", lines],
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **env},
        capture_output=True,
        text=True,
        timeout=60,
    )


def said(script: str, **env: str) -> str:
    done = bash(script, **env)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("script", SCRIPTS)
def test_bash_can_read_every_script(script):
    subprocess.run(["bash", "-n", ROOT / "systemd" / script], check=True)


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="shellcheck is not installed")
@pytest.mark.parametrize("script", SCRIPTS)
def test_shellcheck_finds_no_fault(script):
    command = ["shellcheck", "--severity", "warning", ROOT / "systemd" / script]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("solar.example.org", "acme"),
        ("solar.lan", "internal"),
        ("raspberrypi", "internal"),
        ("localhost", "internal"),
        ("192.0.2.7", "internal"),
        ("2001:db8::7", "internal"),
        ("7.example.org", "acme"),
    ],
)
def test_public_certificates_are_for_public_names(address, kind):
    assert said(f"kind_of_certificate {address}") == kind


@pytest.mark.parametrize(
    ("env", "word"),
    [
        ({}, "SITE_ADDRESS is missing"),
        ({"SITE_ADDRESS": "https://x.org/"}, "no name or address"),
        ({"SITE_ADDRESS": "x.org", "SITE_TLS": "none"}, "SITE_TLS is acme or internal"),
        ({"SITE_ADDRESS": "x.org", "SITE_FRONT": "apache"}, "SITE_FRONT caddy or none"),
    ],
)
def test_what_is_missing_or_malformed_ends_it_with_78_and_an_example(env, word):
    done = bash("ETC=/nowhere; read_site </dev/null", **env)
    assert done.returncode == 78
    assert word in done.stderr
    assert "example: " in done.stderr


def test_any_value_gets_into_the_settings_as_it_is(tmp_path):
    shutil.copy(ROOT / "systemd/server.env.example", tmp_path / "server.env")
    value = r"postgresql:///x?a=1&b=\2/,|$HOME 'quoted'"
    script = f'ETC={tmp_path}; write_setting DATABASE_URL "$VALUE"; write_setting LOG_LEVEL DEBUG'
    said(script, VALUE=value)
    lines = (tmp_path / "server.env").read_text().splitlines()
    assert f"DATABASE_URL={value}" in lines
    assert "LOG_LEVEL=DEBUG" in lines
    before = (ROOT / "systemd/server.env.example").read_text().splitlines()
    assert len(lines) == len(before)


@pytest.mark.skipif(not shutil.which("caddy"), reason="caddy is not installed")
@pytest.mark.parametrize("address", ["solar.example.org", "solar.lan", "192.0.2.7", "2001:db8::7"])
def test_caddy_takes_the_file_for_every_kind_of_address(tmp_path, address):
    env = {"SITE_ADDRESS": address, "HOME": str(tmp_path)}
    script = f"NEW={ROOT} ETC=/nowhere DEVICE_ID=x; read_site; caddyfile >{tmp_path}/made; "
    script += f"caddy validate --adapter caddyfile --config {tmp_path}/made 2>&1"
    assert "Valid configuration" in said(script, **env)
    assert "{$" not in (tmp_path / "made").read_text()


@needs_systemd
def test_the_server_is_exposed_to_0_9_at_most():
    assert exposure(ROOT / "systemd/sungrow-server.service") <= 0.9


@pytest.mark.parametrize("unit", UNITS)
def test_units_name_only_files_that_the_release_has(unit):
    text = (ROOT / "systemd" / unit).read_text()
    files = re.findall(r"/opt/sungrow-server/current/([\w./-]+)", text)
    assert files
    assert not [name for name in files if name[0] != "." and not Path(ROOT, name).exists()]
