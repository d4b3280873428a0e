"""The background tasks that the programs run, each named by the cell that it is run for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, MutableMapping
from typing import Any

import anyio.lowlevel

from weighbridge import background_task

Keys = MutableMapping[str, Any]
"""In which a request's keys are: environ, scope, or both of Django's."""


class Broken(Exception):
    """What a handler fails with."""


class Taken(Exception):
    """What a handler raises and somebody further out answers with a 409."""


def job_name(keys: Keys) -> str:
    """Of the background tasks of one cell, so that fresh ones, which are not the request's, can be told apart."""
    return f"job of {keys.get('newrelic.app_name')}"


@background_task(name=job_name)
def job(keys: Keys) -> None:
    """A background task of one step."""


@background_task(name="second")
def second_job() -> None:
    """Another background task."""


@background_task(name=job_name)
def failing_job(keys: Keys) -> None:
    """A background task that fails."""
    raise Broken


@background_task(name=job_name)
def generator_job(keys: Keys) -> Iterator[int]:
    """A background task of several steps."""
    yield from range(3)


@background_task(name=job_name)
async def coroutine_job(keys: Keys) -> None:
    """A background task that waits once."""
    await asyncio.sleep(0) if _on_asyncio() else await anyio.lowlevel.checkpoint()


@background_task(name=job_name)
async def late_job(keys: Keys) -> None:
    """A background task that waits longer than the request."""
    await asyncio.sleep(0.1)


@background_task(name=job_name)
async def failing_coroutine_job(keys: Keys) -> None:
    """A background task that waits, then fails."""
    await anyio.lowlevel.checkpoint()
    raise Broken


@background_task(name=job_name)
async def async_generator_job(keys: Keys) -> AsyncIterator[int]:
    """A background task of several steps that waits."""
    for number in range(3):
        await anyio.lowlevel.checkpoint()
        yield number


def _on_asyncio() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
