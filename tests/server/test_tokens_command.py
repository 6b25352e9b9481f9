"""``python -m server.tokens``: tokens made, shown and ended, and what the files look like after."""

import hashlib
import os
import re
import stat
import subprocess
import sys
import threading
from datetime import UTC, datetime

import pytest

from server import sandbox, settings
from server.auth import token_file
from server.auth.callers import Caller, Tokens
from server.tokens import main
from tests.support.batches import LogLines, app_on, get, post

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
    """Run the command on the two files; return its exit status, stdout and stderr."""
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


def lines_of(token: str, *devices: str) -> str:
    """What the file says of a token that was made today."""
    entries = "".join(f"sha256${digest(token)}:{device}\n" for device in devices)
    return f"# made {datetime.now(UTC).date()}\n{entries}"


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
    assert file.read_text() == lines_of(token, "home-1")
    assert Tokens({"DEVICE_TOKENS_FILE": str(file)}).caller(token) == Caller(("home-1",), True)


def test_two_tokens_are_never_the_same(new):
    assert new("home-1") != new("home-1")


def test_a_read_token_reads_the_devices_it_was_made_for(new, file, read_file):
    writer = new("home-1")
    reader = new("home-1", "home-2", "home-1", "--read")
    assert reader.startswith("read_")
    assert read_file.read_text() == lines_of(reader, "home-1", "home-2")
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
    assert file.read_text() == f"{before.rstrip()}\n{lines_of(token, 'home-3')}"
    assert tokens("revoke", digest(SECRET)[:8])[0] == 0
    left = f"# by hand, in June: home-1, home-2\nother:home-2\n\n#\n{lines_of(token, 'home-3')}"
    assert file.read_text() == left
    assert tokens("revoke", digest("other"))[0] == 0
    assert file.read_text() == left.replace("other:home-2\n", "")


def test_revoking_ends_every_entry_of_the_token(new, tokens, read_file):
    one = new("home-1", "home-2", "--read")
    other = new("home-2", "--read")
    status, out, _ = tokens("revoke", digest(one)[:12].upper())
    assert (status, out) == (0, f"revoked {digest(one)[:12]}: read token of home-1, home-2\n")
    assert read_file.read_text() == lines_of(other, "home-2")


def test_the_last_device_token_is_not_revoked_but_the_way_is_named(new, tokens, file):
    token = new("home-1")
    assert "new home-1" in refusal(tokens("revoke", digest(token)[:12]))
    next_one = new("home-1")
    assert tokens("revoke", digest(token)[:12])[0] == 0
    assert file.read_text() == lines_of(next_one, "home-1")


def test_the_last_read_token_may_go(new, tokens, read_file):
    token = new("home-1", "--read")
    assert tokens("revoke", digest(token)[:12])[0] == 0
    assert read_file.read_text() == "# no token is left\n"
    next_one = new("home-1", "--read")
    assert read_file.read_text() == lines_of(next_one, "home-1")


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
    assert "remove it there and restart the server" in words
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
    monkeypatch.setattr(token_file.os, "fsync", lambda _: os.close(-1))
    with pytest.raises(OSError, match="Bad file descriptor"):
        token_file.replace(file, "half")
    assert file.read_text() == before
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_many_at_once_lose_nothing(file, read_file):
    env = sandbox.environment(DEVICE_TOKENS_FILE=str(file), READ_TOKENS_FILE=str(read_file))
    command = [sys.executable, "-m", "server.tokens", "new", "home-1", "--read"]
    running = [
        subprocess.Popen(command, env=env, cwd=sandbox.ROOT, stdout=subprocess.PIPE, text=True)
        for _ in range(6)
    ]
    made = {process.communicate()[0].strip() for process in running}
    kept = set(re.findall(r"^sha256\$(\w+):home-1$", read_file.read_text(), re.MULTILINE))
    assert len(made) == 6
    assert kept == {digest(token) for token in made}


def test_who_comes_second_waits_for_the_first(file):
    with token_file.locked(file):
        waiting = threading.Thread(target=lambda: token_file.locked(file).__enter__(), daemon=True)
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


# Which one to revoke


@pytest.fixture
def table(tokens):
    """List the tokens; return the words of each row's last two columns, by its id."""

    def run(**env: str | None) -> dict[str, tuple[str, str]]:
        status, out, _ = tokens("list", **env)
        assert status == 0
        head, *rows = out.splitlines()
        made_at, used_at = head.index("MADE"), head.index("LAST USED")
        return {r.split()[0]: (r[made_at:used_at].strip(), r[used_at:]) for r in rows}

    return run


