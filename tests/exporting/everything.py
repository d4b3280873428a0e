"""A store with one of everything that is counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tests.store.maker import NOW, Maker
from weighbridge.transactions.custom_values import CustomEvent, CustomEvents, CustomMetric
from weighbridge.transactions.recording.histogram import bin_of
from weighbridge.transactions.store.sqlite.writer import StoreWriter

__all__ = ["DURATIONS", "ODD", "write_everything"]

DURATIONS = [0.0, 0.003, 0.25, 0.2500001, 0.7, 3.0, 3.0, 9000.0]
ODD = 'say "\\n"\nand\\'


def write_everything(
    path: Path, now: float = NOW, instance: str = "one", durations: Sequence[float] = DURATIONS
) -> None:
    """Write one of everything that is counted, as a process of that name would."""
    make = Maker(instance, now - NOW)
    waits = {"queued": 2, "queue_total": 3.5, "queue_maximum": 3.0, "queue_histogram": {bin_of(0.5): 1, bin_of(3.0): 1}}
    page = make.row(list(durations), minute=now, errors=2)
    answered = {"statuses": {200: len(durations) - 2, 500: 2}, "response_starts": len(durations), "disconnected": 1}
    page = replace(page, totals=replace(page.totals, **answered))
    job = make.row([1.0] * 4, make.job, now, succeeded=1, failed=0, retried=2, killed=1, queue="mail", **waits)
    odd = make.row([1.0], make.page._replace(name=ODD), now)
    snapshot = make.snapshot(
        page, job, odd, taken=now, lost={"transactions": 3},
        errors=(make.error("x", 2, minute=now), make.error("y", minute=now, expected=True)),
        custom_metrics=(CustomMetric("shop", "cart", int(now // 60 * 60), 2, 7.0, 3.0, 4.0),),
        custom_events=(CustomEvents("shop", "sale", 5, (CustomEvent("shop", "sale", now, {}),)),),
        running=(make.running(now - 90),),
    )  # fmt: skip
    writer = StoreWriter(str(path))
    writer.write(replace(snapshot, instance=replace(snapshot.instance, version="1.4")))
    writer.close()
