"""Faults of our own: which internal steps a piece of work takes, and each of them failing once."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from types import CodeType, FrameType, FunctionType
from typing import Any, Final, NamedTuple

import weighbridge

Act = Callable[[], Any]

_OURS: Final = ("weighbridge.transactions.", "weighbridge.middleware.")


class Fault(Exception):
    """A mistake of ours, in a test."""

    __module__ = "weighbridge.tests"


class Place(NamedTuple):
    """An internal step, and whether it fails before it has done anything or after everything."""

    code: CodeType
    module: str
    event: str

    def __str__(self) -> str:
        how = "fails" if self.event == "call" else "fails late"
        return f"{self.module.removeprefix('weighbridge.')}:{_qualified_name(self.code, self.module)} {how}"


def _qualified_name(code: CodeType, module: str) -> str:
    """A code object tells it from Python 3.11 on; before, it is looked for in its module."""
    if hasattr(code, "co_qualname"):
        return str(code.co_qualname)
    names = (name for owner in _functions_of(sys.modules[module]) for name in _names_within(owner, code))
    return next(names, code.co_name)


def _functions_of(owner: Any) -> Iterator[FunctionType]:
    for member in vars(owner).values():
        if isinstance(member, type) and member.__module__ == getattr(owner, "__name__", None):
            yield from _functions_of(member)
        function = getattr(member, "fget", getattr(member, "__func__", member))
        if isinstance(function, FunctionType):
            yield inspect.unwrap(function)


def _names_within(owner: FunctionType, wanted: CodeType) -> Iterator[str]:
    waiting = [(owner.__qualname__, owner.__code__)]
    while waiting:
        name, code = waiting.pop()
        if code is wanted:
            yield name
        waiting += [
            (f"{name}.<locals>.{inner.co_name}", inner) for inner in code.co_consts if isinstance(inner, CodeType)
        ]


def steps_of(act: Act) -> list[Place]:
    """The functions of ours that are called in this thread while something is done."""
    seen: dict[CodeType, str] = {}

    def notice(frame: FrameType, event: str, argument: Any) -> None:
        module = frame.f_globals.get("__name__", "")
        if event == "call" and module.startswith(_OURS):
            seen.setdefault(frame.f_code, module)

    sys.setprofile(notice)
    try:
        act()
    finally:
        sys.setprofile(None)
    return [Place(code, module, event) for code, module in seen.items() for event in ("call", "return")]


def with_fault(act: Act, place: Place) -> Any:
    """Do something while an internal step fails once.

    An exception that leaves a profile function is raised where the profiled
    call is made, and nothing is profiled any more.
    """

    def fail(*told: Any) -> None:
        frame, event, _ = told
        del told  # by which this would be taken for a function that traces for the program
        if event == place.event and frame.f_code is place.code:
            raise Fault(str(place))

    sys.setprofile(fail)
    try:
        return act()
    finally:
        sys.setprofile(None)


class Measured:
    """Middleware and decorators as they are."""

    wsgi = staticmethod(weighbridge.WSGITransactionMiddleware)
    asgi = staticmethod(weighbridge.ASGITransactionMiddleware)
    background_task = staticmethod(weighbridge.background_task)
    BackgroundTask = weighbridge.BackgroundTask
    web_transaction = staticmethod(weighbridge.web_transaction)
    WebTransaction = weighbridge.WebTransaction
    transaction_name = staticmethod(weighbridge.transaction_name)


class _Block:
    def __init__(self, *arguments: Any, **options: Any) -> None: ...

    def __enter__(self) -> None: ...

    def __exit__(self, *exception: object) -> None: ...

    async def __aenter__(self) -> None: ...

    async def __aexit__(self, *exception: object) -> None: ...


def _untouched(*arguments: Any, **options: Any) -> Callable[[Any], Any]:
    return lambda wrapped: wrapped


class Unmeasured:
    """The same names, which do nothing at all."""

    wsgi = staticmethod(lambda app, **options: app)
    asgi = staticmethod(lambda app, **options: app)
    background_task = staticmethod(_untouched)
    BackgroundTask = _Block
    web_transaction = staticmethod(_untouched)
    WebTransaction = _Block
    transaction_name = staticmethod(_untouched)
