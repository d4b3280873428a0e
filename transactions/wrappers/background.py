"""Background tasks in the four call forms: decorator, context manager, wrapper, and wrapper by path."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, overload

from ..model.applications import ApplicationArgument
from .by_path import wrap_object
from .callables import Decorated, can_be_wrapped, wrap
from .context_managers import Block
from .method_names import call_name_for
from .opening import BackgroundOpener, CallName, TextArgument
from .scheduled import declare_named

__all__ = ["BackgroundTask", "BackgroundTaskWrapper", "background_task", "wrap_background_task"]


def _opener(
    wrapped: Any, application: ApplicationArgument, name: TextArgument, group: TextArgument
) -> BackgroundOpener:
    declare_named(wrapped, name, group)
    return BackgroundOpener(application, call_name_for(wrapped, name, group))


@overload
def background_task(function: Decorated, /) -> Decorated: ...
@overload
def background_task(
    application: ApplicationArgument = None, name: TextArgument = None, group: TextArgument = None
) -> Callable[[Decorated], Decorated]: ...
def background_task(application: Any = None, name: TextArgument = None, group: TextArgument = None) -> Any:
    """Measure every call of the decorated callable as a background task.

    Outside any transaction, a call is a background transaction of its own. A call
    that belongs to a web transaction turns that into a background transaction with
    this name and group. Inside a background transaction nothing changes. Works on
    functions, methods, classmethods, staticmethods, coroutine functions, generators,
    async generators, classes, callable instances and partials, and also without
    parentheses.

    Args:
        application: the application to report to: a name, an `Application`, or
            ``None`` for the configured one. Looked up at each call.
        name: the name of the transaction, or a callable that takes the call's
            arguments and returns it; by default the function's `callable_name`. A
            method is named after the class of its instance, as every subclass is a
            job of its own.
        group: the group of the name, or a callable as for ``name``; by default
            ``Function``. Custom groups are best prefixed ``Python/``.
    """
    if can_be_wrapped(application):
        return background_task()(application)

    def decorator(wrapped: Any) -> Any:
        return wrap(wrapped, _opener(wrapped, application, name, group), decorating=True)

    return decorator


def BackgroundTaskWrapper(  # noqa: N802  the agent's name
    wrapped: Decorated,
    application: ApplicationArgument = None,
    name: TextArgument = None,
    group: TextArgument = None,
) -> Decorated:
    """Return a wrapper of ``wrapped`` whose calls are measured as by `background_task`.

    ``wrapped`` itself stays as it is. The wrapper of a class is a class derived from
    it, or a proxy where subclasses may get registered somewhere.

    Raises:
        TypeError: ``wrapped`` cannot be called.
    """
    return wrap(wrapped, _opener(wrapped, application, name, group))  # type: ignore[no-any-return]


def wrap_background_task(
    module: Any,
    object_path: str,
    application: ApplicationArgument = None,
    name: TextArgument = None,
    group: TextArgument = None,
) -> None:
    """Replace ``module``'s attribute at the dotted ``object_path`` by its measured wrapper.

    Raises:
        ImportError: there is no such module.
        AttributeError: the module has no such attribute.
    """
    wrap_object(module, object_path, lambda wrapped: _opener(wrapped, application, name, group))


class BackgroundTask(Block):
    """Measure a block of code as a background task: ``with BackgroundTask(name="nightly") as transaction:``.

    Works with ``async with`` as well. The arguments are those of `background_task`;
    without a name the block is named after the function that enters it. The value
    after ``as`` is the transaction that now measures the block.

    Raises:
        RuntimeError: the same instance was entered a second time.
    """

    def __init__(
        self, application: ApplicationArgument = None, name: TextArgument = None, group: TextArgument = None
    ) -> None:
        super().__init__()
        self._arguments = (application, name, group)

    def _opener(self, caller: str) -> BackgroundOpener:
        application, name, group = self._arguments
        return BackgroundOpener(application, CallName(name, group, caller))
