"""The exporter: sends what a store holds, once or again and again, and waits where the receiver cannot take it."""

from __future__ import annotations

import random
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from weighbridge.exporting.measurements import families_of
from weighbridge.transactions.recording.snapshot import StoreUnavailable
from weighbridge.transactions.store.engines import state_at
from weighbridge.transactions.store.reader import StoreReader, StoreUnreadable
from weighbridge.transactions.store.state import StateWriter
from weighbridge.transactions.visible import visible

from .metrics import Reading, plan_of
from .sending import NotSent, TryAgain, post, scrubbed
from .stream import resources_of, stream_of, versions_of
from .traces import SamplePlan, trace_request
from .turns import Busy, LostTurn, Progress, Turns
from .variables import Endpoint, Variables

__all__ = ["FAILURES", "ExportFailed", "Exporter", "Sender", "Store"]

FAILURES: Final = (Busy, LostTurn, NotSent, StoreUnavailable, StoreUnreadable)
"""What may keep an export from being made."""

_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 60.0
"""Seconds between two attempts; the pause doubles from the first to the longest."""

Tell = Callable[[str], None]


class ExportFailed(Exception):
    """It could not be sent in time; the message says why, without credentials."""


class Store(NamedTuple):
    """What is sent."""

    place: str
    """A file, or the address of a server."""
    machine: str | None
    """The host of a file."""


class Sent(NamedTuple):
    """What was sent of one kind."""

    number: int
    what: str
    place: str

    def __str__(self) -> str:
        return f"{self.number} {self.what} sent to {self.place}"


class Sender(Protocol):
    """Sends one kind of thing."""

    @property
    def place(self) -> str:
        """The receiver, for people to read."""
        ...

    def send(self, interval: float = 0.0) -> Sent:
        """Send what is new, unless others did so within an interval (seconds). Raises one of `FAILURES`."""
        ...


class Exporter:
    """Sends the metrics of a store, and its samples as traces.

    Args:
        store: what is sent.
        variables: what the environment asks for, and to whom what is sent.
        tell: writes a line for people.
    """

    def __init__(self, store: Store, variables: Variables, tell: Tell) -> None:
        self.variables: Variables = variables
        self._tell = tell
        self._reader = StoreReader(store.place)
        self._writer = state_at(store.place)
        source = _Source(self._reader, self._writer, variables, store.machine, _Partial(tell))
        asked_for = ((variables.metrics, _Metrics), (variables.traces, _Samples))
        self.senders: Sequence[Sender] = [sender(source, receiver) for receiver, sender in asked_for if receiver]

    def close(self) -> None:
        """Close the store."""
        self._reader.close()
        self._writer.close()

    def export_once(self, timeout: float) -> Iterator[Sent]:
        """Send everything, with as many attempts as some seconds allow; yield what was sent.

        Raises:
            ExportFailed: something could not be sent, or not in time.
        """
        deadline = time.monotonic() + timeout
        for sender in self.senders:
            yield self._sent_by(sender, deadline)

    def _sent_by(self, sender: Sender, deadline: float) -> Sent:
        pauses = _Pauses()
        while True:
            try:
                return sender.send()
            except FAILURES as error:
                pause = pauses.after(error)
                if pause is None or time.monotonic() + pause > deadline:
                    raise ExportFailed(str(error)) from None
                time.sleep(pause)

    def export_until(self, stop: threading.Event) -> None:
        """Send everything every interval until told to stop; say each kind of failure once, until it is over."""
        schedules = [_Schedule(sender, self.variables.interval, self._tell) for sender in self.senders]
        while not stop.is_set():
            for schedule in schedules:
                if schedule.due <= time.monotonic():
                    schedule.attempt()
            stop.wait(max(0.0, min(schedule.due for schedule in schedules) - time.monotonic()))


# When to try


class _Pauses:
    """The pause after one failure and the next: it grows, with some chance in it, so that not all come back at once."""

    def __init__(self) -> None:
        self._pause = _FIRST_PAUSE

    def after(self, error: Exception) -> float | None:
        """Return seconds to wait; ``None`` where trying again would give the same."""
        if isinstance(error, Busy):
            return error.pause * _chance(1.0, 1.1)
        if not isinstance(error, TryAgain):
            return None
        pause, self._pause = self._pause, min(2 * self._pause, _LONGEST_PAUSE)
        return max(pause * _chance(0.8, 1.2), (error.pause or 0.0) * _chance(1.0, 1.1))


def _chance(least: float, most: float) -> float:
    return random.uniform(least, most)  # noqa: S311  nobody has to guess it


class _Schedule:
    """When one sender is due, and what was said of it."""

    def __init__(self, sender: Sender, interval: float, tell: Tell) -> None:
        self.due = time.monotonic()
        self._sender = sender
        self._interval = interval
        self._tell = tell
        self._pauses = _Pauses()
        self._said: set[str] = set()

    def attempt(self) -> None:
        """Send, and decide when to do so next."""
        began = time.monotonic()
        try:
            self._sender.send(self._interval)
        except Exception as error:  # one that nobody has thought of ends no thread
            self._say(error)
            self.due = time.monotonic() + (self._pauses.after(error) or self._interval)
            return
        if self._said:
            self._tell(f"{self._sender.place} takes figures again")
        self._said.clear()
        self._pauses = _Pauses()
        self.due = began + self._interval

    def _say(self, error: Exception) -> None:
        kind = str(getattr(error, "kind", type(error).__name__))
        if not isinstance(error, Busy | LostTurn) and kind not in self._said:
            told = f"{error}" if isinstance(error, FAILURES) else f"the export failed: {_described(error)}"
            self._tell(f"{told}; nothing is lost, and it is tried again")
            self._said.add(kind)


