"""Who enqueued tasks that follow others, on real workers: each is counted once, for what it followed."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from rq import Retry

import weighbridge
from weighbridge.jobs.rq import Queue, SimpleWorker
from weighbridge.testing import capture_transactions
from weighbridge.transactions.store.reader import Selection, StoreUnreadable

from .conftest import JOBS, Stored, lately
from .helpers import eventually, run, worker
from .redis_helpers import needs_redis, redis, url_of

__all__ = ["redis"]

pytestmark = needs_redis

CELERY = ["-m", "celery", "-A", "following", "worker", "--pool", "solo", "--loglevel", "ERROR", "--without-gossip"]
ONE_AFTER_THE_OTHER = {
    ("first", "order"): 5, ("second", "first"): 4, ("third", "second"): 3, ("first", "third"): 3,
}  # fmt: skip


def test_rq_does_not_count_attempts_so_the_stamp_tells(redis: Redis) -> None:
    """One that nobody has stamped has no number, rather than a wrong one."""
    redis.flushall()
    queue = Queue(connection=redis)
    with weighbridge.WebTransaction(name="order"):
        queue.enqueue("operator.truediv", 1, 0, retry=Retry(max=2))
    queue.enqueue("operator.neg", 1)
    queue.enqueue("operator.neg", 1, retry=Retry(max=2))
    with capture_transactions() as captured:
        SimpleWorker([queue], connection=redis).work(burst=True, logging_level="CRITICAL")
    attempts = [(one.name, one.attributes.get("task.attempt")) for one in captured if one.group == "RQ"]
    assert sorted(attempts, key=str) == [
        ("operator.neg", 1), ("operator.neg", None),
        ("operator.truediv", 1), ("operator.truediv", 2), ("operator.truediv", 3),
    ]  # fmt: skip


@pytest.mark.parametrize("meta", ["text", [], {"weighbridge_enqueuer": "text"}, {"weighbridge_enqueuer": [[]]}])
def test_a_job_of_rq_may_have_anything_for_meta(meta: Any, redis: Redis) -> None:
    redis.flushall()
    queue = Queue(connection=redis)
    with weighbridge.WebTransaction(name="order"):
        job = queue.enqueue("operator.neg", 1, meta=meta)
    with capture_transactions() as captured:
        SimpleWorker([queue], connection=redis).work(burst=True, logging_level="CRITICAL")
    assert [(one.name, one.outcome) for one in captured if one.group == "RQ"] == [("operator.neg", "succeeded")]
    assert job.latest_result().return_value == -1


def test_a_job_of_rq_that_cannot_be_read_is_a_failure(redis: Redis) -> None:
    redis.flushall()
    queue = Queue(connection=redis)
    job = queue.enqueue("operator.neg", 1)
    redis.hset(job.key, "data", b"no pickle")
    with capture_transactions() as captured:
        SimpleWorker([queue], connection=redis).work(burst=True, logging_level="CRITICAL")
    assert [(one.name, one.outcome) for one in captured if one.group == "RQ"] == [("<DeserializationError>", "failed")]


def enqueued(stored: Stored) -> dict[tuple[str, str], int]:
    with suppress(StoreUnreadable), stored.reader() as reader:
        found = reader.enqueued(lately(), Selection(kind="background"))
        return {(one.task.name, "" if one.by is None else one.by.name): one.count for one in found}
    return {}


@pytest.mark.parametrize(
    ("system", "command", "expected"),
    [
        ("celery", [*CELERY, "--without-mingle", "--without-heartbeat"], ONE_AFTER_THE_OTHER),
        (
            "dramatiq",
            ["-m", "dramatiq", "following", "--processes", "1"],
            {**ONE_AFTER_THE_OTHER, ("second", "first"): 5},
        ),
        (
            "rq",
            ["-m", "rq.cli", "worker", "--worker-class", "weighbridge.jobs.rq.SimpleWorker"],
            {("following.first", "order"): 4, ("following.second", "order"): 3, ("following.third", "order"): 1},
        ),
    ],
    ids=["celery", "dramatiq", "rq"],
)
def test_what_follows_is_counted_once(
    system: str,
    command: list[str],
    expected: dict[tuple[str, str], int],
    redis: Redis,
    stored: Stored,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WEIGHBRIDGE_FLUSH_INTERVAL", "0.5")
    redis.flushall()
    shutil.copy(JOBS / "following.py", tmp_path)
    environ = {"BROKER": url_of(redis), "RQ_REDIS_URL": url_of(redis), "SYSTEM": system}
    run("following.py", folder=tmp_path, **environ)
    with worker(*command, folder=tmp_path, **environ):
        eventually(lambda: sum(enqueued(stored).values()) >= sum(expected.values()))
    assert enqueued(stored) == expected


def test_what_celery_puts_back_is_counted_once(
    redis: Redis, stored: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEIGHBRIDGE_FLUSH_INTERVAL", "0.5")
    redis.flushall()
    shutil.copy(JOBS / "coming_again.py", tmp_path)
    told = tmp_path / "told"
    environ = {"BROKER": url_of(redis), "TOLD": str(told)}
    run("coming_again.py", folder=tmp_path, **environ)
    command = ["-m", "celery", "-A", "coming_again", "worker", "--concurrency", "1", "--loglevel", "CRITICAL"]
    with worker(*command, "--without-gossip", "--without-mingle", "--without-heartbeat", folder=tmp_path, **environ):
        eventually(lambda: told.exists() and sorted(told.read_text().split()) == ["killed"] * 2 + ["refused"] * 3)
    assert enqueued(stored) == {("killed", "order"): 1, ("refused", "order"): 1}
