"""Redis is a cache and nothing more: whatever becomes of it, callers see no difference."""

import itertools
import threading
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
import redis

from edge_lib.shared.timestamps import format_ts
from server import sandbox
from server.cache import Cache
from server.database.pool import Database, DatabaseAway
from server.sandbox import wait_until
from tests.support.batches import LogLines, app_on, assert_error, get, migrated, send
from tests.support.samples import DEVICE, a_sample

pytestmark = pytest.mark.server

TTL_S = 3600  # so long that only the server itself can be why something is forgotten
_seconds = itertools.count(-3000)


@pytest.fixture(scope="module")
def my_redis(tmp_path_factory):
    """A Redis that tests may stop and pause."""
    with sandbox.Redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def keys(my_redis):
    """What Redis itself holds; empty at first."""
    with redis.Redis.from_url(my_redis.url) as client:
        client.flushall()
        yield client


@pytest.fixture(scope="module")
def installation(database_url) -> str:
    return Database(database_url).identity()


@pytest.fixture(scope="module")
def key(installation) -> str:
    """Where the device's newest sample is kept."""
    return f"sungrow:{installation}:realtime:{DEVICE}"


@pytest.fixture
def new_cache(my_redis, installation):
    """Make a cache, of that database."""

    def make(ttl_s: int = TTL_S, url: str = my_redis.url) -> Cache:
        return Cache(url, ttl_s, lambda: installation)

    return make


@pytest.fixture
def client(my_redis, database_url):
    return app_on(database_url, REDIS_URL=my_redis.url, CACHE_TTL_S=str(TTL_S)).test_client()


def newer_sample(**changes: object) -> dict:
    """A sample that is newer than all before it."""
    ts = datetime.now(UTC) + timedelta(seconds=next(_seconds))
    return a_sample(ts=format_ts(ts), **changes)


def power(client) -> float:
    answer = get(client, "/v1/realtime")
    assert answer.status_code == 200, answer.text
    return answer.json["pv_power_w"]


def state(client) -> str:
    return client.get("/health").json["cache"]


def settled(keys, key) -> bool:
    """Wait until a sample may be kept again after ``forgetting``."""
    return wait_until(lambda: keys.get(key) != b"", 10)


def sets(keys) -> int:
    """How often a value was set."""
    return keys.info("commandstats").get("cmdstat_set", {}).get("calls", 0)


def test_the_second_answer_is_the_caches(client, keys, key, new_cache):
    send(client, newer_sample(pv_power_w=1))
    keys.delete(key)
    first = get(client, "/v1/realtime").json
    assert 0 < keys.ttl(key) <= TTL_S
    text = keys.get(key).partition(b"\n")[2].replace(b'"pv_power_w": 1', b'"pv_power_w": 77')
    keys.delete(key)
    new_cache().keep(DEVICE, text)
    second = get(client, "/v1/realtime").json
    assert second["pv_power_w"] == 77
    assert second.pop("age_s") >= first.pop("age_s")
    assert second == first | {"pv_power_w": 77}


def test_after_an_ingest_nothing_stale_is_left(client, keys, key):
    for number in range(3):
        send(client, newer_sample(pv_power_w=number))
        assert not keys.get(key)
        assert power(client) == number
    assert settled(keys, key)
    assert power(client) == 2
    assert b'"pv_power_w": 2' in keys.get(key)
    send(client, newer_sample(pv_power_w=3))
    assert not keys.get(key)
    assert power(client) == 3


def test_who_asked_just_before_an_ingest_cannot_put_the_old_sample_back(keys, new_cache, key):
    cache = new_cache()
    assert cache.newest(DEVICE) is None  # a reader misses, and asks the database
    with cache.forgetting(DEVICE):
        pass  # meanwhile a newer sample is committed
    cache.keep(DEVICE, b"old")  # only now the reader is back
    assert cache.newest(DEVICE) is None
    assert settled(keys, key)
    cache.keep(DEVICE, b"new")
    assert cache.newest(DEVICE) == b"new"


def test_nothing_is_kept_while_a_sample_is_being_committed(keys, new_cache, key):
    cache, readers = new_cache(), new_cache()
    readers.keep(DEVICE, b"old")
    with cache.forgetting(DEVICE):
        assert wait_until(lambda: keys.get(key) == b"", 10)
        assert readers.newest(DEVICE) is None
        readers.keep(DEVICE, b"old")
        assert readers.newest(DEVICE) is None


