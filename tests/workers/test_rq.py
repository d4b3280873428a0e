"""RQ's real workers, on a real Redis."""

from __future__ import annotations

from pathlib import Path

import pytest
from redis import Redis
from rq import Queue

from weighbridge.jobs.rq import SimpleWorker

from .conftest import JOBS, Stored, errors, paths
from .helpers import eventually, worker
from .redis_helpers import is_idle, needs_redis, redis, url_of

__all__ = ["redis"]

pytestmark = needs_redis

TASKS: dict[str, tuple[int, int]] = {
    "Function/rq_jobs:count_words": (5, 0),
    "Python/Job/number 0": (2, 0),
    "Python/Job/number 1": (2, 0),
    "Function/rq_jobs:fail": (2, 2),
    "Function/rq_jobs:late": (1, 1),
    "Function/rq_jobs:Letter.draft": (1, 0),
}
ERRORS = {
    ("builtins:LookupError", "no such book"): 2,
    ("rq.timeouts:JobTimeoutException", "Task exceeded maximum timeout value (1 seconds)"): 1,
}


def enqueue_everything(queue: Queue) -> int:
    """One run of all jobs; gives how many they are."""
    for _ in range(5):
        queue.enqueue("rq_jobs.count_words", "two words")
    for number in range(4):
        queue.enqueue("rq_jobs.named", number)
    for _ in range(2):
        queue.enqueue("rq_jobs.fail")
    queue.enqueue("rq_jobs.late", job_timeout=1)
    queue.enqueue("rq_jobs.Letter.draft")
    return sum(count for count, _ in TASKS.values())


def done(queue: Queue) -> int:
    return queue.finished_job_registry.count + queue.failed_job_registry.count


@pytest.mark.parametrize("kind", ["MeasuredWorker", "SimpleWorker"])
def test_a_worker_that_is_told_to_stop_has_written_all(kind: str, redis: Redis, stored: Stored, tmp_path: Path) -> None:
    """Every job is counted once, under its name, whether it has a process of its own or not."""
    redis.flushall()
    queue = Queue(connection=redis)
    number = enqueue_everything(queue)
    command = ["-m", "rq.cli", "worker", "--worker-class", f"rq_jobs.{kind}", "--url", url_of(redis)]
    with worker(*command, folder=tmp_path, PYTHONPATH=str(JOBS)):
        eventually(lambda: done(queue) == number and is_idle(queue))
    assert paths(stored) == TASKS
    assert errors(stored) == ERRORS


def test_schedules_that_cannot_be_asked_for_end_no_worker(redis: Redis, caplog: pytest.LogCaptureFixture) -> None:
    """RQ's worker quits by what its maintenance raises."""
    pytest.importorskip("rq.cron")
    redis.set("rq:cron_schedulers", "no sorted set")
    try:
        SimpleWorker([Queue(connection=redis)], connection=redis).run_maintenance_tasks()
    finally:
        redis.delete("rq:cron_schedulers")
    assert [line.message for line in caplog.records if line.name == "weighbridge"] == [
        "the schedules of RQ are not known: asking for them raised redis.exceptions.ResponseError"
    ]
