"""What these tests share: a database of the module's own, and ``/v1/series`` on it."""

from collections.abc import Callable, Iterator

import psycopg2
import pytest

from tests.support.history import SITE, asker
from tests.support.readings import connected


@pytest.fixture(scope="module")
def url(request, databases) -> str:
    """A migrated database of the module's ``SITE``; of one in Berlin, where it names none."""
    return databases.migrated(getattr(request.module, "SITE", SITE))


@pytest.fixture(scope="module")
def database(url) -> Iterator[psycopg2.extensions.connection]:
    """A connection to it."""
    with connected(url) as connection:
        yield connection


@pytest.fixture(scope="module")
def ask(url) -> Callable[..., dict]:
    """Ask ``/v1/series`` on it, check the status, return the answer."""
    return asker(url)