def test_a_commit_that_takes_longer_than_the_place_is_taken_takes_it_again(keys, new_cache, key):
    cache, readers = new_cache(), new_cache()
    with cache.forgetting(DEVICE):
        assert wait_until(lambda: keys.get(key) == b"", 10)
        assert settled(keys, key)
        readers.keep(DEVICE, b"old")
    assert readers.newest(DEVICE) is None


def test_a_burst_takes_the_place_now_and_then_and_it_stays_taken_after_each_commit(
    keys, new_cache, key
):
    cache = new_cache()
    before = sets(keys)
    for _ in range(300):
        with cache.forgetting(DEVICE):
            pass
        committed_s = time.monotonic()
        left_s = keys.pttl(key) / 1000
        assert left_s + time.monotonic() - committed_s >= 0.99
    assert 1 <= sets(keys) - before < 300


def test_a_commit_that_fails_leaves_the_connection_in_step(keys, new_cache):
    cache = new_cache()
    with pytest.raises(ArithmeticError), cache.forgetting("one"):
        raise ArithmeticError
    cache.keep("two", b"2")
    assert cache.newest("two") == b"2"
    assert cache.newest("one") is None


def test_what_is_kept_is_forgotten_after_its_time(keys, new_cache, key):
    new_cache(1).keep(DEVICE, b"text")
    assert 0 < keys.pttl(key) <= 1000
    assert wait_until(lambda: keys.get(key) is None, 10)


def test_each_device_has_its_own_place(keys, new_cache):
    cache = new_cache()
    cache.keep("one", b"1")
    assert cache.newest("two") is None
    with cache.forgetting("two"):
        pass
    assert cache.newest("one") == b"1"


def test_without_a_cache_all_is_served_from_the_database(database_url):
    client = app_on(database_url).test_client()
    for number in range(2):
        send(client, newer_sample(pv_power_w=number))
        assert power(client) == number
    assert state(client) == "off"


def exercise(client, keys_or_none=None) -> None:
    """All that a caller can do, with answers that must not depend on Redis."""
    for number in range(3):
        sample = newer_sample(pv_power_w=number)
        assert send(client, sample).json == {"inserted": 1, "duplicates": 0, "conflicts": []}
        assert send(client, sample).json == {"inserted": 0, "duplicates": 1, "conflicts": []}
        assert power(client) == number
        assert power(client) == number
        assert client.get("/health").status_code == 200


def test_redis_stopped_and_back_makes_no_difference(client, my_redis, keys):
    exercise(client)
    with LogLines() as log:
        my_redis.stop()
        try:
            exercise(client)
            assert state(client) == "down"
        finally:
            my_redis.start()
        assert wait_until(lambda: state(client) == "ok", 20)
        exercise(client)
    assert [line["event"] for line in log.fields()] == ["cache away", "cache back"]


def test_redis_paused_and_back_makes_no_difference_and_nobody_waits_for_it(client, my_redis, keys):
    exercise(client)
    with LogLines() as log:
        my_redis.pause()
        try:
            exercise(client)
            assert state(client) == "down"
        finally:
            my_redis.resume()
        assert wait_until(lambda: state(client) == "ok", 20)
        exercise(client)
    assert [line["event"] for line in log.fields()] == ["cache away", "cache back"]


def test_while_it_is_away_it_is_asked_only_now_and_then(my_redis, keys, new_cache):
    cache = new_cache()
    asked = []
    my_redis.stop()
    try:
        for _ in range(50):
            cache._try(lambda r: asked.append(1) or r.call("PING"))
    finally:
        my_redis.start()
    assert len(asked) < 5


def test_a_redis_started_anew_while_nobody_asked_is_asked_at_once(my_redis, new_cache):
    cache = new_cache()
    cache.keep("one", b"{}")
    my_redis.stop()
    my_redis.start()
    cache.keep("one", b"{}")
    assert cache.newest("one") == b"{}"


def test_a_redis_started_anew_between_question_and_answer_is_asked_again(
    my_redis, keys, monkeypatch, new_cache, key
):
    monkeypatch.setattr("server.cache._COMMIT_S", 60)  # or the long commit would be why
    cache = new_cache()
    cache.keep(DEVICE, b"{}")
    my_redis.pause()
    with cache.forgetting(DEVICE):
        my_redis.process.kill()  # with the question unread
        my_redis.restart()
    assert keys.get(key) == b""


