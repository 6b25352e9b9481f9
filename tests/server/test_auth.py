"""Tokens: whom they stand for, where they come from, and what never gets out."""

import hashlib
import os

import pytest

from edge_lib.shared.env import ConfigError
from server.api.limiter import BAD_TOKENS
from server.auth.callers import Caller, Tokens
from server.sandbox import wait_until
from tests.support.batches import (
    OTHER,
    OTHER_TOKEN,
    READ_TOKEN,
    TOKEN,
    LogLines,
    app_on,
    assert_error,
    get,
    post,
    send,
)
from tests.support.samples import DEVICE, a_sample

SECRET = "never-shown-8f3a"


@pytest.fixture
def client(database_url):
    """An app of its own, so that its limiter has seen nothing yet."""
    return app_on(database_url).test_client()


def complaint(**env: str) -> str:
    with pytest.raises(ConfigError) as refusal:
        Tokens({"DEVICE_TOKENS": "good:home-1"} | env)
    words = str(refusal.value)
    assert SECRET not in words
    assert "\n" not in words
    return words


def test_a_device_token_may_ingest_for_its_device_alone():
    tokens = Tokens({"DEVICE_TOKENS": "one:home-1, two:home-2"})
    assert tokens.caller("one") == Caller(("home-1",), may_ingest=True)
    assert tokens.caller("two") == Caller(("home-2",), may_ingest=True)


@pytest.mark.parametrize(
    "token", ["", "on", "onee", "ONE", "one:home-1", "home-1", "one ", "\udcff"]
)
def test_anything_else_is_nobodys_token(token):
    assert Tokens({"DEVICE_TOKENS": "one:home-1"}).caller(token) is None


def test_two_tokens_may_name_one_device():
    tokens = Tokens({"DEVICE_TOKENS": "old:home-1,new:home-1"})
    assert tokens.caller("old") == tokens.caller("new") == Caller(("home-1",), may_ingest=True)


def test_a_read_token_reads_every_device_that_it_is_listed_with():
    read = "r:home-1,r:home-2,r:home-1,other:home-3"
    tokens = Tokens({"DEVICE_TOKENS": "one:home-1", "READ_TOKENS": read})
    assert tokens.caller("r") == Caller(("home-1", "home-2"), may_ingest=False)
    assert tokens.caller("other") == Caller(("home-3",), may_ingest=False)


def test_a_digest_keeps_the_token_itself_off_the_server():
    digest = hashlib.sha256(b"one:two").hexdigest()
    for written in (digest, digest.upper()):
        tokens = Tokens({"DEVICE_TOKENS": f"sha256${written}:home-1"})
        assert tokens.caller("one:two") == Caller(("home-1",), may_ingest=True)
        assert tokens.caller(f"sha256${written}") is None, "whoever saw the settings is not let in"
        assert tokens.caller(written) is None


def test_a_token_listed_plainly_and_as_its_digest_is_one_token():
    digest = hashlib.sha256(b"one").hexdigest()
    tokens = Tokens({"DEVICE_TOKENS": f"one:home-1,sha256${digest}:home-1"})
    assert tokens.caller("one") == Caller(("home-1",), may_ingest=True)


def test_a_token_that_holds_a_colon_may_be_given_as_its_digest():
    digest = hashlib.sha256(b"a:b;c").hexdigest()
    tokens = Tokens({"DEVICE_TOKENS": f"sha256${digest}:home-1"})
    assert tokens.caller("a:b;c").devices == ("home-1",)


