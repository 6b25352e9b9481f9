"""``python -m server.tokens``: tokens made, shown and ended, and what the files look like after."""

import hashlib
import os
import re
import stat
import subprocess
import sys
import threading

import pytest

from server import private, settings, token_list
from server.auth import Caller, Tokens
from server.tokens import main
from tests.batches import app_on, get, post

SECRET = "never-shown-8f3a"
ENV = ("DEVICE_TOKENS", "DEVICE_TOKENS_FILE", "READ_TOKENS", "READ_TOKENS_FILE")


@pytest.fixture
def file(tmp_path):
    return tmp_path / "device-tokens"


@pytest.fixture
def read_file(tmp_path):
    return tmp_path / "read-tokens"


@pytest.fixture
def tokens(monkeypatch, capsys, tmp_path, file, read_file):
    """Run the command on the two files; give its exit status, stdout and stderr."""
    monkeypatch.setattr(settings, "DOTENV", tmp_path / "no.env")
    for name in ENV:
        monkeypatch.delenv(name, raising=False)

    def run(*argv: str, **env: str | None) -> tuple[int, str, str]:
        given = {"DEVICE_TOKENS_FILE": str(file), "READ_TOKENS_FILE": str(read_file)} | env
        with monkeypatch.context() as patch:
            for name, value in given.items():
                if value is not None:
                    patch.setenv(name, value)
            capsys.readouterr()
            try:
                status = main(list(argv))
            except SystemExit as stop:
                status = stop.code
        words = capsys.readouterr()
        return status, words.out, words.err

    return run


@pytest.fixture
def new(tokens):
    """Make a token that has to be made; give it."""

    def run(*argv: str, **env: str | None) -> str:
        status, out, err = tokens("new", *argv, **env)
        assert status == 0, err
        return out.removesuffix("\n")

    return run


def put(path, text: str, mode: int = 0o640) -> None:
    path.write_text(text)
    path.chmod(mode)


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def refusal(answer: tuple[int, str, str], status: int = 1) -> str:
    assert answer[0] == status
    assert answer[1] == ""
    assert SECRET not in answer[2]
    assert answer[2].count("\n") == 1
    return answer[2]


def test_a_new_token_is_printed_alone_and_only_its_hash_is_kept(tokens, file):
    status, out, err = tokens("new", "home-1")
    assert status == 0
    token = out.removesuffix("\n")
    assert re.fullmatch(r"device_[A-Za-z0-9_-]{43}", token), "43 of base64 hold 256 bits"
    assert "not shown again" in err
    assert token not in err
    assert file.read_text() == f"sha256${digest(token)}:home-1\n"
    assert Tokens({"DEVICE_TOKENS_FILE": str(file)}).caller(token) == Caller(("home-1",), True)


def test_two_tokens_are_never_the_same(new):
    assert new("home-1") != new("home-1")


def test_a_read_token_reads_the_devices_it_was_made_for(new, file, read_file):
    writer = new("home-1")
    reader = new("home-1", "home-2", "home-1", "--read")
    assert reader.startswith("read_")
    assert read_file.read_text().splitlines() == [
        f"sha256${digest(reader)}:home-1",
        f"sha256${digest(reader)}:home-2",
    ]
    tokens = Tokens({"DEVICE_TOKENS_FILE": str(file), "READ_TOKENS_FILE": str(read_file)})
    assert tokens.caller(reader) == Caller(("home-1", "home-2"), may_ingest=False)
    assert tokens.caller(writer) == Caller(("home-1",), may_ingest=True)


def test_a_device_has_two_tokens_at_most_and_the_refusal_names_the_older(new, tokens, file):
    first, second = new("home-1"), new("home-1")
    before = file.read_text()
    words = refusal(tokens("new", "home-1"))
    assert f"revoke {digest(first)[:12]}" in words
    assert file.read_text() == before
    new("home-2")
    assert tokens("revoke", digest(first)[:12])[0] == 0
    third = new("home-1")
    known = Tokens({"DEVICE_TOKENS_FILE": str(file)})
    assert known.caller(first) is None
    assert known.caller(second) == known.caller(third) == Caller(("home-1",), may_ingest=True)


def test_of_read_tokens_there_may_be_as_many_as_there_are_readers(new):
    assert len({new("home-1", "--read") for _ in range(4)}) == 4


