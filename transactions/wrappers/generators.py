"""Wrappers of generators and async generators: one transaction from the first step to the end.

It is current during the steps of the body only, each of which may run in another
thread, task or context than the one before.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import suppress
from contextvars import copy_context
from types import coroutine
from typing import Any

from ..context.current import current
from ..context.finalizers import Guard, release
from ..context.lifetime import Mark, attach_step, detach_step, finish, recover
from ..host_exceptions import is_the_hosts
from ..model.transaction import Transaction
from .metadata import wraps
from .opening import Opener

__all__ = ["wrap_async_generator", "wrap_generator", "wrap_generator_coroutine"]


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

    def __exit__(self, kind: type[BaseException] | None, exception: BaseException | None, traceback: object) -> None:
        if kind is None or exception is None:
            detach_step(self.transaction)
            return
        try:
            if not issubclass(kind, (StopIteration, StopAsyncIteration)):
                self.transaction._record_exception(exception)
        finally:
            finish(self.transaction)
            release(self.guard)


def wrap_generator(wrapped: Callable[..., Any], opener: Opener) -> Callable[..., Any]:
    @wraps(wrapped)
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
        if _struck(stop):
            raise
        return stop.value


def _struck(end: StopIteration | StopAsyncIteration) -> bool:
    """Whether a signal handler raised what a body raises at its end, which then has passed no frame but ours."""
    return end.__traceback__ is not None and end.__traceback__.tb_next is not None and is_the_hosts(end)


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


def wrap_async_generator(wrapped: Callable[..., Any], opener: Opener) -> Callable[..., Any]:
    @wraps(wrapped)
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
        except BaseException as exception:
            if isinstance(exception, StopAsyncIteration) and not _struck(exception):
                return
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


def wrap_generator_coroutine(wrapped: Callable[..., Any], opener: Opener) -> Callable[..., Any]:
    """Wrap a generator-based coroutine (`types.coroutine`)."""
    return coroutine(wrap_generator(wrapped, opener))