@pytest.mark.parametrize(
    ("text", "number", "words"),
    [
        (f"{SECRET}:home-1;b:home-2", 1, "contains a ';'"),
        (f"{SECRET}:home-1; b:home-2", 1, "contains a ';'"),
        (f"{SECRET}:home-1;", 1, "contains a ';'"),
        (f"a;{SECRET}:home-1", 1, "contains a ';'"),
        (f"a:home-1\n{SECRET};b:home-2", 2, "contains a ';'"),
        (f"a:{SECRET}:home-1", 1, "second ':'"),
        (f"a:home-1,{SECRET}:b:home-2", 2, "second ':'"),
        (f"{SECRET}::home-1", 1, "second ':'"),
        (f"{SECRET}:home-1:home-2", 1, "second ':'"),
        (f"sha256${'0' * 64}:home-1:{SECRET}", 1, "second ':'"),
        (f"a:home-1,{SECRET}:/p1/p1", 2, "is not token:device_id"),
        (f"{SECRET}:home-1/p1/p1", 1, "is not token:device_id"),
        (f"{SECRET}:home-1/P1", 1, "is not token:device_id"),
        (f"{SECRET}:home-1/p2", 1, "is not token:device_id"),
        (f"{SECRET}:/p1", 1, "is not token:device_id"),
    ],
)
@pytest.mark.parametrize("name", ["DEVICE_TOKENS", "READ_TOKENS"])
def test_what_may_be_meant_as_two_entries_is_refused_with_what_to_write(name, text, number, words):
    told = complaint(**{name: text})
    assert told.startswith(f"{name}: entry {number} ")
    assert words in told
    assert "example: " in told


@pytest.mark.parametrize(
    "entry",
    [
        SECRET,
        f"{SECRET}:",
        f":{SECRET}!",
        f"{SECRET}:home 1",
        f"{SECRET}:häuschen",
        f"{SECRET} :home-1",
        f"{SECRET}ü:home-1",
        f"sha256${SECRET}:home-1",
        f"sha256$:{SECRET}",
        f"SHA256${'0' * 63}:home-1",
        f"sha256${'0' * 65}:home-1",
    ],
)
def test_a_malformed_entry_is_refused_and_not_repeated(entry):
    words = complaint(DEVICE_TOKENS=f"good:home-1,{entry}")
    assert words.startswith("DEVICE_TOKENS: entry 2 ")
    assert "example: DEVICE_TOKENS=" in words


@pytest.mark.parametrize("value", ["", " ", ",", "\n"])
def test_without_any_device_token_there_is_no_server(value):
    assert complaint(DEVICE_TOKENS=value).startswith("DEVICE_TOKENS is missing; example: ")


def test_a_device_token_has_one_device():
    assert "names two devices" in complaint(DEVICE_TOKENS=f"{SECRET}:home-1,{SECRET}:home-2")


def test_a_device_token_is_no_read_token():
    words = complaint(DEVICE_TOKENS=f"{SECRET}:home-1", READ_TOKENS=f"{SECRET}:home-1")
    assert words.startswith("READ_TOKENS")


@pytest.mark.parametrize("name", ["DEVICE_TOKENS", "READ_TOKENS"])
def test_both_forms_at_once_are_refused(name, tmp_path):
    words = complaint(**{name: f"{SECRET}:home-1", f"{name}_FILE": str(tmp_path / "tokens")})
    assert words.startswith(f"{name} and {name}_FILE are both set")


@pytest.mark.usefixtures("private_files")
def test_a_file_of_tokens_is_read_again_when_it_changes(tmp_path):
    path = tmp_path / "tokens"
    path.write_text("old:home-1\n")
    tokens = Tokens({"DEVICE_TOKENS_FILE": str(path)})
    assert tokens.caller("old")
    path.write_text("new:home-1,\r\nold:home-1,\nother:home-2\n")
    assert tokens.caller("new").devices == tokens.caller("old").devices == ("home-1",)
    assert tokens.caller("other").devices == ("home-2",)
    replacement = tmp_path / "replacement"
    replacement.write_text("third:home-1\n")
    replacement.replace(path)
    assert tokens.caller("third")
    assert tokens.caller("old") is tokens.caller("new") is None


@pytest.mark.usefixtures("private_files")
def test_a_change_of_the_same_length_is_seen_too(tmp_path):
    path = tmp_path / "tokens"
    path.write_text("one:home-1")
    tokens = Tokens({"DEVICE_TOKENS_FILE": str(path)})
    path.write_text("two:home-1")
    os.utime(path, ns=(0, 0))
    assert tokens.caller("two")
    assert tokens.caller("one") is None


