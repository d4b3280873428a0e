"""Random programs of transactions, against a model of the rules that shares no code with them.

A program is a tree of operations. The interpreter runs it with the real thing,
the model walks the same tree with a few lines of bookkeeping; what was seen on
the way, what ended, in which order and how must be the same, and nothing may be
current or open in the end.
"""

from __future__ import annotations

import contextlib
import contextvars
import functools
import threading
from collections import ChainMap
from collections.abc import Coroutine, Iterator, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st

import weighbridge
from weighbridge import BackgroundTask, WebTransaction, background_task, current_transaction, web_transaction
from weighbridge.middleware import WSGITransactionMiddleware
from weighbridge.testing import capture_transactions

BACKGROUND_KEY = "newrelic.set_background_task"
IGNORE_KEY = "newrelic.ignore_transaction"


class Boom(Exception):
    pass


# Programs


@dataclass(frozen=True)
class Say:
    """One call on the current transaction: rename, background, ignore, stop, or key (set in the request's environ)."""

    what: str
    arguments: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Look:
    """Note what is current."""


@dataclass(frozen=True)
class Raise:
    """Raise a `Boom`."""


@dataclass(frozen=True)
class Catch:
    body: Program


@dataclass(frozen=True)
class Enter:
    """A call or block of a family, in one of its forms; the form ``middleware`` is a WSGI request with these keys."""

    family: str
    form: str
    name: str
    body: Program
    keys: tuple[tuple[str, bool], ...] = ()


@dataclass(frozen=True)
class Generate:
    """A decorated generator, each step's body followed by what its caller does then; closed after the last."""

    name: str
    asynchronous: bool
    steps: tuple[tuple[Program, Program], ...]


@dataclass(frozen=True)
class Elsewhere:
    """Run the body in a copied context, a thread with or without it, a loop of its own, or a task."""

    where: str
    body: Program


Operation = Say | Look | Raise | Catch | Enter | Generate | Elsewhere
Program = tuple[Operation, ...]

names = st.sampled_from("abc")
flags = st.booleans()
says = st.one_of(
    st.builds(Say, st.just("rename"), st.tuples(names, st.sampled_from([None, 0.5, 1, 2]))),
    st.builds(Say, st.just("background"), st.tuples(flags)),
    st.builds(Say, st.just("ignore"), st.tuples(flags)),
    st.builds(Say, st.just("stop")),
    st.builds(Say, st.just("key"), st.tuples(st.sampled_from([BACKGROUND_KEY, IGNORE_KEY]), flags)),
)
keys = st.lists(st.tuples(st.sampled_from([BACKGROUND_KEY, IGNORE_KEY]), flags), max_size=1).map(tuple)


def larger(operations: st.SearchStrategy[Operation]) -> st.SearchStrategy[Operation]:
    body = st.lists(operations, max_size=3).map(tuple)
    forms = st.sampled_from(["function", "coroutine", "block", "async block"])
    steps = st.lists(st.tuples(body, body), min_size=1, max_size=3).map(tuple)
    places = st.sampled_from(["context", "thread", "thread with context", "asyncio", "trio", "task", "task"])
    return st.one_of(
        st.builds(Enter, st.just("background"), forms, names, body),
        st.builds(Enter, st.just("web"), forms, names, body),
        st.builds(Enter, st.just("web"), st.just("door"), names, body, keys),
        st.builds(Generate, names, flags, steps),
        st.builds(Elsewhere, places, body),
        st.builds(Catch, body),
    )


programs = st.lists(
    st.recursive(st.one_of(says, says, st.just(Look()), st.just(Raise())), larger, max_leaves=12), max_size=4
).map(tuple)


# The real thing


