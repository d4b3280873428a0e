"""Calls that a test writes into a store as a process would, and what the report says of them."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

from click.testing import CliRunner

from weighbridge.cli.commands import weighbridge
from weighbridge.transactions.model.finished import FinishedTransaction, NoticedError
from weighbridge.transactions.recording.histogram import add_durations
from weighbridge.transactions.recording.snapshot import Instance, MinuteRow, Sample, Series, Snapshot
from weighbridge.transactions.recording.totals import Totals, nanoseconds
from weighbridge.transactions.store.sqlite.writer import StoreWriter

__all__ = ["JOB", "PAGE", "row", "sample", "told", "write"]

PAGE = Series("shop", "web", "Route", "GET /page")
JOB = Series("shop", "background", "Function", "shop.jobs:rebuild")


def row(series: Series, durations: list[float], ago: float = 0.0, **more: Any) -> MinuteRow:
    """What one process counted of a series in one minute."""
    histogram: dict[int, int] = {}
    add_durations(durations, histogram)
    totals = Totals(
        len(durations), sum(map(nanoseconds, durations)), nanoseconds(min(durations)), nanoseconds(max(durations)),
        len(durations), histogram=histogram, **more,
    )  # fmt: skip
    return MinuteRow(series, int((time.time() - ago) // 60 * 60), totals)


def sample(series: Series, duration: float, ago: float = 0.0, error: NoticedError | None = None, **more: Any) -> Sample:
    """A transaction that was kept whole."""
    ended = time.time() - ago
    finished = FinishedTransaction(
        series.application, (), series.kind, "WebTransaction" if series.kind == "web" else "OtherTransaction",
        series.group, series.name, ended - duration, duration, (error,) if error else (), error is not None, None,
        200 if series.kind == "web" else None, False, {},
    )  # fmt: skip
    return Sample(series, "failed" if error else "slow", finished._replace(**more))


def write(store: Path, *rows: MinuteRow, version: str = "", samples: tuple[Sample, ...] = (), **more: Any) -> None:
    """Write what a process of its own has counted."""
    writer = StoreWriter(str(store))
    instance = Instance(uuid4().hex, "host", 1, time.time() - 60, "test", version)
    writer.write(Snapshot(instance, 1, time.time(), rows, samples=samples, **more))
    writer.close()


def told(store: Path | str) -> dict[tuple[str, str], int]:
    """What the report tells: calls by application and name."""
    done = CliRunner().invoke(weighbridge, ["report", "--json", "--since", "30d", "--store", str(store)])
    assert done.exit_code == 0, done.output
    return {(one["application"], one["name"]): one["calls"] for one in json.loads(done.stdout)["transactions"]}
