"""Wrappers of functions: plain functions, coroutine functions, generators and async generators.

Each wrapper is a function of the same kind as the one it wraps.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import suppress
from contextvars import copy_context
from types import CodeType, CoroutineType, FunctionType, MethodType, coroutine
from typing import Any, Final

from ..context.collector import collecting
from ..context.current import current, detach_out_of_order
from ..context.finalizers import Guard, release
from ..context.lifetime import Mark, attach_step, detach_step, finish, recover
from ..host_exceptions import pass_on
from ..log import capture_internal_exception
from ..model.transaction import Transaction
from .opening import Opener

__all__ = ["wrapper_for"]

_reset: Final = current.reset

_Wrapper = Callable[[Callable[..., Any], Opener], Callable[..., Any]]


def wrapper_for(wrapped: Any) -> _Wrapper:
    """Return the wrapper for the kind of function that runs when ``wrapped`` is called."""
    code = getattr(_called(wrapped), "__code__", None)
    flags = code.co_flags if isinstance(code, CodeType) else 0
    return next((shape for flag, shape in _WRAPPERS.items() if flags & flag), _wrap_function)


def _called(wrapped: Any) -> Any:
    """Return the function that runs when something is called, as far as that can be told.

    Its own code decides, not `inspect.markcoroutinefunction`: a function that is
    marked runs when it is called, not when its result is awaited.
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
    call = getattr(type(target), "__call__", None)  # noqa: B004  the function itself is needed
    return call if isinstance(call, FunctionType) else None


def _wrap_function(wrapped: Callable[..., Any], opener: Opener) -> Callable[..., Any]:  # noqa: C901  written out
    open_ = opener.open

    @functools.wraps(wrapped)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        mark: Mark = []
        transaction = open_(args, kwargs, mark)
        if transaction is None:
            return wrapped(*args, **kwargs)
        try:
            try:
                result = wrapped(*args, **kwargs)
            except BaseException as exception:
                transaction._record_exception(exception)
                finish(transaction)
                raise
            if result is not None and type(result) is CoroutineType:
                return _return_coroutine(result, transaction, mark)
            try:  # `finish`, inlined: see `lifetime`
                if not collecting:
                    try:
                        _reset(transaction._token)  # type: ignore[arg-type]
                        transaction._token = None
                    except (TypeError, ValueError, RuntimeError) as refusal:
                        pass_on(refusal)
                        detach_out_of_order(transaction)
                transaction._end()
            except BaseException:
                recover(transaction)
                capture_internal_exception("finish")
        except BaseException:
            recover(transaction)
            raise
        return result

    return wrapper


def _wrap_coroutine(wrapped: Callable[..., Any], opener: Opener) -> Callable[..., Any]:
    @functools.wraps(wrapped)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        mark: Mark = []
        transaction = opener.open(args, kwargs, mark)
        if transaction is None:
            return await wrapped(*args, **kwargs)
        try:
            try:
                return await wrapped(*args, **kwargs)
            except BaseException as exception:
                transaction._record_exception(exception)
                raise
            finally:
                finish(transaction)
        except BaseException:
            recover(transaction)
            raise

    return wrapper


class _Step:
    """A step of a generator's body: its transaction is current during it, and ends when the body does."""

    __slots__ = ("guard", "mark", "transaction")

    def __init__(self, transaction: Transaction, mark: Mark) -> None:
        self.guard = Guard(transaction)
        """For a dropped body: without a running event loop nobody closes dropped async generators."""
        self.transaction = transaction
        self.mark = mark

    def __enter__(self) -> None:
        if self.transaction._token is None:
            attach_step(self.transaction)

    def __exit__(self, kind: object, exception: BaseException | None, traceback: object) -> None:
        if exception is None:
            detach_step(self.transaction)
            return
        try:
            if not isinstance(exception, (StopIteration, StopAsyncIteration)):
                self.transaction._record_exception(exception)
        finally:
            finish(self.transaction)
            release(self.guard)


def _return_coroutine(result: CoroutineType[Any, Any, Any], transaction: Transaction, mark: Mark) -> Any:
    """Wrap a coroutine that a plain function returned in one that ends the call's transaction."""
    try:
        detach_step(transaction)
        made: Any = _await_result(result, transaction, mark, Guard(transaction, unawaited=result))
        made.__name__, made.__qualname__ = result.__name__, result.__qualname__
        return made
    except Exception:
        finish(transaction)
        capture_internal_exception("_return_coroutine")
        return result


async def _await_result(
    result: CoroutineType[Any, Any, Any], transaction: Transaction, mark: Mark, guard: Guard
) -> Any:
    """Await the coroutine that a plain function returned, as the rest of its call."""
    try:
        attach_step(transaction)
        try:
            return await result
        except BaseException as exception:
            transaction._record_exception(exception)
            raise
        finally:
            finish(transaction)
            release(guard)
    except BaseException:
        recover(transaction)
        raise


def _wrap_generator(wrapped: Callable[..., Any], opener: Opener) -> Callable[..., Any]:
    @functools.wraps(wrapped)
    def wrapper(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        mark: Mark = []
        transaction = opener.open(args, kwargs, mark)
        if transaction is None:
            return (yield from wrapped(*args, **kwargs))
        try:
            return (yield from _run_steps(wrapped, args, kwargs, _Step(transaction, mark)))
        except BaseException:
            recover(transaction)
            raise

    return wrapper


def _run_steps(
    wrapped: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], step: _Step
) -> Generator[Any, Any, Any]:
    """Run a generator's body step by step, with its transaction current during the steps only.

    Values and exceptions are popped from ``passing`` as they are passed on, so that
    none of the caller's objects are kept alive between steps.
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
    """Run a body's cleanup; in a copy of the context if the garbage collector runs: that must not change the context.

    In the copy, too, the cleanup sees its own transaction as current, not an unrelated one.
    """
    if step.transaction._token is None:
        copy_context().run(_in_copied_step, cleanup, step, *arguments)
    else:
        cleanup(*arguments)


def _in_copied_step(cleanup: Callable[..., Any], step: _Step, *arguments: Any) -> None:
    current.set(step.transaction)
    cleanup(*arguments)


def _wrap_async_generator(wrapped: Callable[..., Any], opener: Opener) -> Callable[..., Any]:
    @functools.wraps(wrapped)
    async def wrapper(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        mark: Mark = []
        transaction = opener.open(args, kwargs, mark)
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
    """Close an async generator's body, in a copied context where `_in_step` would copy it."""
    if isinstance(step, _NoStep) or step.transaction._token is not None:
        await body.aclose()
    else:  # the garbage collector runs a finalizer, in which nothing can be awaited
        with suppress(StopIteration):
            _in_step(body.aclose().send, step, None)


class _NoStep:
    """A step of a body without a transaction of its own."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exception: object) -> None:
        pass


_NO_STEP = _NoStep()


def _wrap_generator_coroutine(wrapped: Callable[..., Any], opener: Opener) -> Callable[..., Any]:
    """Wrap a generator-based coroutine (`types.coroutine`)."""
    return coroutine(_wrap_generator(wrapped, opener))


_WRAPPERS: Final[dict[int, _Wrapper]] = {
    inspect.CO_ITERABLE_COROUTINE: _wrap_generator_coroutine,
    inspect.CO_COROUTINE: _wrap_coroutine,
    inspect.CO_ASYNC_GENERATOR: _wrap_async_generator,
    inspect.CO_GENERATOR: _wrap_generator,
}
