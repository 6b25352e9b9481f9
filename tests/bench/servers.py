"""The servers of a benchmark: PostgreSQL and Redis as the demo starts them, with fsync on."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from server import sandbox

TOKEN = "bench-token"
DEVICE = "bench"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}


class Servers(NamedTuple):
    """What runs, and a folder for logs."""

    folder: Path
    postgres: sandbox.Postgres
    redis: sandbox.Redis

    def database(self, **settings: str) -> str:
        """Make a database with the product's schema; return its URL."""
        count = len(list(self.folder.glob("database-*")))
        (self.folder / f"database-{count}").touch()
        return migrated(self.postgres.create_database(f"bench_{count}"), **settings)

    def gunicorn(
        self, url: str, workers: int = 1, tls: bool = False, **settings: str
    ) -> sandbox.Gunicorn:
        """Return the product's server on that database, with Redis; not started yet."""
        given = {"DATABASE_URL": url, "REDIS_URL": self.redis.url}
        given |= {"DEVICE_TOKENS": f"{TOKEN}:{DEVICE}", **settings}
        certificate = sandbox.Authority(self.folder / "ca").issue() if tls else None
        return sandbox.Gunicorn(self.folder / "gunicorn.log", given, certificate, workers=workers)

    def as_installed(self) -> dict[str, str]:
        """Return the settings that cost something at each request, as installed."""
        return {"METRICS_TOKEN": "m", "SECRET_KEY": "k" * 32, "RUNTIME_DIRECTORY": str(self.folder)}

    def bare(self, url: str, workers: int = 1, **settings: str) -> sandbox.Gunicorn:
        """Return the limit, ``bare_app``, behind the same gunicorn; not started yet."""
        given = {"DATABASE_URL": url, "REDIS_URL": self.redis.url, **settings}
        app = "tests.bench.bare_app:create_app()"
        return sandbox.Gunicorn(self.folder / "bare.log", given, workers=workers, app=app)


@contextmanager
def started() -> Iterator[Servers]:
    """Start both; they and the folder are gone after the block."""
    with tempfile.TemporaryDirectory(prefix="sungrow-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with sandbox.Postgres(folder) as postgres, sandbox.Redis(folder) as redis:
            yield Servers(folder, postgres, redis)


def migrated(url: str, **settings: str) -> str:
    """Return a new database the product's schema; return its URL back."""
    env = sandbox.environment(DATABASE_URL=url, **settings)
    sandbox.run([sys.executable, "-m", "server.migrate"], env, cwd=sandbox.ROOT)
    return url


def bare_table(url: str) -> None:
    """Make ``bare``: the columns and the key of the samples' table, and nothing else of it."""
    sandbox.execute(url, "CREATE TABLE bare (LIKE sungrow_samples INCLUDING DEFAULTS)")
    sandbox.execute(url, "ALTER TABLE bare ADD PRIMARY KEY (device_id, ts)")
