"""Tasks of Celery that are sent to several exchanges; as a program it sends them."""

from __future__ import annotations

import os
import signal
import sys

from celery import Celery
from kombu import Exchange, Queue, binding

import weighbridge.jobs.celery

app = weighbridge.jobs.celery.measure(Celery("shop", broker=os.environ["BROKER"]))
post, orders, single = (Exchange(name, "direct") for name in ("post", "orders", "single"))
app.conf.task_queues = [
    Queue("letters", post, "letter"),
    Queue("parcels", [binding(post, "parcel"), binding(post, "box")]),
    Queue("orders-eu", orders, "new"),
    Queue("orders-us", orders, "new"),
    Queue("alone", single, "key"),
    Queue("plain"),
]
SENT = [
    (post, "letter"),
    (post, "parcel"),
    (post, "box"),
    (orders, "new"),
    (single, "key"),
]


@app.task(name="told")
def told() -> None:
    """Runs."""


@app.task(name="killed")
def killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    with app.connection_for_write() as connection:
        for queue in app.conf.task_queues:
            queue(connection).declare()
    if sys.argv[1] == "killed":
        killed.apply_async(exchange=post, routing_key="letter")
    else:
        for exchange, key in SENT:
            told.apply_async(exchange=exchange, routing_key=key)
        told.apply_async(queue="plain")
