"""Wrappers that open a transaction around a call, for everything that can be called.

A function stays a function of its own kind (plain, coroutine, generator, async
generator), a class stays a class; what a closure cannot stand for (partials,
callable instances, other descriptors) goes through `proxies`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from types import FunctionType
from typing import Any

from ..log import log_once
from ..model.naming import is_found_under
from ..model.transaction import Transaction
from ..stack.current import enter, leave
from .entry import Entry, finish
from .measured_classes import measured_class

__all__ = ["wrap"]


def wrap(wrapped: Any, entry: Entry, replacing: bool = False) -> Any:
    """A stand-in for ``wrapped`` whose every call asks ``entry``.

    Args:
        wrapped: anything that can be called, a classmethod or staticmethod object included.
        entry: what a call enters by.
        replacing: whether the stand-in takes the place of ``wrapped`` under its
            own name, so that it pickles by that name.

    Raises:
        TypeError: ``wrapped`` cannot be called.
    """
    if isinstance(wrapped, (classmethod, staticmethod)):
        return type(wrapped)(wrap(wrapped.__func__, entry, replacing=True))
    if isinstance(wrapped, type):
        return measured_class(wrapped, entry)
    if isinstance(wrapped, FunctionType) and (replacing or not _pickles_by_name(wrapped)):
        return around(wrapped)(wrapped, entry)
    if not callable(wrapped) and not hasattr(wrapped, "__get__"):
        raise TypeError(f"{wrapped!r} cannot be called, so it cannot be measured")
    _advise_on_tasks(wrapped)
    return _proxy(wrapped, entry)


def _proxy(wrapped: Any, entry: Entry) -> Any:
    from .proxies import MeasuredCallable  # wrapt imports asyncio: loaded only for what needs it

    return MeasuredCallable(wrapped, entry)


def _pickles_by_name(function: FunctionType) -> bool:
    """Whether its name is taken by the function itself: then a wrapper of it needs a pickle of its own."""
    return is_found_under(function.__module__, function.__qualname__, function)


def _advise_on_tasks(wrapped: Any) -> None:
    if callable(getattr(wrapped, "apply_async", None)) and hasattr(wrapped, "delay"):
        log_once(
            ("task", getattr(wrapped, "name", repr(wrapped))),
            "%r is a task object: its delay() and apply_async() would not use the transaction around it; "
            "put @background_task under @app.task, next to the function",
            getattr(wrapped, "name", wrapped),
        )


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
            enter(self.transaction)

    def __exit__(self, kind: object, exception: BaseException | None, traceback: object) -> None:
        if exception is None:
            leave(self.transaction)
            return
        if not isinstance(exception, (StopIteration, StopAsyncIteration)):
            self.transaction.left_by(exception)
        finish(self.transaction)

    def __del__(self) -> None:
        """A body that was dropped where nobody closes dropped async generators."""
        if not self.transaction.over:
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
    """Run a generator's body step by step, each in its transaction and nothing else in it."""
    step = _Step(transaction)
    try:
        with step:
            body = wrapped(*args, **kwargs)
            item = next(body)
        while True:
            try:
                sent = yield item
            except GeneratorExit:
                with step:
                    body.close()
                    raise
            except BaseException as thrown:
                with step:
                    item = body.throw(thrown)
            else:
                with step:
                    item = next(body) if sent is None else body.send(sent)
    except StopIteration as stop:
        return stop.value


def _around_async_generator(wrapped: Callable[..., Any], entry: Entry) -> Callable[..., Any]:
    @functools.wraps(wrapped)
    async def wrapper(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        transaction = entry.open(args, kwargs)
        body = wrapped(*args, **kwargs)
        step = _NO_STEP if transaction is None else _Step(transaction)
        try:
            with step:
                item = await body.__anext__()
            while True:
                try:
                    sent = yield item
                except GeneratorExit:
                    with step:
                        await body.aclose()
                        raise
                except BaseException as thrown:
                    with step:
                        item = await body.athrow(thrown)
                else:
                    with step:
                        item = await body.asend(sent)
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
