"""Tasks of Celery whose message is put back; as a program it sends them, in a request."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from celery import Celery
from celery.exceptions import Reject

import weighbridge
import weighbridge.jobs.celery

app = weighbridge.jobs.celery.measure(Celery("shop", broker=os.environ["BROKER"]))
TOLD = Path(os.environ["TOLD"])


def runs(task: str) -> int:
    """Return which run of a task this is."""
    with TOLD.open("a", encoding="utf-8") as told:
        told.write(f"{task}\n")
    return TOLD.read_text().split().count(task)


@app.task(name="killed", acks_late=True, reject_on_worker_lost=True)
def killed() -> None:
    if runs("killed") == 1:
        os.kill(os.getpid(), signal.SIGKILL)


@app.task(name="refused", acks_late=True)
def refused() -> None:
    if runs("refused") < 3:
        raise Reject("not now", requeue=True)


if __name__ == "__main__":
    with weighbridge.WebTransaction(name="order"):
        killed.delay()
        refused.delay()
