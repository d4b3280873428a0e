"""``weighbridge demo --keep``: the bookshop stays open, and the page with it. Needs the extra ``demo``."""

from __future__ import annotations

import math
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, count
from pathlib import Path
from typing import Final

from weighbridge.console import Console
from weighbridge.console.serving import serve
from weighbridge.demo.bookshop import Bookshop, open_bookshop
from weighbridge.demo.drive import drive
from weighbridge.demo.services import Process, ServiceFailed
from weighbridge.demo.traffic import OLD, QUICK, SLOW, WATCH, Service, Traffic, by_release, plan
from weighbridge.exporting.prometheus import MetricsEndpoint, PageWithMetrics

from .collecting import collecting
from .demo_command import require_writable
from .demo_store import kept_store, next_steps
from .errors import CommandError
from .output import say
from .serve_command import bound
from .stores import Place

__all__ = ["keep_demo", "visited"]

_PAUSE: Final = 1.0
"""Seconds between two batches of visitors."""
_BATCH: Final = 45
"""So many requests and jobs are sent at a time, on average; each kind of them at least once."""
_BEFORE: Final = 120
"""So many are sent before the page opens."""
_TIDE: Final = 60
"""After so many batches it is as busy as before."""
_SEASON: Final = 400
_SLOW_FROM, _QUICK_FROM = 30, 120
"""Of so many batches, those during which the queue of letters backs up."""


def keep_demo(seed: int, store: Path | str | None, port: int) -> None:
    """Keep the bookshop and its visitors running, and serve the page, until Ctrl-C.

    Raises:
        CommandError: the store that was named cannot be used, the port cannot be had, or the bookshop does not open.
    """
    with tempfile.TemporaryDirectory(prefix="weighbridge-demo-") as folder, kept_store(store) as kept:
        require_writable(kept)
        listener = bound("127.0.0.1", port)
        try:
            with (
                collecting(Place(str(kept))),
                open_bookshop(Path(folder), kept) as bookshop,
            ):
                _make_past(bookshop, seed)
                with visited(bookshop.processes, seed):
                    served = PageWithMetrics(Console(kept), MetricsEndpoint(kept))
                    serve(served, listener, lambda url: say(f"weighbridge: {url} (Ctrl-C ends it)"))
        except ServiceFailed as error:
            raise CommandError(str(error)) from None
    say("\n" + "\n".join(next_steps(kept)))


def _make_past(bookshop: Bookshop, seed: int) -> None:
    """Send some traffic to both versions of the web pages, so that there is something to compare from the start."""
    earlier, later = by_release(plan(_BEFORE, seed))
    _send(earlier, bookshop.processes)
    bookshop.release()
    _send(later, bookshop.processes)
    bookshop.release(ago=0.0)


@contextmanager
def visited(processes: Mapping[Service, Process], seed: int) -> Iterator[None]:
    """Send traffic while the block runs; visitors who get no answer say so, and others come after them."""
    closed = threading.Event()

    def visit() -> None:
        batches = chain([[WATCH]], (_planned(number, seed) for number in count()))
        while all(process.is_running for process in processes.values()):
            _send(next(batches), processes)
            if closed.wait(_PAUSE):
                return

    visitors = threading.Thread(target=visit, name="weighbridge-demo")
    visitors.start()
    try:
        yield
    finally:
        closed.set()
        visitors.join()


def _send(batch: Sequence[Traffic], processes: Mapping[Service, Process]) -> None:
    """Send some requests and jobs; only the first complaint is shown, as all of them may fail alike."""
    try:
        complaints = drive(batch, processes, lambda: None)
    except ServiceFailed as error:
        complaints = [str(error)]
    for complaint in complaints[:1]:
        others = f" (and {len(complaints) - 1} more)" if complaints[1:] else ""
        say(f"weighbridge: {complaint}{others}", error=True)


def _planned(number: int, seed: int) -> list[Traffic]:
    """Return what comes at a time; for a while, letters take so long that more come than can be sent."""
    told = {_SLOW_FROM: [SLOW], _QUICK_FROM: [QUICK]}.get(number % _SEASON, [])
    return [*told, *(traffic for traffic in plan(_batch(seed + number), seed + number) if traffic.release != OLD)]


def _batch(number: int) -> int:
    """Return how many requests and jobs come at a time: more at some hours than at others."""
    return round(_BATCH * (1 + 0.4 * math.sin(math.tau * number / _TIDE)))
