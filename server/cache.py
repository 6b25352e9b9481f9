"""The only module that talks to Redis: a cache of each device's newest sample, never a source.

Whatever is wrong with Redis, callers get None and go to the database: no error and no waiting,
since after a failure Redis is left alone for some seconds. Others may use the same Redis, a second
server too: a key names the database that its value comes from, and a value that was not written by
this version for this key is ignored.
"""

import hashlib
import logging
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from edge_lib import VERSION
from server.database.pool import Database
from server.settings import Settings

log = logging.getLogger("sungrow.server.cache")
_TIMEOUT_S = 0.2
_LEAVE_ALONE_S = 2.0
_SETTLE_MS = 1500
_BURST_S = 0.25  # further commits within it rely on the place that is taken already
_COMMIT_S = 0.5  # after a longer commit the place is taken again
_STALE = b""


def configured(settings: Settings, db: Database) -> "Cache":
    """Return the cache of these settings, for what is in this database."""
    return Cache(settings.redis_url, settings.cache_ttl_s, db.identity)


class Cache:
    """Newest samples as JSON texts, each for ``ttl_s`` seconds; safe to share between threads.

    Args:
        url: of Redis, as ``redis_url`` lets it pass; None: no cache.
        ttl_s: how long a sample is kept.
        installation: returns what tells this database from others; raises if the database is
            away, as the query that follows would.
    """

    def __init__(self, url: str | None, ttl_s: int, installation: Callable[[], str]):
        """Connect lazily."""
        self._ttl_s, self._installation = ttl_s, installation
        self._lock = threading.Lock()
        self._away_until_s = 0.0
        self._taken_s: dict[str, float] = {}  # by device, when its place was taken last
        self._redis = _Connection(url) if url else None

    def newest(self, device_id: str) -> bytes | None:
        """Return what ``keep`` kept, if it is there and fresh."""
        if not self._redis:
            return None
        key = self._key(device_id)
        kept = self._try(lambda connection: connection.call("GET", key))
        seal, _, text = kept.partition(b"\n") if isinstance(kept, bytes) else (b"", b"", b"")
        return text if seal == _seal(key, text) else None

    def keep(self, device_id: str, text: bytes) -> None:
        """Keep the newest sample of a device, unless it is being replaced (``forgetting``)."""
        if not self._redis:
            return
        key = self._key(device_id)
        value = b"%s\n%s" % (_seal(key, text), text)
        self._try(lambda connection: connection.call("SET", key, value, "EX", self._ttl_s, "NX"))

    @contextmanager
    def forgetting(self, device_id: str) -> Iterator[None]:
        """Forget the newest sample of a device, while the block commits a newer one.

        A request that read the older sample just before may call ``keep`` only later; so the place
        is taken before the commit, and stays taken for a while after it. Redis answers while the
        block runs, so that nobody waits for it. A burst, as of a backlog, takes the place only a
        few times a second: for each two samples it would cost 7 % of what storing them does. If
        Redis loses its memory in between, the older sample may be served until the next commit, or
        for ``ttl_s``.
        """
        if not self._redis:
            yield
            return
        command = ("SET", self._key(device_id), _STALE, "PX", _SETTLE_MS)
        taken_s, began_s = self._taken_s.get(device_id, -math.inf), time.monotonic()
        is_sent = False
        if began_s > taken_s + _BURST_S:
            taken_s = began_s
            is_sent = bool(self._try(lambda connection: connection.send(*command)))
        try:
            yield
        finally:
            if is_sent and self._try(lambda connection: connection.answer()):
                self._taken_s[device_id] = taken_s
            if time.monotonic() > taken_s + _COMMIT_S:
                self._try(lambda connection: connection.call(*command))

    def state(self) -> str:
        """Return ``off`` if no cache is configured, else ``ok`` or ``down``."""
        if not self._redis:
            return "off"
        return "ok" if self._try(lambda connection: connection.call("PING")) else "down"

    def _key(self, device_id: str) -> str:
        return f"sungrow:{self._installation()}:realtime:{device_id}"

    def _try(self, use: Callable[["_Connection"], object]) -> object | None:
        if not self._redis or time.monotonic() < self._away_until_s:
            return None
        try:
            answer = use(self._redis)
        except redis.ResponseError as error:
            if not str(error).startswith("WRONGTYPE"):
                self._leave_alone(error)
            return None  # somebody put something other than a text under our key
        except Exception as error:  # noqa: BLE001 - nothing that is wrong with a cache may reach a caller
            self._leave_alone(error)
            return None
        if self._away_until_s:
            self._away_until_s = 0.0
            log.info("cache back")
        return answer

    def _leave_alone(self, error: Exception) -> None:
        with self._lock:
            first = not self._away_until_s
            self._away_until_s = time.monotonic() + _LEAVE_ALONE_S
        if first:
            is_known = isinstance(error, redis.RedisError)
            reason = str(error) if is_known else repr(error)
            log.warning("cache away", extra={"reason": reason}, exc_info=not is_known and error)


class _Connection(threading.local):
    """One connection a thread, which may do something else between command and answer.

    Each method raises ``RedisError`` if Redis cannot be reached, is silent or refuses. A connection
    that ended since the last answer says nothing about Redis: a new one is tried first.
    """

    def __init__(self, url: str):
        # Once a thread.
        limits = {"socket_timeout": _TIMEOUT_S, "socket_connect_timeout": _TIMEOUT_S}
        self._pool = redis.ConnectionPool.from_url(url, retry=Retry(NoBackoff(), 0), **limits)
        self._connection: Any = None  # redis.Connection, whose methods have no types
        self._sent: tuple[str | bytes | int, ...] = ()

    def call(self, *command: str | bytes | int) -> object:
        """Send a command; return the answer."""
        self.send(*command)
        return self.answer()

    def send(self, *command: str | bytes | int) -> bool:
        """Send a command, whose ``answer`` must be read before the next one; return True."""
        if self._connection is None:
            self._connection = self._pool.get_connection()
        if self._sent:
            # Its answer was not read, and must not be taken for that of this one.
            self._connection.disconnect()
        self._sent = command
        try:
            self._connection.send_command(*command)
        except redis.ConnectionError:
            self._connection.send_command(*command)
        return True

    def answer(self) -> object:
        """Return the answer to what was sent."""
        try:
            return self._connection.read_response(disable_decoding=True)
        except redis.ConnectionError:
            self._connection.send_command(*self._sent)
            return self._connection.read_response(disable_decoding=True)
        finally:
            self._sent = ()


def _seal(key: str, text: bytes) -> bytes:
    """Return the proof that this version wrote this text under this key."""
    written = b"%s %s\n%s" % (VERSION.encode(), key.encode(), text)
    return hashlib.blake2b(written, digest_size=16).hexdigest().encode()
