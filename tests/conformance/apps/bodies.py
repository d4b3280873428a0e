"""What the responses of every framework are made of, where they come bit by bit, and a file."""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Final

import anyio

from .jobs import Broken, Keys, coroutine_job, job

STATUSES: Final = (204, 304, 500, 503)
"""Answered with no body at ``/status/<status>``."""
FILE: Final = Path(__file__)
"""What ``/file`` sends."""
EVENTS: Final = "text/event-stream"


def chunks_with_job(keys: Keys) -> Iterator[bytes]:
    """A body that runs a background task between its chunks."""
    yield b"before "
    job(keys)
    yield b"after"


async def async_chunks_with_job(keys: Keys) -> AsyncIterator[bytes]:
    """A body that awaits a background task between its chunks."""
    yield b"before "
    await coroutine_job(keys)
    yield b"after"


def chunks_with_key(keys: Keys) -> Iterator[bytes]:
    """A body that sets a key when the response has started."""
    yield b"before "
    keys["newrelic.set_background_task"] = "on"
    yield b"after"


async def async_chunks_with_key(keys: Keys) -> AsyncIterator[bytes]:
    """A body that sets a key when the response has started."""
    for chunk in chunks_with_key(keys):
        yield chunk


def events(keys: Keys) -> Iterator[bytes]:
    """Server-sent events: 5 of them."""
    for number in range(5):
        time.sleep(0.02)
        yield b"data: %d\n\n" % number


async def async_events(keys: Keys) -> AsyncIterator[bytes]:
    """Server-sent events: 5 of them."""
    for number in range(5):
        await anyio.sleep(0.02)
        yield b"data: %d\n\n" % number


def broken_chunks(keys: Keys) -> Iterator[bytes]:
    """A body that breaks off."""
    yield b"before "
    raise Broken


async def async_broken_chunks(keys: Keys) -> AsyncIterator[bytes]:
    """A body that breaks off."""
    for chunk in broken_chunks(keys):
        yield chunk


STREAMS: Final[dict[str, Callable[[Keys], Iterator[bytes]]]] = {
    "job": chunks_with_job,
    "key": chunks_with_key,
    "events": events,
    "broken": broken_chunks,
}
"""Sent at ``/stream/<name>``."""
ASYNC_STREAMS: Final[dict[str, Callable[[Keys], AsyncIterator[bytes]]]] = {
    "job": async_chunks_with_job,
    "key": async_chunks_with_key,
    "events": async_events,
    "broken": async_broken_chunks,
}
"""Sent at ``/async-stream/<name>``."""


def media_type(name: str) -> str:
    """Of a stream."""
    return EVENTS if name == "events" else "text/plain"


def endless(keys: Keys) -> Iterator[bytes]:
    """A body that nobody waits for the end of."""
    for _ in range(400):
        threading.Event().wait(0.02)
        yield b"." * 65536


async def async_endless(keys: Keys) -> AsyncIterator[bytes]:
    """A body that nobody waits for the end of."""
    for _ in range(400):
        await anyio.sleep(0.02)
        yield b"." * 65536