@pytest.mark.usefixtures("private_files")
def test_a_file_that_others_may_read_is_not_taken_until_that_is_mended(tmp_path):
    path = tmp_path / "tokens"
    path.write_text("old:home-1")
    tokens = Tokens({"DEVICE_TOKENS_FILE": str(path)})
    path.write_text(f"{SECRET}:home-1")
    path.chmod(0o644)
    with LogLines() as log:
        assert tokens.caller(SECRET) is None
        assert tokens.caller("old")
    assert f"chmod 640 {path}" in log.lines[0]
    path.chmod(0o640)
    assert tokens.caller(SECRET)


def test_comments_in_a_list_are_passed_over():
    tokens = Tokens({"DEVICE_TOKENS": "# a, comment: of 2026\none:home-1\n  #\n#two:home-1"})
    assert tokens.caller("one")
    assert tokens.caller("#two"), "a comment's # is followed by a blank"


@pytest.mark.usefixtures("private_files")
def test_read_tokens_are_read_again_too(tmp_path):
    path = tmp_path / "tokens"
    path.write_text("")
    tokens = Tokens({"DEVICE_TOKENS": "one:home-1", "READ_TOKENS_FILE": str(path)})
    path.write_text("r:home-1")
    assert tokens.caller("r") == Caller(("home-1",), may_ingest=False)


@pytest.mark.usefixtures("private_files")
@pytest.mark.parametrize("content", [b"half-wri", b"\xff\xfe:home-1", b"a:b:home-1", b"a;b:home-1"])
def test_a_broken_file_leaves_the_good_tokens_good_and_is_logged_without_them(tmp_path, content):
    path = tmp_path / "tokens"
    path.write_text(f"{SECRET}:home-1")
    tokens = Tokens({"DEVICE_TOKENS_FILE": str(path)})
    path.write_bytes(content)
    with LogLines() as log:
        assert tokens.caller(SECRET)
        assert tokens.caller("half-wri") is None
    (line,) = log.fields()
    assert (line["level"], line["event"]) == ("ERROR", "tokens not read again")
    assert SECRET not in str(log.lines)
    assert "half-wri" not in str(log.lines)
    path.write_text("new:home-1")
    assert tokens.caller("new")
    assert tokens.caller(SECRET) is None


EMPTY = {
    "emptied": lambda path: path.write_bytes(b""),
    "blank": lambda path: path.write_bytes(b" \n\r\n\t"),
    "only a byte order mark": lambda path: path.write_bytes(b"\xef\xbb\xbf"),
    "deleted": lambda path: path.unlink(),
    "its folder moved away": lambda path: path.parent.rename(path.parent.with_name("elsewhere")),
}


@pytest.fixture
def files(tmp_path, private_files):
    """Two files of tokens, each in a folder of its own, and whoever reads them."""
    paths = {name: tmp_path / name / "tokens" for name in ("DEVICE_TOKENS", "READ_TOKENS")}
    for name, path in paths.items():
        path.parent.mkdir(mode=0o700)
        path.write_text(f"{name}:home-1\n")
    return paths, Tokens({f"{name}_FILE": str(path) for name, path in paths.items()})


@pytest.mark.parametrize("how", EMPTY)
@pytest.mark.parametrize("name", ["DEVICE_TOKENS", "READ_TOKENS"])
def test_a_file_that_reads_empty_twice_ends_its_tokens_and_no_others(files, how, name, monkeypatch):
    now_s = [1000.0]
    monkeypatch.setattr("server.auth.callers.time.monotonic", lambda: now_s[0])
    paths, tokens = files
    (other,) = paths.keys() - {name}
    EMPTY[how](paths[name])
    with LogLines() as log:
        for later_s in (0, 1, 0.9):
            now_s[0] += later_s
            assert tokens.caller(name), "somebody may be about to write it"
        now_s[0] += 0.2
        assert tokens.caller(name) is None
        assert tokens.caller(other)
    lines = [line for line in log.fields() if line["level"] == "WARNING"]
    assert [line["file"] for line in lines] == [str(paths[name])] * 2
    assert "they have ended" in lines[1]["event"]
    if how != "its folder moved away":
        paths[name].write_text("new:home-1\n")
        assert tokens.caller("new")
        assert tokens.caller(name) is None


