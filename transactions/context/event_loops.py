"""What event loops know about the caller: which task runs, in which context, and on whose behalf.

Nothing here imports an event loop: one that is not loaded cannot be running.
"""

from __future__ import annotations

import gc
import sys
from contextvars import Context, ContextVar, Token
from types import FrameType
from typing import Any, Final

from ..host_exceptions import pass_on

__all__ = [
    "context_of_task",
    "context_of_token",
    "coroutine_of",
    "frames_of_waiting",
    "main_task",
    "running_task",
    "task_waiting_for",
    "within_event_loop",
]

_NO_TASK: Final = object()


def within_event_loop() -> bool:
    """Whether an event loop is running in this thread."""
    return _asyncio_runs_here() or _trio_root() is not None


def _asyncio_runs_here() -> bool:
    """Whether one of asyncio's event loops is running in this thread.

    Under gevent, threads are greenlets of one OS thread, and asyncio reports the
    loop of one greenlet as running in all of them. The loop knows which one it is.
    """
    asyncio: Any = sys.modules.get("asyncio")
    loop = None if asyncio is None else asyncio._get_running_loop()
    if loop is None:
        return False
    own = getattr(loop, "_thread_id", None)  # uvloop does not expose it
    return own is None or own == sys.modules["threading"].get_ident()


def running_task() -> Any:
    """Return the task of asyncio or trio that runs in this thread, or ``None``."""
    if _asyncio_runs_here():
        return sys.modules["asyncio"].current_task()
    trio: Any = sys.modules.get("trio")
    if trio is None:
        return None
    try:
        return trio.lowlevel.current_task()
    except RuntimeError as outside_of_trio:
        pass_on(outside_of_trio)
        return None


def coroutine_of(task: Any) -> Any:
    """Return the root coroutine of a task."""
    return task.get_coro() if hasattr(task, "get_coro") else getattr(task, "coro", None)


def task_waiting_for(task: Any) -> Any:
    """Return the task whose task group (anyio's, or a trio nursery) runs ``task``; else ``None``."""
    nursery = getattr(task, "parent_nursery", None)
    if nursery is not None:
        return nursery.parent_task
    anyio: Any = sys.modules.get("anyio._backends._asyncio")
    scope = None if anyio is None or task is None else getattr(anyio._task_states.get(task), "cancel_scope", None)
    while scope is not None and scope._host_task is task:  # a scope that the task itself has entered
        scope = scope._parent_scope
    return getattr(scope, "_host_task", None)


def frames_of_waiting(coroutine: Any) -> list[FrameType]:
    """Return the frames in which a coroutine is suspended, outermost first."""
    frames = []
    while (frame := getattr(coroutine, "cr_frame", None)) is not None:
        frames.append(frame)
        coroutine = coroutine.cr_await
    return frames


def context_of_task(task: Any) -> Context | None:
    """Return the context that a task runs in.

    asyncio's tasks have a method for it from Python 3.12 on; before that it is found
    among the objects they refer to, by `gc`. Trio's tasks have an attribute.
    """
    if hasattr(task, "get_context"):
        context = task.get_context()
        return context if isinstance(context, Context) else None
    context = getattr(task, "context", None)
    return context if isinstance(context, Context) else _context_among_referents(task)


def context_of_token(token: Token[Any] | None) -> Context | None:
    """Return the context in which a token was made, found by `gc`, as nothing else exposes it."""
    return None if token is None else _context_among_referents(token)


def _context_among_referents(owner: object) -> Context | None:
    for found in gc.get_referents(owner):  # not a generator: it would swallow what strikes while it is closed
        if isinstance(found, Context):
            return found
    return None


def main_task() -> Any:
    """Return the task that this thread's event loop runs for, if a caller is blocked until that task is done."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        task = _task_awaited_in(frame)
        if task is not _NO_TASK:
            return task
        frame = frame.f_back
    return _trio_root()


_BLOCKED_IN: Final = {
    ("asyncio.runners", "run"): "task",
    ("asyncio.base_events", "run_until_complete"): "future",
}
"""Functions that run a loop until one task is done, with the local variable that holds the task."""


def _task_awaited_in(frame: FrameType) -> Any:
    variable = _BLOCKED_IN.get((str(frame.f_globals.get("__name__")), frame.f_code.co_name))
    return _NO_TASK if variable is None else frame.f_locals.get(variable, _NO_TASK)


def _trio_root() -> Any:
    trio: Any = sys.modules.get("trio")
    if trio is None:
        return None
    try:
        return trio.lowlevel.current_root_task()
    except RuntimeError as outside_of_trio:
        pass_on(outside_of_trio)
        return None


def has_value(context: Context | None, variable: ContextVar[Any], value: object) -> bool:
    """Whether the variable's value in a context is that very object."""
    return context is not None and context.get(variable) is value
