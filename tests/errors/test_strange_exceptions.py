"""Exceptions whose classes have code that fails: the program sees its own exception, and the call has failed."""

from __future__ import annotations

import asyncio
import builtins
import os
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import pytest

import weighbridge
from weighbridge.middleware import ASGITransactionMiddleware, WSGITransactionMiddleware
from weighbridge.testing import capture_transactions

ENVIRON = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "wsgi.url_scheme": "http", "SERVER_NAME": "x"}
SCOPE = {"type": "http", "method": "GET", "path": "/", "headers": [], "asgi": {"version": "3.0"}}


class Foreign(BaseException):
    """Of the program's own, and no `Exception`."""


def leave() -> NoReturn:
    sys.exit(3)


def throw(failure: BaseException) -> Callable[[], NoReturn]:
    def raised() -> NoReturn:
        raise failure

    return raised


def cancelled() -> NoReturn:
    async def ask() -> None:
        future = asyncio.get_running_loop().create_future()
        future.cancel()
        future.result()

    asyncio.run(ask())
    raise AssertionError


FAILING = {
    "exits": leave,
    "interrupts": throw(KeyboardInterrupt()),
    "is cancelled": cancelled,
    "closes": throw(GeneratorExit()),
    "raises its own": throw(Foreign()),
    "raises a bug": throw(ValueError()),
}


def texts(fail: Callable[[], NoReturn]) -> type[BaseException]:
    class Untold(Exception):
        def __str__(self) -> str:  # noqa: PLE0307  it never returns
            fail()

    return Untold


def tracebacks(fail: Callable[[], NoReturn]) -> type[BaseException]:
    class Untraced(Exception):
        @property
        def __traceback__(self) -> Any:
            fail()

        @property
        def __cause__(self) -> Any:
            fail()

        @property
        def __context__(self) -> Any:
            fail()

    return Untraced


def attributes(fail: Callable[[], NoReturn]) -> type[BaseException]:
    class Closed(Exception):
        def __getattribute__(self, name: str) -> Any:
            fail()

    return Closed


def exits(fail: Callable[[], NoReturn]) -> type[BaseException]:
    class Exit(SystemExit):
        @property
        def code(self) -> Any:
            fail()

    return Exit


def groups(fail: Callable[[], NoReturn]) -> type[BaseException]:
    if sys.version_info < (3, 11):
        pytest.skip("there are no groups of exceptions")

    class Several(builtins.ExceptionGroup[Exception]):  # type: ignore[name-defined, misc, unused-ignore]
        def __new__(cls) -> Any:
            return super().__new__(cls, "several", [ValueError()])

        @property
        def exceptions(self) -> Any:
            fail()

    return Several


def task(raised: Callable[[], NoReturn]) -> None:
    weighbridge.BackgroundTaskWrapper(raised, name="task")()


def block(raised: Callable[[], NoReturn]) -> None:
    with weighbridge.BackgroundTask(name="task"):
        raised()


def wsgi(raised: Callable[[], NoReturn]) -> None:
    list(WSGITransactionMiddleware(lambda *_: raised())(dict(ENVIRON), lambda *_: lambda _: None))  # type: ignore[arg-type, return-value]


def asgi(raised: Callable[[], NoReturn]) -> None:
    async def application(*_: Any) -> None:
        raised()

    ASGITransactionMiddleware(application)(dict(SCOPE), None, None).send(None)  # type: ignore[arg-type]


def steps(raised: Callable[[], NoReturn]) -> None:
    def body() -> Iterator[int]:
        yield 1
        raised()

    list(weighbridge.BackgroundTaskWrapper(body, name="task")())


@pytest.mark.parametrize("made", [texts, tracebacks, attributes, exits, groups])
@pytest.mark.parametrize("fail", FAILING.values(), ids=FAILING)
def test_the_program_sees_its_own_exception(made: Any, fail: Any) -> None:
    for way in (task, block, steps, wsgi, asgi):
        own = made(fail)()
        seen = None
        with capture_transactions() as finished:
            try:
                way(throw(own))
            except BaseException as exception:
                seen = exception
        assert seen is own, way
        assert [one.failed for one in finished] == [True], way


def test_what_a_cause_says_of_itself_replaces_nothing() -> None:
    own = KeyError("own")

    def work() -> NoReturn:
        try:
            raise texts(leave)
        except Exception as error:
            raise own from error

    with capture_transactions() as finished, pytest.raises(KeyError) as caught:
        task(work)
    assert caught.value is own
    assert [one.errors[0].type for one in finished] == ["builtins:KeyError"]


def test_what_strikes_while_an_exception_is_written_out_is_passed_on() -> None:
    def interrupted() -> NoReturn:
        os.kill(os.getpid(), signal.SIGINT)
        while True:
            len("until it strikes")

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            task(throw(texts(interrupted)()))
        signal.signal(signal.SIGINT, lambda *_: leave())
        with pytest.raises(SystemExit):
            task(throw(texts(interrupted)()))
    finally:
        signal.signal(signal.SIGINT, before)
