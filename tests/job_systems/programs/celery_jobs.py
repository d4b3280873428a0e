"""Tasks of Celery."""

from __future__ import annotations

import os
import sys
import time
from typing import Any

from celery import Celery, Task, shared_task
from celery.exceptions import Ignore, Reject
from celery.schedules import crontab
from telling import FOLDER, die, is_first, run, show_request, tell

import weighbridge.jobs.celery
from weighbridge import background_task

app = weighbridge.jobs.celery.measure(Celery("shop", broker=os.environ["BROKER"]))

app.conf.beat_schedule = {
    "yearly": {
        "task": "celery_jobs.yearly",
        "schedule": crontab(month_of_year="1", day_of_month="1", hour="3", minute="0"),
    }
}


class Known(Exception):
    """Announced by ``throws``."""


class OwnClass(Task):
    """A class of the program's own."""


@app.task
def plain(number: int) -> None:
    tell()


@app.task
def yearly() -> None:
    """Told of by beat."""


@shared_task
def shared() -> None:
    tell()


@app.task(base=OwnClass)
def of_own_class() -> None:
    tell()


@app.task(bind=True)
def calls(self: Any) -> None:
    """A call of a task as a function is a part of its caller."""
    shared()


@app.task
@background_task
def decorated() -> None:
    tell()


@app.task
def bad() -> None:
    raise LookupError("no such book")


@app.task(autoretry_for=(ConnectionError,), max_retries=2, default_retry_delay=0)
def gives_up() -> None:
    raise ConnectionError("no connection")


@app.task(bind=True, max_retries=2)
def again(self: Any) -> None:
    if self.request.retries < 2:
        raise self.retry(exc=ConnectionError("no connection"), countdown=0)


@app.task(acks_late=True)
def rejects() -> None:
    raise Reject("not here", requeue=False)


@app.task(throws=(Known,))
def throws() -> None:
    raise Known


@app.task
def ignores() -> None:
    raise Ignore


@app.task
def stopped() -> None:
    is_first("stopped")
    time.sleep(600)


@app.task(soft_time_limit=1)
def too_slow() -> None:
    time.sleep(600)


@app.task(time_limit=2)
def far_too_slow() -> None:
    time.sleep(600)


@app.task
def dies() -> None:
    die()


@app.task
def exits() -> None:
    time.sleep(2)
    sys.exit(3)


SIMPLE = [shared, of_own_class, calls, decorated, bad, gives_up, again, rejects, throws, ignores]
OF_PROCESSES = [too_slow, far_too_slow, dies, exits]


def send() -> None:
    for number in range(5):
        plain.delay(number)
    for task in SIMPLE:
        task.delay()
    if not str(app.conf.broker_url).startswith("amqp"):  # RabbitMQ drops what has expired, unless a worker is faster
        plain.apply_async((1,), expires=0.001, countdown=1)


def send_to_processes() -> None:
    """What only a pool of processes can limit and lose."""
    send()
    for task in OF_PROCESSES:
        task.delay()
    running = stopped.delay()
    while not (FOLDER / "stopped").exists():
        time.sleep(0.1)
    running.revoke(terminate=True)


def send_many() -> None:
    for number in range(20):
        plain.delay(number)


def send_stuck() -> None:
    stopped.delay()


def eager() -> None:
    app.conf.task_always_eager = True
    show_request(lambda: (plain.delay(1), bad.delay()))


if __name__ == "__main__":
    import celery_jobs

    run(getattr(celery_jobs, sys.argv[1]))
