"""Arguments of the functions on the call stack of ``send`` and ``start_response``.

A framework publishes the route in the scope or environ that it was given. If a
middleware has made a copy of ours, the only link to that copy is the call stack.
The stack is searched only if our own request does not have the route, and only
arguments of functions in the modules of these tables are read.
"""

from __future__ import annotations

import sys
from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from types import FrameType
from typing import Any, Final

from ..transactions.context.event_loops import coroutine_of, frames_of_waiting, running_task, task_waiting_for
from ..transactions.host_exceptions import pass_on, traceback_of
from .known_routers import layers

__all__ = ["calling_instance", "dispatched_part", "is_written", "request_of_caller", "request_of_raiser"]

Request = Mapping[str, Any]

_REQUESTS: Final = {
    "starlette.applications": "scope",
    "starlette.middleware.base": "scope",
    "starlette.routing": "scope",
    "litestar.app": "scope",
    "flask.app": "environ",
    "bottle": "environ",
}
"""Modules of frameworks, with the name of the argument that holds the request."""

_DISPATCHERS: Final = {
    "werkzeug.middleware.dispatcher": "mounts",
    "hypercorn.middleware.dispatcher": "mounts",
    "cheroot.wsgi": "apps",
}
"""Modules of dispatchers by path prefix, with the attribute that holds the prefixes."""

_FRAMEWORKS: Final = frozenset(
    "a2wsgi asgiref bottle channels connexion django falcon fastapi flask litestar pyramid quart sanic starlette "
    "webob weighbridge werkzeug".split()
)
"""Packages whose own strings are not mounts; an application's ``root_path=`` is its address, for example."""

_MIDDLEWARE: Final = {f"{__package__}.asgi": "scope", f"{__package__}.wsgi": "environ"}
_MAX_FRAMES: Final = 500
_MAX_TASKS: Final = 5


def request_of_caller(own: Request) -> Request | None:
    """Return the request of the framework that is responding, if it is not our own."""
    return _first_request(_callers(own), own)


def request_of_raiser(own: Request, exception: BaseException) -> Request | None:
    """Return the request of the framework that let an exception escape, if it is not our own."""
    return _first_request(reversed(_left_by(exception)), own)


def _first_request(frames: Iterable[FrameType], own: Request) -> Request | None:
    for frame in frames:
        argument = _REQUESTS.get(_module(frame))
        request = None if argument is None else _argument(frame, argument)
        if request is not None:
            return None if _is_among(own, request) else request
    return None


def calling_instance(own: Request, module: str) -> Any:
    """Return the ``self`` of a method of that module which is responding or has raised, or ``None``."""
    exception = sys.exc_info()[1]
    frames = chain(_callers(own), () if exception is None else _left_by(exception))
    return next((_argument(frame, "self") for frame in frames if _module(frame) == module), None)


def dispatched_part(own: Request, path: str) -> str:
    """Return the front of a path that dispatchers among the callers were configured with."""
    taken = ""
    for frame in reversed([frame for frame in _callers(own) if _module(frame) in _DISPATCHERS]):
        left = path[len(taken) :]
        taken += max((part for part in _parts(frame) if f"{left}/".startswith(f"{part}/")), key=len, default="")
    return taken


def _parts(frame: FrameType) -> list[str]:
    table: Any = getattr(_argument(frame, "self"), _DISPATCHERS[_module(frame)], ())
    return [part.rstrip("/") if isinstance(part, str) else part[0] for part in table]


def is_written(own: Request, path: str) -> bool:
    """Whether a path is written in the code that has passed the request on to a framework.

    Each caller may have contributed one part, the outermost the first: a constant of
    its function, or an attribute of a middleware's instance. (A prefix that is
    computed for a tenant at request time is neither.)
    """
    kept = list(_layers(own))
    frames = [frame for frame in _callers(own) if not _is_framework(frame)]
    return _is_made_of(path, [_texts(frame, kept) for frame in reversed(frames)])


def _is_made_of(path: str, tables: list[set[str]]) -> bool:
    if not path or not tables:
        return not path
    parts = ("", *(part for part in tables[0] if f"{path}/".startswith(f"{part}/")))
    return any(_is_made_of(path[len(part) :], tables[1:]) for part in parts)


def _is_framework(frame: FrameType) -> bool:
    return _module(frame).partition(".")[0] in _FRAMEWORKS


def _texts(frame: FrameType, layers_kept: list[Any]) -> set[str]:
    """Return the parts of paths among a function's constants and globals, and its layer's attributes."""
    code, owner = frame.f_code, _argument(frame, "self")
    values: list[object] = [*code.co_consts, *map(frame.f_globals.get, code.co_names)]
    if any(owner is layer for layer in layers_kept):
        values += _attributes(owner)
    return {value.rstrip("/") for value in values if isinstance(value, str) and value.startswith("/")} - {""}


def _layers(own: Request) -> Iterator[Any]:
    """Yield the applications between our middleware and the framework, outermost first."""
    stack = (*_own_stack(), *_stack_of_waiting_tasks())
    middleware = next((frame for frame in stack if _is_middleware(frame, own)), None)
    return layers(None if middleware is None else _argument(middleware, "self").__wrapped__)


def _attributes(layer: Any) -> Iterable[object]:
    try:
        return tuple(object.__getattribute__(layer, "__dict__").values())
    except AttributeError as none:
        pass_on(none)
        return ()


def _callers(own: Request) -> list[FrameType]:
    """Return the frames between here and the middleware with our own request, innermost first.

    Not a generator: an exception that strikes while an unfinished generator is closed is swallowed.
    """
    callers: list[FrameType] = []
    for stack in (_own_stack, _stack_of_waiting_tasks):
        for frame in stack():
            if _is_middleware(frame, own):
                return callers
            callers.append(frame)
    return callers


def _own_stack() -> list[FrameType]:
    """Return the frames that called this module; its own would make cycles, as they hold the list."""
    frames: list[FrameType] = []
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_globals is globals():
        frame = frame.f_back
    while frame is not None and len(frames) < _MAX_FRAMES:
        frames.append(frame)
        frame = frame.f_back
    return frames


def _stack_of_waiting_tasks() -> list[FrameType]:
    """Return the frames of tasks that wait for ours: before ASGI 2.4 Starlette streams in a separate task."""
    frames: list[FrameType] = []
    task = running_task()
    for _ in range(_MAX_TASKS):
        task = task_waiting_for(task)
        if task is None or len(frames) >= _MAX_FRAMES:
            break
        frames += reversed(frames_of_waiting(coroutine_of(task)))
    return frames


def _is_middleware(frame: FrameType, own: Request) -> bool:
    argument = _MIDDLEWARE.get(_module(frame))
    return argument is not None and _is_among(own, _argument(frame, argument))


def _left_by(exception: BaseException) -> list[FrameType]:
    """Return the frames that an exception has passed through, outermost first."""
    frames, traceback = [], traceback_of(exception)
    while traceback is not None:
        frames.append(traceback.tb_frame)
        traceback = traceback.tb_next
    return frames


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__"))


def _argument(frame: FrameType, name: str) -> Any:
    """Return the value of a function's argument of that name, if it has one."""
    code = frame.f_code
    if name not in code.co_varnames[: code.co_argcount]:
        return None
    values = frame.f_locals
    value = values.get(name)
    if isinstance(values, dict):  # before Python 3.13 this is a copy, which the frame would keep alive
        values.clear()
    return value


def _is_among(own: Request, request: object) -> bool:
    """Whether it is our own request, or one of the several that ours combines."""
    return request is own or (isinstance(own, ChainMap) and any(request is one for one in own.maps))
