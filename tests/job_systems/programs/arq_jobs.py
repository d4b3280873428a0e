"""Functions of arq."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

from arq import Retry, create_pool, cron, func
from arq.connections import RedisSettings
from arq.jobs import Job
from telling import run, tell

import weighbridge.jobs.arq
from weighbridge import background_task

SETTINGS = RedisSettings.from_dsn(os.environ["BROKER"])


async def plain(ctx: Any, number: int) -> None:
    tell()


@background_task
async def decorated(ctx: Any) -> None:
    tell()


async def bad(ctx: Any) -> None:
    raise LookupError("no such book")


async def again(ctx: Any) -> None:
    if ctx["job_try"] < 3:
        raise Retry(defer=0.1)


async def too_slow(ctx: Any) -> None:
    await asyncio.sleep(600)


async def stopped(ctx: Any) -> None:
    await asyncio.sleep(600)


async def tidy(ctx: Any) -> None:
    """Runs once, at the start."""


class WorkerSettings:
    redis_settings = SETTINGS
    allow_abort_jobs = True
    functions = weighbridge.jobs.arq.measured([plain, decorated, bad, again, stopped, func(too_slow, timeout=1)])
    cron_jobs = weighbridge.jobs.arq.measured([cron(tidy, month=1, day=1, hour=0, minute=0, run_at_startup=True)])


async def send() -> None:
    pool = await create_pool(SETTINGS)
    for number in range(5):
        await pool.enqueue_job("plain", number)
    for name in ("decorated", "bad", "again", "too_slow"):
        await pool.enqueue_job(name)
    running = await pool.enqueue_job("stopped")
    assert running is not None
    await asyncio.sleep(2)
    await Job(running.job_id, pool).abort(timeout=0.5, poll_delay=0.1)


async def send_stuck() -> None:
    pool = await create_pool(SETTINGS)
    await pool.enqueue_job("stopped")


async def send_many() -> None:
    pool = await create_pool(SETTINGS)
    for number in range(20):
        await pool.enqueue_job("plain", number)


if __name__ == "__main__":
    try:
        run(globals()[sys.argv[1]])
    except asyncio.TimeoutError:
        print("the job was told to stop")
