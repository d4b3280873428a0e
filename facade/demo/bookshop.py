"""The whole bookshop as one context manager: on exit, everything that was started is ended."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Final

from .drive import wait_until_ready
from .services import Process, start_api, start_post, start_web, start_worker
from .traffic import NEW, OLD, Service

__all__ = ["PAST", "Bookshop", "open_bookshop"]

PAST: Final = 540.0
"""Seconds ago that the older version of the web pages is as if it had been visited."""
RELEASE: Final = 300.0
"""Seconds ago that the newer one is as if it had been released."""


class Bookshop:
    """The processes of the bookshop, of which the web pages exist in two versions: at first it is the older one."""

    def __init__(self, folder: Path, store: Path | str, stack: ExitStack) -> None:
        self._folder, self._store, self._stack = folder, store, stack
        self._processes: dict[Service, Process] = {}
        self._start("web", start_web(folder, store, OLD, PAST))
        self._start("api", start_api(folder, store))
        self._start("post", start_post(folder, store))
        self._start("worker", start_worker(folder, store))
        wait_until_ready(self._processes)

    @property
    def processes(self) -> Mapping[Service, Process]:
        """Those that run now."""
        return self._processes

    def release(self, ago: float = RELEASE) -> None:
        """Replace the web pages by the newer version; what it reports is as if it had happened some seconds ago."""
        self._processes["web"].stop()
        self._start("web", start_web(self._folder, self._store, NEW, ago))
        wait_until_ready({"web": self._processes["web"]})

    def _start(self, service: Service, process: Process) -> None:
        self._processes[service] = process
        self._stack.callback(process.stop)


@contextmanager
def open_bookshop(folder: Path, store: Path | str) -> Iterator[Bookshop]:
    """Start gunicorn, uvicorn, the post and the worker, reporting to ``store``, with their logs in ``folder``.

    Raises:
        ServiceFailed: one of them did not start, or did not end on request.
    """
    with _ended_by_signals(), ExitStack() as stack:
        yield Bookshop(folder, store, stack)


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let a SIGTERM or a closed terminal end us as Ctrl-C does, so that no process is left behind."""
    before = {number: signal.signal(number, _leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)
