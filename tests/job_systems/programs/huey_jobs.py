"""Tasks of Huey."""

from __future__ import annotations

import os
import sys
import time

from huey import MemoryHuey, RedisHuey, crontab
from huey.exceptions import CancelExecution, RetryTask
from telling import hang, is_first, run, show_request, tell

import weighbridge.jobs.huey
from weighbridge import background_task

huey = weighbridge.jobs.huey.measure(RedisHuey("high", url=os.environ["BROKER"]))


@huey.task()
def plain(number: int) -> None:
    tell()


@huey.periodic_task(crontab(month="1", day="1", hour="3", minute="0"))
def yearly() -> None:
    """Told of by Huey."""


@huey.task()
@background_task
def decorated() -> None:
    tell()


@huey.task()
def bad() -> None:
    raise LookupError("no such book")


@huey.task(retries=2)
def gives_up() -> None:
    raise ConnectionError("no connection")


@huey.task()
@background_task
def again() -> None:
    if is_first("again"):
        raise RetryTask("later", delay=0)


@huey.task()
@background_task
def cancels() -> None:
    raise CancelExecution


@huey.task()
def revoked() -> None:
    raise AssertionError


@huey.task()
@huey.lock_task("lock")
def locked() -> None:
    time.sleep(3)


@huey.task(timeout=1)
def too_slow() -> None:
    for _ in range(6000):
        time.sleep(0.1)


@huey.task()
def stuck() -> None:
    hang()


def send_stuck() -> None:
    stuck()


def send() -> None:
    for number in range(5):
        plain(number)
    for task in (decorated, bad, gives_up, again, cancels, locked, locked):
        task()
    plain.schedule((6,), delay=1)
    revoked.schedule(delay=1).revoke()


def send_to_processes() -> None:
    """What only a process can be stopped in."""
    send()
    too_slow()


def send_many() -> None:
    for number in range(20):
        plain(number)


def eager() -> None:
    immediate = weighbridge.jobs.huey.measure(MemoryHuey(immediate=True))
    show_request(immediate.task()(tell))


if __name__ == "__main__":
    import huey_jobs

    run(getattr(huey_jobs, sys.argv[1]))
