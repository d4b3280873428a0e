"""APScheduler's schedulers: ``python -m scheduled background|processes|asyncio`` runs each job a few times and ends."""

from __future__ import annotations

import asyncio
import sys
import threading
from typing import Any

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_EXECUTED
from apscheduler.executors.pool import ProcessPoolExecutor
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.schedulers.background import BackgroundScheduler

from weighbridge import background_task, web_transaction

TIMES = 5


@background_task
def tidy() -> None: ...


@background_task(name="stock", group="Python/Cron")
def fail() -> None:
    raise LookupError("no such book")


@background_task
async def fetch() -> None:
    await asyncio.sleep(0.01)


def scheduled(scheduler: Any, jobs: list[Any], done: threading.Event) -> None:
    """Let each job run a few times, and say when the last is done."""
    left = set(range(TIMES * len(jobs)))

    def ended(event: object) -> None:
        left.pop()
        if not left:
            done.set()

    scheduler.add_listener(ended, EVENT_JOB_EXECUTED | EVENT_JOB_ERROR)
    for job in jobs:
        for number in range(TIMES):
            scheduler.add_job(job, id=f"{job.__name__} {number}", misfire_grace_time=None)


def in_threads_or_processes(scheduler: BackgroundScheduler) -> None:
    done = threading.Event()
    scheduled(scheduler, [tidy, fail], done)
    scheduler.start()
    done.wait()
    scheduler.shutdown()


@web_transaction(name="order", group="Python/Shop")
async def order(scheduler: AsyncIOScheduler) -> None:
    """A request that has the scheduler do something, and goes on while it is done: no part of it."""
    begun = asyncio.Event()

    @background_task(name="letter")
    async def letter() -> None:
        begun.set()

    scheduler.add_job(letter)
    await begun.wait()


async def in_an_event_loop() -> None:
    scheduler, done = AsyncIOScheduler(), threading.Event()
    scheduled(scheduler, [tidy, fail, fetch], done)
    scheduler.start()
    await asyncio.to_thread(done.wait)
    await order(scheduler)
    scheduler.shutdown()


if __name__ == "__main__":
    import scheduled as jobs  # a job of `__main__` cannot be found by another process

    if sys.argv[1] == "asyncio":
        asyncio.run(jobs.in_an_event_loop())
    else:
        executors = {"default": ProcessPoolExecutor(2)} if sys.argv[1] == "processes" else {}
        jobs.in_threads_or_processes(BackgroundScheduler(executors=executors))
