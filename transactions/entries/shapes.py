"""The shapes of a measured call: plain function, coroutine, generator, async generator.

Each is a closure of the same kind as what it wraps.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import suppress
from contextvars import copy_context
from typing import Any

from ..model.transaction import Transaction
from ..stack.current import current
from ..stack.dropped import Guard, release
from ..stack.lifetime import Mark, enter_step, finish, leave_step, recover
from .entry import Entry

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
        mark: Mark = []
        transaction = open_(args, kwargs, mark)
        if transaction is None:
            return wrapped(*args, **kwargs)
        try:
            try:
                return wrapped(*args, **kwargs)
            except BaseException as exception:
                transaction.left_by(exception)
                raise
            finally:
                finish(transaction)
        except BaseException:
            recover(transaction)
            raise

    return wrapper


def _around_coroutine(wrapped: Callable[..., Any], entry: Entry) -> Callable[..., Any]:
    @functools.wraps(wrapped)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        mark: Mark = []
        transaction = entry.open(args, kwargs, mark)
        if transaction is None:
            return await wrapped(*args, **kwargs)
        try:
            try:
                return await wrapped(*args, **kwargs)
            except BaseException as exception:
                transaction.left_by(exception)
                raise
            finally:
                finish(transaction)
        except BaseException:
            recover(transaction)
            raise

    return wrapper


class _Step:
    """One step of a generator's body: its transaction is current within, and ends where the body does."""

    __slots__ = ("guard", "mark", "transaction")

    def __init__(self, transaction: Transaction, mark: Mark) -> None:
        self.guard = Guard(transaction)
        """For a body that is dropped where nobody closes dropped async generators."""
        self.transaction = transaction
        self.mark = mark

    def __enter__(self) -> None:
        if self.transaction.token is None:
            enter_step(self.transaction)

    def __exit__(self, kind: object, exception: BaseException | None, traceback: object) -> None:
        if exception is None:
            leave_step(self.transaction)
            return
        try:
            if not isinstance(exception, (StopIteration, StopAsyncIteration)):
                self.transaction.left_by(exception)
        finally:
            finish(self.transaction)
            release(self.guard)


def _around_generator(wrapped: Callable[..., Any], entry: Entry) -> Callable[..., Any]:
    @functools.wraps(wrapped)
    def wrapper(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        mark: Mark = []
        transaction = entry.open(args, kwargs, mark)
        if transaction is None:
            return (yield from wrapped(*args, **kwargs))
        try:
            return (yield from _stepwise(wrapped, args, kwargs, _Step(transaction, mark)))
        except BaseException:
            recover(transaction)
            raise

    return wrapper


def _stepwise(
    wrapped: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], step: _Step
) -> Generator[Any, Any, Any]:
    """Run a generator's body step by step, each in its transaction and nothing else in it.

    What passes through is taken out of ``passing`` at once, so that nothing of
    the caller's is kept between the steps, and no exception while it is handled.
    """
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
                    _in_step(body.close, step)
                    raise
            except BaseException as thrown:
                passing.append(thrown)
                resume = body.throw
            with step:
                passing.append(resume(passing.pop()))
    except StopIteration as stop:
        return stop.value


def _in_step(cleanup: Callable[..., Any], step: _Step, *arguments: Any) -> None:
    """Do a body's cleanup; in a copy of the context where a finaliser that the collector runs must not touch it.

    There, too, it sees the transaction of its body as current, and no innocent one.
    """
    if step.transaction.token is None:
        copy_context().run(_in_copied_step, cleanup, step, *arguments)
    else:
        cleanup(*arguments)


def _in_copied_step(cleanup: Callable[..., Any], step: _Step, *arguments: Any) -> None:
    current.set(step.transaction)
    cleanup(*arguments)


def _around_async_generator(wrapped: Callable[..., Any], entry: Entry) -> Callable[..., Any]:
    @functools.wraps(wrapped)
    async def wrapper(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        mark: Mark = []
        transaction = entry.open(args, kwargs, mark)
        passing: list[Any] = []
        try:
            step = _NO_STEP if transaction is None else _Step(transaction, mark)
            with step:
                body = wrapped(*args, **kwargs)
                passing.append(await body.__anext__())
            while True:
                resume = body.asend
                try:
                    passing.append((yield passing.pop()))
                except GeneratorExit:
                    with step:
                        await _closing(body, step)
                        raise
                except BaseException as thrown:
                    passing.append(thrown)
                    resume = body.athrow
                with step:
                    passing.append(await resume(passing.pop()))
        except StopAsyncIteration:
            return
        except BaseException:
            if transaction is not None:
                recover(transaction)
            raise

    return wrapper


async def _closing(body: AsyncGenerator[Any, Any], step: _Step | _NoStep) -> None:
    """Close an async generator's body, as `_in_step` does it."""
    if isinstance(step, _NoStep) or step.transaction.token is not None:
        await body.aclose()
    else:  # a finaliser that the collector runs; nothing can be waited for there
        with suppress(StopIteration):
            _in_step(body.aclose().send, step, None)


class _NoStep:
    """A step of a body that has no transaction of its own."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exception: object) -> None:
        pass


_NO_STEP = _NoStep()
