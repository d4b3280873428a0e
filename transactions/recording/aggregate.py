"""Aggregation of finished transactions by minute, application, kind, group and name."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import repeat
from typing import Final, NamedTuple

from ..configuration.in_force import in_force
from ..configuration.settings import Settings
from ..handoff import DurationBuffer, handoff
from ..host_exceptions import pass_on
from ..model.applications import Application
from ..model.clock import epoch_at, monotonic
from ..model.errors import LocatedError, shown
from ..model.loading import loading
from ..model.naming import path_of
from ..model.transaction import Transaction
from .buckets import MinuteBucket, SeriesBuffer
from .error_groups import group_of, other_group
from .name_limits import OTHER, KnownNames
from .snapshot import EnqueuedCount, ErrorCount, GroupCount, MinuteRow, Sample, Series
from .stack_texts import StackTexts

__all__ = ["Aggregate", "Collected"]

_MAX_DURATIONS: Final = 4096
"""Durations that may wait to be counted, in all minute buckets together."""
_GRACE: Final = 60.0
"""Seconds for which a past minute still accepts what was on its way to its buffers."""

_Key = object


class Collected(NamedTuple):
    """Aggregated rows, errors, their groups, and samples, as they go to the store."""

    minutes: tuple[MinuteRow, ...]
    errors: tuple[ErrorCount, ...]
    groups: tuple[GroupCount, ...]
    enqueued: tuple[EnqueuedCount, ...]
    samples: tuple[Sample, ...]


class _Minute:
    """The minute buckets of one minute."""

    __slots__ = ("_buckets", "buffers", "end", "number", "start")

    def __init__(self, moment: float) -> None:
        epoch = epoch_at(moment)
        self.number = int(epoch // 60) * 60
        """Epoch seconds of its start."""
        self.start = moment - (epoch - self.number)
        """On the monotonic clock, as is ``end``."""
        self.end = self.start + 60
        self.buffers: dict[_Key, SeriesBuffer] = {}
        """By `Transaction._buffer_key`; several keys may lead to one buffer."""
        self._buckets: dict[tuple[str, Series], MinuteBucket] = {}

    def buckets(self) -> list[MinuteBucket]:
        """Return the buckets of this minute."""
        return list(self._buckets.values())

    def bucket_for(self, application: Application, series: Series) -> MinuteBucket:
        """Return the bucket of a series; links matter: ``a;b`` and ``a`` have separate buckets."""
        key = (application.spelled, series)
        bucket = self._buckets.get(key)
        if bucket is None:
            threshold = in_force.apdex_t(application, path_of(series.kind, series.group, series.name))
            bucket = self._buckets[key] = MinuteBucket(application, series, self.number, self.end, threshold)
        return bucket


class Aggregate:
    """Everything counted since the last `collect`. Used by one thread at a time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._minute = _Minute(monotonic())
        self._minutes: dict[int, _Minute] = {self._minute.number: self._minute}
        self._open: list[SeriesBuffer] = []
        """The buffers of this minute that are open in the hand-off."""
        self._uncounted = 0
        self._distinct_errors = self._distinct_groups = 0
        self._stack_texts = StackTexts(loading.begun)
        self._names = KnownNames(settings.max_names)

    # Aggregation

    def aggregate(self, queue: deque[Transaction]) -> None:
        """Count the transactions that wait in a queue."""
        take, minute, waiting = queue.popleft, self._current_minute(), len(queue)
        for _ in repeat(None, waiting):
            try:
                transaction = take()
            except IndexError as problem:  # another thread is dropping the oldest at this moment
                pass_on(problem)
                break
            end_time = transaction._end_time
            if not minute.start <= end_time < minute.end:
                minute = self._minute_at(end_time)
            key = transaction._buffer_key()
            buffer = minute.buffers.get(key) or self._buffer_for(minute, transaction, key)
            buffer.add(transaction)
        self._uncounted += waiting
        if self._uncounted >= _MAX_DURATIONS:
            self._uncounted = 0
            self._flush(self._buckets())

    def _current_minute(self) -> _Minute:
        """Return the current minute; if a new one has begun, close the old buffers and enforce the limits."""
        minute = self._minute_at(monotonic())
        if minute is not self._minute:
            self._minute = minute
            handoff.buffers.clear()
            self._open = []
            self._enforce_limits()
            self._names.evict(minute.start)
        return minute

    def _minute_at(self, moment: float) -> _Minute:
        fresh = _Minute(moment)
        minute = self._minutes.setdefault(fresh.number, fresh)
        minute.start, minute.end = fresh.start, fresh.end  # the wall clock may have been set
        return minute

    def _buffer_for(self, minute: _Minute, transaction: Transaction, key: _Key) -> SeriesBuffer:
        group, name = transaction._group_and_name()
        wanted = Series(transaction.application.name, transaction.kind, group, name)
        series = self.bounded(wanted, transaction._end_time)
        if series is wanted:
            buffer = minute.bucket_for(transaction.application, series).buffer_for(transaction)
            if len(minute.buffers) < self._settings.max_buckets:
                minute.buffers[key] = buffer
                if minute is self._minute:
                    handoff.open_buffer(key, buffer)
                    self._open.append(buffer)
            return buffer
        handoff.record_dropped("names")
        application = Application(OTHER) if series.application is OTHER else transaction.application
        return minute.bucket_for(application, series).buffer_for(transaction)

    def bounded(self, series: Series, moment: float) -> Series:
        """Return the series itself, or the one that counts surplus names."""
        return self._names.bounded(series, moment)

    def _count_errors(self, bucket: MinuteBucket) -> None:
        for error, count in bucket.take_errors().items():
            self._count_group(bucket, error, count)
            kept = shown(error)
            if kept not in bucket.errors:
                if self._distinct_errors >= self._settings.max_errors:
                    handoff.record_dropped("errors", count)
                    continue
                self._distinct_errors += 1
                bucket.errors[kept] = 0
            bucket.errors[kept] += count

    def _count_group(self, bucket: MinuteBucket, error: LocatedError, count: int) -> None:
        """Count errors of one place for their group: that is exact, also where their messages are not kept."""
        group = group_of(error)
        if group.key not in bucket.groups:
            if self._distinct_groups >= self._settings.max_errors:
                handoff.record_dropped("errors of other groups", count)
                group = other_group(group.expected)
            else:
                self._distinct_groups += 1
            bucket.groups[group.key] = group
        bucket.group_counts[group.key] += count

    # Limits

    def _buckets(self) -> list[MinuteBucket]:
        return [bucket for minute in self._minutes.values() for bucket in minute.buckets()]

    def flush_full(self, full: list[DurationBuffer]) -> None:
        """Count what full buffers hold, and remove them from the list."""
        while full:
            buffer = full.pop()
            if isinstance(buffer, SeriesBuffer):
                self._flush([buffer.bucket])

    def flush_open(self) -> bool:
        """Count what the open buffers hold; return whether they held anything."""
        buckets = {buffer.bucket for buffer in self._open if buffer.durations}
        self._flush(buckets)
        return bool(buckets)

    def _flush(self, buckets: Iterable[MinuteBucket]) -> None:
        for bucket in buckets:
            bucket.flush_buffers()
            self._count_errors(bucket)

    def _enforce_limits(self) -> None:
        """Drop, and count, what exceeds the limits of what may wait for the store. Called once a minute."""
        waiting = self._buckets()
        handoff.record_dropped("samples", _downsample(waiting, self._settings.max_samples))
        for number in sorted(self._minutes):
            if len(waiting) <= self._settings.max_buckets:
                return
            if self._minutes[number] is not self._minute:
                dropped = self._minutes.pop(number).buckets()
                handoff.record_dropped("transactions", sum(bucket.flush_buffers() for bucket in dropped))
                waiting = self._buckets()

    # Collection

    def _drop_past_minutes(self) -> None:
        """Drop past minutes a minute late, as a thread may still be about to append to one of their buffers."""
        self._minutes = {
            number: minute for number, minute in self._minutes.items() if minute.end > self._minute.start - _GRACE
        }

    def collect(self) -> Collected:
        """Return everything counted since the last call, and reset the counts."""
        buckets = self._buckets()
        handoff.record_dropped("samples", _downsample(buckets, self._settings.max_samples))
        self._flush(buckets)
        self._drop_past_minutes()
        self._uncounted = self._distinct_errors = self._distinct_groups = 0
        rows = [row for bucket in buckets for row in bucket.take_rows()]
        for row in rows:
            self._names.count(row.series, row.totals.count)
        samples = tuple(sample for bucket in buckets for sample in bucket.take_samples())
        self._stack_texts.prepare(error.stack for sample in samples for error in sample.errors if error.stack)
        return Collected(
            tuple(rows),
            tuple(error for bucket in buckets for error in bucket.take_error_counts()),
            tuple(count for bucket in buckets for count in bucket.take_group_counts()),
            tuple(count for bucket in buckets for count in bucket.take_enqueued()),
            samples,
        )


def _downsample(buckets: Iterable[MinuteBucket], most: int) -> int:
    """Drop the least useful samples, of series without failures and of fast ones first; return how many."""
    held = dropped = 0
    for bucket in sorted(buckets, key=lambda bucket: (bucket.has_failed(), bucket.slow_threshold), reverse=True):
        number = len(bucket.kept_transactions())
        if held + number > most:
            bucket.release_kept()
            dropped += number
        else:
            held += number
    return dropped
