"""Strike once at each point at which CPython looks for signals while measured work is done, one point a round.

    points.py CLASS SHARE

`strikes.py` strikes at random moments; here none is left out. A trace function
calls the signal handler there. Of the points, only each ``SHARE``-th is tried.
"""

from __future__ import annotations

import dis
import functools
import gc
import json
import signal
import sys
from types import CodeType, FrameType
from typing import Any

import forms

import weighbridge
from weighbridge.transactions.handoff import handoff


class SoftTimeLimit(Exception): ...


CLASSES: dict[str, type[BaseException]] = {
    kind.__name__: kind for kind in (SoftTimeLimit, AttributeError, KeyError, StopIteration, StopAsyncIteration)
}
_AFTER = ("CALL", "JUMP_A", "JUMP_B", "POP_JUMP", "RESUME")
"""How the instructions begin after which signals are looked for."""
_NOT_BEFORE = (
    {"SETUP_FINALLY", "SETUP_WITH", "BEFORE_ASYNC_WITH", "YIELD_FROM"} if sys.version_info < (3, 11) else set()
)


@functools.cache
def points_of(code: CodeType) -> frozenset[int]:
    """The offsets of a function's instructions before which signals are looked for."""
    found, before = set(), ""
    for instruction in dis.get_instructions(code):
        if before.startswith(_AFTER) and instruction.opname not in _NOT_BEFORE:
            found.add(instruction.offset)
        if instruction.opname != "CACHE":
            before = instruction.opname
    return frozenset(found)


class Round:
    """One piece of work, and the point at which it is struck."""

    def __init__(self, chosen: int, struck: BaseException) -> None:
        self.seen = 0
        self.where = ""
        self._chosen = chosen
        self._struck = struck

    def strike(self, *_: object) -> None:
        raise self._struck

    def trace(self, frame: FrameType, event: str, _: object) -> Any:
        if "faults/programs" in frame.f_code.co_filename or frame.f_lineno is None:  # the latter is being closed
            return self.trace
        frame.f_trace_lines, frame.f_trace_opcodes = False, True
        if event == "call" or (event == "opcode" and frame.f_lasti in points_of(frame.f_code)):
            self._pass(frame)
        return self.trace

    def _pass(self, frame: FrameType) -> None:
        self.seen += 1
        if self.seen == self._chosen:
            self.where = f"{frame.f_code.co_filename}:{frame.f_lineno}"
            self.strike()


def arrived(form: str, one: Round, struck: BaseException) -> bool:
    """Whether the program got the very exception, or what a generator of its own makes of it."""
    try:
        sys.settrace(one.trace)
        try:
            forms.FORMS[form]()
        finally:
            sys.settrace(None)
    except BaseException as exception:
        return exception is struck or exception.__cause__ is struck
    return not one.where


def faults(form: str, chosen: int, kind: type[BaseException]) -> list[str] | None:
    """Strike at one point; gives what went wrong, and nothing if there are fewer points."""
    struck = kind("from outside")
    one = Round(chosen, struck)
    signal.signal(signal.SIGALRM, one.strike)
    found = [] if arrived(form, one, struck) else ["swallowed"]
    struck.__traceback__ = struck.__context__ = None
    if is_something_left():
        gc.collect()  # a cycle of exceptions still holds it
        if is_something_left():
            found.append("left")
    return [f"{form}, {one.where}: {fault}" for fault in found] if one.where else None


def is_something_left() -> bool:
    return weighbridge.current_transaction(active_only=False) is not None or bool(handoff.open_transactions)


kind, share = CLASSES[sys.argv[1]], int(sys.argv[2])
tried, told = 0, []
for number, form in enumerate(forms.FORMS):
    if kind is StopIteration and form == "closed_generator":  # Python takes it for the end of what it closes
        continue
    for _ in range(50):
        forms.FORMS[form]()
    gc.collect()
    chosen = number % share + 1
    while (wrong := faults(form, chosen, kind)) is not None:
        tried += 1
        told += wrong
        chosen += share
print(json.dumps({"tried": tried, "faults": told}))