def test_what_stood_in_the_file_stays(new, tokens, file):
    before = f"# by hand, in June: home-1, home-2\n{SECRET}:home-1 , other:home-2,\n\n#\n"
    put(file, before)
    token = new("home-3")
    assert file.read_text() == f"{before.rstrip()}\nsha256${digest(token)}:home-3\n"
    assert tokens("revoke", digest(SECRET)[:8])[0] == 0
    left = f"# by hand, in June: home-1, home-2\nother:home-2\n\n#\nsha256${digest(token)}:home-3\n"
    assert file.read_text() == left
    assert tokens("revoke", digest("other"))[0] == 0
    assert file.read_text() == left.replace("other:home-2\n", "")


def test_revoking_ends_every_entry_of_the_token(new, tokens, read_file):
    one = new("home-1", "home-2", "--read")
    other = new("home-2", "--read")
    status, out, _ = tokens("revoke", digest(one)[:12].upper())
    assert (status, out) == (0, f"revoked {digest(one)[:12]}: read token of home-1, home-2\n")
    assert read_file.read_text() == f"sha256${digest(other)}:home-2\n"


def test_the_last_device_token_is_not_revoked_but_the_way_is_named(new, tokens, file):
    token = new("home-1")
    assert "new home-1" in refusal(tokens("revoke", digest(token)[:12]))
    next_one = new("home-1")
    assert tokens("revoke", digest(token)[:12])[0] == 0
    assert file.read_text() == f"sha256${digest(next_one)}:home-1\n"


def test_the_last_read_token_may_go(new, tokens, read_file):
    token = new("home-1", "--read")
    assert tokens("revoke", digest(token)[:12])[0] == 0
    assert read_file.read_text() == ""


def test_list_shows_every_token_and_none_of_them(new, tokens, file):
    put(file, f"{SECRET}:home-1\n")
    reader = new("home-1", "home-2", "--read")
    status, out, _ = tokens("list")
    assert status == 0
    assert SECRET not in out
    assert reader not in out
    lines = [line.split() for line in out.splitlines()]
    assert lines[0][:3] == ["ID", "KIND", "DEVICES"]
    assert lines[1][:5] == [digest(SECRET)[:12], "device", "home-1", "plain", "text"]
    assert lines[2][:4] == [digest(reader)[:12], "read", "home-1,home-2", "SHA-256"]


def test_tokens_of_the_environment_are_listed_and_go_on_working(tokens, new, read_file):
    env = {"DEVICE_TOKENS": f"{SECRET}:home-1", "DEVICE_TOKENS_FILE": None}
    _, out, _ = tokens("list", **env)
    assert "plain text in DEVICE_TOKENS itself" in out
    words = refusal(tokens("revoke", digest(SECRET)[:12], **env))
    assert "take it out there, restart the server" in words
    words = refusal(tokens("new", "home-1", **env), 78)
    assert words.startswith("DEVICE_TOKENS_FILE is missing")
    assert "move there what DEVICE_TOKENS holds" in words
    reader = new("home-1", "--read", **env)
    both = Tokens({"DEVICE_TOKENS": env["DEVICE_TOKENS"], "READ_TOKENS_FILE": str(read_file)})
    assert both.caller(SECRET).may_ingest
    assert both.caller(reader).devices == ("home-1",)


@pytest.mark.parametrize("argv", [("new", "home-1"), ("list",), ("revoke", "0123456789ab")])
def test_both_forms_at_once_are_the_error_that_they_are_to_the_server(tokens, argv):
    words = refusal(tokens(*argv, DEVICE_TOKENS=f"{SECRET}:home-1"), 78)
    assert words.startswith("DEVICE_TOKENS and DEVICE_TOKENS_FILE are both set")


@pytest.mark.parametrize("argv", [("new", "home-1"), ("list",), ("revoke", "0123456789ab")])
def test_a_malformed_file_is_left_as_it_is(tokens, file, argv):
    put(file, f"good:home-1\n#{SECRET}\n")
    words = refusal(tokens(*argv), 78)
    assert words.startswith("DEVICE_TOKENS: entry 2 ")
    assert file.read_text() == f"good:home-1\n#{SECRET}\n"


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o660, 0o602])
def test_a_file_that_others_may_read_or_change_is_refused(tokens, file, mode):
    put(file, f"{SECRET}:home-1\n", mode)
    for argv in (("list",), ("new", "home-1")):
        assert f"chmod 640 {file}" in refusal(tokens(*argv), 78)