@pytest.mark.parametrize("how", ["emptied", "deleted"])
def test_a_file_that_is_empty_for_a_moment_ends_nothing(files, how, monkeypatch):
    now_s = [1000.0]
    monkeypatch.setattr("server.auth.callers.time.monotonic", lambda: now_s[0])
    paths, tokens = files
    for _ in range(3):
        EMPTY[how](paths["DEVICE_TOKENS"])
        assert tokens.caller("DEVICE_TOKENS")
        paths["DEVICE_TOKENS"].write_text("DEVICE_TOKENS:home-1\n")
        now_s[0] += 2.5
        assert tokens.caller("DEVICE_TOKENS")


def test_a_list_of_comments_alone_is_empty_on_purpose_and_at_once(files):
    paths, tokens = files
    paths["READ_TOKENS"].write_text("# none is left\n")
    assert tokens.caller("READ_TOKENS") is None
    assert tokens.caller("DEVICE_TOKENS")


def test_a_broken_file_does_not_keep_the_tokens_of_another_alive(files):
    paths, tokens = files
    paths["DEVICE_TOKENS"].write_text("broken")
    paths["READ_TOKENS"].write_text("new:home-1")
    assert tokens.caller("READ_TOKENS") is None
    assert tokens.caller("new")
    assert tokens.caller("DEVICE_TOKENS")


@pytest.mark.parametrize("content", ["", "\ufeff", "# none\n"])
@pytest.mark.usefixtures("private_files")
def test_at_the_start_an_empty_file_of_device_tokens_is_refused(tmp_path, content):
    path = tmp_path / "tokens"
    path.write_text(content)
    with pytest.raises(ConfigError, match="DEVICE_TOKENS is missing"):
        Tokens({"DEVICE_TOKENS_FILE": str(path)})


def test_the_real_server_ends_the_tokens_of_an_emptied_file(database_url, files):
    paths, _ = files
    names = dict.fromkeys(paths, "")
    settings = names | {f"{name}_FILE": str(path) for name, path in paths.items()}
    client = app_on(database_url, **settings).test_client()
    assert post(client, {"samples": []}, "DEVICE_TOKENS").status_code == 200
    paths["DEVICE_TOKENS"].write_text("")
    assert post(client, {"samples": []}, "DEVICE_TOKENS").status_code == 200
    assert wait_until(lambda: post(client, {"samples": []}, "DEVICE_TOKENS").status_code == 401, 10)
    assert get(client, "/v1/devices", "READ_TOKENS").status_code == 200


@pytest.mark.usefixtures("private_files")
def test_a_byte_order_mark_is_skipped(tmp_path):
    path = tmp_path / "tokens"
    path.write_bytes(b"\xef\xbb\xbfone:home-1\r\ntwo:home-2\r\n")
    tokens = Tokens({"DEVICE_TOKENS_FILE": str(path)})
    assert tokens.caller("one").devices == ("home-1",)
    assert tokens.caller("two").devices == ("home-2",)


def test_of_a_token_nothing_is_looked_up_but_its_digest():
    tokens = Tokens({"DEVICE_TOKENS": "one:home-1,two:home-1", "READ_TOKENS": "three:home-1"})
    digests = {hashlib.sha256(token).digest() for token in (b"one", b"two", b"three")}
    assert set(tokens.known()) == digests
    for digest in digests:
        assert tokens.caller(digest.hex()) is tokens.caller(digest.decode("latin1")) is None


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        TOKEN,
        "Bearer",
        "Bearer ",
        f"Basic {TOKEN}",
        f"Bearer {TOKEN} {TOKEN}",
        f"Bearer {TOKEN},",
        f"Bearer: {TOKEN}",
        f"Bearer\t{TOKEN}",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN}ü",
        f"Bearer {'x' * 5000}",
    ],
)
@pytest.mark.parametrize("path", ["/v1/ingest", "/v1/realtime", "/v1/series"])
def test_without_a_good_token_it_is_401_everywhere(client, path, header):
    headers = {} if header is None else {"Authorization": header}
    method = client.post if path == "/v1/ingest" else client.get
    answer = method(path, headers=headers)
    assert_error(answer, 401)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("header", [f"bearer {TOKEN}", f"BEARER   {TOKEN}", f"Bearer {TOKEN}  "])
