r"""RQ: jobs that are measured, and a worker whose jobs write their figures before their process is gone.

It needs a Redis, at ``RQ_REDIS_URL`` or on this machine. In this folder, start a
worker, and give it jobs from another terminal::

    rq worker --worker-class rq_app.MeasuredWorker
    python rq_app.py "a text of five words"
"""

from __future__ import annotations

import os
import sys
from typing import Any

from redis import Redis
from rq import Queue, Worker

from weighbridge import background_task, flush, preload


@background_task
def count_words(text: str) -> int:
    """Counted as ``OtherTransaction/Function/rq_app:count_words``; an exception fails it."""
    if not text:
        raise ValueError("an empty text")
    return len(text.split())


class MeasuredWorker(Worker):
    """RQ runs each job in a process of its own, which ends by ``os._exit``."""

    def work(self, *args: Any, **options: Any) -> bool:
        """Import here what each of these processes would import otherwise."""
        preload()
        return super().work(*args, **options)

    def perform_job(self, *job: Any, **options: Any) -> bool:
        """Write what the job has left, whether it succeeded or not."""
        try:
            return super().perform_job(*job, **options)
        finally:
            flush()


if __name__ == "__main__":
    queue = Queue(connection=Redis.from_url(os.environ.get("RQ_REDIS_URL", "redis://localhost:6379")))
    for given in sys.argv[1:]:
        queue.enqueue("rq_app.count_words", given)
    print("Done. When the worker is done too, run: weighbridge report --type background")
