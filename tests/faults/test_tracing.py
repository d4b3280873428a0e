"""What a function that traces or profiles raises in code of ours reaches the host, as a debugger's end does."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest

import weighbridge
from weighbridge import (
    ASGITransactionMiddleware,
    BackgroundTask,
    WSGITransactionMiddleware,
    background_task,
    current_transaction,
    notice_error,
    record_custom_metric,
)
from weighbridge.testing import capture_transactions
from weighbridge.transactions.handoff import handoff

OURS = str(Path(str(weighbridge.__file__)).parent)


class Quit(Exception):
    """Of a debugger of the host's own."""


def application(_environ: Any, start_response: Callable[..., Any]) -> Iterator[bytes]:
    start_response("200 OK", [])
    yield b"x"


async def asgi_application(_scope: Any, _receive: Any, send: Callable[..., Any]) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"x"})


async def channel(*_: object) -> None:
    pass


wsgi_middleware = WSGITransactionMiddleware(application)
asgi_middleware = ASGITransactionMiddleware(asgi_application)


def wsgi() -> None:
    b"".join(wsgi_middleware({"REQUEST_METHOD": "GET", "PATH_INFO": "/"}, lambda *_: channel))


def asgi() -> None:
    coroutine = asgi_middleware({"type": "http", "method": "GET", "path": "/", "headers": []}, channel, channel)
    with suppress(StopIteration):
        coroutine.send(None)


@background_task(name="job")
def call() -> None:
    record_custom_metric("apples", 1)
    notice_error(LookupError("apples"), expected=True)


def block() -> None:
    with BackgroundTask(name="block"):
        pass


class Striker:
    """Traces or profiles, and raises at one event in code of ours."""

    def __init__(self, kind: type[BaseException], number: int) -> None:
        self.kind = kind
        self.left = number
        self.struck = ""

    def __call__(self, frame: Any, event: str, argument: object) -> Any:
        if frame.f_code.co_filename.startswith(OURS):
            self.left -= 1
            if self.left == 0:
                self.struck = f"{frame.f_code.co_filename}:{frame.f_lineno}, {event}"
                raise self.kind
        return self


def arrived_from(form: Callable[[], None], install: Callable[[Any], None], strike: Striker) -> Any:
    """The class of what arrives at the host. The exception itself would keep the call's frames."""
    before = sys.gettrace() if install is sys.settrace else sys.getprofile()
    try:
        install(strike)
        try:
            form()
        finally:
            install(before)
    except BaseException as exception:
        return type(exception)
    return None


@pytest.mark.filterwarnings("ignore:.*was never awaited", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("kind", [Quit, SystemExit, TimeoutError])
@pytest.mark.parametrize("install", [sys.settrace, sys.setprofile])
@pytest.mark.parametrize("form", [wsgi, asgi, call, block])
def test_at_every_event(form: Callable[[], None], install: Callable[[Any], None], kind: type[BaseException]) -> None:
    with capture_transactions():
        form()
        for number in count(1):
            strike = Striker(kind, number)
            arrived = arrived_from(form, install, strike)
            if not strike.struck:
                break
            assert arrived is kind, strike.struck
            assert current_transaction(active_only=False) is None, strike.struck
    assert number > 10
    assert not [one for one in handoff.open_transactions if one._has_owner]
