"""The brokers, one of each for all rows, and the table at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from redis import Redis

from ..recording.conftest import Stored, stored
from ..workers.redis_helpers import SERVER, redis, url_of
from . import rabbitmq
from .brokers import BINARIES, postgresql
from .driver import Runner
from .rows import Row
from .table import write_page

__all__ = ["redis", "stored"]

Runners = Callable[[Row], Runner]


class Brokers:
    """The brokers that this machine has."""

    def __init__(self, redis: Redis | None, database: str | None, rabbitmq: str | None) -> None:
        self._redis = redis
        self._database = database
        self._rabbitmq = rabbitmq

    def for_row(self, row: Row) -> str:
        """Where a row finds its broker, which is empty."""
        if row.broker == "none":
            return ""
        if row.broker == "postgresql":
            return self._database or pytest.skip("there is no PostgreSQL")
        return self.rabbitmq() if row.broker == "rabbitmq" else self.redis()

    def rabbitmq(self) -> str:
        """Where the RabbitMQ is, which is empty."""
        if self._rabbitmq is None:
            pytest.skip("there is no RabbitMQ")
        rabbitmq.empty(self._rabbitmq)
        return self._rabbitmq

    def redis(self) -> str:
        """Where the Redis is, which is empty."""
        if self._redis is None:
            pytest.skip("there is no redis-server")
        self._redis.flushall()
        return url_of(self._redis)


@pytest.fixture(scope="module")
def brokers(request: pytest.FixtureRequest) -> Iterator[Brokers]:
    """All brokers that this machine has, for all rows: started ahead of the tests, each of which leaves nothing."""
    asked = any("RabbitMQ" in item.name for item in request.session.items)  # it takes long to start
    with ExitStack() as stack:
        yield Brokers(
            None if SERVER is None else request.getfixturevalue("redis"),
            None if BINARIES is None else stack.enter_context(postgresql()),
            None if rabbitmq.SERVER is None or not asked else stack.enter_context(rabbitmq.rabbitmq()),
        )


@pytest.fixture
def runner(brokers: Brokers, tmp_path: Path, stored: Stored) -> Runners:
    """Prepares a row: its broker is empty, and its worker's programs are in a folder of their own."""

    def prepared(row: Row) -> Runner:
        made = Runner(row, tmp_path, brokers.for_row(row))
        if row.prepare:
            made.run("prepare")
        return made

    return prepared


@pytest.fixture(scope="session", autouse=True)
def _table(pytestconfig: pytest.Config) -> Iterator[None]:
    yield
    write_page(pytestconfig.cache)
