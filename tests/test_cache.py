"""Redis is a cache and nothing more: whatever becomes of it, callers see no difference."""

import itertools
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
import redis

from edge_lib.sample import format_ts
from server import private
from server.cache import Cache
from server.private import wait_until
from tests.batches import DEVICE, LogLines, a_sample, app_on, assert_error, get, send

KEY = f"realtime:{DEVICE}"
TTL_S = 3600  # so long that only the server itself can be why something is forgotten
_seconds = itertools.count(-3000)


@pytest.fixture(scope="module")
def my_redis(tmp_path_factory):
    """A Redis that tests may stop and pause."""
    with private.Redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def keys(my_redis):
    """What Redis itself holds; empty at first."""
    with redis.Redis.from_url(my_redis.url) as client:
        client.flushall()
        yield client


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


def settled(keys) -> bool:
    """Wait until a sample may be kept again after ``forgetting``."""
    return wait_until(lambda: keys.get(KEY) != b"", 10)


def sets(keys) -> int:
    """How often a value was set."""
    return keys.info("commandstats").get("cmdstat_set", {}).get("calls", 0)


def test_the_second_answer_is_the_caches(client, keys):
    send(client, newer_sample(pv_power_w=1))
    keys.delete(KEY)
    first = get(client, "/v1/realtime").json
    assert 0 < keys.ttl(KEY) <= TTL_S
    keys.set(KEY, keys.get(KEY).replace(b'"pv_power_w": 1', b'"pv_power_w": 77'))
    second = get(client, "/v1/realtime").json
    assert second["pv_power_w"] == 77
    assert second.pop("age_s") >= first.pop("age_s")
    assert second == first | {"pv_power_w": 77}


def test_after_an_ingest_nothing_stale_is_left(client, keys):
    for number in range(3):
        send(client, newer_sample(pv_power_w=number))
        assert not keys.get(KEY)
        assert power(client) == number
    assert settled(keys)
    assert power(client) == 2
    assert b'"pv_power_w": 2' in keys.get(KEY)
    send(client, newer_sample(pv_power_w=3))
    assert not keys.get(KEY)
    assert power(client) == 3


def test_who_asked_just_before_an_ingest_cannot_put_the_old_sample_back(my_redis, keys):
    cache = Cache(my_redis.url, TTL_S)
    assert cache.newest(DEVICE) is None  # a reader misses, and asks the database
    with cache.forgetting(DEVICE):
        pass  # meanwhile a newer sample is committed
    cache.keep(DEVICE, b"old")  # only now the reader is back
    assert cache.newest(DEVICE) is None
    assert settled(keys)
    cache.keep(DEVICE, b"new")
    assert cache.newest(DEVICE) == b"new"


def test_nothing_is_kept_while_a_sample_is_being_committed(my_redis, keys):
    cache, readers = Cache(my_redis.url, TTL_S), Cache(my_redis.url, TTL_S)
    readers.keep(DEVICE, b"old")
    with cache.forgetting(DEVICE):
        assert wait_until(lambda: keys.get(KEY) == b"", 10)
        assert readers.newest(DEVICE) is None
        readers.keep(DEVICE, b"old")
        assert readers.newest(DEVICE) is None


def test_a_commit_that_takes_longer_than_the_place_is_taken_takes_it_again(my_redis, keys):
    cache, readers = Cache(my_redis.url, TTL_S), Cache(my_redis.url, TTL_S)
    with cache.forgetting(DEVICE):
        assert wait_until(lambda: keys.get(KEY) == b"", 10)
        assert settled(keys)
        readers.keep(DEVICE, b"old")
    assert readers.newest(DEVICE) is None


def test_a_burst_takes_the_place_now_and_then_and_it_stays_taken_after_each_commit(my_redis, keys):
    cache = Cache(my_redis.url, TTL_S)
    before = sets(keys)
    for _ in range(300):
        with cache.forgetting(DEVICE):
            pass
        committed_s = time.monotonic()
        left_s = keys.pttl(KEY) / 1000
        assert left_s + time.monotonic() - committed_s >= 0.99
    assert 1 <= sets(keys) - before < 300


def test_a_commit_that_fails_leaves_the_connection_in_step(my_redis, keys):
    cache = Cache(my_redis.url, TTL_S)
    with pytest.raises(ArithmeticError), cache.forgetting("one"):
        raise ArithmeticError
    cache.keep("two", b"2")
    assert cache.newest("two") == b"2"
    assert cache.newest("one") is None


def test_what_is_kept_is_forgotten_after_its_time(my_redis, keys):
    Cache(my_redis.url, 1).keep(DEVICE, b"text")
    assert 0 < keys.pttl(KEY) <= 1000
    assert wait_until(lambda: keys.get(KEY) is None, 10)


def test_each_device_has_its_own_place(my_redis, keys):
    cache = Cache(my_redis.url, TTL_S)
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


def test_while_it_is_away_it_is_asked_only_now_and_then(my_redis, keys):
    cache = Cache(my_redis.url, TTL_S)
    asked = []
    my_redis.stop()
    try:
        for _ in range(50):
            cache._try(lambda r: asked.append(1) or r.ask("PING"))
    finally:
        my_redis.start()
    assert len(asked) < 5


def test_a_redis_started_anew_while_nobody_asked_is_asked_at_once(my_redis):
    cache = Cache(my_redis.url, TTL_S)
    cache.keep("one", b"{}")
    my_redis.stop()
    my_redis.start()
    cache.keep("one", b"{}")
    assert cache.newest("one") == b"{}"


def test_a_redis_started_anew_between_question_and_answer_is_asked_again(
    my_redis, keys, monkeypatch
):
    monkeypatch.setattr("server.cache._COMMIT_S", 60)  # or the long commit would be why
    cache = Cache(my_redis.url, TTL_S)
    cache.keep(DEVICE, b"{}")
    my_redis.pause()
    with cache.forgetting(DEVICE):
        my_redis.process.kill()  # with the question unread
        my_redis.restart()
    assert keys.get(KEY) == b""


def test_no_answer_is_taken_for_that_of_another_question(my_redis, keys):
    cache = Cache(my_redis.url, TTL_S)
    with cache.forgetting(DEVICE):
        assert wait_until(lambda: keys.get(KEY) == b"", 10)
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
def test_the_url_may_have_options(my_redis, keys, option):
    cache = Cache(f"{my_redis.url}?{option}", TTL_S)
    assert cache.state() == "ok"
    cache.keep(DEVICE, b"{}")
    assert cache.newest(DEVICE) == b"{}"


def test_an_app_may_start_before_its_redis(database_url, tmp_path):
    with private.Redis(tmp_path) as mine:
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


def test_a_redis_that_refuses_makes_no_difference(client, keys):
    keys.lpush(KEY, "a list, where a text is expected")
    exercise(client)
    keys.delete(KEY)
    keys.config_set("maxmemory", 1)
    try:
        exercise(client)
    finally:
        keys.config_set("maxmemory", 0)


def test_many_threads_share_one_cache():
    cache = Cache("redis://127.0.0.1:1/0", TTL_S)
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
