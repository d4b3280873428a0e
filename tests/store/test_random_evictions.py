"""Whatever makes room for whatever else, and whenever: each call is counted once, under every aspect."""

from __future__ import annotations

import random
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace

import pytest

from weighbridge.exporting.families import GENERATION
from weighbridge.exporting.measurements import families_of
from weighbridge.transactions.recording.name_limits import OTHER
from weighbridge.transactions.recording.snapshot import Series
from weighbridge.transactions.recording.totals import Totals
from weighbridge.transactions.store import eviction
from weighbridge.transactions.store.maintenance import Retention
from weighbridge.transactions.store.reader import StoreReader

BOTH_ENGINES = True


def calls(totals: Mapping[Series, Totals]) -> int:
    return sum(one.count for one in totals.values())


@pytest.mark.parametrize("seed", range(3))
def test_no_call_is_lost_or_counted_twice(make, engine, path, limit, monkeypatch, seed) -> None:
    monkeypatch.setattr(eviction, "_ROWS_AT_ONCE", 3)
    for name, value in {"applications": 4, "series": 5, "errors": 3}.items():
        limit(name, value)
    limit("parts", {"host": 4, "version": 3, "queue": 3})
    chance = random.Random(seed)
    writer = engine.writer(Retention(minutes=1, hours=3, samples=1))
    writer.write(make.snapshot())
    at, written, errors = make.now, 0, 0
    with closing(StoreReader.open(path)) as reader:
        for number in range(40):
            at += chance.choice([5, 60, 60, 600])
            snapshot = make.other(f"{number}").snapshot(taken=at)
            host = f"pod {chance.randrange(9)}"
            instance = replace(snapshot.instance, host=host, version=f"{chance.randrange(6)}")
            names = {
                Series(f"shop {chance.randrange(9)}", "background", "Function", f"job {chance.randrange(12)}")
                for _ in range(chance.randint(1, 4))
            }
            rows = [make.row([0.1] * chance.randint(1, 9), one, at, queue=f"q{chance.randrange(5)}") for one in names]
            noticed = tuple(
                make.error(f"{chance.randrange(9)}", 1, one, at, type=f"shop:E{chance.randrange(9)}") for one in names
            )
            writer.write(replace(snapshot, instance=instance, minutes=tuple(rows), errors=noticed))
            written += sum(row.totals.count for row in rows)
            errors += len(noticed)
            ever = reader.ever()
            found = {
                part: calls(getattr(ever, part)) for part in ("applications", "names", "hosts", "versions", "queues")
            }
            assert found == dict.fromkeys(found, written), number
            assert sum(ever.errors.values()) == errors, number
        for family in families_of(reader, at):
            for labels in (dict(sample.labels) for sample in family.samples if family.kind != "gauge"):
                if labels.get("application") == OTHER:
                    assert labels.get(GENERATION) == ever.composition, family.name
