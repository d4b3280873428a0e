"""What goes into a snapshot, against figures that are worked out from the same transactions in the plainest way."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from freezegun import freeze_time
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import weighbridge
from weighbridge.middleware import WSGITransactionMiddleware
from weighbridge.transactions.configuration.in_force import in_force
from weighbridge.transactions.handoff import handoff
from weighbridge.transactions.model import clock
from weighbridge.transactions.model.applications import Application
from weighbridge.transactions.model.errors import LocatedError
from weighbridge.transactions.model.identity import ExplicitName, intern_identity
from weighbridge.transactions.model.process_state import process_state
from weighbridge.transactions.model.request import RequestTransaction
from weighbridge.transactions.model.transaction import Transaction
from weighbridge.transactions.recording import recorder
from weighbridge.transactions.recording.recorder import Recorder
from weighbridge.transactions.recording.snapshot import MinuteRow, Snapshot, StoreUnavailable


class Kept:
    """A store that keeps the snapshots as they are."""

    def __init__(self) -> None:
        self.snapshots: list[Snapshot] = []
        self.away = False

    def write(self, snapshot: Snapshot) -> None:
        if self.away:
            raise StoreUnavailable("the store is away")
        self.snapshots.append(snapshot)

    def close(self) -> None:
        pass

    def rows(self) -> list[MinuteRow]:
        return [row for snapshot in self.snapshots for row in snapshot.minutes]

    def samples(self) -> list[tuple[str, str, float]]:
        return [
            (sample.series.name, sample.reason, round(sample.transaction.duration, 3))
            for snapshot in self.snapshots
            for sample in snapshot.samples
        ]


@pytest.fixture
def kept() -> Iterator[Kept]:
    yield Kept()
    handoff.queue.clear()
    handoff.take_dropped()


@pytest.fixture
def counting(kept: Kept) -> Recorder:
    """A recorder without a thread, which writes there."""
    process_state.prepare()
    return Recorder(in_force.settings, lambda: kept)


SHOP = Application("shop")


def job(duration: float, name: str = "job", application: Application = SHOP, **more: Any) -> Transaction:
    """A background transaction that ended just now."""
    transaction = Transaction()
    transaction._start(intern_identity(application, True, ExplicitName("Function", name)), [])
    return ended(transaction, duration, **more)


def page(duration: float, route: str = "/page", status: int = 200, **more: Any) -> RequestTransaction:
    """A request that ended just now."""
    transaction = RequestTransaction()
    transaction._set_request("GET", route)
    transaction._start(intern_identity(SHOP, False, None), [])
    transaction._route = route
    if status:
        transaction._override_status(status)
    return ended(transaction, duration, **more)


def ended(
    transaction: Any,
    duration: float,
    ago: float = 0.0,
    errors: tuple[LocatedError, ...] = (),
    apdex: bool = True,
    sampled: bool = True,
    whole: bool = True,
    **more: Any,
) -> Any:
    """End a transaction; ``whole``: it is handed over as it is, though there may be a buffer for it."""
    transaction._set_apdex(apdex)
    transaction._set_sampled(sampled)
    for name, value in more.items():
        setattr(transaction._ensure_extras(), name, value)
    for error in errors:
        transaction._notice(error)
    transaction._stop_clock()
    transaction._end_time -= ago
    transaction._start_time = transaction._end_time - duration
    if isinstance(transaction, RequestTransaction) and transaction.status:
        transaction._response_start_time = transaction._start_time + duration / 2
    if whole:
        handoff.buffers.clear()
    transaction._hand_off()
    return transaction


EXPECTED = LocatedError("shop:Expected", "as it should be", True)
BROKEN = LocatedError("shop:Broken", "unlike it should be", False)

_TRANSACTIONS = st.fixed_dictionaries(
    {
        "web": st.booleans(),
        "duration": st.sampled_from([0.0, 0.01, 0.4999, 0.5, 0.6, 2.0, 2.1, 7.5]),
        "status": st.sampled_from([0, 200, 404, 500]),
        "error": st.sampled_from([None, EXPECTED, BROKEN]),
        "suppressed": st.booleans(),
        "disconnected": st.booleans(),
        "queue_time": st.sampled_from([None, 0.25]),
        "name": st.sampled_from(["a", "b"]),
        "whole": st.booleans(),
        "flush": st.booleans(),
    }
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_TRANSACTIONS, max_size=30))
def test_every_figure_adds_up(own_settings: None, drawn: list[dict[str, Any]]) -> None:
    kept = Kept()
    process_state.prepare()
    handoff.buffers.clear()
    counting = Recorder(in_force.settings, lambda: kept)
    for one in drawn:
        make(one)
        if one["flush"]:
            counting.flush()
    counting.flush()
    for name in ("a", "b"):
        for web in (True, False):
            wanted = [one for one in drawn if (one["name"], one["web"]) == (name, web)]
            rows = [row for row in kept.rows() if row.series.name == (f"GET {name}" if web else name)]
            assert summed([row for row in rows if (row.series.kind == "web") == web]) == expected(wanted)


def make(one: dict[str, Any]) -> None:
    errors = () if one["error"] is None else (one["error"],)
    common = {"apdex": not one["suppressed"], "whole": one["whole"]}
    if one["web"]:
        page(
            one["duration"], one["name"], one["status"], errors=errors,
            disconnected=one["disconnected"], queue_time=one["queue_time"], **common,
        )  # fmt: skip
    else:
        job(one["duration"], one["name"], errors=errors, **common)


def expected(wanted: list[dict[str, Any]]) -> dict[str, Any]:
    failed = [one["error"] is BROKEN or (one["web"] and one["status"] == 500) for one in wanted]
    zones: Counter[str] = Counter()
    for one, bad in zip(wanted, failed, strict=True):
        if one["web"] and not one["suppressed"]:
            late = one["duration"] > 2.0 or bad
            zones["frustrated" if late else "tolerating" if one["duration"] > 0.5 else "satisfied"] += 1
    web = [one for one in wanted if one["web"]]
    durations = [one["duration"] for one in wanted]
    return {
        "count": len(wanted),
        "total": pytest.approx(sum(durations), abs=1e-7),
        "minimum": pytest.approx(min(durations, default=math.inf), abs=1e-9),
        "maximum": pytest.approx(max(durations, default=0.0), abs=1e-9),
        "errors": sum(failed),
        "zones": (zones["satisfied"], zones["tolerating"], zones["frustrated"]),
        "histogram": len(wanted),
        "starts": sum(bool(one["status"]) for one in web),
        "queued": sum(one["queue_time"] is not None for one in web),
        "disconnected": sum(one["disconnected"] for one in web),
        "statuses": Counter(one["status"] for one in web if one["status"]),
    }


def summed(rows: list[MinuteRow]) -> dict[str, Any]:
    return {
        "count": sum(row.totals.count for row in rows),
        "total": sum(row.totals.total for row in rows) / 1e9,
        "minimum": min((row.totals.minimum / 1e9 for row in rows), default=math.inf),
        "maximum": max((row.totals.maximum / 1e9 for row in rows), default=0.0),
        "errors": sum(row.totals.errors for row in rows),
        "zones": tuple(sum(column) for column in zip(*_zones(rows), strict=True)),
        "histogram": sum(sum(row.totals.histogram.values()) for row in rows),
        "starts": sum(row.totals.response_starts for row in rows),
        "queued": sum(row.totals.queued for row in rows),
        "disconnected": sum(row.totals.disconnected for row in rows),
        "statuses": sum((Counter(row.totals.statuses) for row in rows), Counter()),
    }


def _zones(rows: list[MinuteRow]) -> list[tuple[int, int, int]]:
    return [(0, 0, 0), *((row.totals.satisfied, row.totals.tolerating, row.totals.frustrated) for row in rows)]


def test_what_goes_to_linked_applications_is_not_mixed_with_what_goes_to_one(counting: Recorder, kept: Kept) -> None:
    process_state.prepare()
    linked = process_state.resolve_application("shop;all;more")
    job(1.0, application=linked, errors=(BROKEN,))
    job(2.0)
    counting.flush()
    calls = Counter({row.series.application: 0 for row in kept.rows()})
    for row in kept.rows():
        calls[row.series.application] += row.totals.count
    assert calls == {"shop": 2, "all": 1, "more": 1}
    (snapshot,) = kept.snapshots
    assert {error.series.application for error in snapshot.errors} == {"shop", "all", "more"}
    slow = [sample for sample in snapshot.samples if sample.reason == "failed"]
    assert {sample.series.application for sample in slow} == {"shop", "all", "more"}


def test_a_series_gives_its_slowest_of_the_minute_not_of_each_snapshot(counting: Recorder, kept: Kept) -> None:
    for duration in (0.3, 0.1, 0.2, 0.5, 0.4):
        job(duration)
        counting.flush()
    assert kept.samples() == [("job", "slow", 0.3), ("job", "slow", 0.5)]


def test_a_series_gives_few_failed_samples_a_minute(counting: Recorder, kept: Kept) -> None:
    for _ in range(5):
        job(0.1, errors=(BROKEN,))
        counting.flush()
    assert [reason for _, reason, _ in kept.samples()] == ["failed"] * 3
    assert sum(error.count for snapshot in kept.snapshots for error in snapshot.errors) == 5


def test_one_transaction_is_one_sample(counting: Recorder, kept: Kept) -> None:
    job(0.1, errors=(BROKEN,))
    counting.flush()
    assert kept.samples() == [("job", "failed", 0.1)]


def test_an_expected_error_is_a_sample_and_no_failure(counting: Recorder, kept: Kept) -> None:
    job(0.1, errors=(EXPECTED,))
    counting.flush()
    assert [(row.totals.count, row.totals.errors) for row in kept.rows()] == [(1, 0)]
    assert kept.samples() == [("job", "failed", 0.1)]


def test_a_suppressed_trace_is_no_sample(counting: Recorder, kept: Kept) -> None:
    job(0.2)
    job(0.9, sampled=False)
    job(0.9, sampled=False, errors=(BROKEN,))
    counting.flush()
    assert kept.samples() == [("job", "slow", 0.2)]


def test_minutes_are_those_in_which_the_transactions_ended(counting: Recorder, kept: Kept) -> None:
    now = time.time()
    for ago in (0, 60, 120, 3600):
        job(0.1, ago=ago)
    counting.flush()
    assert {row.minute for row in kept.rows()} == {
        int(moment // 60) * 60 for moment in (now, now - 60, now - 120, now - 3600)
    }


@pytest.mark.parametrize("hours", [-1000.0, -1.0, 1.0, 1000.0])
def test_a_clock_that_is_set_moves_minutes_and_bends_no_duration(
    hours: float, counting: Recorder, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    job(0.1)
    counting.flush()
    monkeypatch.setattr(clock, "epoch", lambda: time.time() + hours * 3600)
    with weighbridge.BackgroundTask(name="around") as transaction:
        clock.renew()
    assert transaction is not None
    for _ in range(2):
        job(0.1)
        counting.flush()
    clock.renew()
    before, *after = [row for row in kept.rows() if row.series.name == "job"]
    for row in after:
        assert abs(row.minute - before.minute - hours * 3600) <= 60
    assert all(0 <= row.totals.minimum <= row.totals.maximum < 60e9 for row in kept.rows())
    monkeypatch.undo()
    clock.renew()
    job(0.1)
    counting.flush()
    assert abs(kept.rows()[-1].minute - before.minute) <= 60


@pytest.mark.parametrize("ticking", [False, True])
@pytest.mark.parametrize("frozen", ["1970-01-02", "2000-01-01", "2100-01-01"])
def test_time_that_is_frozen_in_a_test_bends_nothing(
    frozen: str, ticking: bool, counting: Recorder, kept: Kept
) -> None:
    """Neither what begins before, nor what ends after, nor what lies within; all are counted in the real minute."""
    before = time.time()
    with weighbridge.BackgroundTask(name="around"), freeze_time(frozen, tick=ticking):
        within = weighbridge.BackgroundTask(name="after")
    with freeze_time(frozen, tick=ticking):
        within.__enter__()
        clock.renew()
        counting.flush()
    within.__exit__(None, None, None)
    counting.flush()
    assert [row.series.name for row in kept.rows()] == ["around", "after"]
    assert all(before - 60 < row.minute <= time.time() for row in kept.rows())
    assert all(0 < row.totals.minimum <= row.totals.maximum < 60e9 for row in kept.rows())


def test_what_waits_for_the_store_is_bounded(counting: Recorder, kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest minutes go first; what is written and what is lost add up."""
    monkeypatch.setattr(counting._aggregate, "_settings", replace(in_force.settings, max_buckets=50))
    kept.away = True
    for minutes in range(100, 0, -1):
        monkeypatch.setattr(clock, "epoch", lambda minutes=minutes: time.time() - 60 * minutes)
        for name in range(10):
            job(0.1, f"job {name}")
        counting.flush()
    assert len(counting._aggregate._buckets()) <= 50 + 10
    kept.away = False
    counting.flush()
    written = sum(row.totals.count for row in kept.rows())
    lost = sum(snapshot.lost.get("transactions", 0) for snapshot in kept.snapshots)
    assert written + lost == 1000
    assert 50 <= written <= 100
    assert max(row.minute for row in kept.rows()) > time.time() - 240


