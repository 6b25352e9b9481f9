"""``server.tokens new --read --link`` and ``POST /pair``: a link that logs one browser in, once."""

import re
import stat
import threading
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from server import create_app, settings
from server.api.limiter import BAD_TOKENS
from server.auth import pairings
from server.auth.session import COOKIE, LIFETIME_S
from server.tokens import main
from tests.support.batches import TOKEN, app_on, assert_error
from tests.support.readings import connected, rows
from tests.support.samples import DEVICE

KEY = "a key of the tests that is long enough"
HOST = "https://house.example.org"
HERE = {"Sec-Fetch-Site": "same-origin"}
LINK = re.compile(rf"{HOST}/#pair=([A-Za-z0-9_-]{{22}})")


@pytest.fixture
def env(database_url, tmp_path, private_files) -> dict[str, str]:
    """Settings of a server that keeps its tokens in files."""
    file = tmp_path / "device-tokens"
    file.write_text(f"{TOKEN}:{DEVICE}\n")
    (tmp_path / "read-tokens").touch(0o640)
    return {
        "DATABASE_URL": database_url,
        "DEVICE_TOKENS_FILE": str(file),
        "READ_TOKENS_FILE": str(tmp_path / "read-tokens"),
        "PAIRINGS_PATH": str(tmp_path / "pairings"),
        "SECRET_KEY": KEY,
        "SITE_URL": HOST,
    }


@pytest.fixture
def command(env, monkeypatch, capfd, tmp_path):
    """Run the command on these settings; return its exit status, stdout and stderr."""
    monkeypatch.setattr(settings, "DOTENV", tmp_path / "no.env")

    def run(*argv: str, **more: str) -> tuple[int, str, str]:
        with monkeypatch.context() as patch:
            for name, value in {**env, **more}.items():
                patch.setenv(name, value)
            capfd.readouterr()
            try:
                status = main(list(argv))
            except SystemExit as stop:
                status = stop.code
        return status, *capfd.readouterr()

    return run


@pytest.fixture
def link(command):
    """Have a link made; return its code."""

    def make(*devices: str) -> str:
        status, out, err = command("new", *(devices or (DEVICE,)), "--read", "--link")
        assert status == 0, err
        return LINK.fullmatch(out.splitlines()[0])[1]

    return make


@pytest.fixture
def client(env):
    return create_app(env).test_client()


def pair(client, code: object, headers: dict | None = None):
    return client.post("/pair", json={"code": code}, headers=headers or HERE, base_url=HOST)


def test_a_link_logs_a_browser_in_as_the_login_does(client, link, env):
    link()  # the server sees what comes later
    code = link()
    answer = pair(client, code)
    assert (answer.status_code, answer.data) == (204, b"")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    for part in ("Secure", "HttpOnly", "SameSite=Strict", f"Max-Age={LIFETIME_S}"):
        assert part in cookie
    asked = client.get("/v1/devices", base_url=HOST)
    assert [one["device_id"] for one in asked.json["devices"]] == [DEVICE]
    assert client.get("/login", base_url=HOST).json == {"logged_in": True}


def test_a_link_is_good_once(client, link):
    code = link()
    assert pair(client, code).status_code == 204
    for _ in range(BAD_TOKENS + 2):  # who was late is no guesser
        assert_error(pair(client, code), 410)
    assert "Set-Cookie" not in pair(client, code).headers
    assert pair(client, link()).status_code == 204


