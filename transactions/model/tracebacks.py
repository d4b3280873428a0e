"""Where an exception comes from: its innermost frame of the program's own, and its traceback, as plain texts.

Nothing of the host program's is kept alive: code objects are known by weak reference, and of frames, tracebacks and
exceptions only names and numbers are read. Never are locals.
"""

# No postponed annotations here: see `identity`.
from _weakref import ref
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from types import CodeType, FrameType, TracebackType
from typing import Any, Final, NamedTuple

from ..configuration.in_force import in_force
from ..configuration.own_code import OwnCode, short_path
from .clock import monotonic

__all__ = [
    "MAX_DEPTH",
    "MAX_FRAMES",
    "Describe",
    "Frame",
    "LocatedError",
    "Origin",
    "Place",
    "Raised",
    "Stack",
    "origin_of",
]

MAX_FRAMES: Final = 20
"""Frames of an exception that are kept, the innermost."""
MAX_DEPTH: Final = 3
"""Levels of causes, contexts and exception groups below an exception that are kept."""
_MAX_PARTS: Final = 5
"""Exceptions of a group that are kept."""
_MAX_STEPS: Final = 3000
"""Outermost frames of a traceback that are looked at: that of an exception which is raised again and again grows."""
_MAX_CODES: Final = 4000
_MAX_STACKS: Final = 500
"""Distinct stacks that are known at a time."""
_STACKS_KNOWN_FOR: Final = 60.0
"""Seconds after which room is made for others."""
_LONGEST: Final = 200
"""Characters of a file or a function."""


class Place(NamedTuple):
    """A line of code."""

    file: str
    line: int
    function: str
    offset: int
    """The line counted from that on which the function begins: it stays the same when code above it changes."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line} in {self.function}"


class Frame(NamedTuple):
    """A frame of a traceback."""

    path: str
    """The file by which its source is read."""
    place: Place
    own: bool


class Raised(NamedTuple):
    """An exception of a traceback: itself, its cause or context, or one of a group's."""

    type: str
    message: str
    relation: str
    """What it is to the one above: ``cause``, ``context``, ``part``; empty for the first."""
    frames: tuple[Frame, ...]
    omitted: int
    """How many outer frames were left out."""
    others: tuple[Any, ...]
    """Each of them as this one."""


class Stack:
    """A distinct traceback. What it is stored as is added by the recorder, once."""

    __slots__ = ("digest", "raised", "text")

    def __init__(self, raised: Raised) -> None:
        self.raised: Raised = raised
        self.digest: str = ""
        self.text: str = ""


Origin = tuple[Place | None, Stack | None]
"""The innermost own place and the traceback of an exception, as far as they are known."""


class LocatedError(NamedTuple):
    """A distinct error of a transaction while that is being counted, and where it comes from.

    Its first fields are those of `NoticedError`, and only they tell errors apart.
    """

    type: str
    message: str
    expected: bool
    place: Place | None = None
    """The innermost line of the program's own; ``None`` if the exception was never raised, or elsewhere."""
    stack: Stack | None = None


class _Code:
    """Cached facts about a code object."""

    __slots__ = ("_first_line", "file", "function", "is_ours", "own", "path", "places")

    def __init__(self, code: CodeType, module: str, own_code: OwnCode) -> None:
        self.path: str = str(code.co_filename)
        self.file: str = short_path(self.path)[-_LONGEST:]
        self.function: str = str(getattr(code, "co_qualname", code.co_name))[:_LONGEST]
        self.own: bool = own_code.owns(self.path, module)
        self.is_ours: bool = own_code.is_ours(module)
        self.places: dict[int, Place] = {}
        """By instruction."""
        self._first_line = code.co_firstlineno

    def place(self, step: TracebackType) -> Place:
        """Return the place of one of its frames."""
        place = self.places.get(step.tb_lasti)
        if place is None:
            line = step.tb_lineno or self._first_line
            place = self.places[step.tb_lasti] = Place(self.file, line, self.function, line - self._first_line)
        return place


_codes: dict[ref[CodeType], _Code] = {}
_watched: dict[ref[CodeType], tuple[ref[CodeType], ref[CodeType]]] = {}
"""References that forget a code once it is gone: dead ones of equal hash would all be compared with the next."""
_alike: dict[object, _Code] = {}
"""By all that is known of a code: code that is generated anew each time is known from before."""
_stacks: dict[object, Stack] = {}


class _Known:
    """For which setting the two hold, and until when stacks are known."""

    own_code: OwnCode | None = None
    until: float = 0.0


def _forget() -> None:
    _Known.own_code = in_force.own_code
    _codes.clear()
    _watched.clear()
    _alike.clear()
    _stacks.clear()


def _code_of(frame: FrameType) -> _Code:
    """Return what is known of a frame's code. Equal functions of two files are equal code, and share an entry."""
    known = _codes.get(ref(frame.f_code))
    return known if known is not None and known.path == frame.f_code.co_filename else _learn(frame)


