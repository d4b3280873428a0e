"""The brokers, one of each for all rows, and the table at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from redis import Redis

from ..recording.conftest import Stored, stored
from ..workers.redis_helpers import SERVER, redis, url_of
from .brokers import BINARIES, postgresql
from .driver import Runner
from .rows import Row
from .table import write_page

__all__ = ["redis", "stored"]

Runners = Callable[[Row], Runner]


@pytest.fixture(scope="session")
def database() -> Iterator[Callable[[], str]]:
    """Starts a PostgreSQL when it is first asked for."""
    with ExitStack() as stack:
        found: list[str] = []

        def started() -> str:
            if not found:
                found.append(stack.enter_context(postgresql()))
            return found[0]

        yield started


@pytest.fixture
def runner(tmp_path: Path, stored: Stored, request: pytest.FixtureRequest) -> Runners:
    """Prepares a row: its broker is empty, and its worker's programs are in a folder of their own."""

    def prepared(row: Row) -> Runner:
        made = Runner(row, tmp_path, _broker_of(row, request))
        if row.prepare:
            made.run("prepare")
        return made

    return prepared


def _broker_of(row: Row, request: pytest.FixtureRequest) -> str:
    if row.broker == "postgresql":
        if BINARIES is None:
            pytest.skip("there is no PostgreSQL")
        return str(request.getfixturevalue("database")())
    if row.broker == "redis":
        if SERVER is None:
            pytest.skip("there is no redis-server")
        connection: Redis = request.getfixturevalue("redis")
        connection.flushall()
        return url_of(connection)
    return ""


@pytest.fixture(scope="session", autouse=True)
def _table() -> Iterator[None]:
    yield
    write_page()
