"""An ASGI application and its server see the same with the middleware between them as without it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from weighbridge import FinishedTransaction
from weighbridge.middleware import ASGITransactionMiddleware

from .asgi_helpers import PLAIN, Message, Run, Scope, Server, body, get, hello, http, judged, start

Ended = list[FinishedTransaction]


async def streaming(scope: Scope, receive: Any, send: Any) -> None:
    await send(start())
    for data in (b"one", b"", b"two"):
        await send(body(data, more=True))
    await send(body())


async def terse(scope: Scope, receive: Any, send: Any) -> None:
    """What has a default is left out."""
    await send({"type": "http.response.start", "status": 204})
    await send({"type": "http.response.body"})


async def echo(scope: Scope, receive: Any, send: Any) -> None:
    await send(start())
    more = True
    while more:
        message = await receive()
        more = message.get("more_body", False)
        await send(body(message["body"], more))


async def listening(scope: Scope, receive: Any, send: Any) -> None:
    """Waits for the client's going away before it has answered, and after that."""
    while (await receive())["type"] != "http.disconnect":
        pass
    await send(start())
    await send(body(b"bye"))
    assert (await receive())["type"] == "http.disconnect"


async def with_trailers(scope: Scope, receive: Any, send: Any) -> None:
    await send(start(trailers=True))
    await send(body(b"data"))
    await send({"type": "http.response.trailers", "headers": [(b"x-sum", b"1")], "more_trailers": True})
    await send({"type": "http.response.trailers", "headers": [(b"x-sum", b"2")]})


async def a_file(scope: Scope, receive: Any, send: Any) -> None:
    await send(start())
    await send({"type": "http.response.pathsend", "path": "/srv/file"})


async def failing_by_return(scope: Scope, receive: Any, send: Any) -> None:
    await send(start(503))
    await send(body(b"later"))


async def raising(scope: Scope, receive: Any, send: Any) -> None:
    raise ValueError("before the start")


async def raising_after_the_start(scope: Scope, receive: Any, send: Any) -> None:
    await send(start())
    raise ValueError("after the start")


async def raising_half_way(scope: Scope, receive: Any, send: Any) -> None:
    await send(start())
    await send(body(b"one", more=True))
    raise ValueError("half way")


async def raising_after_its_error_page(scope: Scope, receive: Any, send: Any) -> None:
    await send(start(500))
    await send(body(b"sorry"))
    raise ValueError("as Starlette does")


async def raising_after_the_end(scope: Scope, receive: Any, send: Any) -> None:
    await hello(scope, receive, send)
    raise ValueError("in the background")


async def silent(scope: Scope, receive: Any, send: Any) -> None:
    """Returns without an answer."""


async def unfinished(scope: Scope, receive: Any, send: Any) -> None:
    await send(start())
    await send(body(b"one", more=True))


RIGHT = [
    hello, streaming, terse, echo, listening, with_trailers, a_file, failing_by_return, raising,
    raising_after_the_start, raising_half_way, raising_after_its_error_page, raising_after_the_end, silent, unfinished,
]  # fmt: skip


async def starting_twice(scope: Scope, receive: Any, send: Any) -> None:
    await hello(scope, receive, send)
    await hello(scope, receive, send)


async def answering_twice_and_worse(scope: Scope, receive: Any, send: Any) -> None:
    await hello(scope, receive, send)
    await failing_by_return(scope, receive, send)


async def bodiless(scope: Scope, receive: Any, send: Any) -> None:
    await send(body(b"no start"))


async def unheard_of(scope: Scope, receive: Any, send: Any) -> None:
    await send({"type": "http.response.unheard_of"})
    await hello(scope, receive, send)


async def with_a_strange_status(scope: Scope, receive: Any, send: Any) -> None:
    await send(start("200"))  # type: ignore[arg-type]  that is what is strange
    await send(body(b"hello"))


WRONG = [starting_twice, answering_twice_and_worse, bodiless, unheard_of, with_a_strange_status]

UPLOAD: list[Message] = [
    {"type": "http.request", "body": b"one", "more_body": True},
    {"type": "http.request", "body": b"two", "more_body": False},
]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("app", RIGHT + WRONG)
def test_the_server_sees_the_same(app: Callable[..., Any], method: str, run: Run, ended: Ended) -> None:
    bare, measured = Server(*UPLOAD), Server(*UPLOAD)
    run(bare.run, app, http(method=method))
    run(measured.run, ASGITransactionMiddleware(app), http(method=method))
    assert measured.seen == bare.seen
    assert measured.received == bare.received
    assert len(ended) == 1


@pytest.mark.parametrize("app", RIGHT)
def test_strict_judges_on_both_sides_find_nothing(app: Callable[..., Any], run: Run, ended: Ended) -> None:
    bare, measured = Server(*UPLOAD), Server(*UPLOAD)
    run(bare.run, app, http())
    run(measured.run, judged(ASGITransactionMiddleware(judged(app))), http())
    assert measured.seen == bare.seen
    assert len(ended) == 1