def _learn(frame: FrameType) -> _Code:
    if len(_codes) >= _MAX_CODES or len(_alike) >= _MAX_CODES:
        _forget()
    code = frame.f_code
    module = str(frame.f_globals.get("__name__", ""))
    function = getattr(code, "co_qualname", code.co_name)
    facts = (code.co_filename, module, function, code.co_firstlineno, code.co_linetable)
    known = _alike.get(facts)
    if known is None or known.path != code.co_filename:
        known = _alike[facts] = _Code(code, module, in_force.own_code)
    key = ref(code)  # without a call-back, so that it is found again with its hash
    _codes[key] = known
    # No function of ours is called then: an exception that strikes in a call-back is lost to the program.
    _watched[key] = ref(code, partial(_codes.pop, key)), ref(code, partial(_watched.pop, key))
    return known


class Describe(NamedTuple):
    """What a traceback shows of an exception."""

    name: Callable[[BaseException], str]
    message: Callable[[BaseException], str]
    """Runs code of the host's; called when a traceback was not known before."""
    parts: Callable[[BaseException], tuple[BaseException, ...]]
    """Of a group, the exceptions."""


def origin_of(exception: BaseException, name: str, is_group: bool, describe: Describe) -> Origin:
    """Return where an exception comes from; its traceback is read once per distinct one.

    Args:
        exception: any.
        name: its class.
        is_group: whether it is a group of exceptions.
        describe: says what a traceback shows of an exception.
    """
    if _Known.own_code is not in_force.own_code:
        _forget()
    walked = _walked(exception.__traceback__)  # every failing request pays for this
    own = owner = None
    steps: list[object] = [name]
    for step in walked[-MAX_FRAMES:]:
        code = _code_of(step.tb_frame)
        if code.own:
            own, owner = step, code
        steps.append(code)
        steps.append(step.tb_lasti)
    if own is None or owner is None:
        own = _own_before(walked) or next(reversed(_innermost(walked)), None)
        if own is None:
            return _NOWHERE
        owner = _code_of(own.tb_frame)
    place = owner.places.get(own.tb_lasti) or owner.place(own)
    if not in_force.privacy.keeps_tracebacks:
        return place, None
    return place, _stack_of(exception, steps, is_group, describe)


def _stack_of(exception: BaseException, steps: list[object], is_group: bool, describe: Describe) -> Stack | None:
    """Return the traceback that goes with a class and steps: a known one, or a new one."""
    if is_group or exception.__context__ is not None or exception.__cause__ is not None:
        steps += _steps_of_others(exception, describe, MAX_DEPTH)
    key = tuple(steps)
    return _stacks.get(key) or _new_stack(key, exception, describe)


_NOWHERE: Final[Origin] = (None, None)


def _own_before(walked: Sequence[TracebackType]) -> TracebackType | None:
    """Return the innermost frame of the program's own where none of the last ones is."""
    return next((step for step in reversed(walked[:-MAX_FRAMES]) if _code_of(step.tb_frame).own), None)


def _steps_of_others(exception: BaseException, describe: Describe, levels: int) -> Iterator[object]:
    for relation, other in _others(exception, describe):
        yield relation
        yield describe.name(other)
        for step in _innermost(_walked(other.__traceback__)):
            yield _code_of(step.tb_frame)
            yield step.tb_lasti
        if levels > 1:
            yield from _steps_of_others(other, describe, levels - 1)


def _others(exception: BaseException, describe: Describe) -> Iterator[tuple[str, BaseException]]:
    """Yield what a traceback shows beside an exception: its cause or else its context, and the parts of a group."""
    if exception.__cause__ is not None:
        yield "cause", exception.__cause__
    elif exception.__context__ is not None and not exception.__suppress_context__:
        yield "context", exception.__context__
    for part in describe.parts(exception)[:_MAX_PARTS]:
        yield "part", part


def _new_stack(key: object, exception: BaseException, describe: Describe) -> Stack | None:
    """Return a stack that was not known, unless there are too many: then one is worth no time to a failing request."""
    if len(_stacks) >= _MAX_STACKS:
        now = monotonic()
        if now < _Known.until:
            return None
        _Known.until = now + _STACKS_KNOWN_FOR
        _stacks.clear()
    stack = _stacks[key] = Stack(_raised(exception, "", describe, MAX_DEPTH))
    return stack


def _raised(exception: BaseException, relation: str, describe: Describe, levels: int) -> Raised:
    walked = _walked(exception.__traceback__)
    steps = _innermost(walked)
    omitted = sum(not _code_of(step.tb_frame).is_ours for step in walked) - len(steps)
    others = _others(exception, describe) if levels else ()
    return Raised(
        describe.name(exception),
        describe.message(exception),
        relation,
        tuple(_frame(step) for step in steps),
        omitted,
        tuple(_raised(other, said, describe, levels - 1) for said, other in others),
    )


def _frame(step: TracebackType) -> Frame:
    code = _code_of(step.tb_frame)
    return Frame(code.path, code.place(step), code.own)


def _walked(step: TracebackType | None) -> list[TracebackType]:
    """Return the steps of a traceback."""
    steps: list[TracebackType] = []
    while step is not None and len(steps) < _MAX_STEPS:
        steps.append(step)
        step = step.tb_next
    return steps


def _innermost(walked: Sequence[TracebackType]) -> list[TracebackType]:
    """Return the last steps of a traceback, without those through us."""
    steps: list[TracebackType] = []
    for step in reversed(walked):
        if not _code_of(step.tb_frame).is_ours:
            steps.append(step)
            if len(steps) == MAX_FRAMES:
                break
    steps.reverse()
    return steps
