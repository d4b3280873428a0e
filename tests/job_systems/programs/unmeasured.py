"""Tasks of every job system, without a line of ours: which one, the environment says."""

from __future__ import annotations

import asyncio
import os
import time
from typing import Any

SYSTEM = os.environ["SYSTEM"]
BROKER = os.environ["BROKER"]


def good() -> None:
    pass


def bad() -> None:
    raise LookupError("no such book")


async def a_good(*context: object) -> None:
    good()


async def a_bad(*context: object) -> None:
    bad()


if SYSTEM == "celery":
    from celery import Celery

    app = Celery("shop", broker=BROKER)
    tasks: Any = [app.task(name="good")(good), app.task(name="bad")(bad)]

    def send() -> None:
        for task in tasks:
            task.delay()

elif SYSTEM == "rq":
    from redis import Redis
    from rq import Queue

    def send() -> None:
        queue = Queue(connection=Redis.from_url(BROKER))
        for name in ("good", "bad"):
            queue.enqueue(f"unmeasured.{name}")

elif SYSTEM == "dramatiq":
    import dramatiq
    from dramatiq.brokers.redis import RedisBroker

    dramatiq.set_broker(RedisBroker(url=BROKER))
    tasks = [dramatiq.actor(max_retries=0)(good), dramatiq.actor(max_retries=0)(bad)]

    def send() -> None:
        for task in tasks:
            task.send()

elif SYSTEM == "huey":
    from huey import RedisHuey

    huey = RedisHuey("shop", url=BROKER)
    tasks = [huey.task()(good), huey.task()(bad)]

    def send() -> None:
        for task in tasks:
            task()

elif SYSTEM == "taskiq":
    from taskiq_redis import ListQueueBroker

    broker = ListQueueBroker(BROKER)
    tasks = [broker.task(task_name="good")(a_good), broker.task(task_name="bad")(a_bad)]

    async def send_all() -> None:
        await broker.startup()
        for task in tasks:
            await task.kiq()
        await broker.shutdown()

    def send() -> None:
        asyncio.run(send_all())

elif SYSTEM == "arq":
    from arq import create_pool, func
    from arq.connections import RedisSettings

    class WorkerSettings:
        redis_settings = RedisSettings.from_dsn(BROKER)
        functions = [func(a_good, name="good"), func(a_bad, name="bad")]

    async def enqueue_all() -> None:
        pool = await create_pool(WorkerSettings.redis_settings)
        for name in ("good", "bad"):
            await pool.enqueue_job(name)

    def send() -> None:
        asyncio.run(enqueue_all())

else:
    from apscheduler.schedulers.background import BackgroundScheduler

    def send() -> None:
        scheduler = BackgroundScheduler()
        for job in (good, bad):
            scheduler.add_job(job, misfire_grace_time=60)
        scheduler.start()
        while scheduler.get_jobs():
            time.sleep(0.05)
        scheduler.shutdown()


if __name__ == "__main__":
    import unmeasured

    unmeasured.send()
