"""The shapes of a measured call: plain function, coroutine, generator, async generator.

Each is a closure of the same kind as what it wraps.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any

from ..model.outlet import outlet
from ..model.transaction import Transaction
from .entry import Entry, finish, pause, resume

__all__ = ["around"]

_Around = Callable[[Callable[..., Any], Entry], Callable[..., Any]]


def around(wrapped: Any) -> _Around:
    """The kind of wrapper that a callable needs, by what its call gives."""
    target = wrapped
    while isinstance(target, functools.partial):
        target = target.func
    if not inspect.isroutine(target) and not isinstance(target, type):
        target = getattr(target, "__call__", target)  # noqa: B004  the function behind it is wanted
    if inspect.iscoroutinefunction(target):
        return _around_coroutine
    if inspect.isasyncgenfunction(target):
        return _around_async_generator
    if inspect.isgeneratorfunction(target):
        return _around_generator
    return _around_function


def _around_function(wrapped: Callable[..., Any], entry: Entry) -> Callable[..., Any]:
    open_ = entry.open

    @functools.wraps(wrapped)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        transaction = open_(args, kwargs)
        if transaction is None:
            return wrapped(*args, **kwargs)
        try:
            return wrapped(*args, **kwargs)
        except BaseException as exception:
            transaction.left_by(exception)
            raise
        finally:
            finish(transaction)

    return wrapper


def _around_coroutine(wrapped: Callable[..., Any], entry: Entry) -> Callable[..., Any]:
    @functools.wraps(wrapped)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        transaction = entry.open(args, kwargs)
        if transaction is None:
            return await wrapped(*args, **kwargs)
        try:
            return await wrapped(*args, **kwargs)
        except BaseException as exception:
            transaction.left_by(exception)
            raise
        finally:
            finish(transaction)

    return wrapper


class _Step:
    """One step of a generator's body: its transaction is current within, and ends where the body does."""

    __slots__ = ("transaction",)

    def __init__(self, transaction: Transaction) -> None:
        self.transaction = transaction

    def __enter__(self) -> None:
        if self.transaction.token is None:
            resume(self.transaction)

    def __exit__(self, kind: object, exception: BaseException | None, traceback: object) -> None:
        if exception is None:
            pause(self.transaction)
            return
        if not isinstance(exception, (StopIteration, StopAsyncIteration)):
            self.transaction.left_by(exception)
        finish(self.transaction)

    def __del__(self) -> None:
        """A body that was dropped where nobody closes dropped async generators."""
        if self.transaction in outlet.live:
            finish(self.transaction)


def _around_generator(wrapped: Callable[..., Any], entry: Entry) -> Callable[..., Any]:
    @functools.wraps(wrapped)
    def wrapper(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        transaction = entry.open(args, kwargs)
        if transaction is None:
            return (yield from wrapped(*args, **kwargs))
        return (yield from _stepwise(wrapped, args, kwargs, transaction))

    return wrapper


def _stepwise(
    wrapped: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], transaction: Transaction
) -> Generator[Any, Any, Any]:
    """Run a generator's body step by step, each in its transaction and nothing else in it.

    What passes through is taken out of ``passing`` at once, so that nothing of
    the caller's is kept between the steps, and no exception while it is handled.
    """
    step = _Step(transaction)
    passing: list[Any] = []
    try:
        with step:
            body = wrapped(*args, **kwargs)
            passing.append(next(body))
        while True:
            resume = body.send
            try:
                passing.append((yield passing.pop()))
            except GeneratorExit:
                with step:
                    body.close()
                    raise
            except BaseException as thrown:
                passing.append(thrown)
                resume = body.throw
            with step:
                passing.append(resume(passing.pop()))
    except StopIteration as stop:
        return stop.value


def _around_async_generator(wrapped: Callable[..., Any], entry: Entry) -> Callable[..., Any]:
    @functools.wraps(wrapped)
    async def wrapper(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        transaction = entry.open(args, kwargs)
        step = _NO_STEP if transaction is None else _Step(transaction)
        passing: list[Any] = []
        try:
            with step:
                body = wrapped(*args, **kwargs)
                passing.append(await body.__anext__())
            while True:
                resume = body.asend
                try:
                    passing.append((yield passing.pop()))
                except GeneratorExit:
                    with step:
                        await body.aclose()
                        raise
                except BaseException as thrown:
                    passing.append(thrown)
                    resume = body.athrow
                with step:
                    passing.append(await resume(passing.pop()))
        except StopAsyncIteration:
            return

    return wrapper


class _NoStep:
    """A step of a body that has no transaction of its own."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exception: object) -> None:
        pass


_NO_STEP = _NoStep()
