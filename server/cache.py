"""The only module that knows Redis: a cache of each device's newest sample, never a source.

Whatever is wrong with Redis, callers get None and go to the database: no error, and no waiting
either, since after a failure Redis is left alone for some seconds.
"""

import logging
import threading
import time
from collections.abc import Callable

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from edge_lib.env import ConfigError
from server.settings import Settings

log = logging.getLogger("sungrow.server.cache")
_TIMEOUT_S = 0.2
_LEAVE_ALONE_S = 2.0
_SETTLE_MS = 1000
_STALE = b""


def configured(settings: Settings) -> "Cache":
    """Give the cache of these settings.

    Raises:
        ConfigError: its URL is none.
    """
    try:
        return Cache(settings.redis_url, settings.cache_ttl_s)
    except ValueError as error:
        raise ConfigError(
            f"REDIS_URL: {error}; example: REDIS_URL=redis://localhost:6379/0"
        ) from error


class Cache:
    """Newest samples as JSON texts, each for ``ttl_s`` seconds; safe to share between threads."""

    def __init__(self, url: str | None, ttl_s: int):
        """Connect lazily.

        Raises:
            ValueError: the URL is none of Redis'.
        """
        self._ttl_s = ttl_s
        self._lock = threading.Lock()
        self._away_until_s = 0.0
        self._redis = _Connections(url) if url else None

    def newest(self, device_id: str) -> bytes | None:
        """Give what ``keep`` kept, where it is there and fresh."""
        return self._try(lambda r: r.get(_key(device_id))) or None

    def keep(self, device_id: str, text: bytes) -> None:
        """Keep the newest sample of a device, unless ``forget`` came a moment ago."""
        self._try(lambda r: r.set(_key(device_id), text, ex=self._ttl_s, nx=True))

    def forget(self, device_id: str) -> None:
        """Forget the newest sample of a device: there is a newer one in the database.

        Who asked the database just before may come to ``keep`` the older one only now; so the place
        stays taken for a moment.
        """
        self._try(lambda r: r.set(_key(device_id), _STALE, px=_SETTLE_MS))

    def state(self) -> str:
        """Give ``off`` where no cache is configured, else ``ok`` or ``down``."""
        if not self._redis:
            return "off"
        return "ok" if self._try(lambda r: r.ping()) else "down"

    def _try(self, ask: Callable[[redis.Redis], object]) -> object | None:
        if not self._redis or time.monotonic() < self._away_until_s:
            return None
        try:
            answer = ask(self._redis.of_this_thread())
        except redis.RedisError as error:
            self._leave_alone(error)
            return None
        if self._away_until_s:
            self._away_until_s = 0.0
            log.info("cache back")
        return answer

    def _leave_alone(self, error: redis.RedisError) -> None:
        with self._lock:
            first = not self._away_until_s
            self._away_until_s = time.monotonic() + _LEAVE_ALONE_S
        if first:
            log.warning("cache away", extra={"reason": str(error)})


class _Connections(threading.local):
    """One to each thread, kept: to take one from a pool takes a third of what the asking takes."""

    def __init__(self, url: str):
        # Once a thread; what it raises for a URL that is none, the first one hears at the start.
        self._settings = redis.connection.parse_url(url)
        self._redis: redis.Redis | None = None

    def of_this_thread(self) -> redis.Redis:
        """Give this thread's connection, made where there is none yet.

        Raises:
            RedisError: it cannot be.
        """
        if self._redis is None:
            # A connection that ended while nobody asked is no news of Redis: a new one tells.
            retry = Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))
            limits = {"socket_timeout": _TIMEOUT_S, "socket_connect_timeout": _TIMEOUT_S}
            pool = redis.ConnectionPool(**{"retry": retry, **limits, **self._settings})
            self._redis = redis.Redis(connection_pool=pool, single_connection_client=True)
        return self._redis


def _key(device_id: str) -> str:
    return f"realtime:{device_id}"
