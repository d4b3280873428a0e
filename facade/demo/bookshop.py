"""The whole bookshop as one context manager: on exit, everything that was started is ended."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType, MappingProxyType
from typing import Final

from .drive import wait_until_ready
from .services import Process, start_api, start_post, start_web, start_worker
from .traffic import Service

__all__ = ["open_bookshop"]

_STARTS: Final[Mapping[Service, Callable[[Path, Path | str], Process]]] = MappingProxyType(
    {"web": start_web, "api": start_api, "post": start_post, "worker": start_worker}
)


@contextmanager
def open_bookshop(folder: Path, store: Path | str) -> Iterator[Mapping[Service, Process]]:
    """Start gunicorn, uvicorn, the post and the worker, reporting to ``store``, with their logs in ``folder``.

    Raises:
        ServiceFailed: one of them did not start, or did not end on request.
    """
    processes: dict[Service, Process] = {}
    with _ended_by_signals(), ExitStack() as stack:
        for service in _STARTS:
            processes[service] = _STARTS[service](folder, store)
            stack.callback(processes[service].stop)
        wait_until_ready(processes)
        yield processes


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