def test_the_list_says_when_a_token_was_made_and_of_old_ones_that_nobody_knows(new, table, file):
    put(
        file,
        f"{SECRET}:home-1\n# made 2025-02-03\nolder:home-1\n# made by hand\nthird:home-2\n"
        "# made 2025-13-45\nfourth:home-3\n\n# made 2025-01-01\n\nfifth:home-4\n"
        "# made 2025-01-02\n# a comment\nsixth:home-5\n",
    )
    reader = new("home-1", "home-2", "--read")
    found = {name: made for name, (made, _) in table().items()}
    assert found == {
        digest(SECRET)[:12]: "unknown",
        digest("older")[:12]: "2025-02-03",
        digest("third")[:12]: "unknown",
        digest("fourth")[:12]: "unknown",
        digest("fifth")[:12]: "unknown",
        digest("sixth")[:12]: "unknown",
        digest(reader)[:12]: str(datetime.now(UTC).date()),
    }


def test_the_day_goes_with_its_token(new, tokens, file):
    first, second, third = new("home-1"), new("home-2"), new("home-3")
    assert tokens("revoke", digest(second)[:12])[0] == 0
    assert file.read_text() == lines_of(first, "home-1") + lines_of(third, "home-3")


def test_the_list_says_when_a_token_was_last_used(
    new, table, database_url, file, read_file, tmp_path
):
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    used, unused = new("house"), new("house")
    reader = new("house", "--read")
    env = {"RUNTIME_DIRECTORY": f"{run_dir}:/run/other"}
    assert {last for _, last in table(**env).values()} == {"unknown"}
    names = {"DEVICE_TOKENS": "", "READ_TOKENS": "", "SECRET_KEY": "k" * 32, **env}
    files = {"DEVICE_TOKENS_FILE": str(file), "READ_TOKENS_FILE": str(read_file)}
    client = app_on(database_url, **names, **files).test_client()
    before = datetime.now(UTC).replace(second=0, microsecond=0)
    assert post(client, {"samples": []}, "nobody").status_code == 401
    assert post(client, {"samples": []}, used).status_code == 200
    found = {name: last for name, (_, last) in table(**env).items()}
    assert before <= moment(found[digest(used)[:12]]) <= datetime.now(UTC)
    for token in (unused, reader):
        text = found[digest(token)[:12]]
        assert before <= moment(text.removeprefix("not since ")) <= datetime.now(UTC)
        assert text.startswith("not since ")
    assert stat.S_IMODE((run_dir / "token-uses").stat().st_mode) == 0o700
    names = {path.name for path in (run_dir / "token-uses").iterdir()}
    assert names == {"since", digest(used)[:12]}, "and nothing of a guess"


def test_the_pages_session_is_a_use_of_its_token(new, table, database_url, read_file, tmp_path):
    reader = new("house", "--read")
    env = {"RUNTIME_DIRECTORY": str(tmp_path)}
    names = {"READ_TOKENS": "", "SECRET_KEY": "k" * 32, "READ_TOKENS_FILE": str(read_file)}
    client = app_on(database_url, **names, **env).test_client()
    here = {"Sec-Fetch-Site": "same-origin"}
    login = client.post("/login", data={"token": reader}, headers=here, base_url="https://x.org")
    assert login.status_code == 204
    place = tmp_path / "token-uses" / digest(reader)[:12]
    os.utime(place, (0, 0))
    client.application.extensions["tokens"].uses._next_s.clear()
    assert client.get("/v1/devices", base_url="https://x.org").status_code == 200
    assert place.stat().st_mtime > 0


def test_a_use_is_noted_once_a_minute(database_url, new, file, tmp_path, monkeypatch):
    token, now_s = new("house"), [1000.0]
    monkeypatch.setattr("server.auth.token_uses.time.monotonic", lambda: now_s[0])
    uses = Tokens({"DEVICE_TOKENS_FILE": str(file), "RUNTIME_DIRECTORY": str(tmp_path)})
    place = tmp_path / "token-uses" / digest(token)[:12]
    for later_s, noted in ((0, True), (59, False), (2, True)):
        now_s[0] += later_s
        if place.exists():
            os.utime(place, (0, 0))
        assert uses.caller(token)
        assert (place.stat().st_mtime > 0) == noted


@pytest.mark.parametrize("harm", ["a file above it", "a file in its place", "a link in its place"])
def test_where_uses_cannot_be_noted_nobody_is_refused(new, table, file, tmp_path, harm):
    token = new("house")
    run_dir = tmp_path / "run"
    if harm == "a file above it":
        run_dir.write_text("")
    else:
        run_dir.mkdir()
    if harm == "a file in its place":
        (run_dir / "token-uses").write_text("")
    if harm == "a link in its place":
        (run_dir / "token-uses").symlink_to(tmp_path / "nowhere")
    env = {"RUNTIME_DIRECTORY": str(run_dir)}
    known = Tokens({"DEVICE_TOKENS_FILE": str(file), **env})
    with LogLines() as log:
        for _ in range(3):
            assert known.caller(token)
    assert [line["event"] for line in log.fields()] == ["uses of tokens are not noted any more"]
    assert table(**env) == {digest(token)[:12]: (str(datetime.now(UTC).date()), "unknown")}


def moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%MZ").replace(tzinfo=UTC)
