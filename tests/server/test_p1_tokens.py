"""Tokens of a P1 meter: how they are made, and that they open ``/p1/v1/`` and nothing else."""

import hashlib
import os
from datetime import UTC, datetime

import pytest

from edge_lib.shared.env import ConfigError
from server import settings
from server.api.limiter import BAD_TOKENS
from server.auth.callers import Caller, Tokens
from server.tokens import main
from tests.support.batches import SETTINGS, app_on, assert_error, get, post, send
from tests.support.samples import DEVICE, a_sample

P1_TOKEN = "meter-token"
WITH_P1 = {"DEVICE_TOKENS": f"{SETTINGS['DEVICE_TOKENS']},{P1_TOKEN}:{DEVICE}/p1"}
KEY = {"SECRET_KEY": "k" * 32}


@pytest.fixture
def file(tmp_path):
    return tmp_path / "device-tokens"


@pytest.fixture
def command(monkeypatch, capsys, tmp_path, file):
    """Run the command on that file; return its exit status, stdout and stderr."""
    monkeypatch.setattr(settings, "DOTENV", tmp_path / "no.env")
    for name in filter(lambda name: "TOKENS" in name, list(os.environ)):
        monkeypatch.delenv(name)
    monkeypatch.setenv("DEVICE_TOKENS_FILE", str(file))

    def run(*argv: str) -> tuple[int, str, str]:
        try:
            status = main(list(argv))
        except SystemExit as stop:
            status = stop.code
        return status, *capsys.readouterr()

    return run


@pytest.fixture
def new(command):
    """Make a token that has to be made; return it."""

    def run(*argv: str) -> str:
        status, out, err = command("new", *argv)
        assert status == 0, err
        return out.strip()

    return run


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


@pytest.fixture
def client(database_url):
    return app_on(database_url, **WITH_P1, **KEY).test_client()


def test_a_p1_token_stands_for_the_meter_of_its_house():
    tokens = Tokens({"DEVICE_TOKENS": "one:home-1,two:home-2/p1"})
    assert tokens.caller("two") == Caller(("home-2",), may_ingest=True, is_p1=True)
    assert tokens.caller("one") == Caller(("home-1",), may_ingest=True, is_p1=False)
    assert tokens.devices() == ["home-1"], (
        "a house without an edge of ours is expected to send none"
    )


def test_its_digest_alone_may_be_kept():
    entry = f"sha256${hashlib.sha256(b'two').hexdigest()}:home-2/p1"
    tokens = Tokens({"DEVICE_TOKENS": f"one:home-1,{entry}"})
    assert tokens.caller("two") == Caller(("home-2",), may_ingest=True, is_p1=True)


def test_a_p1_token_alone_does_not_make_the_server_start():
    with pytest.raises(ConfigError, match="DEVICE_TOKENS is missing"):
        Tokens({"DEVICE_TOKENS": "two:home-1/p1"})


@pytest.mark.parametrize(
    "entries", ["a:home-1,a:home-1/p1", "a:home-1/p1,a:home-2/p1", "a:home-2,a:home-1/p1"]
)
def test_one_token_is_of_one_device_or_of_one_meter(entries):
    with pytest.raises(ConfigError, match="names two devices, or a device and its P1 meter"):
        Tokens({"DEVICE_TOKENS": f"x:home-1,{entries}"})


@pytest.mark.parametrize("entry", ["r:home-1/p1", f"sha256${'0' * 64}:home-1/p1"])
def test_a_p1_token_does_not_belong_among_those_that_read(entry):
    with pytest.raises(ConfigError) as refused:
        Tokens({"DEVICE_TOKENS": "one:home-1", "READ_TOKENS": f"x:home-1,{entry}"})
    assert str(refused.value).startswith("READ_TOKENS: entry 2 is a token of a P1 meter (/p1)")
    assert "DEVICE_TOKENS" in str(refused.value)


def test_the_command_makes_lists_and_ends_one(new, command, file):
    new("home-1")
    made = new("home-1", "--p1")
    assert made.startswith("p1_")
    day = datetime.now(UTC).date()
    assert file.read_text().endswith(f"# made {day}\nsha256${digest(made)}:home-1/p1\n")
    assert Tokens({"DEVICE_TOKENS_FILE": str(file)}).caller(made).is_p1
    (line,) = (x for x in command("list")[1].splitlines() if digest(made)[:12] in x)
    assert line.split()[1:3] == ["p1", "home-1"]
    status, out, _ = command("revoke", digest(made)[:12])
    assert (status, out) == (0, f"revoked {digest(made)[:12]}: p1 token of home-1\n")
    assert Tokens({"DEVICE_TOKENS_FILE": str(file)}).caller(made) is None


def test_it_is_not_counted_in_the_two_of_its_house(new):
    assert len({new("home-1", "--p1") for _ in range(3)}) == 3
    new("home-1")
    new("home-1", "--p1")
    new("home-1")


def test_the_last_device_token_stays_whatever_p1_tokens_there_are(new, command):
    last = new("home-1")
    new("home-1", "--p1")
    status, _, err = command("revoke", digest(last)[:12])
    assert status == 1
    assert "the last device token" in err


@pytest.mark.parametrize("argv", [("home-1", "home-2", "--p1"), ("home-1", "--p1", "--read")])
def test_it_has_one_house_and_one_purpose(command, argv):
    assert command("new", *argv)[0] == 2


@pytest.mark.parametrize(
    "path",
    [
        "/v1/realtime",
        f"/v1/realtime?device_id={DEVICE}",
        "/v1/realtime?device_id=elsewhere",
        "/v1/series?frame=day",
        "/v1/series?frame=never",
        "/v1/devices",
        "/v1/status",
        "/v1/completeness",
        "/v1/gaps",
        "/v1/hours",
        "/v1/p1/capacity",
    ],
)
def test_it_reads_nothing_under_v1(client, path):
    assert_error(get(client, path, P1_TOKEN), 403)


def test_every_path_under_v1_is_closed_to_it(client):
    rules = client.application.url_map.iter_rules()
    paths = {rule.rule: rule.methods for rule in rules if rule.rule.startswith("/v1/")}
    assert len(paths) >= 9
    for path, methods in paths.items():
        for method in methods - {"HEAD", "OPTIONS"}:
            headers = {"Authorization": f"Bearer {P1_TOKEN}"}
            asked = path.replace("<int:id>", "1")
            assert_error(client.open(asked, method=method, headers=headers), 403)


def test_it_stores_no_sample_of_an_inverter(client):
    sample = a_sample()
    assert_error(post(client, {"samples": [sample]}, P1_TOKEN), 403)
    assert_error(post(client, b"no json", P1_TOKEN), 403)
    assert send(client, sample).json["inserted"] == 1


def test_it_does_not_log_in(client):
    origin = {"Origin": "https://localhost"}
    answer = client.post("/login", data={"token": P1_TOKEN}, headers=origin)
    assert_error(answer, 403)
    assert "P1 meter" in answer.json["detail"]
    assert "Set-Cookie" not in answer.headers


def test_being_refused_so_is_no_guess_of_a_token(client):
    for _ in range(BAD_TOKENS + 5):
        assert_error(get(client, "/v1/realtime", P1_TOKEN), 403)
    assert_error(get(client, "/v1/realtime", "unknown"), 401)


def test_the_metrics_are_closed_to_it(database_url, tmp_path):
    more = {"METRICS_TOKEN": "metrics", "RUNTIME_DIRECTORY": str(tmp_path)}
    client = app_on(database_url, **WITH_P1, **more).test_client()
    assert_error(get(client, "/metrics", P1_TOKEN), 401)