def test_an_id_has_to_mean_one_token(tokens, file, monkeypatch):
    put(file, f"sha256${'ab' * 32}:home-1\nsha256${'ab' * 31}ac:home-1\n")
    assert "2 ids begin with abababab" in refusal(tokens("revoke", "abababab"))
    assert "no token has the id" in refusal(tokens("revoke", "0123456789ab"))
    assert "at least 6" in refusal(tokens("revoke", "ab"))
    assert "at least 6" in refusal(tokens("revoke", SECRET))
    assert tokens("revoke", "ab" * 31 + "ac")[0] == 0


@pytest.mark.parametrize(
    "argv",
    [(), ("new",), ("new", "home 1"), ("new", "home-1", "home-2"), ("revoke",), ("show",)],
)
def test_a_usage_error_is_2(tokens, argv):
    assert tokens(*argv)[0] == 2


def test_a_new_file_is_for_owner_and_group_alone(new, file):
    new("home-1")
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_root_makes_the_file_for_whom_the_folder_is(new, file):
    os.chown(file.parent, 0, 65534)
    new("home-1")
    assert (file.stat().st_uid, file.stat().st_gid) == (0, 65534)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o400])
def test_owner_and_mode_stay(new, file, mode):
    put(file, "", mode)
    os.chown(file, 65534, 12345)
    new("home-1")
    status = file.stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (65534, 12345, mode)


def test_a_link_to_the_file_stays_a_link(new, file, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    target = tmp_path / "elsewhere" / "tokens"
    put(target, "")
    file.symlink_to(target)
    token = new("home-1")
    assert file.is_symlink()
    assert digest(token) in target.read_text()


def test_a_folder_that_is_missing_is_said(tokens, tmp_path):
    words = refusal(tokens("new", "home-1", DEVICE_TOKENS_FILE=str(tmp_path / "none" / "tokens")))
    assert "cannot be changed: No such file or directory" in words


def test_a_failed_change_leaves_the_old_file_and_nothing_else(new, file, monkeypatch):
    new("home-1")
    before = file.read_text()
    monkeypatch.setattr(token_list.os, "fsync", lambda _: os.close(-1))
    with pytest.raises(OSError, match="Bad file descriptor"):
        token_list.replace(file, "half")
    assert file.read_text() == before
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_many_at_once_lose_nothing(file, read_file):
    env = private.environment(DEVICE_TOKENS_FILE=str(file), READ_TOKENS_FILE=str(read_file))
    command = [sys.executable, "-m", "server.tokens", "new", "home-1", "--read"]
    running = [
        subprocess.Popen(command, env=env, cwd=private.ROOT, stdout=subprocess.PIPE, text=True)
        for _ in range(6)
    ]
    made = {process.communicate()[0].strip() for process in running}
    kept = {line.split("$")[1].split(":")[0] for line in read_file.read_text().splitlines()}
    assert len(made) == 6
    assert kept == {digest(token) for token in made}


def test_who_comes_second_waits_for_the_first(file):
    with token_list.locked(file):
        waiting = threading.Thread(target=lambda: token_list.locked(file).__enter__(), daemon=True)
        waiting.start()
        waiting.join(0.2)
        assert waiting.is_alive()
    waiting.join(5)
    assert not waiting.is_alive()


def test_the_running_server_follows_at_once(database_url, new, tokens, file, read_file):
    first = new("house")
    put(read_file, "")
    names = {"DEVICE_TOKENS": "", "READ_TOKENS": ""}
    files = {"DEVICE_TOKENS_FILE": str(file), "READ_TOKENS_FILE": str(read_file)}
    client = app_on(database_url, **names, **files).test_client()
    second, reader = new("house"), new("house", "--read")
    for token in (first, second):
        assert post(client, {"samples": []}, token).status_code == 200
    assert get(client, "/v1/series?frame=day", reader).status_code == 200
    assert tokens("revoke", digest(first)[:12])[0] == 0
    assert post(client, {"samples": []}, first).status_code == 401
    assert post(client, {"samples": []}, second).status_code == 200