def test_no_answer_is_taken_for_that_of_another_question(my_redis, keys, new_cache, key):
    cache = new_cache()
    with cache.forgetting(DEVICE):
        assert wait_until(lambda: keys.get(key) == b"", 10)
        my_redis.pause()
        other = threading.Thread(target=lambda: cache.newest("two"))  # waits, and gives up
        other.start()
        other.join(10)
        my_redis.resume()
    assert wait_until(lambda: cache.state() == "ok", 10)
    cache.keep("two", b"2")
    assert cache.newest("one") is None
    assert cache.newest("two") == b"2"


@pytest.mark.parametrize("option", ["socket_timeout=5", "decode_responses=True"])
def test_the_url_may_have_options(my_redis, keys, option, new_cache):
    cache = new_cache(url=f"{my_redis.url}?{option}")
    assert cache.state() == "ok"
    cache.keep(DEVICE, b"{}")
    assert cache.newest(DEVICE) == b"{}"


def test_an_app_may_start_before_its_redis(database_url, tmp_path):
    with sandbox.Redis(tmp_path) as mine:
        mine.stop()
        client = app_on(database_url, REDIS_URL=mine.url).test_client()
        exercise(client)
        assert state(client) == "down"
        mine.start()
        assert wait_until(lambda: state(client) == "ok", 20)


@pytest.mark.parametrize(
    "url", ["redis://127.0.0.1:1/0", "redis://no-such-host.invalid/0", "unix:///nowhere.sock"]
)
def test_a_redis_that_was_never_there_makes_no_difference(database_url, url):
    client = app_on(database_url, REDIS_URL=url).test_client()
    exercise(client)
    assert state(client) == "down"


def test_a_redis_that_refuses_makes_no_difference(client, keys, key):
    keys.lpush(key, "a list, where a text is expected")
    exercise(client)
    keys.delete(key)
    keys.config_set("maxmemory", 1)
    try:
        exercise(client)
    finally:
        keys.config_set("maxmemory", 0)


def test_many_threads_share_one_cache(new_cache):
    cache = new_cache(url="redis://127.0.0.1:1/0")
    found = []

    def work():
        found.extend(cache.newest(DEVICE) for _ in range(20))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert found == [None] * 160


def test_the_cache_is_no_way_around_the_token(client, keys):
    send(client, newer_sample())
    power(client)
    assert_error(get(client, f"/v1/realtime?device_id={DEVICE}", "garage-token"), 403)


# Whatever stands in the place of ours


def sealed_elsewhere(keys, key, other: Cache, device_id: str = DEVICE) -> bytes:
    """What another cache wrote of the same reading, in its own place."""
    other.keep(device_id, keys.get(key).partition(b"\n")[2])
    (place,) = [name for name in keys.scan_iter() if name != key.encode()]
    return keys.get(place)


@pytest.fixture
def foreign(keys, key, my_redis, installation, monkeypatch):
    """Values that are not ours, though ever so like it, by what is the matter with them."""

    def of_another_version() -> bytes:
        with monkeypatch.context() as patch:
            patch.setattr("server.cache.VERSION", "0.0.9")
            return sealed_elsewhere(keys, key, Cache(my_redis.url, 9, lambda: installation), "x")

    return {
        "a word": lambda: b"hello",
        "JSON": lambda: b'{"a": 1}',
        "broken JSON": lambda: b'{"a": 1',
        "no text": lambda: b"\xff\x00",
        "a number": lambda: b"17",
        "a line end": lambda: b"\n",
        "a time": lambda: b"1785000000.000000\n{}",
        "no seal": lambda: keys.get(key).partition(b"\n")[2],
        "another seal": lambda: b"0" * 32 + b"\n" + keys.get(key).partition(b"\n")[2],
        "another reading": lambda: keys.get(key).replace(b"4.3", b"4.4"),
        "half of it": lambda: keys.get(key)[:200],
        "more than it": lambda: keys.get(key) + b" ",
        "another device": lambda: sealed_elsewhere(
            keys, key, Cache(my_redis.url, 9, lambda: installation), "x"
        ),
        "another installation": lambda: sealed_elsewhere(
            keys, key, Cache(my_redis.url, 9, lambda: "other")
        ),
        "another version": of_another_version,
    }


KINDS = (
    *("a word", "JSON", "broken JSON", "no text", "a number", "a line end", "a time", "no seal"),
    *("another seal", "another reading", "half of it", "more than it", "another device"),
    *("another installation", "another version"),
)


