"""Parts of ``systemd/install-server``; ``tests/booted/server`` runs the whole of it."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import psycopg2
import pytest
from dotenv import dotenv_values

from edge_lib import VERSION
from server import sandbox
from server.database import migrations
from server.database.connection import connect
from server.sandbox.process import ROOT
from tests.support.readings import reading, store
from tests.support.systemd_units import exposure, needs_systemd
from tests.support.terminal import PATH, at_a_terminal

pytestmark = pytest.mark.slow  # each case runs the installer

SCRIPTS = [
    *("install-server", "backup-server", "restore-server", "sungrow-server"),
    *("server-lib.sh", "server-settings.sh", "server-alerts.sh"),
]
UNITS = sorted(path.name for path in (ROOT / "systemd").glob("sungrow-server*.service"))


def bash(script: str, **env: str) -> subprocess.CompletedProcess:
    """Run a script that has the installer's functions."""
    lines = f". {ROOT}/systemd/install-server; {script}"
    return subprocess.run(
        ["bash", "-c", lines],
        env={**PATH, **env},
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
        ({"SITE_ADDRESS": "https://x.org/"}, "not a name or address"),
        ({"SITE_ADDRESS": "x.org", "SITE_TLS": "none"}, "SITE_TLS is acme, internal or auto"),
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


# The installer as far as it looks at its settings: what comes then changes the machine.
FIRST = "need_root() { :; }; apt_install() { echo packages; exit 9; }; check_ports() { :; }; "
ADDRESS = {"SITE_ADDRESS": "solar.example.org", "SITE_TIMEZONE": "Europe/Berlin"}


def first(folder: Path, **env: str) -> subprocess.CompletedProcess:
    return bash(f"{FIRST} ETC={folder} OPT={folder}/opt; install_server </dev/null", **env)


BAD = {
    "SITE_TIMEZONE": "Europe/Atlantis",
    "LOG_LEVEL": "LOUD",
    "CACHE_TTL_S": "viel",
    "MAX_REQUEST_BYTES": "2MB",
    "CORS_ORIGINS": "grafana",
    "SECRET_KEY": "short",
    "METRICS_TOKEN": "two words",
    "DATABASE_URL_FILE": "/nowhere/url",
    "DEVICE_ID": "my house",
    "SITE_ADDRESS": "solar.example.org/x",
    "ALERT_NTFY_URL": "http://ntfy.sh/topic",
    "ALERT_MAIL_TO": "nobody",
    "ALERT_LANGUAGE": "es",
    "RULE_NO_DATA_FOR": "soon",
    "DEADMAN_URL": "hc-ping.com",
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_setting_ends_it_before_anything_is_installed(tmp_path, name):
    done = first(tmp_path, **{**ADDRESS, name: BAD[name]})
    assert done.returncode == 78, done.stdout
    assert done.stderr.startswith(name)
    assert "example: " in done.stderr or "openssl" in done.stderr
    assert "packages" not in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_good_settings_go_on_to_the_packages(tmp_path):
    noise = {"PYTHONPATH": "/nowhere", "DATABASE": "x", "CONTENT_LENGTH": "x"}
    done = first(tmp_path, **ADDRESS, **noise, SECRET_KEY="k" * 40, LOG_LEVEL="DEBUG")
    assert (done.returncode, done.stdout, done.stderr) == (9, "packages\n", "")


@pytest.mark.parametrize(
    ("kept", "env", "status"),
    [
        ("CACHE_TTL_S=viel\n", {}, 78),
        ("CACHE_TTL_S=viel\n", {"CACHE_TTL_S": "7"}, 9),
        ("SITE_TIMEZONE=Mars/Olympus\n", {}, 78),
        ("DATABASE_URL=://\n", {}, 78),
        ("DATABASE_URL=://\n", {"DATABASE_URL_FILE": "{url}"}, 9),
        ("export DATABASE_URL = 'postgresql:///x' # there\r\n", {}, 9),
        ("DATABASE_URL=postgresql:///x\n", {"DATABASE_URL": "a", "DATABASE_URL_FILE": "b"}, 78),
        ("METRICS_TOKEN_FILE=/etc/sungrow-server/metrics-token\n", {}, 9),
        ("METRICS_TOKEN_FILE=/nowhere/metrics-token\n", {}, 78),
    ],
)
def test_what_the_last_installation_left_is_looked_at_with_all_that_the_reader_needs(
    tmp_path, kept, env, status
):
    url = tmp_path / "url"
    url.touch(0o600)
    url.write_text("postgresql:///x")
    (tmp_path / "server.env").write_text(kept)
    (tmp_path / "opt/current").mkdir(parents=True)
    (tmp_path / "opt/current/.venv").symlink_to(Path(sys.executable).parent.parent)
    given = {name: value.format(url=url) for name, value in env.items()}
    done = first(tmp_path, **{**ADDRESS, "SITE_TIMEZONE": "", **given})
    assert done.returncode == status, done.stderr


def installing(folder: Path) -> str:
    return f". {ROOT}/systemd/install-server; {FIRST} ETC={folder} OPT={folder}/opt; install_server"


def test_a_typo_is_asked_for_again_and_costs_no_other_answer(tmp_path):
    answers = ["https://solar.example.org/", "", "solar.example.org", "my house", "home-1"]
    status, said = at_a_terminal(installing(tmp_path), answers)
    assert status == 9, said
    assert said.count("as the edges reach it: ") == 3
    assert said.count("A name for the first house [home-1]: ") == 2
    assert "is not a name or address" in said
    assert "SITE_ADDRESS is missing" in said
    assert "must be 1 to 64" in said


@pytest.mark.parametrize(
    ("kept", "env", "tls"),
    [
        # Of before: what was derived was written down as well.
        ("SITE_ADDRESS=127.0.0.1 SITE_TLS=internal", {"SITE_ADDRESS": "solar.example.org"}, "acme"),
        ("SITE_ADDRESS=solar.lan SITE_TLS=internal", {"SITE_ADDRESS": "solar.example.org"}, "acme"),
        ("SITE_ADDRESS=solar.example.org SITE_TLS=acme", {"SITE_ADDRESS": "10.0.0.7"}, "internal"),
        ("SITE_ADDRESS=solar.example.org SITE_TLS=internal", {}, "internal"),
        ("SITE_ADDRESS=a.example.org SITE_TLS=internal", {"SITE_ADDRESS": "b.org"}, "internal"),
        # As it is written now.
        ("SITE_ADDRESS=127.0.0.1 ASKED_TLS=", {"SITE_ADDRESS": "solar.example.org"}, "acme"),
        ("SITE_ADDRESS=127.0.0.1 ASKED_TLS=internal", {"SITE_ADDRESS": "x.org"}, "internal"),
        ("SITE_ADDRESS=x.org ASKED_TLS=internal", {"SITE_TLS": "acme"}, "acme"),
        ("SITE_ADDRESS=x.org ASKED_TLS=internal", {"SITE_TLS": "auto"}, "acme"),
        ("", {"SITE_ADDRESS": "x.org"}, "acme"),
        ("", {"SITE_ADDRESS": "x.org", "SITE_TLS": "internal"}, "internal"),
    ],
)
def test_the_kind_of_certificate_follows_the_address_unless_it_was_asked_for(
    tmp_path, kept, env, tls
):
    (tmp_path / "site.env").write_text(kept.replace(" ", "\n") + "\n")
    script = f"ETC={tmp_path}; read_site </dev/null; echo $SITE_TLS"
    assert said(script, **env) == tls


def test_what_holds_a_port_is_named():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        holder = said(f"holder_of {port}")
        assert holder == Path("/proc/self/comm").read_text().strip()
        script = f"SITE_FRONT=caddy; holder_of() {{ [ $1 = 80 ] || echo '{holder}'; }}; check_ports"
        done = bash(script)
    assert said(f"holder_of {port}") == ""
    assert done.returncode == 1
    assert f"port 443 is held by {holder}, and Caddy needs it" in done.stderr
    assert said("SITE_FRONT=none; holder_of() { echo nginx; }; check_ports") == ""
    assert said("SITE_FRONT=caddy; holder_of() { echo caddy; }; check_ports") == ""


@pytest.mark.parametrize(
    ("kept", "name", "value", "lines"),
    [
        ("#LOG_LEVEL=INFO\n", "LOG_LEVEL", "DEBUG", ["LOG_LEVEL=DEBUG"]),
        ("# LOG_LEVEL = INFO\n", "LOG_LEVEL", "DEBUG", ["LOG_LEVEL=DEBUG"]),
        ("export LOG_LEVEL = INFO # x\n", "LOG_LEVEL", "DEBUG", ["LOG_LEVEL=DEBUG"]),
        (
            "LOG_LEVEL=A\n#LOG_LEVEL=B\nLOG_LEVEL=C\n",
            "LOG_LEVEL",
            "D",
            ["#LOG_LEVEL=B", "LOG_LEVEL=D"],
        ),
        ("MY_LOG_LEVEL=A\nLOG_LEVEL=B\n", "LOG_LEVEL", "D", ["MY_LOG_LEVEL=A", "LOG_LEVEL=D"]),
        ("DATABASE_URL=a\n", "DATABASE_URL_FILE", "/b", ["DATABASE_URL_FILE=/b"]),
        ("DATABASE_URL_FILE=/b\n", "DATABASE_URL", "c", ["DATABASE_URL=c"]),
        ("READ_TOKENS_FILE=/b\n", "READ_TOKENS", "t:d", ["READ_TOKENS=t:d"]),
    ],
)
def test_a_setting_takes_the_place_of_its_line_in_whatever_form(tmp_path, kept, name, value, lines):
    (tmp_path / "server.env").write_text(kept)
    said(f"ETC={tmp_path}; write_setting {name} '{value}'")
    assert (tmp_path / "server.env").read_text().splitlines() == lines


@pytest.mark.parametrize(
    "value",
    [
        "postgresql://u:p@h/x?a=1&b=2",
        "a #b",
        "'quoted'",
        '"quoted"',
        "it's # a \\ backslash",
        r"postgresql:///x?a=1&b=\2/,|$HOME 'quoted'",
        "a=b",
        "Größe",
    ],
)
def test_the_reader_reads_what_was_written(tmp_path, value):
    shutil.copy(ROOT / "systemd/server.env.example", tmp_path / "server.env")
    said(f'ETC={tmp_path}; write_setting DATABASE_URL "$VALUE"', VALUE=value)
    assert dotenv_values(tmp_path / "server.env")["DATABASE_URL"] == value


@pytest.mark.skipif(not shutil.which("caddy"), reason="caddy is not installed")
@pytest.mark.parametrize("address", ["solar.example.org", "solar.lan", "192.0.2.7", "2001:db8::7"])
def test_caddy_takes_the_file_for_every_kind_of_address(tmp_path, address):
    env = {"SITE_ADDRESS": address, "HOME": str(tmp_path)}
    script = f"NEW={ROOT} ETC=/nowhere DEVICE_ID=x; read_site; caddyfile >{tmp_path}/made; "
    script += f"caddy validate --adapter caddyfile --config {tmp_path}/made 2>&1"
    words = said(script, **env)
    assert "Valid configuration" in words
    assert "not formatted" not in words
    assert "{$" not in (tmp_path / "made").read_text()
    assert "\n\tskip_install_trust\n" in (tmp_path / "made").read_text()


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["--help"], 0, "SITE_ADDRESS"),
        (["-h"], 0, "80 and 443"),
        (["--version"], 0, VERSION),
        (["--purge"], 2, "unknown: --purge"),
        (["--remove", "all"], 2, "unknown: --remove all"),
    ],
)
def test_arguments_are_understood_before_anything_else(arguments, status, words):
    command = [ROOT / "systemd/install-server", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert done.returncode == status
    assert words in (done.stderr if status else done.stdout)


@needs_systemd
def test_the_server_is_exposed_to_0_9_at_most():
    assert exposure(ROOT / "systemd/sungrow-server.service") <= 0.9


@pytest.mark.parametrize("unit", UNITS)
def test_units_name_only_files_that_the_release_has(unit):
    text = (ROOT / "systemd" / unit).read_text()
    files = re.findall(r"/opt/sungrow-server/current/([\w./-]+)", text)
    assert files
    assert not [name for name in files if name[0] != "." and not Path(ROOT, name).exists()]


# Alerts.


def channels(folder: Path, **env: str) -> str:
    return said(f"ETC={folder}; alert_channels {sys.executable} {ROOT}", **env)


def test_without_a_channel_nothing_is_written_and_none_is_there(tmp_path):
    said(f"ETC={tmp_path}; write_alert_settings")
    assert list(tmp_path.iterdir()) == []
    assert channels(tmp_path) == ""


def test_secrets_of_alerts_are_files_of_roots_alone_and_the_rest_are_lines(tmp_path):
    given = {
        "ALERT_NTFY_URL": "https://ntfy.sh/secret-topic",
        "ALERT_QUIET": "23:00-06:00",
        "RULE_NO_YIELD": "off",
        "DEADMAN_URL": "https://hc-ping.com/secret",
    }
    said(f"ETC={tmp_path}; write_alert_settings", **given)
    assert channels(tmp_path) == "ntfy dead-man"
    lines = (tmp_path / "alerts.env").read_text().splitlines()
    assert {"ALERT_QUIET=23:00-06:00", "RULE_NO_YIELD=off"} <= set(lines)
    assert not [line for line in lines if line.startswith("#ALERT_QUIET")]
    assert "secret-topic" not in "".join(lines)
    secrets = tmp_path / "alert-secrets"
    assert sorted(path.name for path in secrets.iterdir()) == ["ALERT_NTFY_URL", "DEADMAN_URL"]
    modes = {path.stat().st_mode & 0o777 for path in secrets.iterdir()}
    assert modes == {0o600}
    assert (tmp_path / "alerts.env").stat().st_mode & 0o777 == 0o600
    assert secrets.stat().st_mode & 0o777 == 0o700
    # Again, with another value and one more: what was there stays.
    said(f"ETC={tmp_path}; write_alert_settings", ALERT_QUIET="22:00-05:00", ALERT_LANGUAGE="nl")
    lines = (tmp_path / "alerts.env").read_text().splitlines()
    assert "ALERT_QUIET=22:00-05:00" in lines
    assert [line for line in lines if line.startswith("ALERT_QUIET=")] == lines_of(lines, "QUIET")
    assert channels(tmp_path) == "ntfy dead-man"


def test_a_secret_may_be_given_as_a_file_and_replaces_the_one_before(tmp_path, private_files):
    for token in ("1:first", "2:second"):
        (tmp_path / "given").write_text(token)
        env = {"ALERT_TELEGRAM_TOKEN_FILE": f"{tmp_path}/given", "ALERT_TELEGRAM_CHAT": "5"}
        assert channels(tmp_path, **env) == "telegram"
        said(f"ETC={tmp_path}; write_alert_settings", **env)
        kept = tmp_path / "alert-secrets/ALERT_TELEGRAM_TOKEN"
        assert kept.read_text() == token
        assert kept.stat().st_mode & 0o777 == 0o600
        assert "TOKEN_FILE" not in (tmp_path / "alerts.env").read_text()
    said(f"ETC={tmp_path}; write_alert_settings", ALERT_TELEGRAM_TOKEN="3:third")
    assert kept.read_text() == "3:third\n"
    assert channels(tmp_path) == "telegram"


def lines_of(lines: list[str], name: str) -> list[str]:
    return [line for line in lines if line.startswith(f"ALERT_{name}=")][:1]


def test_what_is_bad_in_the_files_is_named(tmp_path):
    (tmp_path / "alerts.env").write_text("ALERT_NTFY_URI=https://ntfy.sh/x\n")
    done = bash(f"ETC={tmp_path}; alert_channels {sys.executable} {ROOT}")
    assert done.returncode == 1
    assert "did you mean ALERT_NTFY_URL" in done.stdout


def test_the_example_of_the_settings_of_alerts_has_each_with_a_comment_above():
    from server.alerts import settings

    text = (ROOT / "systemd/alerts.env.example").read_text()
    names = re.findall(r"^#([A-Z_]+)=", text, re.MULTILINE)
    assert names == re.findall(r"^# .+\n#([A-Z_]+)=", text, re.MULTILINE)
    assert sorted(names) == sorted(settings.PLAIN)
    for name in settings.SECRETS:
        if name.startswith(("ALERT_", "DEADMAN")):
            assert name in text
    given = dict(re.findall(r"^#([A-Z_]+)=(.+)$", text, re.MULTILINE))
    url = {"DATABASE_URL": "postgresql://x"}
    with_defaults, without = settings.read(url | given), settings.read(url)
    assert with_defaults._replace(targets=None) == without._replace(targets=None)


def test_the_documents_list_every_setting_of_alerts():
    from server.alerts import settings

    text = (ROOT / "docs/alerts.md").read_text()
    for name in (*settings.PLAIN, *settings.SECRETS):
        assert name == "DATABASE_URL" or name in text, name


def test_what_a_job_leaves_for_the_alerts(tmp_path):
    said(f"STATE={tmp_path}; note_status backup ok")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "status").mkdir()
    said(f"STATE={tmp_path}; note_status backup failed; note_status backup ok")
    (file,) = (tmp_path / "status").iterdir()
    noted = json.loads(file.read_text())
    assert noted["result"] == "ok"
    assert noted["by_hand"] is True
    assert datetime.fromisoformat(noted["time"]).tzinfo
    assert file.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    ("before", "good"),
    [
        ("", None),
        ("damaged", None),
        ('{"time": "2026-05-05T02:10:00Z", "result": "failed"}', None),
        ('{"time": "2026-05-05T02:10:00Z", "result": "ok"}', "2026-05-05T02:10:00Z"),
        (
            '{"time": "2026-05-05T02:10:00Z", "result": "failed", "by_hand": false, '
            '"good": "2026-05-04T02:10:00Z"}',
            "2026-05-04T02:10:00Z",
        ),
    ],
)
def test_a_job_that_fails_leaves_when_it_last_went_well(tmp_path, before, good):
    (tmp_path / "status").mkdir()
    file = tmp_path / "status/backup.json"
    if before:
        file.write_text(before)
    said(f"STATE={tmp_path}; note_status backup failed", SUNGROW_UNIT="sungrow-server-backup")
    noted = json.loads(file.read_text())
    assert (noted["result"], noted["by_hand"], noted.get("good")) == ("failed", False, good)
    said(f"STATE={tmp_path}; note_status backup ok")
    noted = json.loads(file.read_text())
    assert noted["good"] == noted["time"]


