"""Which tasks a framework starts to handle a request, as opposed to those that the user's code starts.

A task is recognized by its root coroutine: by the exact module and qualified name
of the function. Any task that is not in these tables was started by the user's
code. Observed on Starlette 0.26 to 1.10, FastAPI 0.165, Litestar 2.25,
Django 4.2 and 5.2, Quart 0.18 to 0.22, asgiref 3.6 to 3.13, anyio 3.7 to 4.16, trio 0.22 to 0.35,
Dramatiq 2.2.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import CodeType, FrameType
from typing import Any, Final

__all__ = ["is_framework_task"]

_Place = tuple[str, str]

_TASK_GROUP_TASKS: Final[frozenset[_Place]] = frozenset(
    {
        ("anyio._core._tasks", "TaskHandle._run_coro"),
        ("anyio._backends._asyncio", "TaskGroup._run_wrapped_task"),
    }
)
"""Runners of all tasks of a task group, the framework's and the user's alike: the frame next to them decides."""

_FRAMEWORK_TASKS: Final[frozenset[_Place]] = frozenset(
    {
        # a thread is blocked until these are done
        ("asgiref.sync", "AsyncToSync.main_wrap"),
        ("asgiref.sync", "AsyncToSync.__call__.<locals>.new_loop_wrap"),
        ("anyio._backends._asyncio", "AsyncIOBackend.run_async_from_thread.<locals>.task_wrapper"),
        ("trio._threads", "Run.run_system"),
        ("dramatiq.asyncio", "EventLoopThread.run_coroutine.<locals>.wrapped_coro"),
        ("trio._threads", "from_thread_run.<locals>.callback.<locals>.await_in_trio_thread_task"),  # before 0.23
        # tasks that do the request's own work
        ("django.core.handlers.asgi", "ASGIHandler.handle.<locals>.process_request"),
        ("starlette.middleware.base", "BaseHTTPMiddleware.__call__.<locals>.call_next.<locals>.coro"),
        (
            "starlette.middleware.base",
            "BaseHTTPMiddleware.__call__.<locals>.call_next.<locals>.receive_or_disconnect.<locals>.wrap",
        ),
        ("starlette.responses", "StreamingResponse.__call__.<locals>.wrap"),
        ("starlette.responses", "FileResponse.__call__.<locals>.stream_file"),
        ("litestar.response.streaming", "ASGIStreamingResponse._stream"),
        ("litestar._kwargs.dependencies", "resolve_dependency"),
        ("litestar._kwargs.cleanup", "DependencyCleanupGroup._wrap_next.<locals>.wrapped_async"),
        ("quart.asgi", "ASGIHTTPConnection.handle_request"),
        ("quart.asgi", "ASGIHTTPConnection._send_response"),  # by `wait_for` before Python 3.12
    }
)

_THREAD_HOSTS: Final[frozenset[_Place]] = frozenset({("trio._threads", "Run.run")})
"""Functions that run calls from a worker thread, in its context, inside the task that waits for the thread."""


def _shortened(places: frozenset[_Place]) -> frozenset[_Place]:
    return frozenset((module, name.rpartition(".")[2]) for module, name in places)


_FRAMEWORK_TASKS_SHORT: Final = _shortened(_FRAMEWORK_TASKS)
_THREAD_HOSTS_SHORT: Final = _shortened(_THREAD_HOSTS)
"""For Python 3.10, where a frame knows only the last part of its function's qualified name."""


def is_framework_task(coroutine: Any) -> bool:
    """Whether the task with this root coroutine was started by a framework to handle its request.

    Must be called from inside that task: if the root is a generic runner, the frame
    next to it on the stack decides.
    """
    root = getattr(coroutine, "cr_frame", None)
    if root is None:
        return False
    place = (str(root.f_globals.get("__name__")), str(coroutine.__qualname__))
    if place in _FRAMEWORK_TASKS:
        return True
    stack = list(_stack_up_to(root))
    if place in _TASK_GROUP_TASKS:
        return bool(stack) and _runs_one_of(stack[-1], _FRAMEWORK_TASKS, _FRAMEWORK_TASKS_SHORT)
    return any(_runs_one_of(frame, _THREAD_HOSTS, _THREAD_HOSTS_SHORT) for frame in stack)


def _stack_up_to(root: FrameType) -> Iterator[FrameType]:
    """Yield the caller's frames, innermost first, up to the root and without it."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and frame is not root:
        yield frame
        frame = frame.f_back


def _runs_one_of(frame: FrameType, places: frozenset[_Place], short: frozenset[_Place]) -> bool:
    module = str(frame.f_globals.get("__name__"))
    qualified = _qualified_name(frame.f_code)
    if qualified is None:
        return (module, frame.f_code.co_name) in short
    return (module, qualified) in places


def _qualified_name(code: CodeType) -> str | None:
    return getattr(code, "co_qualname", None)
