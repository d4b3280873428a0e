"""Deltas add up to what happened, while everything makes room for everything else and requests get lost."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from tests.store.maker import NOW, Maker
from weighbridge.exporting.measurements import families_of
from weighbridge.exporting.otlp import points
from weighbridge.exporting.otlp.metrics import Plan, Reading, plan_of
from weighbridge.exporting.otlp.stream import Stream, resources_of
from weighbridge.exporting.otlp.variables import read_variables
from weighbridge.transactions.recording.snapshot import Series, Snapshot
from weighbridge.transactions.store import eviction
from weighbridge.transactions.store.reader import StoreReader
from weighbridge.transactions.store.sqlite.ids import Ids
from weighbridge.transactions.store.sqlite.writer import StoreWriter

DELTA = read_variables({"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "delta"})
CALLS = {
    "weighbridge.transactions",
    *(f"weighbridge.{part}transaction.duration" for part in ("", "application.", "host.", "version.", "queue.")),
}
WEB = {"http.server.request.duration", "weighbridge.http.responses", "weighbridge.transaction.apdex"}
ERRORS = "weighbridge.errors"


class Receiver:
    """Adds up what it gets, and reports again with the next plan what was not taken."""

    def __init__(self, reader: StoreReader, chance: random.Random) -> None:
        self.counts: Counter[str] = Counter()
        self._reader = reader
        self._chance = chance
        self._state: dict[str, Any] = {}

    def export(self, now: float, is_last: bool) -> None:
        """Get what is new; some requests get lost on their way, unless they are the last."""
        plan = self._plan(now)
        self._state = plan.begun() or self._state
        for request in plan.requests():
            if not is_last and self._chance.random() < 0.15:
                return
            self.counts.update(dict(counted(ExportMetricsServiceRequest.FromString(request.body))))
            plan.taken(request)
            self._state = json.loads(json.dumps(plan.state()))

    def _plan(self, now: float) -> Plan:
        families = families_of(self._reader, now, None)
        labels = (label for family in families for sample in family.samples for label in sample.labels)
        resources = resources_of({value for name, value in labels if name == "application"}, "identity", None, {}, {})
        stream = Stream("identity", round((NOW - 60) * 1e9))
        return plan_of(Reading(families, resources, stream, round(now * 1e9)), DELTA, self._state)


def counted(message: ExportMetricsServiceRequest) -> Iterator[tuple[str, int]]:
    found: Counter[str] = Counter()
    for resource in message.resource_metrics:
        for metric in resource.scope_metrics[0].metrics:
            data = getattr(metric, metric.WhichOneof("data"))
            for point in data.data_points:
                found[metric.name] += getattr(point, "count", 0) or getattr(point, "as_int", 0)
    yield from found.items()


def snapshot(make: Maker, at: float, chance: random.Random) -> Snapshot:
    """What a new process of some host and version has counted of some of many names."""
    names = {
        chance.choice(
            [
                Series(shop, "web", "Route", f"GET /{name}"),
                Series(shop, "web", "Uri", f"GET /{name}"),
                Series(shop, "web", "Function", name),
                Series(shop, "background", "Function", name),
            ]
        )
        for shop, name in ((f"shop {chance.randrange(9)}", f"{chance.randrange(12)}") for _ in range(3))
    }
    rows = [make.row([0.1] * chance.randint(1, 30), one, at, queue=f"q{chance.randrange(5)}") for one in sorted(names)]
    rows = [
        replace(row, totals=replace(row.totals, statuses={200: row.totals.count})) if row.series.kind == "web" else row
        for row in rows
    ]
    errors = [make.error(f"{chance.randrange(9)}", 1, one, at, type=f"E{chance.randrange(3)}") for one in sorted(names)]
    made = make.snapshot(*rows, taken=at, errors=tuple(errors))
    instance = replace(made.instance, host=f"pod {chance.randrange(9)}", version=f"{chance.randrange(6)}")
    return replace(made, instance=instance)


@pytest.mark.parametrize("seed", range(3))
def test_deltas_add_up_to_what_happened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    monkeypatch.setattr(eviction, "_ROWS_AT_ONCE", 5)
    monkeypatch.setattr(points, "_POINTS", 40)
    for name, limit in {"APPLICATIONS": 4, "SERIES": 6, "ERRORS": 4}.items():
        monkeypatch.setattr(Ids, f"MAX_{name}", limit)
    monkeypatch.setattr(Ids, "MAX_OF_SCOPE", {"host": 4, "version": 3, "queue": 3})
    chance, at = random.Random(seed), NOW
    calls = requests = errors = 0
    with closing(StoreWriter(str(tmp_path / "store.db"))) as writer:
        writer.write(Maker().snapshot())
        with closing(StoreReader.open(tmp_path / "store.db")) as reader:
            receiver = Receiver(reader, chance)
            for number in range(60):
                at += chance.choice([5, 60, 60, 600])
                written = snapshot(Maker(f"{number}"), at, chance)
                writer.write(written)
                calls += sum(row.totals.count for row in written.minutes)
                requests += sum(row.totals.count for row in written.minutes if row.series.kind == "web")
                errors += len(written.errors)
                if number == 59 or chance.random() < 0.4:
                    receiver.export(at, is_last=number == 59)
    expected = dict.fromkeys(CALLS, calls) | dict.fromkeys(WEB, requests) | {ERRORS: errors}
    assert {name: receiver.counts[name] for name in expected} == expected
