"""What the tests of ``/v1/series`` share; a file with another site has fixtures of its own."""

from collections.abc import Callable, Iterator

import psycopg2
import pytest

from tests.support.history import SITE, asker
from tests.support.readings import connected


@pytest.fixture(scope="module")
def url(databases) -> str:
    """A migrated database of a site in Berlin."""
    return databases.migrated(SITE)


@pytest.fixture(scope="module")
def database(url) -> Iterator[psycopg2.extensions.connection]:
    """A connection to it."""
    with connected(url) as connection:
        yield connection


@pytest.fixture(scope="module")
def ask(url) -> Callable[..., dict]:
    """Ask ``/v1/series`` on it, check the status, return the answer."""
    return asker(url)
