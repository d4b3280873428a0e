"""The shapes of a measured call: plain function, coroutine, generator, async generator.

Each is a closure of the same kind as what it wraps.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from types import CodeType, CoroutineType, FunctionType, MethodType, coroutine
from typing import Any, Final

from ..log import swallowed
from ..model.outlet import outlet
from ..model.transaction import Transaction
from .entry import Entry, finish, pause, resume

__all__ = ["around"]

_Around = Callable[[Callable[..., Any], Entry], Callable[..., Any]]


def around(wrapped: Any) -> _Around:
    """The kind of wrapper that a callable needs, by what its call gives."""
    code = getattr(_called(wrapped), "__code__", None)
    flags = code.co_flags if isinstance(code, CodeType) else 0
    return next((shape for flag, shape in _SHAPES.items() if flags & flag), _around_function)


def _called(wrapped: Any) -> Any:
    """The function that runs when something is called, as far as Python tells.

    Its own code decides, and not what `inspect.markcoroutinefunction` says of
    it: a function that is marked runs when it is called, and not when what it
    gives is awaited.
    """
    target = wrapped
    while not isinstance(target, (FunctionType, type)):
        within = _called_by(target)
        if within is None:
            break
        target = within
    return target


def _called_by(target: Any) -> Any:
    if isinstance(target, functools.partial):
        return target.func
    if isinstance(target, MethodType):
        return target.__func__
    call = getattr(type(target), "__call__", None)  # noqa: B004  it is read, not asked for
    return call if isinstance(call, FunctionType) else None


def _around_function(wrapped: Callable[..., Any], entry: Entry) -> Callable[..., Any]:
    open_ = entry.open

    @functools.wraps(wrapped)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        transaction = open_(args, kwargs)
        if transaction is None:
            return wrapped(*args, **kwargs)
        try:
            result = wrapped(*args, **kwargs)
        except BaseException as exception:
            transaction.left_by(exception)
            finish(transaction)
            raise
        if type(result) is CoroutineType:
            return _handed_on(result, transaction)
        finish(transaction)
        return result

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


class _Rest(_Step):
    """The rest of a call whose function has returned a coroutine: what enters that, once it is awaited."""

    __slots__ = ("coroutine",)

    coroutine: CoroutineType[Any, Any, Any]

    def open(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Transaction:
        """See `Entry.open`: the transaction is open since the function was called."""
        resume(self.transaction)
        return self.transaction

    def __call__(self) -> Any:
        return self.coroutine

    def __del__(self) -> None:
        """It was never awaited: Python says that of ours, and need not say it of the function's own."""
        if hasattr(self, "coroutine") and inspect.getcoroutinestate(self.coroutine) == inspect.CORO_CREATED:
            self.coroutine.close()
        super().__del__()


def _handed_on(result: CoroutineType[Any, Any, Any], transaction: Transaction) -> Any:
    """A coroutine that a plain function returned, within one of ours that ends its transaction. Never raises."""
    try:
        pause(transaction)
        rest = _Rest(transaction)
        rest.coroutine = result
        made = _around_coroutine(rest, rest)()
        made.__name__, made.__qualname__ = result.__name__, result.__qualname__
        return made
    except Exception:
        swallowed("_handed_on")
        finish(transaction)
        return result


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


def _around_generator_coroutine(wrapped: Callable[..., Any], entry: Entry) -> Callable[..., Any]:
    """Around a generator that can be awaited (`types.coroutine`)."""
    return coroutine(_around_generator(wrapped, entry))


_SHAPES: Final[dict[int, _Around]] = {
    inspect.CO_ITERABLE_COROUTINE: _around_generator_coroutine,
    inspect.CO_COROUTINE: _around_coroutine,
    inspect.CO_ASYNC_GENERATOR: _around_async_generator,
    inspect.CO_GENERATOR: _around_generator,
}