def test_of_many_at_once_one_wins(env, link):
    code, app, found = link(), create_app(env), []
    ready = threading.Barrier(8)

    def try_it() -> None:
        client = app.test_client()
        ready.wait()
        found.append(pair(client, code).status_code)

    threads = [threading.Thread(target=try_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [204, *[410] * 7]


def test_a_link_of_a_quarter_of_an_hour_ago_has_ended(client, link, env, tmp_path):
    code, file = link(), tmp_path / "pairings"
    (made,) = pairings.read(file)
    assert timedelta(minutes=14) < made.end - datetime.now(UTC) <= timedelta(minutes=15)
    long_ago = datetime.now(UTC) - pairings.GOOD_FOR
    pairings.add(file, "late", made.token, long_ago)
    pairings.add(file, "in time", made.token, long_ago + timedelta(seconds=30))
    assert_error(pair(client, "late"), 410)
    assert pair(client, "in time").status_code == 204
    assert pair(client, code).status_code == 204
    link()  # those that have ended are left out
    assert len(pairings.read(file)) == 3
    with connected(env["DATABASE_URL"]) as connection:
        # A code that has ended is not used up: nothing was noted of it.
        used = rows(connection, "SELECT encode(code_digest, 'hex') AS code FROM sungrow_pairings")
    assert pairings.digest("late").hex() not in {row["code"] for row in used}


def test_the_link_ends_with_its_token(client, link, command, tmp_path):
    code = link()
    (made,) = pairings.read(tmp_path / "pairings")
    assert command("revoke", made.token.hex()[:12])[0] == 0
    assert_error(pair(client, code), 410)


def test_a_device_token_is_never_paired(client, env, tmp_path):
    pairings.add(tmp_path / "pairings", "code", sha256(TOKEN.encode()).digest(), datetime.now(UTC))
    assert_error(pair(client, "code"), 410)


def test_guesses_are_counted_as_those_of_tokens(client, link):
    code = link()
    for _ in range(BAD_TOKENS):
        answer = pair(client, "guess")
        assert_error(answer, 401)
        assert answer.json["detail"].startswith("unknown code; have another one made: ")
    answer = pair(client, "guess")
    assert_error(answer, 429)
    assert answer.json["detail"] == "too many bad tokens or codes from this address"
    assert "Retry-After" in answer.headers
    assert pair(client, code).status_code == 204, "a good one is never locked out"


@pytest.mark.parametrize(
    "headers",
    [{}, {"Origin": "https://evil.example.org"}, {"Sec-Fetch-Site": "cross-site"}],
)
def test_only_the_page_itself_pairs(client, link, headers):
    code = link()
    answer = client.post("/pair", json={"code": code}, headers=headers, base_url=HOST)
    assert_error(answer, 403)
    assert pair(client, code).status_code == 204


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b'{"code": NaN}', 400),
        (b"\xff", 400),
        (b"[]", 422),
        (b"{}", 422),
        (b'{"code": null}', 422),
        (b'{"code": 7}', 422),
        (b'{"code": ""}', 401),
        (b'{"code": "\\ud800"}', 401),
        (b'{"code": "' + b"x" * 5000 + b'"}', 413),
    ],
)
def test_nothing_that_is_sent_is_an_error_of_the_servers(client, body, status):
    assert_error(client.post("/pair", data=body, headers=HERE, base_url=HOST), status)


def test_a_database_that_is_away_leaves_the_code_good(client, env, link):
    code = link()
    away = create_app(env | {"DATABASE_URL": "postgresql://127.0.0.1:1/none"}).test_client()
    assert_error(pair(away, code), 503)
    assert pair(client, code).status_code == 204


def test_without_a_page_there_is_no_pairing(database_url):
    assert_error(pair(app_on(database_url).test_client(), "code"), 404)


@pytest.mark.parametrize("text", ["rubbish\n", "\xff\xfe\n", "sha256$00 now sha256$00\n", "\n\n"])
def test_what_is_no_pairing_is_passed_over(client, link, tmp_path, text):
    code, file = link(), tmp_path / "pairings"
    file.write_bytes(text.encode("latin-1") + file.read_bytes())
    assert pair(client, code).status_code == 204


def test_the_file_holds_digests_alone_and_is_for_its_group(link, tmp_path):
    code, file = link(DEVICE, "home-2"), tmp_path / "pairings"
    assert code not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "device-tokens",
        "pairings",
        "read-tokens",
    ]
    assert file.read_text().count("\n") == 1
    (made,) = pairings.read(file)
    assert (tmp_path / "read-tokens").read_text().count(made.token.hex()) == 2


def test_the_link_alone_is_printed_with_its_code_drawn_where_that_can_be_done(
    command, tmp_path, monkeypatch
):
    drawing = tmp_path / "bin" / "qrencode"
    drawing.parent.mkdir()
    drawing.write_text('#!/bin/sh\necho "drawn $*"\ncat\necho\n')
    drawing.chmod(0o755)
    monkeypatch.setenv("PATH", f"{drawing.parent}:/usr/bin:/bin")
    status, out, err = command("new", DEVICE, "--read", "--link")
    first, drawn, again = out.splitlines()
    assert status == 0
    assert LINK.fullmatch(first)
    assert (drawn[:5], again) == ("drawn", first)
    assert first not in drawn  # arguments of a program can be seen by all
    assert "once, until" in err
    assert "read_" not in out + err
    monkeypatch.setenv("PATH", str(tmp_path))
    assert len(command("new", DEVICE, "--read", "--link")[1].splitlines()) == 1


@pytest.mark.parametrize(
    ("argv", "more", "status", "words"),
    [
        (("--link",), {}, 2, "--link goes with --read"),
        (("--p1", "--link"), {}, 2, "--link goes with --read"),
        (("--read", "--link"), {"SITE_URL": ""}, 1, "SITE_URL=https://solar.example.org"),
        (("--read", "--link"), {"SITE_URL": "http://x.org"}, 78, "example: SITE_URL="),
        (("--read", "--link"), {"SITE_URL": "https://x.org/y"}, 78, "example: SITE_URL="),
        (("--read", "--link"), {"READ_TOKENS_FILE": ""}, 78, "READ_TOKENS_FILE is missing"),
        (("--read", "--link"), {"PAIRINGS_PATH": "/proc/none/x"}, 1, "cannot be changed"),
    ],
)
def test_a_link_that_cannot_be_made_leaves_no_token(command, env, argv, more, status, words):
    found, out, err = command("new", DEVICE, *argv, **more)
    assert (found, out) == (status, "")
    assert words in err
    assert Path(env["READ_TOKENS_FILE"]).read_text() == ""