def test_the_unit_of_the_backup_says_that_it_runs_it():
    unit = (ROOT / "systemd/sungrow-server-backup.service").read_text()
    assert "\nEnvironment=SUNGROW_UNIT=sungrow-server-backup\n" in unit


def test_the_role_of_alerts_may_read_what_it_needs_and_write_its_own_tables(databases):
    url = databases.migrated()
    role = f"alerts_{os.getpid()}"
    sandbox.execute(url, f"CREATE ROLE {role} LOGIN")
    try:
        # As psql does it, twice: it may be run again.
        script = (ROOT / "sql/roles/alerts.sql").read_text()
        psql = [sys.executable, "-m", "server.pg", "psql", "-XqtA", "-v", "ON_ERROR_STOP=1"]
        env = sandbox.environment(DATABASE_URL=url)
        for _ in range(2):
            done = subprocess.run(
                [*psql, "-v", f"role={role}"],
                input=script,
                env=env,
                cwd=ROOT,
                capture_output=True,
                text=True,
            )
            assert done.returncode == 0, done.stderr
        as_role(url, role)
    finally:
        sandbox.execute(url, f"DROP OWNED BY {role}")
        sandbox.execute(url, f"DROP ROLE {role}")


def as_role(url: str, role: str) -> None:
    from server.alerts import evaluate, outside, settings

    known = settings.read({"DATABASE_URL": url})
    with closing(connect(url, {})) as connection:
        store(connection, "home-1", [reading(datetime.now(UTC))])
        with connection.cursor() as cursor:
            cursor.execute(f"SET ROLE {role}")
            for statement in (
                "DELETE FROM sungrow_samples",
                "UPDATE sungrow_devices SET name = 'x'",
                "SELECT * FROM sungrow_pairings",
                "DROP TABLE sungrow_alerts",
                "CREATE TABLE mine (a int)",
            ):
                with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                    cursor.execute(statement)
            migrations.refuse_not_current(cursor)
        connection.autocommit = False
        evaluate.evaluate(connection, datetime.now(UTC), known, outside.Outside())


