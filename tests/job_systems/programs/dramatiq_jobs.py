"""Actors of Dramatiq."""

from __future__ import annotations

import os
import sys
import time

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import AsyncIO, SkipMessage
from telling import hang, run, tell

import weighbridge.jobs.dramatiq
from weighbridge import add_custom_attribute, background_task


class Skips(dramatiq.Middleware):
    """Middleware of the program's own."""

    def before_process_message(self, broker: object, message: dramatiq.Message[object]) -> None:
        if message.actor_name == "skipped":
            raise SkipMessage


broker = RedisBroker(url=os.environ["BROKER"])
broker.add_middleware(AsyncIO())
broker.add_middleware(Skips())
broker.add_middleware(weighbridge.jobs.dramatiq.Measured())
dramatiq.set_broker(broker)


class Known(Exception):
    """Announced by ``throws``."""


@dramatiq.actor(queue_name="high")
def plain(number: int) -> None:
    tell()


@dramatiq.actor
@background_task
def decorated() -> None:
    tell()


@dramatiq.actor
@background_task
async def decorated_coroutine() -> None:
    assert add_custom_attribute("found", True)
    tell()


@dramatiq.actor(max_retries=0)
def bad() -> None:
    raise LookupError("no such book")


@dramatiq.actor(max_retries=1, min_backoff=1, max_backoff=5)
def gives_up() -> None:
    raise ConnectionError("no connection")


@dramatiq.actor(max_retries=1, min_backoff=1, max_backoff=5)
@background_task
def asks_too_often() -> None:
    raise dramatiq.errors.Retry("later", delay=1)


@dramatiq.actor(throws=Known)
def throws() -> None:
    raise Known


@dramatiq.actor
def skipped() -> None:
    raise AssertionError


@dramatiq.actor(time_limit=1000, max_retries=0)
def too_slow() -> None:
    for _ in range(6000):
        time.sleep(0.1)


@dramatiq.actor
def stuck() -> None:
    hang()


def send_stuck() -> None:
    stuck.send()


def send() -> None:
    for number in range(5):
        plain.send(number)
    for actor in (decorated, decorated_coroutine, bad, gives_up, asks_too_often, throws, skipped, too_slow):
        actor.send()


def send_many() -> None:
    for number in range(20):
        plain.send(number)


if __name__ == "__main__":
    import dramatiq_jobs

    run(getattr(dramatiq_jobs, sys.argv[1]))
