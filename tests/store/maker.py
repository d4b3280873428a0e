"""Snapshots as a recorder would make them, from raw durations that the tests keep for themselves.

Scripts of the tests import it by its own name, so it needs nothing that is beside it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from weighbridge.transactions.model.finished import FinishedTransaction, NoticedError
from weighbridge.transactions.recording.histogram import add_durations
from weighbridge.transactions.recording.snapshot import (
    ErrorCount,
    Instance,
    MinuteRow,
    RunningTransaction,
    Sample,
    Series,
    Snapshot,
)
from weighbridge.transactions.recording.totals import Totals, nanoseconds
from weighbridge.transactions.store.reader import Window

__all__ = ["JOB", "NOW", "PAGE", "Maker"]

NOW = 1_800_000_000.0  # the start of a minute, and of an hour
PAGE = Series("shop", "web", "Route", "GET /page")
JOB = Series("shop", "background", "Function", "shop.jobs:rebuild")
T = 0.5


class Maker:
    """Makes one instance's snapshots, numbered from 1."""

    now, page, job = NOW, PAGE, JOB
    always = Window(0, NOW + 1e6)

    def __init__(self, instance: str = "one", later: float = 0.0) -> None:
        self.instance = Instance(instance, "host", 17, NOW + later - 5, "shop")
        self.sequence = 0

    def other(self, instance: str, later: float = 0.0) -> Maker:
        return Maker(instance, later)

    def row(self, durations: list[float], series: Series = PAGE, minute: float = NOW, **more: Any) -> MinuteRow:
        histogram: dict[int, int] = {}
        add_durations(durations, histogram)
        zones = [0, 0, 0]
        if series.kind == "web":
            for duration in durations:
                zones[(duration > T) + (duration > 4 * T)] += 1
        failed = more.pop("errors", 0)
        for name in more.keys() & {"total", "response_start_total", "queue_total", "queue_maximum"}:
            more[name] = nanoseconds(more[name])
        queue = more.pop("queue", "")
        totals = Totals(
            len(durations), sum(map(nanoseconds, durations)), nanoseconds(min(durations)), nanoseconds(max(durations)),
            len(durations) - failed, failed, satisfied=zones[0], tolerating=zones[1], frustrated=zones[2],
            apdex_t=T if series.kind == "web" else None, histogram=histogram,
        )  # fmt: skip
        return MinuteRow(series, int(minute // 60 * 60), replace(totals, **more), queue)

    def error(
        self, message: str, count: int = 1, series: Series = PAGE, minute: float = NOW, **more: Any
    ) -> ErrorCount:
        error = ErrorCount(series, int(minute // 60 * 60), "shop:Broken", message, False, count)
        return replace(error, **more)

    def transaction(
        self, duration: float, ended: float = NOW, series: Series = PAGE, **more: Any
    ) -> FinishedTransaction:
        type_ = "WebTransaction" if series.kind == "web" else "OtherTransaction"
        finished = FinishedTransaction(
            series.application, (), series.kind, type_, series.group, series.name, ended - duration, duration,
            (), False, None, 200, False, {},
        )  # fmt: skip
        return finished._replace(**more)

    def sample(
        self, duration: float, ended: float = NOW, series: Series = PAGE, reason: Any = "slow", **more: Any
    ) -> Sample:
        return Sample(series, reason, self.transaction(duration, ended, series, **more))

    def running(self, started: float, series: Series = JOB) -> RunningTransaction:
        return RunningTransaction(series, started)

    def noticed(self, message: str) -> NoticedError:
        return NoticedError("shop:Broken", message)

    def snapshot(self, *minutes: MinuteRow, taken: float = NOW, **more: Any) -> Snapshot:
        self.sequence += 1
        return Snapshot(self.instance, self.sequence, taken, minutes, **more)
