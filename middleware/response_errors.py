"""Conclusions from an exception that left the application about the response that was being sent."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Any, Final

from ..transactions.host_exceptions import code_of, context_of, traceback_of
from ..transactions.model.errors import class_names

__all__ = ["broke_the_body", "came_from", "closed_by_middleware", "taken_for_a_disconnect"]

_RESPONSES: Final = "starlette.responses"
_BACKGROUND: Final = "starlette.background"
_CLOSING: Final = "starlette.middleware.base"
_DISCONNECT: Final = "starlette.requests:ClientDisconnect"
_CALL: Final = (_RESPONSES, "__call__")


def came_from(function: Any, exception: BaseException) -> bool:
    """Whether an exception passed through a callable: a function, method or instance written in Python."""
    code = code_of(function)
    return code is not None and any(frame.f_code is code for frame in _frames(traceback_of(exception)))


def taken_for_a_disconnect(exception: BaseException) -> BaseException | None:
    """Return the `OSError` that Starlette replaced by its ``ClientDisconnect``, as it does with any from a stream."""
    cause = context_of(exception)
    return (
        cause
        if cause is not None and issubclass(type(cause), OSError) and _DISCONNECT in class_names(exception)
        else None
    )


def closed_by_middleware() -> bool:
    """Whether the current message is sent by a middleware that sends it even after a stream broke."""
    if _CLOSING not in sys.modules:
        return False
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if _module_of(frame) == _CLOSING:
            return True
        frame = frame.f_back
    return False


def broke_the_body(exception: BaseException) -> bool:
    """Whether an exception that followed the last byte was raised by the code that produces the body.

    Starlette's ``BaseHTTPMiddleware`` closes a broken stream with an empty last
    message before it raises the exception again. The exception of a background task
    also follows the last byte, but breaks nothing: it comes from
    `starlette.background`, or directly from a response's call.
    """
    frames = list(_frames(traceback_of(exception)))
    modules = list(map(_module_of, frames))
    if _BACKGROUND in modules:
        return False
    calls = [index for index, frame in enumerate(frames) if (modules[index], frame.f_code.co_name) == _CALL]
    below = modules[calls[-1] + 1 :] if calls else ()
    return not below or _RESPONSES in below  # the frames of a task group may come in between


def _frames(traceback: TracebackType | None) -> Iterator[FrameType]:
    """Yield the frames of a traceback, outermost first."""
    while traceback is not None:
        yield traceback.tb_frame
        traceback = traceback.tb_next


def _module_of(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__"))
