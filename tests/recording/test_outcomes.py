"""How background tasks ended, and how long they waited in which queue: counted once each, whatever way they take."""

from __future__ import annotations

import time
from collections import Counter

import weighbridge
from weighbridge.jobs.runs import record_run
from weighbridge.testing import capture_transactions
from weighbridge.transactions.model.finished import OUTCOMES
from weighbridge.transactions.recording.buckets import _MAX_QUEUES
from weighbridge.transactions.recording.name_limits import OTHER
from weighbridge.transactions.store.reader import SeriesStatistics
from weighbridge.transactions.store.rows import Scope

from .conftest import Stored, lately


def end_one(outcome: object = None, queue: str | None = None, waited: float | None = None) -> None:
    queued = None if waited is None else time.time() - waited
    handle = weighbridge.begin_background_task("send", "Mail", queued=queued, queue=queue)
    handle.end(LookupError("no such book"), outcome)  # type: ignore[arg-type]


def read(stored: Stored, scope: Scope = "name") -> list[SeriesStatistics]:
    assert weighbridge.flush()
    with stored.reader() as reader:
        return reader.transactions(lately(), scope=scope)


def test_each_outcome_is_counted(stored: Stored) -> None:
    """The first ones are handed over whole, most others by a buffer."""
    wanted: Counter[str] = Counter()
    for number, outcome in enumerate(OUTCOMES, 1):
        for _ in range(50 * number):
            end_one(outcome)
            wanted[outcome] += 1
    (only,) = read(stored)
    assert only.statistics.outcomes == wanted
    assert only.statistics.calls == wanted.total()
    assert only.statistics.errors == wanted["failed"] + wanted["timed_out"] + wanted["killed"]


def test_each_queue_is_counted_apart_and_together(stored: Stored) -> None:
    for queue, number, waited in (("high", 30, 1.0), ("low", 20, 60.0), (None, 10, None)):
        for _ in range(number):
            end_one("retried", queue, waited)
    (together,) = read(stored)
    assert together.statistics.outcomes["retried"] == 60
    assert (together.statistics.queued, round(together.statistics.queue_time or 0)) == (50, 25)
    assert 60 <= (together.statistics.queue_p95 or 0) < 62
    apart = {one.series.name: one.statistics for one in read(stored, "queue")}
    assert {name: statistics.calls for name, statistics in apart.items()} == {"high": 30, "low": 20}
    assert {name: round(statistics.queue_time or 0) for name, statistics in apart.items()} == {"high": 1, "low": 60}


def test_too_many_queues_are_counted_under_one_name(stored: Stored) -> None:
    for number in range(_MAX_QUEUES + 25):
        end_one(queue=f"queue of user {number}")
    counted = {one.series.name: one.statistics.calls for one in read(stored, "queue")}
    assert len(counted) == _MAX_QUEUES + 1
    assert counted[OTHER] == 25


def test_a_sample_knows_its_outcome_and_its_queue(stored: Stored) -> None:
    end_one("timed_out", "high", 60.0)
    assert weighbridge.flush()
    with stored.reader() as reader:
        (sample,) = reader.samples(lately())
    kept = sample.transaction
    assert (kept.outcome, kept.queue, kept.failed) == ("timed_out", "high", True)
    assert 60 <= (kept.queue_time or 0) < 90


def test_a_run_that_another_process_tells_of_has_waited_until_it_began() -> None:
    """One that never began has waited until now, and what is not known is not told."""
    with capture_transactions() as captured:
        record_run("Queue", "mail", "killed", seconds=100, queued=time.time() - 130)
        record_run("Queue", "mail", "cancelled", queued=time.time() - 50)
        record_run("Queue", "mail", "killed", seconds=100, queued=time.time() - 20)  # clocks that disagree
        record_run("Queue", "mail", "killed", seconds=100)
    assert [one.queue_time if one.queue_time is None else round(one.queue_time, -1) for one in captured] == [
        *(30, 50, 0, None)
    ]
    assert [round(one.duration, -1) for one in captured] == [100, 0, 100, 100]
