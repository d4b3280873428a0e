"""Immutable records of finished transactions: plain values, with no reference to the host program."""

# No postponed annotations here either: see `identity`.
from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from .naming import Kind, path_of

__all__ = [
    "FAILURES",
    "OUTCOMES",
    "ApdexZone",
    "AttributeValue",
    "FinishedTransaction",
    "Kind",
    "NoticedError",
    "Outcome",
]

ApdexZone = Literal["satisfied", "tolerating", "frustrated"]
AttributeValue = str | int | float | bool
Outcome = Literal["succeeded", "failed", "retried", "rejected", "cancelled", "timed_out", "killed"]
"""How a background transaction ended."""
OUTCOMES: Final[tuple[Outcome, ...]] = (
    "succeeded",
    "failed",
    "retried",
    "rejected",
    "cancelled",
    "timed_out",
    "killed",
)
FAILURES: Final[frozenset[Outcome]] = frozenset({"failed", "timed_out", "killed"})
"""The outcomes that count as failures; to be tried again, refused or cancelled is none."""


class NoticedError(NamedTuple):
    """A distinct error of a transaction; the exception itself is not kept."""

    type: str
    """``module:Class`` of the exception."""
    message: str
    expected: bool = False
    """Expected errors are kept and shown, but do not fail the transaction."""


class FinishedTransaction(NamedTuple):
    """A finished transaction, as the recorder and ``capture_transactions()`` see it."""

    application: str
    linked_applications: tuple[str, ...]
    kind: Kind
    type: str
    """The kind as it is spelled in a path: ``WebTransaction`` or ``OtherTransaction``."""
    group: str
    name: str
    started: float
    """Epoch seconds."""
    duration: float
    """Seconds on a monotonic clock, never negative."""
    errors: tuple[NoticedError, ...]
    failed: bool
    apdex: ApdexZone | None
    """``None`` for background transactions and those excluded from Apdex."""
    status: int | None
    disconnected: bool
    attributes: Mapping[str, AttributeValue]
    outcome: Outcome | None = None
    """How a background transaction ended; ``None`` for web transactions."""
    queue: str | None = None
    """The queue that a task was taken from, if it is known."""
    queue_time: float | None = None
    """Seconds that a task waited in its queue, or a request in a proxy's, before it began; ``None`` if not known."""

    @property
    def path(self) -> str:
        """``<type>/<group>/<name>``, under which the transaction is counted."""
        return path_of(self.kind, self.group, self.name)
