"""A Celery application with tasks that end in every way that Celery knows."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from celery import Celery
from celery.exceptions import Ignore, Reject
from celery.signals import worker_process_shutdown

from weighbridge import BackgroundTask, add_custom_attribute, background_task, flush, set_transaction_name

app = Celery("shop", broker=os.environ["BROKER"])


@worker_process_shutdown.connect
def write_figures(**_: object) -> None:
    flush()


def tell() -> None:
    """Say that a task has come this far."""
    with Path(os.environ["TOLD"]).open("a", encoding="utf-8") as told:
        told.write("x")


@app.task(name="greet")
@background_task
def greet(name: str) -> str:
    """As most tasks: the transaction has the function's name."""
    add_custom_attribute("name", name)
    tell()
    return f"hello {name}"


@app.task(name="named")
@background_task(name=lambda number: f"number {number % 2}", group="Python/Job")
def named(number: int) -> None:
    tell()


@app.task(name="renamed")
@background_task
def renamed() -> None:
    set_transaction_name("by hand", "Python/Job")
    tell()


@app.task(name="unmeasured")
def unmeasured() -> None:
    """No task of ours, but for a block in it."""
    with BackgroundTask(name="block"):
        tell()


@app.task(name="fail")
@background_task
def fail() -> None:
    tell()
    raise LookupError("no such book")


@app.task(name="retried", bind=True, max_retries=2, default_retry_delay=0)
@background_task
def retried(self: Any) -> None:
    """Succeeds at the third attempt."""
    tell()
    if self.request.retries < 2:
        raise self.retry(exc=ConnectionError("try again"))


@app.task(name="given_up", bind=True, max_retries=1, default_retry_delay=0)
@background_task
def given_up(self: Any) -> None:
    """Never succeeds: the last attempt fails with what was the matter."""
    tell()
    raise self.retry(exc=ConnectionError("no connection"))


@app.task(name="ignored")
@background_task
def ignored() -> None:
    tell()
    raise Ignore


@app.task(name="rejected", acks_late=True)
@background_task
def rejected() -> None:
    tell()
    raise Reject("not here", requeue=False)
