"""What a server does with an application, many times: a function of a count for each middleware and case."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count as counting
from typing import Any

from .asgi_apps import ASGI_APPS
from .requests import KEYS, Request, environ_maker, scope_maker
from .subjects import Subject
from .wsgi_apps import WSGI_APPS

__all__ = ["CASES", "ENTRY_POINTS", "Drive", "drive"]

Drive = Callable[[int], None]
"""Serves that many requests, or makes that many calls."""


@dataclass(frozen=True)
class Case:
    """What is special about the requests."""

    app: str = "plain"
    names: int = 1
    keys: bool = False


CASES: dict[str, Case] = {
    "plain": Case(),
    "list": Case("list"),
    "keys": Case("keys", keys=True),
    "reclassify": Case("reclassify"),
    "raises": Case("raises"),
    "stream": Case("stream"),
    "framework": Case("framework"),
    "wrapped": Case("wrapped"),
    "names-100": Case(names=100),
    "names-50000": Case(names=50_000),
    "asks": Case("asks"),
}
"""``asks`` makes one system call, which a test of the counting needs."""


def drive(subject: Subject, entry_point: str, case: str) -> Drive:
    """A subject at a middleware, ready to be driven."""
    return ENTRY_POINTS[entry_point](subject, CASES[case])


def _wsgi(subject: Subject, case: Case) -> Drive:
    app = subject.wsgi(WSGI_APPS[case.app](subject))
    request = environ_maker(case.names, KEYS if case.keys else {})
    numbers = counting()
    return lambda count: _serve_wsgi(app, request, numbers, count)


def _serve_wsgi(app: Any, request: Request, numbers: Any, count: int) -> None:
    for _ in range(count):
        with contextlib.suppress(LookupError):
            body = app(request(next(numbers)), _start_response)
            for _chunk in body:
                pass
            if hasattr(body, "close"):
                body.close()


def _start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
    return len


def _asgi(subject: Subject, case: Case) -> Drive:
    import asyncio  # a quarter of the start, which the other middleware need not count

    app = subject.asgi(ASGI_APPS[case.app](subject))
    request = scope_maker(case.names, KEYS if case.keys else {})
    numbers = counting()
    loop = asyncio.new_event_loop()
    return lambda count: loop.run_until_complete(_serve_asgi(app, request, numbers, count))


async def _serve_asgi(app: Any, request: Request, numbers: Any, count: int) -> None:
    for _ in range(count):
        with contextlib.suppress(LookupError):
            await app(request(next(numbers)), _receive, _send)


async def _receive() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _send(message: dict[str, Any]) -> None:
    pass


def _task(subject: Subject, case: Case) -> Drive:
    work = subject.task(_function_of(case.app))

    def call(count: int) -> None:
        for number in range(count):
            with contextlib.suppress(LookupError):
                work(number)

    return call


def _function_of(app: str) -> Callable[[int], int]:
    """A function as a decorator meets it: its name is not taken yet, unless it is wrapped at registration time."""

    def work(number: int) -> int:
        return number + 1

    def failing(number: int) -> int:
        raise LookupError("no such job")

    def asking(number: int) -> int:
        return os.getppid()

    return {"raises": failing, "wrapped": _registered, "asks": asking}.get(app, work)


def _registered(number: int) -> int:
    return number + 1


ENTRY_POINTS: dict[str, Callable[[Subject, Case], Drive]] = {"wsgi": _wsgi, "asgi": _asgi, "task": _task}
