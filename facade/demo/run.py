"""A run of the demo: from opening the bookshop to comparing the counts."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from weighbridge.transactions.recording.snapshot import Series
from weighbridge.transactions.store.reader import StoreReader
from weighbridge.transactions.store.statistics import Window

from .bookshop import PAST, open_bookshop
from .check import Calls, SeriesComparison, compare, read_calls
from .drive import drive
from .traffic import POSTED, Traffic, by_release

__all__ = ["Outcome", "Watcher", "run_demo"]

_LONGEST = 86_400.0


@dataclass(frozen=True)
class Watcher:
    """Callbacks that report the demo's progress."""

    ready: Callable[[], object]
    """Called when all processes answer."""
    answered: Callable[[], object]
    """Called after each answer to a request or job."""
    closing: Callable[[], object]
    """Called when everything has been answered, before the processes are stopped."""


@dataclass(frozen=True)
class Outcome:
    """The result of a demo run."""

    window: Window
    """From the past in which the older version of the web pages was visited to the end of the last process."""
    complaints: Sequence[str]
    """Complaints about wrong answers."""
    comparisons: Sequence[SeriesComparison]

    @property
    def right(self) -> bool:
        """Whether every answer was right, and everything was counted exactly once."""
        return not self.complaints and all(comparison.right for comparison in self.comparisons)


def run_demo(sent: Sequence[Traffic], store: Path | str, folder: Path, watcher: Watcher) -> Outcome:
    """Open the bookshop, send everything, close it, and compare what the store counted with what was sent.

    The store is a file, or the address of a server.

    Raises:
        ServiceFailed: a process did not start, did not answer or did not end.
        StoreUnreadable: what was recorded cannot be read.
    """
    started = time.time() - PAST
    before = _calls(store, started) if isinstance(store, str) or store.exists() else {}
    earlier, later = by_release(sent)
    with open_bookshop(folder, store) as bookshop:
        watcher.ready()
        complaints = drive(earlier, bookshop.processes, watcher.answered)
        bookshop.release()
        complaints += drive(later, bookshop.processes, watcher.answered)
        complaints += drive([POSTED], bookshop.processes, lambda: None)
        watcher.closing()
    window = Window(started, time.time())
    return Outcome(window, complaints, compare(sent, before, _calls(store, started)))


def _calls(store: Path | str, since: float) -> dict[Series, Calls]:
    with StoreReader.open(store) as reader:
        reader.collect()
        return read_calls(reader, Window(since, since + _LONGEST))
