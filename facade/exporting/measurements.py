"""The metric families of a store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Final, NamedTuple

import weighbridge
from weighbridge.transactions.model.finished import Kind
from weighbridge.transactions.recording.name_limits import OTHER
from weighbridge.transactions.recording.snapshot import Series
from weighbridge.transactions.recording.totals import OUTCOMES, Totals, seconds
from weighbridge.transactions.store.reader import CountedEver, Health, StoreReader
from weighbridge.transactions.store.rows import Scope
from weighbridge.transactions.store.statistics import Window

from .families import GENERATION, Distribution, Family, Labels, Sample, Sum

__all__ = ["MAX_NAMES", "families_of"]

MAX_NAMES: Final = 1000
"""Names told apart unless said otherwise; the others are counted under ``<other>``."""

_ZONES: Final = ("satisfied", "tolerating", "frustrated")
_ALWAYS_SHOWN: Final = frozenset({"succeeded", "failed"})
"""Outcomes that are shown before they first occur: the first failure is then an increase from 0."""
_HOUR: Final = 3600


def families_of(reader: StoreReader, now: float, max_names: int | None = MAX_NAMES) -> list[Family]:
    """Return all families of a store that have samples.

    Args:
        reader: of the store.
        now: the present (epoch seconds).
        max_names: the number of names that are told apart; ``None`` for all.

    Raises:
        StoreUnreadable: the store cannot be read.
    """
    ever = reader.ever(max_names)
    names, applications = _labelled(ever, "name", ever.names), _labelled(ever, "all", ever.applications)
    found = [
        *_of_series("weighbridge.transaction", "", names),
        *_of_apdex("weighbridge.transaction.apdex", names),
        *_of_series("weighbridge.application.transaction", " of an application", applications),
        *_of_apdex("weighbridge.application.transaction.apdex", applications),
        *_of_series("weighbridge.host.transaction", " of a host", _labelled(ever, "host", ever.hosts)),
        *_of_series("weighbridge.version.transaction", " of a version", _labelled(ever, "version", ever.versions)),
        *_of_series("weighbridge.queue.transaction", " of a queue", _labelled(ever, "queue", ever.queues)),
        *_of_what_else_is_counted(ever),
        *_of_custom_values(reader, ever),
        *_of_the_present(reader, now),
    ]
    return [family for family in found if family.samples]


# Labels


class _Counted(NamedTuple):
    """The totals of a series, with what its samples have in common."""

    labels: Labels
    totals: Totals
    number: int


def _labelled(ever: CountedEver, scope: Scope, totals: Mapping[Series, Totals]) -> list[_Counted]:
    """Return the totals of all series of a scope; those of `OTHER` have a generation."""
    numbers = ever.numbers[scope]
    return [
        _Counted(
            (*_labels(series, scope), *_generation(ever, series.application, series.name)), one, numbers.get(series, 0)
        )
        for series, one in sorted(totals.items())
    ]


def _labels(series: Series, scope: Scope) -> Labels:
    application, kind, group, name = series
    common = (("application", application), ("kind", kind))
    if scope == "all":
        return common
    return (*common, ("group", group), ("name", name)) if scope == "name" else (*common, (scope, name))


def _generation(ever: CountedEver, *names: str) -> Labels:
    return ((GENERATION, ever.composition),) if OTHER in names else ()


# Transactions


def _of_series(prefix: str, whose: str, counted: Sequence[_Counted]) -> Iterator[Family]:
    """Yield durations, times in queues and outcomes of series."""
    durations = [Sample(labels, _durations(totals), number) for labels, totals, number in counted]
    waits = [Sample(labels, _waits(totals), number) for labels, totals, number in counted if totals.queued]
    outcomes = list(chain.from_iterable(map(_outcomes, counted)))
    yield Family(f"{prefix}.duration", "histogram", "s", f"How long transactions{whose} took.", durations)
    yield Family(f"{prefix}.queue.time", "histogram", "s", f"How long transactions{whose} waited in a queue.", waits)
    yield Family(f"{prefix}s", "counter", "{transaction}", f"How transactions{whose} ended.", outcomes)


def _durations(totals: Totals) -> Distribution:
    minimum, maximum = seconds(totals.minimum), seconds(totals.maximum)
    return Distribution(totals.count, seconds(totals.total), totals.histogram, minimum, maximum)


def _waits(totals: Totals) -> Distribution:
    bins, maximum = totals.queue_histogram, seconds(totals.queue_maximum)
    return Distribution(sum(bins.values()), seconds(totals.queue_total), bins, None, maximum)


def _outcomes(counted: _Counted) -> Iterator[Sample]:
    for outcome in OUTCOMES:
        count = getattr(counted.totals, outcome)
        if count or outcome in _ALWAYS_SHOWN:
            yield Sample((*counted.labels, ("outcome", outcome)), count, counted.number)


def _of_apdex(name: str, counted: Sequence[_Counted]) -> Iterator[Family]:
    judged = [one for one in counted if _is_judged(one.totals)]
    counts = [
        Sample((*labels, ("zone", zone)), getattr(totals, zone), number)
        for labels, totals, number in judged
        for zone in _ZONES
    ]
    thresholds = [Sample(labels, totals.apdex_t or 0.0) for labels, totals, _ in judged]
    yield Family(name, "counter", "{transaction}", "Web transactions by zone.", counts)
    yield Family(f"{name}.threshold", "gauge", "s", "The latest threshold T.", thresholds)


def _is_judged(totals: Totals) -> bool:
    return any(getattr(totals, zone) for zone in _ZONES)


# Errors, statuses, custom values


def _of_what_else_is_counted(ever: CountedEver) -> Iterator[Family]:
    errors = [
        Sample(
            (
                ("application", application), ("kind", kind), ("type", type_), ("expected", f"{expected}".lower()),
                *_generation(ever, application),
            ),
            count, _number(ever, application, kind),
        )
        for (application, kind, type_, expected), count in sorted(ever.errors.items())
    ]  # fmt: skip
    statuses = [
        Sample(
            (("application", application), ("status", f"{status}"), *_generation(ever, application)),
            count, _number(ever, application),
        )
        for application, counts in sorted(ever.statuses.items())
        for status, count in sorted(counts.items())
    ]  # fmt: skip
    web = [
        ((("application", name), *_generation(ever, name)), totals, _number(ever, name))
        for (name, kind, _, _), totals in sorted(ever.applications.items())
        if kind == "web"
    ]
    starts = [
        Sample(labels, Sum(one.response_starts, seconds(one.response_start_total)), number)
        for labels, one, number in web
    ]
    left = [Sample(labels, one.disconnected, number) for labels, one, number in web]
    yield Family("weighbridge.errors", "counter", "{error}", "Errors by type.", errors)
    yield Family("weighbridge.http.responses", "counter", "{response}", "Responses by HTTP status.", statuses)
    yield Family("weighbridge.http.response.start", "summary", "s", "Time to the start of a response.", starts)
    yield Family("weighbridge.http.disconnects", "counter", "{request}", "Requests that their client left.", left)


def _number(ever: CountedEver, application: str, kind: Kind = "web") -> int:
    return ever.numbers["all"].get(Series(application, kind, "", ""), 0)


def _of_custom_values(reader: StoreReader, ever: CountedEver) -> Iterator[Family]:
    metrics = [
        Sample((("application", application), ("metric", name)), Sum(*values))
        for (application, name), values in sorted(ever.custom_metrics.items())
    ]
    events = [
        Sample((("application", one.application), ("event", one.type)), one.number) for one in reader.custom_events()
    ]
    yield Family("weighbridge.custom", "summary", "1", "Values of custom metrics, in units of their own.", metrics)
    yield Family("weighbridge.custom.events", "counter", "{event}", "Custom events by type.", events)


# The present


def _of_the_present(reader: StoreReader, now: float) -> Iterator[Family]:
    """Yield gauges: processes, open transactions, the store itself."""
    processes = Counter(instance.host for instance in reader.reporting(now))
    running = reader.running(now)
    opened: Counter[tuple[str, Kind]] = Counter((one.series.application, one.series.kind) for one in running)
    oldest: dict[tuple[str, Kind], float] = {
        (one.series.application, one.series.kind): now - one.started for one in reversed(running)
    }
    dropped = reader.dropped(Window(now - _HOUR, now))
    yield Family("weighbridge.processes", "gauge", "{process}", "Processes that report.", _gauges("host", processes))
    yield Family(
        "weighbridge.running", "gauge", "{transaction}",
        "Open transactions, as far as their processes have told: those of more than a second.", _by_kind(opened),
    )  # fmt: skip
    yield Family("weighbridge.running.oldest", "gauge", "s", "For how long the oldest has been open.", _by_kind(oldest))
    yield Family(
        "weighbridge.dropped.last.hour", "gauge", "{item}", "What was dropped within the last hour.",
        _gauges("cause", dropped),
    )  # fmt: skip
    yield from _of_the_store(reader.health())


def _of_the_store(health: Health) -> Iterator[Family]:
    version = ("version", weighbridge.__version__)
    yield Family("weighbridge.store.size", "gauge", "By", "Size of the store.", [Sample((), health.size)])
    if health.last_write is not None:
        last = [Sample((), health.last_write)]
        yield Family(
            "weighbridge.store.last.write.timestamp", "gauge", "s", "Time of the last report, since the epoch.", last
        )
    waiting = [Sample((), health.waiting or 0.0)]
    yield Family("weighbridge.store.waiting", "gauge", "s", "For how long a report has waited to be merged.", waiting)
    yield Family("weighbridge.build.info", "gauge", "", "The version that exports.", [Sample((version,), 1)])


def _gauges(label: str, values: Mapping[str, float]) -> list[Sample]:
    return [Sample(((label, name),), value) for name, value in sorted(values.items())]


def _by_kind(values: Mapping[tuple[str, Kind], float]) -> list[Sample]:
    return [
        Sample((("application", application), ("kind", kind)), value)
        for (application, kind), value in sorted(values.items())
    ]
