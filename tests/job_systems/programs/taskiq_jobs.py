"""Tasks of Taskiq."""

from __future__ import annotations

import asyncio
import os
import sys

from taskiq import InMemoryBroker, SimpleRetryMiddleware
from taskiq.exceptions import NoResultError, TaskRejectedError
from taskiq_redis import ListQueueBroker
from telling import run, tell

import weighbridge.jobs.taskiq
from weighbridge import WebTransaction, background_task
from weighbridge.testing import capture_transactions

broker = ListQueueBroker(os.environ["BROKER"], queue_name="high").with_middlewares(
    SimpleRetryMiddleware(default_retry_count=3), weighbridge.jobs.taskiq.Measured()
)


@broker.task
async def plain(number: int) -> None:
    tell()


@broker.task(schedule=[{"cron": "0 3 1 1 *"}])
async def yearly() -> None:
    """Told of by the label."""


@broker.task
@background_task
async def decorated() -> None:
    tell()


@broker.task
@background_task
def decorated_function() -> None:
    tell()


@broker.task
async def bad() -> None:
    raise LookupError("no such book")


@broker.task(retry_on_error=True)
async def gives_up() -> None:
    raise ConnectionError("no connection")


@broker.task
async def without_result() -> None:
    raise NoResultError


@broker.task
async def rejects() -> None:
    raise TaskRejectedError


@broker.task(timeout=1)
async def too_slow() -> None:
    await asyncio.sleep(600)


@broker.task
async def stuck() -> None:
    await asyncio.sleep(600)


async def send_stuck() -> None:
    await broker.startup()
    await stuck.kiq()
    await broker.shutdown()


async def send() -> None:
    await broker.startup()
    for number in range(5):
        await plain.kiq(number)
    for task in (decorated, decorated_function, bad, gives_up, without_result, rejects, too_slow):
        await task.kiq()
    await broker.shutdown()


async def send_many() -> None:
    await broker.startup()
    for number in range(20):
        await plain.kiq(number)
    await broker.shutdown()


async def eager() -> None:
    at_once = InMemoryBroker(await_inplace=True).with_middlewares(weighbridge.jobs.taskiq.Measured())
    task = at_once.task(tell_later)
    with capture_transactions() as captured:
        async with WebTransaction(name="request"):
            await task.kiq()
    print([transaction.path for transaction in captured])


async def tell_later() -> None:
    tell()


if __name__ == "__main__":
    import taskiq_jobs

    run(getattr(taskiq_jobs, sys.argv[1]))
