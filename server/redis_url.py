"""Which ``REDIS_URL`` can work: the Redis client accepts nearly any, and raises at a command.

Passing trouble (nobody listens, another password, too few databases) is not the URL's fault; what
no Redis could ever accept is refused at the start.
"""

import math
import re
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

_SCHEMES = ("redis", "rediss", "unix")
_TIMES = ("socket_timeout", "socket_connect_timeout")
_LONGEST_S = 60.0
_LONGEST_PATH = 107  # of a socket, in bytes
_OPTIONS = frozenset(
    {
        *_TIMES,
        *("db", "username", "password", "client_name", "protocol", "decode_responses"),
        *("socket_keepalive", "retry_on_timeout", "health_check_interval", "max_connections"),
        *("ssl_cert_reqs", "ssl_check_hostname", "ssl_ca_certs", "ssl_ca_path", "ssl_ca_data"),
        *("ssl_certfile", "ssl_keyfile", "ssl_password"),
    }
)
_HOST = re.compile(r"[^\s\x00-\x20\x7f,@]+")


def problem(url: str) -> str | None:
    """Return why no cache could ever work with this URL; None if one may.

    The URL may hold a password: the text quotes nothing of it.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return "is not a URL; in a password write @ : / ? # and % as %40 %3A %2F %3F %23 or %25"
    if parts.scheme not in _SCHEMES or not url.startswith(f"{parts.scheme}://"):
        return "has to begin with redis://, rediss:// or unix://"
    if parts.fragment or "#" in url:
        return "has a #, which is written as %23 in a password"
    where = _problem_of_socket(parts) if parts.scheme == "unix" else _problem_of_host(parts)
    return where or _problem_of_options(parts.query) or _problem_of_client(url)


def _problem_of_socket(parts: SplitResult) -> str | None:
    path = unquote(parts.path)
    if parts.hostname or not path.startswith("/") or path == "/":
        return "does not name a socket: unix:// is followed by its full path, which begins with /"
    if "\0" in path or len(path.encode("utf-8", "replace")) > _LONGEST_PATH:
        return f"does not name a socket: its path has at most {_LONGEST_PATH} bytes"
    return None


def _problem_of_host(parts: SplitResult) -> str | None:
    host = unquote(parts.hostname or "localhost")
    try:
        host.encode("idna")
    except UnicodeError:
        return "does not name a host: a part of the name is empty or longer than 63 characters"
    if not _HOST.fullmatch(host) or parts.port == 0:
        return "does not name a host, or has an impossible port"
    if not re.fullmatch(r"/?|/\d{1,9}", parts.path, re.ASCII):
        return "has to end with the number of a database, like /0"
    return None


def _problem_of_options(query: str) -> str | None:
    try:
        options = parse_qs(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError:
        return "has options that are not like ?name=value&name=value"
    for name, values in options.items():
        if name not in _OPTIONS:
            return f"has an unknown option; the known ones are: {', '.join(sorted(_OPTIONS))}"
        if not values[0] or any(not char.isprintable() for char in values[0]):
            return f"has the option {name} without a usable value"
        if name in _TIMES and not _is_time(values[0]):
            return f"has the option {name}, whose seconds are above 0 and at most {_LONGEST_S:.0f}"
        if name == "db" and not re.fullmatch(r"\d{1,9}", values[0], re.ASCII):
            return "has the option db, which is the number of a database"
        if name == "client_name" and not re.fullmatch("[!-~]+", values[0]):  # Redis' own rule
            return "has the option client_name, which is ASCII without blanks"
    return None


def _is_time(text: str) -> bool:
    try:
        seconds = float(text)
    except ValueError:
        return False
    return math.isfinite(seconds) and 0 < seconds <= _LONGEST_S


def _problem_of_client(url: str) -> str | None:
    import redis  # here: install-server checks settings before it is there

    # Makes a connection object and does not connect: whatever it refuses, it would refuse for ever.
    try:
        redis.ConnectionPool.from_url(url).make_connection()
    except (TypeError, ValueError, AttributeError, redis.RedisError):
        return "has options that do not fit its scheme, or each other"
    return None
