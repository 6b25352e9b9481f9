"""The server's settings: each rule of the contract, and words that a user can act on."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from edge_lib.shared.env import ConfigError, environment
from server import sandbox
from server.settings import Settings, read
from tests.support.quick import quick

SECRET = "never-shown-8f3a"
LEAST = {"DATABASE_URL": f"postgresql://sungrow:{SECRET}@localhost/sungrow"}


def complaint(**changes: str) -> str:
    """The one line that these settings are refused with."""
    with pytest.raises(ConfigError) as refusal:
        read(LEAST | changes)
    words = str(refusal.value)
    assert "\n" not in words
    assert SECRET not in words
    assert "example: " in words
    return words


def test_the_defaults_are_those_of_the_contract():
    own = Path.home() / ".local/state/sungrow-server"
    rest = (
        None,
        None,
        "UTC",
        5,
        2_097_152,
        1000,
        (),
        "INFO",
        None,
        own,
        Path("/etc/sungrow-server/pairings"),
    )
    assert read(LEAST) == Settings(LEAST["DATABASE_URL"], *rest)


def test_every_setting_is_read():
    settings = read(
        {
            "DATABASE_URL": "host=/run/postgresql dbname=solar",
            "REDIS_URL": "redis://localhost:6379/0",
            "SECRET_KEY": "a secret key of 32 characters ...",
            "SITE_TIMEZONE": "Europe/Berlin",
            "CACHE_TTL_S": "1",
            "MAX_REQUEST_BYTES": "65536",
            "MAX_SAMPLES_PER_REQUEST": "10",
            "CORS_ORIGINS": "https://a.example.org, http://localhost:3000",
            "LOG_LEVEL": "debug",
            "METRICS_TOKEN": "m3trics",
            "RUNTIME_DIRECTORY": "/run/sungrow-server:/run/other",
            "PAIRINGS_PATH": "/srv/pairings",
        }
    )
    assert settings == Settings(
        "host=/run/postgresql dbname=solar",
        "redis://localhost:6379/0",
        "a secret key of 32 characters ...",
        "Europe/Berlin",
        1,
        65536,
        10,
        ("https://a.example.org", "http://localhost:3000"),
        "DEBUG",
        "m3trics",
        Path("/run/sungrow-server"),
        Path("/srv/pairings"),
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", ""),
        ("DATABASE_URL", "nonsense"),
        ("DATABASE_URL", f"postgresq://sungrow:{SECRET}@localhost/sungrow"),
        ("DATABASE_URL", f"postgresql://sungrow:{SECRET}@localhost/sungrow?no_such_option=1"),
        ("SITE_TIMEZONE", "Berlin"),
        ("SITE_TIMEZONE", "Europe"),
        ("SITE_TIMEZONE", "../etc/passwd"),
        ("SITE_TIMEZONE", "/etc/passwd"),
        ("SITE_TIMEZONE", "+01:00"),
        ("CACHE_TTL_S", "0"),
        ("CACHE_TTL_S", "1.5"),
        ("CACHE_TTL_S", "soon"),
        ("MAX_REQUEST_BYTES", "0"),
        ("MAX_REQUEST_BYTES", "2M"),
        ("MAX_SAMPLES_PER_REQUEST", "0"),
        ("CORS_ORIGINS", "*"),
        ("CORS_ORIGINS", "grafana.example.org"),
        ("CORS_ORIGINS", "https://grafana.example.org/"),
        ("CORS_ORIGINS", "https://a.example.org https://b.example.org"),
        ("LOG_LEVEL", "LOUD"),
        ("METRICS_TOKEN", "two words"),
        ("METRICS_TOKEN", "sha256$0"),
    ],
)
def test_a_malformed_value_is_refused_by_name_with_an_example(name, value):
    assert re.match(rf"{name}\b.*; example: {name}(_FILE)?=\S", complaint(**{name: value}))


@pytest.mark.usefixtures("private_files")
def test_the_database_may_be_named_in_a_file(tmp_path):
    path = tmp_path / "url"
    path.write_text(LEAST["DATABASE_URL"] + "\n")
    assert read({"DATABASE_URL_FILE": str(path)}).database_url == LEAST["DATABASE_URL"]
    assert "both set" in complaint(DATABASE_URL_FILE=str(path))
    assert "cannot read" in complaint(DATABASE_URL="", DATABASE_URL_FILE=str(tmp_path / "none"))


@pytest.mark.usefixtures("private_files")
@pytest.mark.parametrize("name", ["DATABASE_URL", "SECRET_KEY", "METRICS_TOKEN"])
def test_a_byte_order_mark_of_a_file_is_skipped(tmp_path, name):
    value = {"DATABASE_URL": LEAST["DATABASE_URL"], "SECRET_KEY": "k" * 32, "METRICS_TOKEN": "m"}
    path = tmp_path / "secret"
    path.write_bytes(b"\xef\xbb\xbf" + value[name].encode() + b"\r\n")
    settings = read(LEAST | {name: "", f"{name}_FILE": str(path)})
    assert getattr(settings, name.lower()) == value[name]


@pytest.mark.parametrize("password", ["p${k}w", "$k", "${PATH}", "p$$w"])
def test_a_password_in_dotenv_is_taken_as_it_stands(tmp_path, password):
    dotenv = tmp_path / ".env"
    dotenv.write_text(f"k=x\nDATABASE_URL=postgresql://sungrow:{password}@localhost/sungrow\n")
    env = environment(dotenv)
    assert read(env).database_url == f"postgresql://sungrow:{password}@localhost/sungrow"


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost",
        "redis://localhost/",
        "redis://localhost:6379/0",
        "redis://cache.example.org:6380/15?socket_timeout=0.5&health_check_interval=30",
        "redis://127.0.0.1/0?db=3&protocol=3&client_name=sungrow",
        "redis://[::1]:6379/0",
        "redis:///0",
        "redis://rédis.example.org/0",
        f"redis://user:{SECRET}@localhost/0",
        f"redis://:{SECRET}%40%3A%2F%3F%23%25@localhost/0",
        f"redis://user:p@{SECRET}@localhost/0",
        "rediss://cache.example.org/0",
        "rediss://cache.example.org/0?ssl_cert_reqs=required&ssl_ca_certs=/etc/ssl/redis.pem",
        "unix:///run/redis/redis.sock",
        f"unix://:{SECRET}@/run/redis/redis.sock?db=1&socket_timeout=2",
    ],
)
def test_a_redis_url_that_may_work_is_taken(url):
    assert read(LEAST | {"REDIS_URL": url}).redis_url == url


@pytest.mark.parametrize(
    "url",
    [
        "localhost:6379",
        "redis",
        "redis:",
        "redis:localhost",
        f"http://:{SECRET}@localhost",
        "REDIS://localhost/0",
        "redis+sentinel://localhost:26379/mymaster/0",
        "sentinel://localhost:26379/mymaster",
        "redis://one:26379,two:26379/mymaster",
        "redis://one,two/0",
        "redis-sentinel://one:26379",
        "redis://localhost/mymaster",
        "redis://localhost:port/0",
        "redis://localhost:99999/0",
        "redis://localhost:0/0",
        "redis://[::1/0",
        "redis://local host/0",
        "redis://.bad..host/0",
        f"redis://{'x' * 64}/0",
        f"redis://a.{'x' * 64}.org/0",
        "redis://localhost/abc",
        "redis://localhost/-1",
        "redis://localhost/0/1",
        "redis://localhost/1.5",
        f"redis://:p#{SECRET}@localhost/0",
        f"redis://:12#{SECRET}@localhost/0",
        f"redis://:p/{SECRET}@localhost/0",
        f"redis://:12/{SECRET}@localhost/0",
        f"redis://:12?{SECRET}@localhost/0",
        "redis://localhost/0?db=abc",
        "redis://localhost/0?db=-1",
        "redis://localhost/0?db=",
        "redis://localhost/0?db",
        "redis://localhost/0?timeout=1",
        "redis://localhost/0?ssl=true",
        "redis://localhost/0?ssl_cert_reqs=none",
        "redis://localhost/0?foo=bar",
        "redis://localhost/0?retry=3",
        "redis://localhost/0?retry_on_error=x",
        "redis://localhost/0?redis_connect_func=x",
        "redis://localhost/0?encoding=nonsense",
        "redis://localhost/0?socket_timeout=soon",
        "redis://localhost/0?socket_timeout=0",
        "redis://localhost/0?socket_timeout=-1",
        "redis://localhost/0?socket_timeout=nan",
        "redis://localhost/0?socket_timeout=inf",
        "redis://localhost/0?socket_connect_timeout=1e9",
        "redis://localhost/0?health_check_interval=x",
        "redis://localhost/0?max_connections=-1",
        "redis://localhost/0?protocol=7",
        "redis://localhost/0?protocol=x",
        "redis://localhost/0?client_name=a%20b",
        "redis://localhost/0?client_name=a%0Ab",
        "redis://localhost/0?client_name=K%C3%BCche",
        "rediss://localhost/0?ssl_cert_reqs=perhaps",
        "unix://",
        "unix:///",
        "unix://redis.sock",
        "unix://run/redis.sock",
        "unix:///run/a%00b",
        f"unix:///{'x' * 108}",
        "unix:///run/redis.sock?ssl_cert_reqs=none",
        "unix:///run/redis.sock?socket_keepalive=yes",
    ],
)
def test_a_redis_url_that_can_never_work_is_refused(url):
    words = complaint(REDIS_URL=url)
    assert re.match(r"REDIS_URL .*; example: REDIS_URL=redis://localhost:6379/0$", words)


def test_no_password_is_in_the_repr():
    settings = read(LEAST | {"REDIS_URL": f"redis://:{SECRET}@localhost"})
    assert SECRET not in f"{settings} {settings!r}"


SECRETIVE = [
    ("DATABASE_URL", f"postgresq://sungrow:{SECRET}@localhost/sungrow"),
    ("DEVICE_TOKENS", SECRET),
    ("READ_TOKENS", f"{SECRET}:no such device"),
    ("REDIS_URL", f"http://:{SECRET}@localhost"),
    ("REDIS_URL", f"redis://:{SECRET}@localhost/0?ssl_cert_reqs=none"),
    ("REDIS_URL", f"redis://:{SECRET}@.bad..host/0"),
]


@pytest.mark.parametrize(("name", "value"), quick(SECRETIVE, every=2))
def test_the_app_does_not_start_on_a_bad_setting_and_says_which(name, value):
    env = sandbox.environment(**LEAST | {"DEVICE_TOKENS": "token:home-1", name: value})
    start = "from server import create_app; create_app()"
    end = subprocess.run(
        [sys.executable, "-c", start], env=env, cwd=sandbox.ROOT, capture_output=True, text=True
    )
    assert end.returncode == 4, "gunicorn's master gives up only on its own status"
    line = json.loads(end.stderr)
    assert line["reason"].startswith(name)
    assert "example: " in line["reason"]
    assert SECRET not in end.stderr
