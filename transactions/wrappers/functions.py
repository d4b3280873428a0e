"""Wrappers of plain functions and coroutine functions, and the choice of a wrapper for each kind of function.

Each wrapper is a function of the same kind as the one it wraps.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from types import CodeType, CoroutineType, FunctionType, MethodType
from typing import Any, Final

from ..context.collector import collecting
from ..context.current import current, detach_out_of_order
from ..context.finalizers import Guard, release
from ..context.lifetime import Mark, attach_step, detach_step, finish, recover
from ..host_exceptions import pass_on
from ..log import capture_internal_exception
from ..model.transaction import Transaction
from .generators import wrap_async_generator, wrap_generator, wrap_generator_coroutine
from .metadata import wraps
from .opening import Opener

__all__ = ["wrapper_for"]

_reset: Final = current.reset

_Wrapper = Callable[[Callable[..., Any], Opener], Callable[..., Any]]


def wrapper_for(wrapped: Any) -> _Wrapper:
    """Return the wrapper for the kind of function that runs when ``wrapped`` is called."""
    code = getattr(_called(wrapped), "__code__", None)
    flags = code.co_flags if isinstance(code, CodeType) else 0
    for flag, shape in _WRAPPERS.items():
        if flags & flag:
            return shape
    return _wrap_function


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

    @wraps(wrapped)
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
    @wraps(wrapped)
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


_WRAPPERS: Final[dict[int, _Wrapper]] = {
    inspect.CO_ITERABLE_COROUTINE: wrap_generator_coroutine,
    inspect.CO_COROUTINE: _wrap_coroutine,
    inspect.CO_ASYNC_GENERATOR: wrap_async_generator,
    inspect.CO_GENERATOR: wrap_generator,
}
