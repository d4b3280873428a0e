"""Jobs of APScheduler: a program that schedules them, and ends when they have run."""

from __future__ import annotations

import asyncio
import sys
import time
from datetime import datetime, timedelta, timezone
from typing import Any

from apscheduler.events import EVENT_JOB_MAX_INSTANCES
from apscheduler.executors.pool import ProcessPoolExecutor, ThreadPoolExecutor
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.schedulers.background import BackgroundScheduler
from telling import FOLDER, hang, tell, told

import weighbridge.jobs.apscheduler
from weighbridge import background_task

REJECTED = FOLDER / "rejected"
"""Is there once a run was one too many."""


def plain(number: int) -> None:
    tell()


def yearly() -> None:
    """Told of by the scheduler."""


@background_task
def decorated() -> None:
    tell()


async def coroutine() -> None:
    tell()


def bad() -> None:
    tell()
    raise LookupError("no such book")


def long() -> None:
    """Runs until it was to run once more."""
    while not REJECTED.exists():
        time.sleep(0.05)
    tell()


def schedule(scheduler: Any, *extra: Any) -> None:
    now, patient = datetime.now(timezone.utc), {"misfire_grace_time": 60}
    for number in range(5):
        scheduler.add_job(plain, "date", run_date=now, args=[number], **patient)
    for job in (decorated, bad, *extra):
        scheduler.add_job(job, "date", run_date=now, **patient)
    scheduler.add_job(long, "interval", seconds=1, id="long", **patient)
    scheduler.add_job(plain, "date", run_date=now - timedelta(hours=1), args=[6], name="missed", misfire_grace_time=1)

    scheduler.add_job(yearly, "cron", month=1, day=1, hour=3, timezone="UTC")

    def stop_long(event: Any) -> None:
        scheduler.remove_job("long")
        REJECTED.touch()

    scheduler.add_listener(stop_long, EVENT_JOB_MAX_INSTANCES)


def threads() -> None:
    run(BackgroundScheduler(executors={"default": ThreadPoolExecutor(10)}))


def processes() -> None:
    run(BackgroundScheduler(executors={"default": ProcessPoolExecutor(2)}))


def stuck() -> None:
    scheduler = weighbridge.jobs.apscheduler.measure(BackgroundScheduler())
    scheduler.add_job(hang, "date", name="stuck")
    scheduler.start()
    hang()


def run(scheduler: Any) -> None:
    weighbridge.jobs.apscheduler.measure(scheduler)
    schedule(scheduler)
    scheduler.start()
    while told() < 8:
        time.sleep(0.05)
    scheduler.shutdown()


async def loop() -> None:
    scheduler = weighbridge.jobs.apscheduler.measure(AsyncIOScheduler())
    schedule(scheduler, coroutine)
    scheduler.start()
    while told() < 9:
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.5)
    scheduler.shutdown()


if __name__ == "__main__":
    import apscheduler_jobs

    done = getattr(apscheduler_jobs, sys.argv[1])()
    if done is not None:
        asyncio.run(done)
