"""Metrics of a store, in the form that was asked for, with what has to be noted of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from weighbridge.exporting.families import Family

from .attributes import Attributes
from .beginnings import Beginnings
from .conventions import by_conventions, generation_of, with_conventions, with_requests
from .deltas import counted, deltas, together, without_generation
from .points import Form, Key, Request, requests_of
from .sent import Sent, decode_sent, encode_sent
from .settling import settled
from .stream import Stream
from .turns import State
from .variables import Variables

__all__ = ["Plan", "Reading", "plan_of"]

_YOUNG: Final = 3600 * 10**9
"""Nanoseconds; what a store holds that is no older is sent whole when its first delta is."""


class Plan(Protocol):
    """The messages of one export."""

    def begun(self) -> State | None:
        """Return what is to be noted before anything is sent; ``None`` if that is nothing."""
        ...

    def requests(self) -> Iterator[Request]:
        """Yield the messages, in their order."""
        ...

    def taken(self, request: Request) -> None:
        """Note that the receiver took one of them."""

    def state(self) -> State:
        """Return what is to be noted: the next export begins with it."""
        ...


class Reading(NamedTuple):
    """What was read of a store."""

    families: Sequence[Family]
    resources: Mapping[str, Attributes]
    stream: Stream
    now: int
    """Nanoseconds since the epoch."""


def plan_of(reading: Reading, variables: Variables, state: State) -> Plan:
    """Return the messages that send what was read.

    Args:
        reading: what was read of the store.
        variables: in which form it is sent.
        state: what was noted at the last export, if anything.
    """
    if variables.temporality == "cumulative":
        return _Cumulative(reading, with_conventions(reading.families), variables, state)
    return _Delta(reading, with_requests(without_generation(reading.families)), variables, state)


class _Cumulative:
    """All that was ever counted: a message that is lost, or comes twice, changes nothing."""

    def __init__(self, reading: Reading, families: Iterable[Family], variables: Variables, state: State) -> None:
        self._reading = reading
        self._families = list(families)
        self._variables = variables
        self._generation, self._since = _generation(self._families, state, reading)
        self._beginnings = Beginnings(state.get("begun"), self._families)

    def begun(self) -> State | None:
        """Nothing: what is sent is the same whenever it is."""

    def requests(self) -> Iterator[Request]:
        reading = self._reading
        form = Form(
            "cumulative", self._variables.histogram, reading.now, reading.stream.start, self._beginnings.starts(),
            generation_start=self._since,
        )  # fmt: skip
        return requests_of(self._families, reading.resources, form)

    def taken(self, request: Request) -> None:
        """Nothing depends on it."""

    def state(self) -> State:
        begun = self._beginnings.to_note(self._reading.now)
        return {"generation": self._generation, "since": self._since, "begun": begun}


def _generation(families: Iterable[Family], state: State, reading: Reading) -> tuple[str | None, int]:
    """Return the generation of ``<other>``, and from when on it counts: a new one begins with what it takes over."""
    generation = generation_of(families) or state.get("generation")
    if state.get("generation") == generation:
        return generation, int(state.get("since") or reading.stream.start)
    return generation, reading.now if state.get("generation") else reading.stream.start


class _Delta:
    """What has been counted since it was taken last: what is not known to have been taken is sent again.

    Requests are noted by transaction: of those without a route that are sent together, some may move to ``<other>``.
    """

    def __init__(self, reading: Reading, families: Iterable[Family], variables: Variables, state: State) -> None:
        self._reading = reading
        self._families = list(families)
        self._variables = variables
        self._counted: dict[Key, Sent] = counted(self._families, reading.now)
        self._together = together(self._counted)
        self._last = int(state.get("read", reading.stream.start))
        sent = decode_sent(str(state.get("sent", "")))
        self._is_first = sent is None
        if sent is None and reading.now - reading.stream.start >= _YOUNG:
            sent, self._last = self._counted, reading.now
        self._sent = settled(sent or {}, self._counted)

    def begun(self) -> State | None:
        """Return where deltas begin: what is counted while a receiver is away belongs to the first that it takes."""
        return {"sent": encode_sent(self._sent), "read": self._last} if self._is_first else None

    def requests(self) -> Iterator[Request]:
        reading = self._reading
        starts = {key: one.until for key, one in self._sent.items()}
        for point, keys in self._together.items():
            starts[point] = max((starts[key] for key in keys if key in starts), default=self._last)
        form = Form("delta", self._variables.histogram, reading.now, self._last, starts)
        families = map(by_conventions, deltas(self._families, self._sent))
        return requests_of(families, reading.resources, form)

    def taken(self, request: Request) -> None:
        keys = (key for point in request.keys for key in self._together.get(point, [point]))
        self._sent |= {key: self._counted[key] for key in keys if key in self._counted}

    def state(self) -> State:
        return {"sent": encode_sent(self._sent), "read": self._reading.now}