@pytest.mark.parametrize("kind", KINDS)
def test_a_value_that_is_not_ours_is_a_miss(client, keys, key, foreign, kind):
    send(client, newer_sample(pv_power_w=4))
    assert settled(keys, key)
    assert power(client) == 4
    assert keys.get(key)
    keys.set(key, foreign[kind]())
    for _ in range(3):
        assert power(client) == 4
    assert state(client) == "ok"
    send(client, newer_sample(pv_power_w=5))
    assert power(client) == 5


@pytest.mark.parametrize("kind", ["list", "hash", "set", "stream"])
def test_what_is_no_text_is_a_miss_and_no_trouble_of_redis(client, keys, key, kind):
    send(client, newer_sample(pv_power_w=4))
    keys.delete(key)
    put = {
        "list": lambda: keys.lpush(key, "x"),
        "hash": lambda: keys.hset(key, "x", "y"),
        "set": lambda: keys.sadd(key, "x"),
        "stream": lambda: keys.xadd(key, {"x": "y"}),
    }
    put[kind]()
    with LogLines() as log:
        assert power(client) == 4
        assert state(client) == "ok"
    assert log.lines == []


def test_what_once_stood_under_the_devices_name_alone_is_left_alone(client, keys):
    send(client, newer_sample(pv_power_w=4))
    keys.set(f"realtime:{DEVICE}", "hello")
    assert power(client) == 4
    assert keys.get(f"realtime:{DEVICE}") == b"hello"


# Several servers on one Redis


@pytest.mark.slow
def test_two_databases_on_one_redis_each_tell_only_their_own(databases, my_redis, keys):
    one, other = (
        app_on(databases.migrated(), REDIS_URL=my_redis.url, CACHE_TTL_S=str(TTL_S)).test_client()
        for _ in range(2)
    )

    def is_kept(client, value: int, places: int) -> bool:
        """Ask until the answer is kept, beside those of others."""
        kept = [name for name in keys.scan_iter() if keys.get(name)]
        return power(client) == value and len(kept) == places

    send(one, newer_sample(pv_power_w=1))
    assert wait_until(lambda: is_kept(one, 1, 1), 10)
    assert_error(get(other, "/v1/realtime"), 404)
    send(other, newer_sample(pv_power_w=2))
    assert wait_until(lambda: is_kept(other, 2, 2), 10)
    for number in range(3, 5):
        send(one, newer_sample(pv_power_w=number))
        assert (power(other), power(one)) == (2, number)
        assert wait_until(lambda number=number: is_kept(one, number, 2), 10)
        assert (power(other), power(one)) == (2, number)


@pytest.mark.slow
def test_two_servers_of_one_database_share_what_they_keep(databases, my_redis, keys):
    url = databases.migrated()
    named_otherwise = f"{url}{'&' if '?' in url else '?'}application_name=other"
    one, other = (
        app_on(name, REDIS_URL=my_redis.url, CACHE_TTL_S=str(TTL_S)).test_client()
        for name in (url, named_otherwise)
    )
    for number in range(3):
        send(one, newer_sample(pv_power_w=number))
        assert (power(one), power(other)) == (number, number)
        assert wait_until(lambda: power(one) >= 0 and any(map(keys.get, keys.scan_iter())), 10)
        assert (power(one), power(other)) == (number, number)
        assert keys.dbsize() == 1


def test_a_database_has_a_name_that_no_copy_of_it_has(databases):
    url = databases.migrated()
    names = [Database(url).identity() for _ in range(2)]
    copy = databases.empty()
    sandbox.run(["bash", "-c", f"pg_dump -Fc '{url}' | pg_restore --no-owner -d '{copy}'"])
    assert names[0] == names[1] != Database(copy).identity()


def test_another_cluster_is_another_database(databases, tmp_path):
    with sandbox.Postgres(tmp_path, fast=True) as mine:
        ours, theirs = databases.admin_url, mine.url()
        assert Database(ours).identity() != Database(theirs).identity()


def test_where_nobody_may_ask_for_the_cluster_a_database_has_a_name_too(databases):
    url = databases.migrated()
    role = f"plain_{len(url)}_{id(url)}"
    sandbox.execute(url, "revoke execute on function pg_control_system() from public")
    sandbox.execute(url, f"create role {role}")
    try:
        as_role = f"{url}{'&' if '?' in url else '?'}options=-c%20role%3D{role}"
        assert Database(as_role).identity() == Database(as_role).identity()
        assert len(Database(as_role).identity()) == 16
    finally:
        sandbox.execute(url, f"drop role {role}")


