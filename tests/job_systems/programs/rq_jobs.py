"""Jobs of RQ."""

from __future__ import annotations

import os
import sys
import time

from redis import Redis
from rq import Retry, cron
from rq.command import send_stop_job_command
from rq.job import Job
from telling import die, is_first, run, show_request, tell

from weighbridge import background_task
from weighbridge.jobs.rq import Queue


def plain(number: int) -> None:
    tell()


def yearly() -> None:
    """Told of by ``rq cron``."""


cron.register(yearly, "high", cron="0 3 1 1 *")


@background_task
def decorated() -> None:
    tell()


def bad() -> None:
    raise LookupError("no such book")


def again() -> None:
    if is_first("again"):
        raise ConnectionError("no connection")


def asks_again() -> Retry | None:
    return Retry(max=2) if is_first("asks_again") else None


def too_slow() -> None:
    time.sleep(600)


def dies() -> None:
    die()


def stopped() -> None:
    (job,) = [job for job in [Job.fetch("stopped", connection=redis())] if job]
    send_stop_job_command(redis(), job.id)
    time.sleep(600)


def redis() -> Redis:
    return Redis.from_url(os.environ["BROKER"])


def send() -> None:
    queue = Queue("high", connection=redis())
    for number in range(5):
        queue.enqueue("rq_jobs.plain", number)
    for name in ("decorated", "bad", "asks_again"):
        queue.enqueue(f"rq_jobs.{name}")
    queue.enqueue("rq_jobs.again", retry=Retry(max=2))
    queue.enqueue("rq_jobs.bad", retry=Retry(max=1))
    queue.enqueue("rq_jobs.too_slow", job_timeout=1)


def send_to_processes() -> None:
    """What only a worker with processes survives."""
    send()
    queue = Queue("high", connection=redis())
    queue.enqueue("rq_jobs.dies")
    queue.enqueue("rq_jobs.stopped", job_id="stopped")


def send_many() -> None:
    queue = Queue("high", connection=redis())
    for number in range(20):
        queue.enqueue("rq_jobs.plain", number)


def send_stuck() -> None:
    Queue("high", connection=redis()).enqueue("rq_jobs.too_slow")


def await_scheduler() -> None:
    """Return once a scheduler has said what it will enqueue."""
    while not any(scheduler.get_jobs() for scheduler in cron.CronScheduler.all(redis())):
        time.sleep(0.1)


def eager() -> None:
    queue = Queue("high", connection=redis(), is_async=False)
    show_request(lambda: queue.enqueue("rq_jobs.plain", 1))


if __name__ == "__main__":
    run(globals()[sys.argv[1]])