def drive(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    raise AssertionError("it waits for something")


FORMS: dict[str, Any] = {"background": (background_task, BackgroundTask), "web": (web_transaction, WebTransaction)}


@dataclass
class Interpreter:
    looks: list[Any] = field(default_factory=list)
    environ: contextvars.ContextVar[dict[str, Any] | None] = field(
        default_factory=lambda: contextvars.ContextVar("environ", default=None)
    )

    async def run(self, program: Program, waits: bool, in_loop: bool) -> None:
        for operation in program:
            await getattr(self, type(operation).__name__.lower())(operation, waits, in_loop)

    async def say(self, say: Say, waits: bool, in_loop: bool) -> None:
        if say.what == "key":
            environ = self.environ.get()
            if environ is not None:
                environ[say.arguments[0]] = say.arguments[1]
            return
        if say.what == "rename":
            weighbridge.set_transaction_name(say.arguments[0], priority=say.arguments[1])
        elif say.what == "background":
            weighbridge.set_background_task(*say.arguments)
        elif say.what == "ignore":
            weighbridge.ignore_transaction(*say.arguments)
        else:
            weighbridge.end_of_transaction()

    async def look(self, _: Look, waits: bool, in_loop: bool) -> None:
        found, active = current_transaction(active_only=False), current_transaction()
        self.looks.append((found and found.path, active is not None))

    async def raise_(self, _: Raise, waits: bool, in_loop: bool) -> None:
        raise Boom

    async def catch(self, catch: Catch, waits: bool, in_loop: bool) -> None:
        with contextlib.suppress(Boom):
            await self.run(catch.body, waits, in_loop)

    async def enter(self, enter: Enter, waits: bool, in_loop: bool) -> None:
        decorator, block = FORMS[enter.family]
        if enter.form == "function":
            decorator(name=enter.name)(lambda: drive(self.run(enter.body, False, in_loop)))()
        elif enter.form == "coroutine":
            await decorator(name=enter.name)(self.run)(enter.body, waits, in_loop)
        elif enter.form == "block":
            with block(name=enter.name):
                await self.run(enter.body, waits, in_loop)
        elif enter.form == "async block":
            async with block(name=enter.name):
                await self.run(enter.body, waits, in_loop)
        else:
            self.request(enter, in_loop)

    def request(self, enter: Enter, in_loop: bool) -> None:
        def app(environ: Any, start_response: Any) -> list[bytes]:
            token = self.environ.set(environ)
            try:
                drive(self.run(enter.body, False, in_loop))
            finally:
                self.environ.reset(token)
            start_response("200 OK", [])
            return [b"done"]

        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", **dict(enter.keys)}
        WSGITransactionMiddleware(app, name=enter.name)(environ, lambda *_: print)

    async def generate(self, generate: Generate, waits: bool, in_loop: bool) -> None:
        if generate.asynchronous:
            steps = background_task(name=generate.name)(self.async_steps)(generate, waits, in_loop)
            try:
                for _, after in generate.steps:
                    await steps.__anext__()
                    await self.run(after, waits, in_loop)
            finally:
                await steps.aclose()
            return
        plain = background_task(name=generate.name)(self.steps)(generate, in_loop)
        try:
            for _, after in generate.steps:
                next(plain)
                await self.run(after, waits, in_loop)
        finally:
            plain.close()

    def steps(self, generate: Generate, in_loop: bool) -> Any:
        for body, _ in generate.steps:
            drive(self.run(body, False, in_loop))
            yield

    async def async_steps(self, generate: Generate, waits: bool, in_loop: bool) -> Any:
        for body, _ in generate.steps:
            await self.run(body, waits, in_loop)
            yield

    async def elsewhere(self, elsewhere: Elsewhere, waits: bool, in_loop: bool) -> None:
        where, body = elsewhere.where, elsewhere.body
        if where == "context":
            contextvars.copy_context().run(lambda: drive(self.run(body, False, in_loop)))
        elif where == "thread":
            in_thread(lambda: drive(self.run(body, False, False)))
        elif where == "thread with context":
            context = contextvars.copy_context()
            in_thread(lambda: context.run(lambda: drive(self.run(body, False, False))))
        elif where in ("asyncio", "trio") and not in_loop:
            anyio.run(self.run, body, True, True, backend=where)
        elif where == "task" and waits:
            await self.task(body)
        else:
            await self.run(body, waits, in_loop)

    async def task(self, body: Program) -> None:
        raised: list[Boom] = []

        async def run() -> None:
            try:
                await self.run(body, True, True)
            except Boom as boom:
                raised.append(boom)

        async with anyio.create_task_group() as group:
            group.start_soon(run)
        if raised:
            raise Boom


setattr(Interpreter, "raise", Interpreter.raise_)


def in_thread(function: Any) -> None:
    raised: list[Boom] = []

    def run() -> None:
        try:
            function()
        except Boom as boom:
            raised.append(boom)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if raised:
        raise Boom


# The model


@dataclass(eq=False)
class Modelled:
    """A transaction of the model."""

    name: str
    background: bool
    by_web_entry: bool
    task: object
    """In which its current step runs; `None` outside of event loops."""
    environ: MutableMapping[str, bool] | None = None
    priority: float = 1
    ignored: bool = False
    stopped: bool = False
    over: bool = False
    failed: bool = False
    applied: dict[str, bool] = field(default_factory=dict)

    @property
    def path(self) -> str:
        return f"{'Other' if self.background else 'Web'}Transaction/Function/{self.name}"

    def active(self) -> bool:
        return not (self.ignored or self.stopped or self.over)

    def apply_keys(self) -> None:
        for key, value in (self.environ or {}).items():
            if self.applied.get(key) is not value:
                self.applied[key] = value
                if self.stopped:
                    continue
                if key == IGNORE_KEY:
                    self.ignored = value
                else:
                    self.background = value

    def rename(self, name: str, priority: float | None) -> None:
        if not self.stopped and (priority is None or priority >= self.priority):
            self.name = name
            self.priority = self.priority if priority is None else priority


@dataclass(frozen=True)
class Place:
    """Where something runs."""

    found: Modelled | None = None
    task: object = None
    loop_of: Modelled | None = None
    """Whose work is blocked until the loop that runs here is done."""
    waits: bool = False
    environ: dict[str, bool] | None = None

    def with_(self, **changes: Any) -> Place:
        return Place(**{**vars(self), **changes})

    def current(self) -> Modelled | None:
        return None if self.found is None or self.found.over else self.found

    def owner(self) -> Modelled | None:
        found = self.current()
        if found is None or self.task is None or self.task is found.task or self.loop_of is found:
            return found
        return None


@dataclass
class Model:
    looks: list[Any] = field(default_factory=list)
    ended: list[tuple[str, bool]] = field(default_factory=list)

    def run(self, program: Program, place: Place) -> None:
        for operation in program:
            getattr(self, type(operation).__name__.lower())(operation, place)

    def say(self, say: Say, place: Place) -> None:
        if say.what == "key":
            if place.environ is not None:
                place.environ[say.arguments[0]] = say.arguments[1]
            return
        found = place.current()
        if found is None:
            return
        found.apply_keys()
        if say.what == "rename":
            found.rename(*say.arguments)
        elif say.what == "background" and not found.stopped:
            found.background = say.arguments[0]
        elif say.what == "ignore" and not found.stopped:
            found.ignored = say.arguments[0]
        elif say.what == "stop":
            found.stopped = True

    def look(self, _: Look, place: Place) -> None:
        found = place.current()
        if found is not None:
            found.apply_keys()
        self.looks.append((found and found.path, found is not None and found.active()))

    def raise_(self, _: Raise, place: Place) -> None:
        raise Boom

    def catch(self, catch: Catch, place: Place) -> None:
        with contextlib.suppress(Boom):
            self.run(catch.body, place)

    def end(self, transaction: Modelled) -> None:
        transaction.apply_keys()
        transaction.over = True
        if not transaction.ignored:
            self.ended.append((transaction.path, transaction.failed))

    def enter(self, enter: Enter, place: Place) -> None:
        environ = dict(enter.keys) if enter.form == "door" else None
        waits = place.waits and enter.form not in ("function", "door")
        within = place.with_(waits=waits, environ=place.environ if environ is None else environ)
        opened = self.open(enter, place, environ)
        if opened is None:
            self.run(enter.body, within)
            return
        try:
            self.run(enter.body, within.with_(found=opened))
        except Boom:
            opened.failed = True
            raise
        finally:
            self.end(opened)

    def open(self, enter: Enter, place: Place, environ: dict[str, bool] | None) -> Modelled | None:
        owner = place.owner()
        if enter.family == "background" and owner is not None:
            self.reclassify(owner, enter.name)
            return None
        if enter.family == "web" and owner is not None and owner.by_web_entry:
            owner.apply_keys()
            if owner.active():
                owner.rename(enter.name, 1)
            if environ is not None and owner.environ is not None:  # it hears what is said further inside, too
                owner.environ = ChainMap(environ, owner.environ)
            return None
        is_web = enter.family == "web"
        opened = Modelled(enter.name, not is_web, is_web, place.task, environ)
        opened.apply_keys()
        return opened

    def reclassify(self, owner: Modelled, name: str) -> None:
        owner.apply_keys()
        if owner.background or not owner.active():
            return
        owner.background = True
        if owner.priority <= 1:
            owner.rename(name, 1)

    def generate(self, generate: Generate, place: Place) -> None:
        opened: Modelled | None = None
        waits = place.waits and generate.asynchronous
        try:
            for number, (body, after) in enumerate(generate.steps):
                if number == 0:
                    opened = self.open(Enter("background", "", generate.name, ()), place, None)
                within = place.with_(waits=waits)
                self.step(opened, body, within if opened is None else within.with_(found=opened))
                self.run(after, place)
        finally:
            if opened is not None and not opened.over:
                self.end(opened)

    def step(self, opened: Modelled | None, body: Program, place: Place) -> None:
        try:
            self.run(body, place)
        except Boom:
            if opened is not None:
                opened.failed = True
                self.end(opened)
            raise

    def elsewhere(self, elsewhere: Elsewhere, place: Place) -> None:
        where = elsewhere.where
        if where == "context":
            place = place.with_(waits=False)
        elif where == "thread":
            place = Place()
        elif where == "thread with context":
            place = Place(found=place.current(), environ=place.environ)
        elif where in ("asyncio", "trio") and place.task is None:
            place = place.with_(task=object(), loop_of=place.current(), waits=True)
        elif where == "task" and place.waits:
            place = place.with_(task=object())
        self.run(elsewhere.body, place)


setattr(Model, "raise", Model.raise_)


# The properties


def outcome_of_the_model(program: Program) -> tuple[list[Any], list[tuple[str, bool]]]:
    model = Model()
    with contextlib.suppress(Boom):
        model.run(program, Place())
    return model.looks, model.ended


@settings(max_examples=300)
@given(programs)
def test_every_program_does_what_the_model_says(program: Program) -> None:
    interpreter = Interpreter()
    with capture_transactions() as finished:
        with contextlib.suppress(Boom):
            drive(interpreter.run(program, False, False))
        assert current_transaction(active_only=False) is None
    ended = [(transaction.path, transaction.failed) for transaction in finished]
    assert (interpreter.looks, ended) == outcome_of_the_model(program)


Move = tuple[int, bool, bool]


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(0, 4), st.booleans(), st.booleans()), max_size=14))
def test_blocks_may_be_left_in_any_order_and_any_context(moves: list[Move]) -> None:
    with capture_transactions() as finished:
        opened = contextvars.copy_context().run(enter_and_leave, moves)
    assert len(finished) == opened


