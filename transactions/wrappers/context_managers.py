"""The base of the context managers that open a transaction around a block of code."""

from __future__ import annotations

import sys
from types import FrameType, TracebackType

from ..context.current import get_active
from ..context.finalizers import Guard, release
from ..context.lifetime import Mark, finish_out_of_order
from ..log import capture_internal_exception
from ..model.naming import function_name
from ..model.transaction import Transaction
from .opening import Opener

__all__ = ["Block"]


def _user_of(frame: FrameType) -> FrameType:
    """Return the frame that uses the block: the caller of an exit stack that enters it."""
    while frame.f_back is not None and frame.f_globals.get("__name__") == "contextlib":
        frame = frame.f_back
    return frame


class Block:
    """A context manager that can be used once; a subclass supplies the opener.

    If it is entered by hand and never left, its transaction ends when it is collected.
    """

    def __init__(self) -> None:
        self._guard: Guard | None = None
        self._mark: Mark = []
        self._used = False
        self._opened: Transaction | None = None

    def _opener(self, caller: str) -> Opener:
        """Return the opener, given the name of the function that enters the block."""
        raise NotImplementedError

    def _enter(self, frame: FrameType) -> Transaction | None:
        if self._used:
            raise RuntimeError(f"one {type(self).__name__} cannot be entered twice: make a new one for each block")
        self._used = True
        try:
            self._opened = self._opener(function_name(_user_of(frame))).open((), {}, self._mark)
            if self._opened is None:
                return get_active()
            self._guard = Guard(self._opened)
            return self._opened
        except BaseException:
            self._leave()
            capture_internal_exception("Block")
            return None

    def _leave(self) -> None:
        """End the transaction if one was opened; blocks may end in any order and in any context."""
        opened = self._opened
        if opened is not None:
            finish_out_of_order(opened)
            self._opened = None
            if self._guard is not None:
                release(self._guard)

    def __enter__(self) -> Transaction | None:
        return self._enter(sys._getframe(1))

    def __exit__(
        self, kind: type[BaseException] | None, exception: BaseException | None, traceback: TracebackType | None
    ) -> None:
        opened = self._opened
        if opened is None:
            return
        try:
            if exception is not None:
                opened._record_exception(exception)
        finally:
            self._leave()

    async def __aenter__(self) -> Transaction | None:
        return self._enter(sys._getframe(1))

    async def __aexit__(
        self, kind: type[BaseException] | None, exception: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(kind, exception, traceback)
