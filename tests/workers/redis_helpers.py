"""A Redis of the tests' own; without a redis-server they are skipped, unless that is forbidden."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing

import pytest
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, Worker

from .helpers import eventually

__all__ = ["SERVER", "free_port", "is_idle", "needs_redis", "redis", "url_of"]

SERVER = shutil.which("redis-server")
REQUIRED = os.environ.get("REDIS_TESTS") == "required"
needs_redis = pytest.mark.skipif(SERVER is None and not REQUIRED, reason="there is no redis-server")


@pytest.fixture(scope="module")
def redis() -> Iterator[Redis]:
    """It listens on a free port of this machine, and keeps nothing."""
    assert SERVER is not None, "there is no redis-server, and it is required"
    port = free_port()
    alone = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    server = subprocess.Popen([SERVER, "--port", str(port), *alone], stdout=subprocess.DEVNULL)
    with Redis(port=port) as connection:
        eventually(lambda: _answers(connection))
        yield connection
    server.terminate()
    server.wait()


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


def _answers(redis: Redis) -> bool:
    try:
        return bool(redis.ping())
    except RedisError:
        return False


def url_of(redis: Redis) -> str:
    """Where it is, as its clients' options want it."""
    return f"redis://127.0.0.1:{redis.get_connection_kwargs()['port']}"


def is_idle(queue: Queue) -> bool:
    """Whether RQ's workers wait for jobs.

    One that is told to stop as it has just looked whether it should, and not begun to wait yet, goes on to wait.
    """
    return all(worker.get_state() == "idle" for worker in Worker.all(queue=queue))
