"""The metric families of a store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import weighbridge
from weighbridge.transactions.model.finished import Kind
from weighbridge.transactions.recording.name_limits import OTHER
from weighbridge.transactions.recording.snapshot import Series
from weighbridge.transactions.recording.totals import OUTCOMES, Totals, seconds
from weighbridge.transactions.store.reader import CountedEver, Health, StoreReader
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
    found = [
        *_of_series("weighbridge.transaction", "", ever.names, _by_name(ever)),
        *_of_apdex("weighbridge.transaction.apdex", ever.names, _by_name(ever)),
        *_of_series("weighbridge.application.transaction", " of an application", ever.applications, _whole(ever)),
        *_of_apdex("weighbridge.application.transaction.apdex", ever.applications, _whole(ever)),
        *_of_series("weighbridge.host.transaction", " of a host", ever.hosts, _by("host", ever)),
        *_of_series("weighbridge.version.transaction", " of a version", ever.versions, _by("version", ever)),
        *_of_series("weighbridge.queue.transaction", " of a queue", ever.queues, _by("queue", ever)),
        *_of_what_else_is_counted(ever),
        *_of_custom_values(reader, ever),
        *_of_the_present(reader, now),
    ]
    return [family for family in found if family.samples]


# Labels

_Labelled = Callable[[Series], Labels]


def _by_name(ever: CountedEver) -> _Labelled:
    """Return what gives the labels of a name; those of `OTHER` have a generation."""

    def labels(series: Series) -> Labels:
        application, kind, group, name = series
        return (
            ("application", application), ("kind", kind), ("group", group), ("name", name), *_generation(series, ever),
        )  # fmt: skip

    return labels


def _whole(ever: CountedEver) -> _Labelled:
    """Return what gives the labels of a series that stands for all of an application and kind."""

    def labels(series: Series) -> Labels:
        return (("application", series.application), ("kind", series.kind), *_generation(series, ever))

    return labels


def _by(label: str, ever: CountedEver) -> _Labelled:
    """Return what gives the labels of a series that stands for a host, a version or a queue."""

    def labels(series: Series) -> Labels:
        return (
            ("application", series.application), ("kind", series.kind), (label, series.name),
            *_generation(series, ever),
        )  # fmt: skip

    return labels


def _generation(series: Series, ever: CountedEver) -> Labels:
    return ((GENERATION, ever.composition),) if OTHER in {series.application, series.name} else ()


# Transactions


def _of_series(prefix: str, whose: str, totals: Mapping[Series, Totals], labels: _Labelled) -> Iterator[Family]:
    """Yield durations, times in queues and outcomes of series."""
    labelled = [(labels(series), one) for series, one in sorted(totals.items())]
    durations = [Sample(names, _durations(one)) for names, one in labelled]
    waits = [Sample(names, _waits(one)) for names, one in labelled if one.queued]
    outcomes = [sample for names, one in labelled for sample in _outcomes(names, one)]
    yield Family(f"{prefix}.duration", "histogram", "s", f"How long transactions{whose} took.", durations)
    yield Family(f"{prefix}.queue.time", "histogram", "s", f"How long transactions{whose} waited in a queue.", waits)
    yield Family(f"{prefix}s", "counter", "{transaction}", f"How transactions{whose} ended.", outcomes)


def _durations(totals: Totals) -> Distribution:
    minimum, maximum = seconds(totals.minimum), seconds(totals.maximum)
    return Distribution(totals.count, seconds(totals.total), totals.histogram, minimum, maximum)


def _waits(totals: Totals) -> Distribution:
    bins, maximum = totals.queue_histogram, seconds(totals.queue_maximum)
    return Distribution(sum(bins.values()), seconds(totals.queue_total), bins, None, maximum)


def _outcomes(labels: Labels, totals: Totals) -> Iterator[Sample]:
    for outcome in OUTCOMES:
        count = getattr(totals, outcome)
        if count or outcome in _ALWAYS_SHOWN:
            yield Sample((*labels, ("outcome", outcome)), count)


def _of_apdex(name: str, totals: Mapping[Series, Totals], labels: _Labelled) -> Iterator[Family]:
    judged = [(labels(series), one) for series, one in sorted(totals.items()) if _is_judged(one)]
    counts = [Sample((*names, ("zone", zone)), getattr(one, zone)) for names, one in judged for zone in _ZONES]
    thresholds = [Sample(names, one.apdex_t or 0.0) for names, one in judged]
    yield Family(name, "counter", "{transaction}", "Web transactions by zone.", counts)
    yield Family(f"{name}.threshold", "gauge", "s", "The latest threshold T.", thresholds)


def _is_judged(totals: Totals) -> bool:
    return any(getattr(totals, zone) for zone in _ZONES)


# Errors, statuses, custom values


def _of_what_else_is_counted(ever: CountedEver) -> Iterator[Family]:
    errors = [
        Sample((*zip(error._fields[:3], error[:3], strict=True), ("expected", str(error.expected).lower())), count)
        for error, count in sorted(ever.errors.items())
    ]
    statuses = [
        Sample((("application", application), ("status", str(status))), count)
        for application, counts in sorted(ever.statuses.items())
        for status, count in sorted(counts.items())
    ]
    web = [(one.application, totals) for one, totals in sorted(ever.applications.items()) if one.kind == "web"]
    starts = [
        Sample((("application", name),), Sum(one.response_starts, seconds(one.response_start_total)))
        for name, one in web
    ]
    left = [Sample((("application", name),), one.disconnected) for name, one in web]
    yield Family("weighbridge.errors", "counter", "{error}", "Errors by type.", errors)
    yield Family("weighbridge.http.responses", "counter", "{response}", "Responses by HTTP status.", statuses)
    yield Family("weighbridge.http.response.start", "summary", "s", "Time to the start of a response.", starts)
    yield Family("weighbridge.http.disconnects", "counter", "{request}", "Requests that their client left.", left)


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
