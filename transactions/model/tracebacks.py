"""Where an exception comes from: its innermost frame of the program's own, and its traceback, as plain texts.

Nothing of the host program's is kept alive: code objects are known by weak reference, and of frames, tracebacks and
exceptions only names and numbers are read. Never are locals.
"""

# No postponed annotations here: see `identity`.
from _weakref import ref
from collections.abc import Callable, Sequence
from functools import partial
from types import CodeType, FrameType, TracebackType
from typing import Any, Final, NamedTuple, Protocol

from ..configuration.in_force import in_force
from ..configuration.own_code import OwnCode, short_path
from ..host_exceptions import cause_of, context_of, hides_context, traceback_of
from .clock import monotonic

__all__ = [
    "MAX_DEPTH",
    "MAX_EXCEPTIONS",
    "MAX_FRAMES",
    "ClassFacts",
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
MAX_EXCEPTIONS: Final = 16
"""Exceptions of a traceback that are kept, those nearest to the first: groups of groups may hold any number."""
_MAX_PARTS: Final = 5
"""Exceptions of a group that are kept."""
_BOUND: Final = range(3000)
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
    """Empty for the first, which has it by itself: it is asked of the program's code only once."""
    relation: str
    """What it is to the one above: ``cause``, ``context``, ``part``; empty for the first."""
    frames: tuple[Frame, ...]
    omitted: int
    """How many outer frames were left out."""
    others: tuple[Any, ...]
    """Each of them as this one."""
    parts_omitted: int
    """How many exceptions of a group were left out."""


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


class _Seen:
    """What has been seen of code and tracebacks under one setting ``own_code``; another setting begins anew."""

    __slots__ = ("_alike", "_watched", "codes", "own_code", "stacks", "stacks_until")

    def __init__(self, own_code: OwnCode | None) -> None:
        self.own_code = own_code
        self.codes: dict[int, _Code] = {}
        """By the ``id`` of a code for as long as it is alive: to hash a reference to it takes many times longer."""
        self._watched: dict[int, tuple[ref[CodeType], ref[CodeType]]] = {}
        """References that forget a code once it is gone, before another one can have its ``id``."""
        self._alike: dict[object, _Code] = {}
        """By all that is known of a code: code that is generated anew each time is known from before."""
        self.stacks: dict[object, Stack] = {}
        self.stacks_until: float = 0.0

    def code_of(self, step: TracebackType) -> _Code:
        """Return what is known of the code of a step."""
        return self.codes.get(id(step.tb_frame.f_code)) or self._learn(step.tb_frame)

    def _learn(self, frame: FrameType) -> _Code:
        if len(self.codes) >= _MAX_CODES or len(self._alike) >= _MAX_CODES:
            latest = _begin_anew() if _Latest.seen is self else _Latest.seen
            return latest._learn(frame)
        code = frame.f_code
        module = str(frame.f_globals.get("__name__", ""))
        function = getattr(code, "co_qualname", code.co_name)
        facts = (code.co_filename, module, function, code.co_firstlineno, code.co_linetable)
        known = self._alike.get(facts)
        if known is None:
            known = self._alike[facts] = _Code(code, module, in_force.own_code)
        key = id(code)
        # No function of ours is called then: an exception that strikes in a call-back is lost to the program.
        self._watched[key] = ref(code, partial(self.codes.pop, key)), ref(code, partial(self._watched.pop, key))
        self.codes[key] = known  # only now, so that nothing which strikes leaves a code unwatched
        return known


class _Latest:
    """Holds what has been seen. It is replaced as a whole, as other threads may be adding to it."""

    seen: _Seen = _Seen(None)


def _begin_anew() -> _Seen:
    _Latest.seen = _Seen(in_force.own_code)
    return _Latest.seen


class ClassFacts(Protocol):
    """What is known of an exception's class."""

    name: str
    is_group: bool


class Describe(NamedTuple):
    """What a traceback shows of an exception."""

    facts: Callable[[BaseException], ClassFacts]
    message: Callable[[BaseException], str]
    """Runs code of the host's; called when a traceback was not known before."""
    parts: Callable[[BaseException], tuple[BaseException, ...]]
    """Of a group, the exceptions."""


_Shown = tuple[int, str, BaseException, ClassFacts]
"""An exception of a traceback: which one is above it, what it is to that one, itself, and its class."""


def origin_of(exception: BaseException, known: ClassFacts, describe: Describe) -> Origin:
    """Return where an exception comes from; its traceback is read once per distinct one.

    Args:
        exception: any.
        known: its class.
        describe: says what a traceback shows of an exception.
    """
    seen = _Latest.seen
    if seen.own_code is not in_force.own_code:
        seen = _begin_anew()
    walked = _walked(traceback_of(exception))  # every failing request pays for this
    last = walked[-MAX_FRAMES:]
    find = seen.codes.get
    codes = [find(id(step.tb_frame.f_code)) or seen.code_of(step) for step in last]
    found = _own_place(seen, walked, last, codes)
    if found is None or not in_force.privacy.keeps_tracebacks:
        return found, None
    steps: list[object] = [known.name, *codes, *[step.tb_lasti for step in last]]
    shown: list[_Shown] = [(0, "", exception, known)]
    if known.is_group or context_of(exception) is not None or cause_of(exception) is not None:
        _add_others(shown, describe)
        _add_steps_of_others(steps, seen, shown, describe)
    key = tuple(steps)
    return found, seen.stacks.get(key) or _new_stack(seen, key, shown, describe)


def _own_place(
    seen: _Seen, walked: Sequence[TracebackType], last: Sequence[TracebackType], codes: Sequence[_Code]
) -> Place | None:
    """Return the place of the program's own innermost frame, else of the innermost of all but ours."""
    for step, code in zip(reversed(last), reversed(codes), strict=True):
        if code.own:
            return code.places.get(step.tb_lasti) or code.place(step)
    own = _own_before(seen, walked) or next(reversed(_innermost(seen, walked)), None)
    return None if own is None else seen.code_of(own).place(own)


def _own_before(seen: _Seen, walked: Sequence[TracebackType]) -> TracebackType | None:
    """Return the innermost frame of the program's own where none of the last ones is."""
    return next((step for step in reversed(walked[:-MAX_FRAMES]) if seen.code_of(step).own), None)


def _add_others(shown: list[_Shown], describe: Describe) -> None:
    """Add the exceptions that are kept beside the first one, level by level, so that none is far while others are near.

    All of those in groups of groups would be hundreds, of which each costs time and memory. One that has been added
    is not added again: causes may go round in a circle.
    """
    added, begin = {id(shown[0][2])}, 0
    for _ in range(MAX_DEPTH):
        end = len(shown)
        if begin == end:
            break
        for above in range(begin, end):
            for relation, other in _others(*shown[above][2:], describe):
                if id(other) in added:
                    continue
                if len(added) == MAX_EXCEPTIONS:
                    return
                added.add(id(other))
                shown.append((above, relation, other, describe.facts(other)))
        begin = end


def _others(exception: BaseException, known: ClassFacts, describe: Describe) -> Sequence[tuple[str, BaseException]]:
    """Return what a traceback shows beside an exception: its cause or else its context, and the parts of a group."""
    relation, other = "cause", cause_of(exception)
    if other is None and not hides_context(exception):
        relation, other = "context", context_of(exception)
    first = () if other is None else ((relation, other),)
    if not known.is_group:
        return first
    return *first, *[("part", part) for part in describe.parts(exception)[:_MAX_PARTS]]


def _add_steps_of_others(steps: list[object], seen: _Seen, shown: Sequence[_Shown], describe: Describe) -> None:
    """Add what tells apart the tracebacks of all but the first."""
    for above, relation, exception, known in shown:
        if known.is_group:
            steps.append(_left_out(exception, known, shown, describe))
        if relation:
            steps += (above, relation, known.name)
            _add_steps(steps, seen, traceback_of(exception))


def _add_steps(steps: list[object], seen: _Seen, step: TracebackType | None) -> None:
    """Add what tells a traceback apart: its last frames, in one pass, as those of causes are few."""
    find, add, begin = seen.codes.get, steps.append, len(steps)
    for _ in _BOUND:
        if step is None:
            break
        add(find(id(step.tb_frame.f_code)) or seen.code_of(step))
        add(step.tb_lasti)
        step = step.tb_next
    del steps[begin : -2 * MAX_FRAMES]


def _left_out(exception: BaseException, known: ClassFacts, shown: Sequence[_Shown], describe: Describe) -> int:
    """Return how many exceptions of a group are not shown."""
    if not known.is_group:
        return 0
    kept = {id(other) for _, _, other, _ in shown}
    return sum(id(part) not in kept for part in describe.parts(exception))


def _new_stack(seen: _Seen, key: object, shown: Sequence[_Shown], describe: Describe) -> Stack | None:
    """Return a stack that was not known, unless there are too many: then one is worth no time to a failing request."""
    if len(seen.stacks) >= _MAX_STACKS:
        now = monotonic()
        if now < seen.stacks_until:
            return None
        seen.stacks_until = now + _STACKS_KNOWN_FOR
        seen.stacks.clear()
    stack = seen.stacks[key] = Stack(_raised(seen, shown, 0, describe))
    return stack


def _raised(seen: _Seen, shown: Sequence[_Shown], number: int, describe: Describe) -> Raised:
    """Return one of the exceptions, with those below it."""
    _, relation, exception, known = shown[number]
    walked = _walked(traceback_of(exception))
    steps = _innermost(seen, walked)
    omitted = sum(not seen.code_of(step).is_ours for step in walked) - len(steps)
    below = [other for other in range(number + 1, len(shown)) if shown[other][0] == number]
    return Raised(
        known.name,
        describe.message(exception) if relation else "",
        relation,
        tuple(_frame(seen.code_of(step), step) for step in steps),
        omitted,
        tuple(_raised(seen, shown, other, describe) for other in below),
        _left_out(exception, known, shown, describe),
    )


def _frame(code: _Code, step: TracebackType) -> Frame:
    return Frame(code.path, code.place(step), code.own)


def _walked(step: TracebackType | None) -> list[TracebackType]:
    """Return the steps of a traceback."""
    steps: list[TracebackType] = []
    for _ in _BOUND:
        if step is None:
            break
        steps.append(step)
        step = step.tb_next
    return steps


def _innermost(seen: _Seen, walked: Sequence[TracebackType]) -> list[TracebackType]:
    """Return the last steps of a traceback, without those through us."""
    steps: list[TracebackType] = []
    for step in reversed(walked):
        if not seen.code_of(step).is_ours:
            steps.append(step)
            if len(steps) == MAX_FRAMES:
                break
    steps.reverse()
    return steps
