"""The lines for Celery and RQ, each as the page has it, by a real worker."""

from __future__ import annotations

import re
from pathlib import Path

from celery import Celery
from redis import Redis
from rq import Queue

from ..documentation.pages import blocks, text_of
from .conftest import Stored, paths
from .helpers import eventually, worker
from .redis_helpers import is_idle, needs_redis, redis, url_of

__all__ = ["redis"]

pytestmark = needs_redis


PAGE = "docs/how-to/job-queues.md"


def test_celery(redis: Redis, stored: Stored, tmp_path: Path) -> None:
    (code,) = [block.code for block in blocks("python", PAGE) if block.heading == "Celery"]
    (tmp_path / "shop.py").write_text(code, "utf-8")
    redis.flushall()
    with Celery("client", broker=url_of(redis), set_as_current=False) as client:
        for address in ("ann", "bob", "eve"):
            client.send_task("shop.send_letter", [address])
    command = ["-m", "celery", "-A", "shop", "-b", url_of(redis), "worker", "--concurrency", "2", "-l", "INFO"]
    with worker(*command, "--without-mingle", "--without-gossip", folder=tmp_path) as said:
        eventually(lambda: said.read_text("utf-8").count(" succeeded in ") == 3)
    assert paths(stored) == {"Celery/shop.send_letter": (3, 0)}


def test_rq(redis: Redis, stored: Stored, tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text("def count_words(text): return len(text.split())", "utf-8")
    redis.flushall()
    queue = Queue(connection=redis)
    for text in ("one", "two words"):
        queue.enqueue("shop.count_words", text)
    (options,) = re.findall(r"`rq (worker [^`]+)`", text_of(PAGE))
    with worker("-m", "rq.cli", *options.split(), "--url", url_of(redis), folder=tmp_path):
        eventually(lambda: queue.finished_job_registry.count == 2 and is_idle(queue))
    assert paths(stored) == {"RQ/shop.count_words": (2, 0)}