# The command sungrow-server, with a runuser that says what it would run.
STUBS = {"id": "echo 0", "runuser": 'echo "$@"', "chown": ":", "systemctl": ":", "getent": "exit 2"}


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    current, stubs = folder / "current", folder / "stubs"
    current.symlink_to(ROOT)
    stubs.mkdir()
    for name, line in STUBS.items():
        (stubs / name).write_text(f"#!/bin/sh\n{line}\n")
        (stubs / name).chmod(0o755)
    script = folder / "sungrow-server"
    text = (ROOT / "systemd/sungrow-server").read_text()
    script.write_text(text.replace("/opt/sungrow-server/current", str(current)))
    return subprocess.run(
        ["bash", script, *arguments],
        env={**PATH, "PATH": f"{stubs}:{PATH['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_check_has_a_folder_for_counts_as_the_unit_gives_one(tmp_path):
    done = command(tmp_path, "check")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(" -m server.check\n")
    (given,) = re.findall(r"RUNTIME_DIRECTORY=(\S+)", done.stdout)
    assert not Path(given).exists()


def test_help_on_alerts_needs_no_channel(tmp_path):
    done = command(tmp_path, "alerts", "silence", "--help")
    assert done.stdout.endswith(" -m server.alerts silence --help\n")


def test_alerts_without_a_channel_say_how_to_set_one_up(tmp_path):
    done = command(tmp_path, "alerts", "list")
    assert done.returncode == 1
    assert done.stderr.startswith("no channel is set up: ALERT_NTFY_URL=")


def test_help_names_every_command(tmp_path):
    done = command(tmp_path, "--help")
    modules = [*(ROOT / "server").glob("*.py"), *(ROOT / "server").glob("*/__main__.py")]
    commands = {
        path.stem if path.stem != "__main__" else path.parent.name
        for path in modules
        if '\nif __name__ == "__main__"' in path.read_text()
    }
    assert "check" in commands
    assert [name for name in sorted(commands - {"pg"}) if name not in done.stdout] == []