def test_samples_that_wait_for_the_store_are_bounded(
    counting: Recorder, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.away = True
    for minutes in range(10, 0, -1):
        monkeypatch.setattr(clock, "epoch", lambda minutes=minutes: time.time() - 60 * minutes)
        for name in range(100):
            job(0.1, f"job {name}")
        counting.flush()
    buckets = counting._aggregate._buckets()
    assert sum(len(bucket.kept_transactions()) for bucket in buckets) <= 200 + 100


def test_an_idle_process_shows_that_it_lives(counting: Recorder, kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    job(0.1)
    counting.flush()
    counting.flush()
    assert len(kept.snapshots) == 1, "nothing new, nothing written"
    monkeypatch.setattr(recorder, "_HEARTBEAT", 0.0)
    counting.flush()
    assert len(kept.snapshots) == 2
    assert kept.snapshots[1].minutes == ()
    assert [snapshot.sequence for snapshot in kept.snapshots] == [1, 2]


def test_what_has_been_open_for_a_while_is_named(
    counting: Recorder, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = time.time()
    with weighbridge.BackgroundTask(name="endless"):
        counting.flush()
        assert kept.snapshots == [], "it has only just begun"
        monkeypatch.setattr(recorder, "_MIN_RUNNING_AGE", 0.0)
        counting.flush()
    (running,) = kept.snapshots[0].running
    assert (running.series.name, running.series.kind) == ("endless", "background")
    assert before - 1 < running.started < time.time() + 1
    counting.flush()
    assert kept.snapshots[1].running == ()


def test_a_transaction_that_has_not_entered_yet_is_not_open(counting: Recorder, kept: Kept) -> None:
    about_to_begin = Transaction.__new__(Transaction)
    handoff.open_transactions.add(about_to_begin)
    job(0.1)
    assert counting.flush()
    handoff.open_transactions.discard(about_to_begin)
    assert sum(row.totals.count for row in kept.rows()) == 1


def test_one_path_under_two_mounts_is_two_names(counting: Recorder, kept: Kept) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [b"ok"]

    measured = WSGITransactionMiddleware(app)
    for mount in ("/old", "/new", "/old"):
        environ: Any = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": mount, "PATH_INFO": "/page"}
        measured(environ, lambda *_: lambda _: None)
    counting.flush()
    assert {row.series.name: row.totals.count for row in kept.rows()} == {"/old/page": 2, "/new/page": 1}


def test_flushes_of_many_threads_count_once(kept: Kept, counting: Recorder) -> None:
    def flush_on() -> None:
        for _ in range(20):
            job(0.01)
            counting.flush()

    threads = [threading.Thread(target=flush_on) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counting.flush()
    assert sum(row.totals.count for row in kept.rows()) == 160
    assert [snapshot.sequence for snapshot in kept.snapshots] == list(range(1, len(kept.snapshots) + 1))