def test_the_messages_are_the_very_same_objects(run: Run) -> None:
    sent: list[Message] = []

    def headers() -> Iterator[tuple[bytes, bytes]]:
        yield b"content-type", b"text/plain"

    async def app(scope: Scope, receive: Any, send: Any) -> None:
        for message in (start(headers=headers()), body(b"one", more=True), body(b"two")):
            sent.append(message)
            await send(message)

    server = run(get, ASGITransactionMiddleware(app))
    assert [id(event[1]) for event in server.seen] == [id(message) for message in sent]
    assert list(sent[0]["headers"]) == PLAIN  # nobody has read them before


def test_received_messages_are_the_very_same_objects(run: Run) -> None:
    received: list[Message] = []

    async def app(scope: Scope, receive: Any, send: Any) -> None:
        received.append(await receive())
        await hello(scope, receive, send)

    message: Message = {"type": "http.request"}
    run(Server(message).run, ASGITransactionMiddleware(app), http())
    assert received[0] is message


def test_the_scope_is_the_very_same_and_unchanged(run: Run) -> None:
    seen: list[Any] = []

    async def app(scope: Scope, receive: Any, send: Any) -> None:
        seen.append((scope, dict(scope)))
        await hello(scope, receive, send)

    scope = http(**{"newrelic.set_background_task": True})
    before = dict(scope)
    run(Server().run, ASGITransactionMiddleware(app), scope)
    assert seen[0][0] is scope
    assert seen[0][1] == before
    assert scope == before


def test_the_same_exception_leaves(run: Run) -> None:
    error = ValueError("mine")

    async def app(scope: Scope, receive: Any, send: Any) -> None:
        raise error

    with pytest.raises(ValueError, match="mine") as caught:
        run(get, ASGITransactionMiddleware(app))
    assert caught.value is error
    assert error.__context__ is None
    assert error.__cause__ is None


def test_an_exception_of_the_server_reaches_the_application(run: Run) -> None:
    error = OSError("client went away")
    seen: list[BaseException] = []

    async def send(message: Message) -> None:
        raise error

    async def app(scope: Scope, receive: Any, send: Any) -> None:
        for message in (start(), body(b"one", more=True), body()):
            try:
                await send(message)
            except OSError as exception:
                seen.append(exception)

    run(ASGITransactionMiddleware(app), http(), Server().receive, send)
    assert seen == [error, error, error]


@pytest.mark.parametrize("kind", ["lifespan", "websocket", "something.else"])
def test_what_is_no_http_passes_untouched(kind: str, run: Run, ended: Ended) -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope, receive, send))

    async def receive() -> Message:
        return {}

    async def send(message: Message) -> None: ...

    scope = {"type": kind}
    run(ASGITransactionMiddleware(app), scope, receive, send)
    assert all(given is passed for given, passed in zip((scope, receive, send), seen[0], strict=True))
    assert ended == []


class Instance:
    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        await hello(scope, receive, send)

    async def method(self, scope: Scope, receive: Any, send: Any) -> None:
        await hello(scope, receive, send)


class Legacy:
    """ASGI 2: instantiated with the scope, then called."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    async def __call__(self, receive: Any, send: Any) -> None:
        await hello(self.scope, receive, send)


def legacy(scope: Scope) -> Any:
    return functools.partial(hello, scope)


class FalseInstance(Instance):
    """An application that is also an empty collection."""

    def __len__(self) -> int:
        return 0


class Undecided(Instance):
    """Nobody is told whether it is true."""

    def __bool__(self) -> bool:
        raise TypeError("ask somebody else")


class Unreadable(Instance):
    """What it takes cannot be found out."""

    @property
    def __signature__(self) -> Any:
        raise RuntimeError("no questions")


async def with_options(prefix: str, scope: Scope, receive: Any, send: Any, *, extra: bool = False) -> None:
    await hello(scope, receive, send)


@pytest.mark.parametrize(
    "app",
    [
        hello, Instance(), Instance().method, functools.partial(with_options, "x"), functools.partial(Instance()),
        lambda scope, receive, send: hello(scope, receive, send), FalseInstance(), Undecided(),
        Unreadable(), Legacy, legacy,
        lambda *args: hello(*args),
    ],
    ids=[
        "function", "instance", "method", "partial", "partial of an instance", "lambda", "false instance", "undecided",
        "unreadable", "class of ASGI 2", "function of ASGI 2", "lambda of anything",
    ],
)  # fmt: skip
def test_every_kind_of_application_is_served_and_measured(app: Any, run: Run, ended: Ended) -> None:
    middleware = ASGITransactionMiddleware(app)
    for _ in range(2):
        assert run(get, middleware).seen == [("send", start()), ("send", body(b"hello"))]
    assert [transaction.path for transaction in ended] == ["WebTransaction/Uri/books"] * 2


def test_a_scope_without_headers_is_served_and_measured(run: Run, ended: Ended) -> None:
    scope = http()
    del scope["headers"]
    server = Server()
    run(server.run, ASGITransactionMiddleware(hello), scope)
    assert len(server.seen) == 2
    assert len(ended) == 1