def enter_and_leave(moves: list[Move]) -> int:
    """Each enters the block of that number or, where it is entered, leaves it, here or in another context."""
    blocks: dict[int, Any] = {}
    opened = 0
    for number, is_web, here in moves:
        run: Any = call if here else contextvars.copy_context().run
        if number in blocks:
            run(blocks.pop(number).__exit__, None, None, None)
        else:
            before = current_transaction()
            blocks[number] = (WebTransaction if is_web else BackgroundTask)(name=str(number))
            measuring = run(blocks[number].__enter__)
            assert measuring is not None
            opened += measuring is not before
        current = current_transaction(active_only=False)
        assert current is None or not current._is_finished
    for block in blocks.values():
        block.__exit__(None, None, None)
    assert current_transaction(active_only=False) is None
    return opened


def call(function: Any, *arguments: Any) -> Any:
    return function(*arguments)


@settings(max_examples=100)
@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["here", "context", "thread"])), max_size=20))
def test_generators_may_be_stepped_in_any_order_anywhere(moves: list[tuple[int, str]]) -> None:
    def body(number: int) -> Iterator[int]:
        for _ in range(3):
            transaction = current_transaction()
            assert transaction is not None
            assert transaction.name == str(number)
            yield number

    with capture_transactions() as finished:
        generators = [background_task(name=str(number))(body)(number) for number in range(4)]
        for number, where in moves:
            if where == "here":
                next(generators[number], None)
            elif where == "context":
                contextvars.copy_context().run(next, generators[number], None)
            else:
                in_thread(functools.partial(next, generators[number], None))
            assert current_transaction() is None
        del generators
        begun = {number for number, _ in moves}
        assert sorted(transaction.name for transaction in finished) == sorted(map(str, begun))