def _described(error: Exception) -> str:
    """Return what only our developers can make sense of: the class, the message and the place."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {visible(str(error))} ({Path(frame.filename).name}:{frame.lineno})"


# What is sent


class _Partial:
    """Says once, of each reason, that a receiver left something out."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._said: set[str] = set()

    def look(self, endpoint: Endpoint, rejected: int, message: str) -> None:
        """Say what was rejected."""
        if (rejected or message) and message not in self._said:
            self._said.add(message)
            why = scrubbed(endpoint, message) or "it does not say why"
            self._tell(f"{endpoint.place} took the message but left out {rejected} of what is in it: {why}")


class _Source(NamedTuple):
    """Where everything comes from."""

    reader: StoreReader
    writer: StateWriter
    variables: Variables
    machine: str | None
    partial: _Partial

    def make_ready(self) -> None:
        """Have what waits on a server merged, and see that the store can be read before anything is written to it."""
        self.reader.collect()
        self.reader.known_applications()

    def turns(self, what: str, endpoint: Endpoint) -> Turns:
        """Return the turns at sending to a receiver."""
        claimant = f"{uuid.uuid4()}"
        return Turns(self.writer, f"otlp {what} {endpoint.account}", claimant, endpoint.timeout)


@contextmanager
def _turn(turns: Turns, interval: float) -> Iterator[Progress]:
    """Take a turn, and give it back if it fails: the receiver's wish to wait is noted for all."""
    progress = turns.take(time.time(), interval)
    try:
        yield progress
    except BaseException as error:
        pause = error.pause if isinstance(error, TryAgain) else None
        turns.give_back(time.time() + pause if pause else 0.0)
        raise


class _Metrics:
    def __init__(self, source: _Source, endpoint: Endpoint) -> None:
        self._source = source
        self._endpoint = endpoint
        self._turns = source.turns("metrics", endpoint)

    @property
    def place(self) -> str:
        return self._endpoint.place

    def send(self, interval: float = 0.0) -> Sent:
        """Send all metrics."""
        self._source.make_ready()
        number = 0
        with _turn(self._turns, interval) as progress:
            reading = self._read()
            plan = plan_of(reading, self._source.variables, progress.state)
            begun = plan.begun()
            if begun is not None:
                self._turns.go_on(time.time(), progress.moment, begun)
            for request in plan.requests():
                self._look(post(self._endpoint, request.body))
                plan.taken(request)
                number += len(request.keys)
                self._turns.go_on(time.time(), progress.moment, plan.state())
            self._turns.end(reading.now // 10**9, plan.state())
        return Sent(number, "data points", self.place)

    def _read(self) -> Reading:
        source, now = self._source, time.time()
        stream = stream_of(source.writer, source.reader, now)
        families = families_of(source.reader, now, None)
        labels = (label for family in families for sample in family.samples for label in sample.labels)
        applications = {value for name, value in labels if name == "application"}
        resources = resources_of(
            applications, stream.identity, source.machine, versions_of(source.reader, now), source.variables.resource
        )
        return Reading(families, resources, stream, round(now * 1e9))

    def _look(self, answer: bytes) -> None:
        try:
            partial = ExportMetricsServiceResponse.FromString(answer).partial_success
        except DecodeError:
            return  # it was taken, whatever else was said
        self._source.partial.look(self._endpoint, partial.rejected_data_points, partial.error_message)


class _Samples:
    def __init__(self, source: _Source, endpoint: Endpoint) -> None:
        self._source = source
        self._endpoint = endpoint
        self._turns = source.turns("traces", endpoint)

    @property
    def place(self) -> str:
        return self._endpoint.place

    def send(self, interval: float = 0.0) -> Sent:
        """Send the samples that came since they were sent last."""
        source, number = self._source, 0
        source.make_ready()
        with _turn(self._turns, interval) as progress:
            now = time.time()
            stream = stream_of(source.writer, source.reader, now)
            plan = SamplePlan(source.reader, progress, now)
            versions = versions_of(source.reader, now)
            for some in plan.batches():
                applications = {sample.transaction.application for sample in some}
                resources = resources_of(
                    applications, stream.identity, source.machine, versions, source.variables.resource
                )
                self._look(post(self._endpoint, trace_request(some, resources, stream.identity)))
                plan.taken(some)
                number += len(some)
                self._turns.go_on(time.time(), progress.moment, plan.state())
            self._turns.end(int(now), plan.state())
        return Sent(number, "traces", self.place)

    def _look(self, answer: bytes) -> None:
        try:
            partial = ExportTraceServiceResponse.FromString(answer).partial_success
        except DecodeError:
            return
        self._source.partial.look(self._endpoint, partial.rejected_spans, partial.error_message)
