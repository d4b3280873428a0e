"""Celery's real workers, on a real Redis: prefork and threads, and children that are replaced."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

import pytest
from celery import Celery
from kombu import Exchange, Queue
from redis import Redis

from weighbridge.jobs import celery as measuring
from weighbridge.transactions.store.reader import StoreUnreadable

from ..recording.conftest import lately
from .conftest import JOBS, Stored, errors, paths
from .helpers import eventually, run, worker
from .redis_helpers import needs_redis, redis, url_of

__all__ = ["redis"]

pytestmark = needs_redis

TASKS: dict[str, tuple[int, int]] = {
    "Function/celery_jobs:greet": (20, 0),
    "Python/Job/number 0": (10, 0),
    "Python/Job/number 1": (10, 0),
    "Python/Job/by hand": (1, 0),
    "Function/block": (1, 0),
    "Function/celery_jobs:fail": (3, 3),
    "Function/celery_jobs:retried": (3, 0),
    "Function/celery_jobs:given_up": (2, 1),
    "Function/celery_jobs:ignored": (1, 0),
    "Function/celery_jobs:rejected": (1, 0),
}
ERRORS = {
    ("builtins:LookupError", "no such book"): 3,
    ("builtins:ConnectionError", "no connection"): 1,
}


def send_everything(broker: str) -> int:
    """One run of all tasks; gives how often a task will run. The client knows nothing but their names."""
    with Celery("client", broker=broker, set_as_current=False) as client:
        for number in range(20):
            client.send_task("greet", ["ann"])
            client.send_task("named", [number])
        for name in ["renamed", "unmeasured", "fail", "fail", "fail", "retried", "given_up", "ignored", "rejected"]:
            client.send_task(name)
    return sum(count for count, _ in TASKS.values())


def size_of(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def command(*options: str) -> list[str]:
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "ERROR"]
    return ["-m", "celery", "-A", "celery_jobs", "worker", "--concurrency", "2", *quiet, *options]


@pytest.mark.parametrize(
    "options",
    [["--pool", "threads"], ["--pool", "prefork"], ["--pool", "prefork", "--max-tasks-per-child", "7"]],
    ids=["threads", "prefork", "prefork, a child for seven tasks"],
)
def test_a_worker_that_is_told_to_stop_has_written_all(
    options: list[str], redis: Redis, stored: Stored, tmp_path: Path
) -> None:
    """Every task is counted once, under its name; a retry, an ignored and a rejected one are no errors."""
    redis.flushall()
    number, told = send_everything(url_of(redis)), tmp_path / "told"
    environ = {"PYTHONPATH": str(JOBS), "BROKER": url_of(redis), "TOLD": str(told)}
    with worker(*command(*options), folder=tmp_path, **environ):
        eventually(lambda: size_of(told) == number)
    assert paths(stored) == TASKS
    assert errors(stored) == ERRORS


QUEUES = {"letters": 1, "parcels": 2, "new": 2, "alone": 1, "plain": 1}
"""What is sent to two queues by one key is counted under that."""


def queues(stored: Stored) -> dict[str, int]:
    with suppress(StoreUnreadable), stored.reader() as reader:
        return {row.series.name: row.statistics.calls for row in reader.transactions(lately(), scope="queue")}
    return {}


def test_the_queue_is_the_one_that_a_task_was_taken_from(
    redis: Redis, stored: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever exchange it was sent to, and also where its process is killed."""
    monkeypatch.setenv("WEIGHBRIDGE_FLUSH_INTERVAL", "0.5")
    redis.flushall()
    shutil.copy(JOBS / "routed.py", tmp_path)
    run("routed.py", "all", folder=tmp_path, BROKER=url_of(redis))
    routed = ["routed" if part == "celery_jobs" else part for part in command()]
    with worker(*routed, folder=tmp_path, BROKER=url_of(redis)):
        eventually(lambda: sum(queues(stored).values()) >= sum(QUEUES.values()))
        run("routed.py", "killed", folder=tmp_path, BROKER=url_of(redis))
        eventually(lambda: queues(stored)["letters"] > 1)
    assert queues(stored) == {**QUEUES, "letters": 2}


DELAYED = "0." * 25 + "1.0.1."


@pytest.mark.parametrize(
    ("exchange", "key", "queue"),
    [
        ("news", "town.hall.roof", "local"),
        ("news", "country.sports", "sports"),
        ("news", "town.sports", "town.sports"),  # goes to both
        ("", "town.sports", "town.sports"),
        ("post", "whatever", "letters"),
        ("celery_delayed_25", f"{DELAYED}country.sports", "sports"),
        ("celery_delayed_25", f"{DELAYED}unknown", "unknown"),
        ("another", "unknown", "unknown"),
        (["post"], "letter", "letter"),
        ("post", ["letter"], None),
    ],
)
def test_the_queue_is_found_by_exchange_and_key(
    exchange: object, key: object, queue: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    news = Exchange("news", "topic")
    with Celery("shop", set_as_current=False) as app:
        app.conf.task_queues = [
            Queue("local", news, "town.#"),
            Queue("sports", news, "*.sports"),
            Queue("letters", Exchange("post", "headers")),
        ]
        monkeypatch.setattr(measuring, "_worker_app", [app])
        monkeypatch.setattr(measuring, "_queues", {})
        for _ in range(2):
            assert measuring._queue_of({"exchange": exchange, "routing_key": key}) == queue
