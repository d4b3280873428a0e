r"""RQ: every job of a worker is measured.

It needs a Redis, at ``RQ_REDIS_URL`` or on this machine. In this folder, start a
worker, and give it jobs from another terminal::

    rq worker --worker-class weighbridge.jobs.rq.Worker
    python rq_app.py "a text of five words"
"""

from __future__ import annotations

import os
import sys

from redis import Redis
from rq import Queue


def count_words(text: str) -> int:
    """Counted as ``OtherTransaction/RQ/rq_app.count_words``; an exception fails it."""
    if not text:
        raise ValueError("an empty text")
    return len(text.split())


if __name__ == "__main__":
    queue = Queue(connection=Redis.from_url(os.environ.get("RQ_REDIS_URL", "redis://localhost:6379")))
    for given in sys.argv[1:]:
        queue.enqueue("rq_app.count_words", given)
    print("Done. When the worker is done too, run: weighbridge report --type background")
