"""Tasks that are followed by others, of the system that ``SYSTEM`` names; as a program it sends them, in a request."""

from __future__ import annotations

import os
from typing import Any

import weighbridge

BROKER = os.environ["BROKER"]


class OfCelery:
    """Chains and chords, whose tasks go on when the run of the one before has ended."""

    def __init__(self) -> None:
        from celery import Celery

        import weighbridge.jobs.celery

        self.app = weighbridge.jobs.celery.measure(Celery("shop", broker=BROKER, backend=BROKER))
        self.app.conf.update(broker_connection_retry_on_startup=True)

        def does_nothing(_: object = None) -> None:
            pass

        def goes_on(_: object) -> None:
            self.first.delay()

        self.first = self.app.task(does_nothing, name="first")
        self.second = self.app.task(does_nothing, name="second")
        self.third = self.app.task(goes_on, name="third")

    def send(self) -> None:
        from celery import chain, chord

        for _ in range(3):
            chain(self.first.s(), self.second.s(), self.third.s()).delay()
        chord([self.first.s(), self.first.s()])(self.second.s())


class OfDramatiq:
    """Pipelines."""

    def __init__(self) -> None:
        import dramatiq
        from dramatiq.brokers.redis import RedisBroker

        import weighbridge.jobs.dramatiq

        self.broker = RedisBroker(url=BROKER)
        self.broker.add_middleware(weighbridge.jobs.dramatiq.Measured())
        dramatiq.set_broker(self.broker)
        self.first = dramatiq.actor(lambda *_: 1, actor_name="first")
        self.second = dramatiq.actor(lambda *_: 1, actor_name="second")
        self.third = dramatiq.actor(lambda *_: self.first.send() and None, actor_name="third")

    def send(self) -> None:
        for _ in range(3):
            (self.first.message() | self.second.message() | self.third.message()).run()
        for _ in range(2):
            (self.first.message() | self.second.message()).run()


class OfRQ:
    """Jobs that depend on others, one that is repeated and one that is tried again: all enqueued by the request."""

    def send(self) -> None:
        from redis import Redis
        from rq import Repeat, Retry

        from weighbridge.jobs.rq import Queue

        queue = Queue(connection=Redis.from_url(BROKER))
        for _ in range(3):
            queue.enqueue("following.second", depends_on=queue.enqueue("following.first"))
        queue.enqueue("following.first", repeat=Repeat(times=2, interval=0))
        queue.enqueue("following.third", retry=Retry(max=2))


def first() -> None:
    """A job."""


def second() -> None:
    """A job."""


def third() -> None:
    raise LookupError("no such book")


SYSTEMS: dict[str, Any] = {"celery": OfCelery, "dramatiq": OfDramatiq, "rq": OfRQ}
system = SYSTEMS[os.environ["SYSTEM"]]()
app = getattr(system, "app", None)
broker = getattr(system, "broker", None)

if __name__ == "__main__":
    with weighbridge.WebTransaction(name="order"):
        system.send()