def test_the_word_bearer_is_read_as_http_reads_it(client, header):
    answer = client.post("/v1/ingest", json={"samples": []}, headers={"Authorization": header})
    assert answer.status_code == 200


def test_a_token_reads_its_only_device_without_naming_it(client):
    send(client, a_sample())
    assert get(client, "/v1/realtime").json["device_id"] == DEVICE
    assert get(client, f"/v1/realtime?device_id={DEVICE}").json["device_id"] == DEVICE


def test_a_token_of_several_devices_has_to_name_one(client):
    post(client, {"samples": [a_sample(device_id=OTHER)]}, OTHER_TOKEN)
    answer = get(client, "/v1/realtime", READ_TOKEN)
    assert_error(answer, 422)
    assert answer.json["detail"][0]["loc"] == ["query", "device_id"]
    for device_id in (DEVICE, OTHER):
        answer = get(client, f"/v1/realtime?device_id={device_id}", READ_TOKEN)
        assert answer.json["device_id"] == device_id


@pytest.mark.parametrize("device_id", [OTHER, "nobody", "", "house%00", "%ff", "%F0%9F%8C%9E"])
@pytest.mark.parametrize("asked", ["/v1/realtime?", "/v1/series?frame=day&"])
def test_another_device_is_not_to_be_read(client, asked, device_id):
    assert_error(get(client, f"{asked}device_id={device_id}"), 403)


def test_a_read_token_may_not_ingest(client):
    assert_error(post(client, {"samples": []}, READ_TOKEN), 403)


def bad(client, address="192.0.2.7", forwarded=None):
    headers = {"Authorization": "Bearer guess"}
    if forwarded is not None:
        headers["X-Forwarded-For"] = forwarded
    environ = {"REMOTE_ADDR": address}
    return client.get("/v1/realtime", headers=headers, environ_overrides=environ)


def test_too_many_bad_tokens_are_429_and_a_good_one_from_there_never_is(client):
    assert [bad(client).status_code for _ in range(BAD_TOKENS)] == [401] * BAD_TOKENS
    answer = bad(client)
    assert_error(answer, 429)
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    for _ in range(3):
        good = client.post(
            "/v1/ingest",
            json={"samples": []},
            headers={"Authorization": f"Bearer {TOKEN}"},
            environ_overrides={"REMOTE_ADDR": "192.0.2.7"},
        )
        assert good.status_code == 200
        assert bad(client).status_code == 429
    assert bad(client, "192.0.2.8").status_code == 401


@pytest.mark.parametrize("proxy", ["127.0.0.1", "::1", "", "::ffff:127.0.0.1", "127.0.0.53"])
def test_behind_a_proxy_on_this_machine_the_last_forwarded_address_counts(client, proxy):
    for number in range(BAD_TOKENS):
        assert bad(client, proxy, f"198.51.100.{number}, 203.0.113.1").status_code == 401
    assert bad(client, proxy, "198.51.100.99 ,  203.0.113.1").status_code == 429
    assert bad(client, proxy, "203.0.113.1, 203.0.113.2").status_code == 401
    assert bad(client, proxy).status_code == 401, "the proxy itself is another address"


def test_from_elsewhere_a_forwarded_address_is_not_believed(client):
    for number in range(BAD_TOKENS):
        assert bad(client, "192.0.2.7", f"198.51.100.{number}").status_code == 401
    assert bad(client, "192.0.2.7", "198.51.100.99").status_code == 429


def test_no_token_and_no_body_gets_into_a_log_line(client):
    with LogLines() as log:
        for token in (TOKEN, READ_TOKEN, SECRET):
            post(client, {"samples": [a_sample(new_field=SECRET)], "batch_id": SECRET}, token)
            post(client, {"samples": [a_sample(boot=SECRET)]}, token)
            post(client, f'{{"samples": "{SECRET}'.encode(), token)
            post(client, {"samples": [], "gaps": [{"cause": SECRET}], "batch_id": "!"}, token)
            get(client, f"/v1/series?frame={SECRET}", token)
    assert log.lines
    for secret in (TOKEN, READ_TOKEN, SECRET):
        assert secret not in "".join(log.lines)
