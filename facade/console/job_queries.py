"""The query of the page of jobs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from weighbridge.transactions.store.reader import RunningNow, Selection, StoreReader
from weighbridge.transactions.store.statistics import Window

from . import columns
from .chart_range import chart_range, timeline
from .line_queries import PAGE_LENGTH, candidates, page_of
from .models import JobsPage, QueueLine, TransactionLine, Worker
from .parameters import State

__all__ = ["jobs"]

_DAY: Final = 86400.0
"""Seconds for which schedules are judged at least: most are due once a night."""


def jobs(reader: StoreReader, state: State, now: float) -> JobsPage:
    """Return the content of the page of an application's background transactions."""
    state = state.changed(kind="background")
    frame = chart_range(reader, state, now)
    window, queue = frame.window, state.queue
    selection = Selection(state.app, "background", None, queue or None)
    lines, known = _lines(reader, window, state)
    open_now = reader.running(now)
    return JobsPage(
        window=window,
        application=state.app,
        queue=queue,
        statistics=reader.totals(window, selection, "queue" if queue else None),
        timeline=timeline(reader, frame, selection, "queue" if queue else None),
        queues=_queues(reader, window, state),
        lines=lines,
        known=known,
        running=[one for one in open_now if one.series[:2] == (state.app, "background")],
        enqueued=reader.enqueued(window, Selection(state.app, "background")),
        schedules=reader.schedules(window._replace(since=min(window.since, window.until - _DAY)), now, state.app),
        workers=_workers(reader, state.app, open_now, now),
    )


def _lines(reader: StoreReader, window: Window, state: State) -> tuple[Sequence[TransactionLine], int]:
    known = candidates(reader, window, state, {})
    by_time = columns.in_order(known, "time", False, {})
    of_all = sum(one.totals.total for one in known) or 1
    return page_of(reader, window, by_time, state, 1, of_all)[:PAGE_LENGTH], len(known)


def _queues(reader: StoreReader, window: Window, state: State) -> Sequence[QueueLine]:
    found = reader.transactions(window, Selection(state.app, "background"), scope="queue")
    lines = [QueueLine(one.series.name, one.statistics) for one in found]
    return sorted(lines, key=lambda line: (-(line.statistics.queue_time or 0.0), line.queue.casefold()))


def _workers(reader: StoreReader, application: str, open_now: Sequence[RunningNow], now: float) -> Sequence[Worker]:
    """Return the processes that report such transactions of an application, those with the longest runs first."""
    workers = [
        Worker(instance, [one for one in open_now if one.instance.id == instance.id])
        for instance in reader.workers(application, now)
    ]
    return sorted(workers, key=lambda worker: worker.running[0].started if worker.running else now)