def test_after_the_database_was_another_one_its_name_is_asked_for_again(databases):
    database = Database(databases.migrated())
    before = database.identity()
    database._url = databases.migrated()
    with pytest.raises(DatabaseAway), database.statements() as cursor:
        cursor.execute("select pg_terminate_backend(pg_backend_pid())")
    assert database.rows("health", {})
    assert database.identity() != before


@pytest.mark.slow
def test_without_the_database_its_cached_answer_is_still_there(tmp_path, my_redis, keys):
    with sandbox.Postgres(tmp_path, fast=True) as mine:
        settings = {"REDIS_URL": my_redis.url, "CACHE_TTL_S": str(TTL_S)}
        client = app_on(migrated(mine), **settings).test_client()
        send(client, newer_sample(pv_power_w=3))
        # The place that the upload took is there for a moment more, empty; then nothing is.
        assert wait_until(lambda: power(client) == 3 and any(map(keys.get, keys.scan_iter())), 10)
        mine.stop()
        assert power(client) == 3
        fresh = app_on(client.application.extensions["settings"].database_url, **settings)
        assert_error(get(fresh.test_client(), "/v1/realtime"), 503)
        assert_error(send(fresh.test_client(), newer_sample()), 503)


# What the client of Redis may raise, besides its own errors


@pytest.mark.parametrize(
    "url",
    [
        "redis://127.0.0.1:1/0?ssl_cert_reqs=none",
        "redis://127.0.0.1:1/0?timeout=1",
        "redis://127.0.0.1:1/0?ssl=true",
        "redis://127.0.0.1:1/0?foo=bar",
        "redis://127.0.0.1:1/0?retry=1",
        "redis://127.0.0.1:1/0?redis_connect_func=x",
        "redis://127.0.0.1:1/0?credential_provider=x",
        "redis://127.0.0.1:1/0?socket_timeout=-1",
        "redis://127.0.0.1:1/0?encoding=nonsense",
        "redis://.bad..host/0",
        f"redis://{'x' * 64}.example.org/0",
        "unix:///a%00b",
    ],
)
def test_whatever_the_client_raises_is_a_miss_and_logged(database_url, my_redis, url):
    client = app_on(database_url, REDIS_URL=my_redis.url).test_client()
    client.application.extensions["cache"] = Cache(url, TTL_S, lambda: "x")  # past the settings
    with LogLines() as log:
        exercise(client)
        assert state(client) == "down"
    first, *_ = log.fields()
    assert (first["level"], first["event"]) == ("WARNING", "cache away")
    assert first["reason"]


@pytest.mark.parametrize("error", [TypeError, UnicodeError, KeyError, RecursionError, OSError])
@pytest.mark.parametrize("method", ["send_command", "read_response"])
def test_an_error_of_any_type_in_the_middle_is_a_miss(client, keys, monkeypatch, error, method):
    exercise(client)

    def fail(*_: object, **__: object) -> None:
        raise error("on purpose")

    with monkeypatch.context() as patch:
        patch.setattr(f"redis.connection.AbstractConnection.{method}", fail)
        exercise(client)
        assert state(client) == "down"
    assert wait_until(lambda: state(client) == "ok", 10)
    exercise(client)


@pytest.mark.parametrize("number", [16, 99, 1_000_000])
def test_a_database_of_redis_that_is_not_there_makes_no_difference(database_url, my_redis, number):
    client = app_on(database_url, REDIS_URL=f"{my_redis.url}?db={number}").test_client()
    exercise(client)
    assert state(client) == "down"


@pytest.mark.parametrize("password", ["p@ss:/?#%&+ ü", "${k}", "'\"\\", "p%40"])
def test_a_password_may_be_anything_where_it_is_written_as_urls_want_it(
    database_url, my_redis, keys, password
):
    keys.config_set("requirepass", password)
    try:
        for given, expected in ((password, "ok"), (password + "x", "down")):
            place = my_redis.url.removeprefix("unix://")
            url = f"unix://:{quote(given, safe='')}@{place}"
            client = app_on(database_url, REDIS_URL=url).test_client()
            exercise(client)
            assert state(client) == expected
    finally:
        keys.config_set("requirepass", "")
