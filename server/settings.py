"""Every setting of the server: name, default, rule. Read once, at the start."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import psycopg2
from psycopg2.extensions import parse_dsn

from edge_lib.shared.env import ConfigError, log_level, secret, text, whole
from server import redis_url
from server.auth import token_file
from server.database import zone_names

_SHORTEST_KEY = 32
DOTENV = Path(__file__).resolve().parent.parent / ".env"


class Settings(NamedTuple):
    """What ``create_app`` needs; tokens are read by ``server.auth.callers``."""

    database_url: str
    redis_url: str | None
    secret_key: str | None
    site_timezone: str
    cache_ttl_s: int
    max_request_bytes: int
    max_samples_per_request: int
    cors_origins: tuple[str, ...]
    log_level: str
    metrics_token: str | None
    run_dir: Path
    pairings_path: Path

    def __repr__(self) -> str:
        """Show no field: some hold secrets."""
        return "Settings(...)"


def read(env: Mapping[str, str]) -> Settings:
    """Read the settings.

    Raises:
        ConfigError: one is missing or malformed; names it, with an example.
    """
    return Settings(
        database_url=database_url(env),
        redis_url=cache_url(env),
        secret_key=_secret_key(env),
        site_timezone=site_timezone(env),
        cache_ttl_s=whole(env, "CACHE_TTL_S", 5, 1, 86_400),
        max_request_bytes=whole(env, "MAX_REQUEST_BYTES", 2_097_152, 1024, 1_073_741_824),
        max_samples_per_request=whole(env, "MAX_SAMPLES_PER_REQUEST", 1000, 1, 100_000),
        cors_origins=_origins(env),
        log_level=log_level(env),
        metrics_token=_metrics_token(env),
        run_dir=_run_dir(env),
        pairings_path=pairings_path(env),
    )


def _run_dir(env: Mapping[str, str]) -> Path:
    # systemd's; several are separated by colons.
    if given := text(env, "RUNTIME_DIRECTORY", "").partition(":")[0]:
        return Path(given)
    # Nothing below /tmp: anybody could be there first, and cleaners empty it.
    try:
        return Path.home() / ".local/state/sungrow-server"
    except RuntimeError:  # a user without a home
        return Path("/run/sungrow-server")


def database_url(env: Mapping[str, str]) -> str:
    """Return the libpq URL.

    Raises:
        ConfigError: it is missing, or libpq cannot parse it.
    """
    example = "example: DATABASE_URL=postgresql://sungrow@localhost/sungrow"
    url = secret(env, "DATABASE_URL")
    if not url:
        raise ConfigError(f"DATABASE_URL is missing; {example}")
    try:
        parse_dsn(url)
    except psycopg2.ProgrammingError:
        # libpq's own message quotes the URL, which may hold a password.
        raise ConfigError(f"DATABASE_URL is not a valid libpq URL; {example}") from None
    return url


def pairings_path(env: Mapping[str, str]) -> Path:
    """Return the file of pairing codes, which ``server.tokens`` writes and the page reads."""
    return Path(text(env, "PAIRINGS_PATH", "/etc/sungrow-server/pairings"))


def site_url(env: Mapping[str, str]) -> str | None:
    """Return the page's address without a slash at its end; None where nobody said it.

    Raises:
        ConfigError: it is not the address of a site.
    """
    url = text(env, "SITE_URL", "").removesuffix("/")
    if url and not re.fullmatch(r"https://[A-Za-z0-9.:\[\]-]+", url):
        raise ConfigError(
            f"SITE_URL={url!r} is not https:// and a name; example: SITE_URL=https://solar.example.org"
        )
    return url or None


def cache_url(env: Mapping[str, str]) -> str | None:
    """Return the URL of Redis, if there is one.

    Raises:
        ConfigError: no cache could ever work with it.
    """
    url = text(env, "REDIS_URL", "")
    if problem := url and redis_url.problem(url):
        raise ConfigError(f"REDIS_URL {problem}; example: REDIS_URL=redis://localhost:6379/0")
    return url or None


def site_timezone(env: Mapping[str, str]) -> str:
    """Return the IANA name of the site's zone.

    Raises:
        ConfigError: no zone has that name, or PostgreSQL and Python read it differently.
    """
    name = text(env, "SITE_TIMEZONE", "UTC")
    if problem := zone_names.problem(name):
        example = f"example: SITE_TIMEZONE={zone_names.instead(name)}"
        raise ConfigError(f"SITE_TIMEZONE={name!r} {problem}; {example}")
    return name


def _metrics_token(env: Mapping[str, str]) -> str | None:
    token = secret(env, "METRICS_TOKEN")
    if token and not token_file.is_token(token):
        raise ConfigError(
            "METRICS_TOKEN must be printable ASCII without blanks, and not begin with sha256$; "
            "example: METRICS_TOKEN_FILE=/etc/sungrow-server/metrics-token"
        )
    return token or None


def _secret_key(env: Mapping[str, str]) -> str | None:
    key = secret(env, "SECRET_KEY")
    if key is not None and len(key) < _SHORTEST_KEY:
        raise ConfigError(
            f"SECRET_KEY is shorter than {_SHORTEST_KEY} characters; "
            "make one with: openssl rand -hex 32"
        )
    return key


def _origins(env: Mapping[str, str]) -> tuple[str, ...]:
    origins = tuple(filter(None, (o.strip() for o in env.get("CORS_ORIGINS", "").split(","))))
    for origin in origins:
        if not re.fullmatch(r"https?://[A-Za-z0-9.:\[\]-]+", origin):
            raise ConfigError(
                f"CORS_ORIGINS: {origin!r} is not an origin; "
                "example: CORS_ORIGINS=https://grafana.example.org"
            )
    return origins
