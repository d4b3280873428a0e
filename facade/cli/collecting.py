"""What a store on a server needs: its tables, and somebody who merges what processes send."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from weighbridge.transactions.configuration.loading import load_from_environment
from weighbridge.transactions.store.maintenance import Retention
from weighbridge.transactions.store.server import Collector, StoreFailure

from .errors import CommandError
from .exports import configured_exports
from .output import say
from .signals import stopped_by_signals
from .stores import Place
from .watching import watch_once, watching

__all__ = ["collect_store", "collecting", "require_collected", "upgrade_store"]

_EVERY: Final = 2.0
"""Seconds between two attempts while the page is served."""
_LONGEST_PAUSE: Final = 60.0
"""Seconds between two attempts while the server is away."""
_A_FILE: Final = "{} is a file: whoever writes to it merges at once, and brings it to this version"


def upgrade_store(place: Place) -> None:
    """Make or change the tables, and say what was done.

    Raises:
        CommandError: it could not be done, or the store is a file.
    """
    with _collector(place) as collector:
        before, after = collector.upgrade()
    if before == after:
        say(f"{place.shown} is of version {after} already")
    else:
        say(f"{place.shown} is now of version {after} (it was {before or 'new'})")


def require_collected(store: str) -> None:
    """Merge what waits on a server.

    Raises:
        CommandError: it could not be done.
    """
    with _collector(Place(store)) as collector:
        collector.collect()


def collect_store(place: Place, once: bool, every: float) -> None:
    """Merge what waits, once or until Ctrl-C or SIGTERM.

    Raises:
        CommandError: it could not be done, where that is tried once; or the store is a file.
    """
    with _collector(place) as collector:
        if once:
            merged = collector.collect()
            done = "another process is collecting" if merged is None else f"{merged} snapshots merged"
            say(f"{place.shown}: {done}")
            watch_once(place)
            return
        stop = stopped_by_signals()
        with watching(place), configured_exports(place):
            say(f"weighbridge: collecting {place.shown} every {every:g} s (Ctrl-C ends it)", error=True)
            _collect_until(stop, collector, every)


@contextmanager
def collecting(place: Place) -> Iterator[None]:
    """Merge what processes send while the block runs; does nothing for a file."""
    if not place.is_server:
        yield
        return
    stop = threading.Event()
    with _collector(place) as collector:
        thread = threading.Thread(target=_collect_until, args=(stop, collector, _EVERY), name="weighbridge-collector")
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


def _collect_until(stop: threading.Event, collector: Collector, every: float) -> None:
    """Merge until told to stop; after a failure wait longer, and say each kind of it once."""
    said: set[str] = set()
    pause = every
    while not stop.is_set():
        try:
            collector.collect()
            pause = every
        except StoreFailure as failure:
            if failure.kind not in said:
                say(f"weighbridge: {failure}; trying again", error=True)
                said.add(failure.kind)
            pause = min(2 * pause, _LONGEST_PAUSE)
        stop.wait(pause * random.uniform(0.8, 1.2))  # noqa: S311  so that several do not come at the same moment


@contextmanager
def _collector(place: Place) -> Iterator[Collector]:
    if not place.is_server:
        raise CommandError(_A_FILE.format(place.shown))
    settings = load_from_environment().settings
    try:
        collector = Collector(place.path, Retention.of(settings))
        try:
            yield collector
        finally:
            collector.close()
    except StoreFailure as failure:
        raise CommandError(str(failure)) from None
