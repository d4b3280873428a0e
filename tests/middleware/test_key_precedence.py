"""Whether a request failed is decided when the last word has been spoken: by its answer, and by what left it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

import anyio
import anyio.lowlevel
import flask
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

from weighbridge import FinishedTransaction
from weighbridge.middleware import ASGITransactionMiddleware, WSGITransactionMiddleware

from . import wsgi_helpers
from .asgi_helpers import Server, attempt, get, http

Ended = list[FinishedTransaction]
Run = Callable[..., Any]


def told(ended: Ended) -> list[tuple[int | None, bool, bool, list[str]]]:
    """Status, failed, disconnected and errors of each."""
    return [(t.status, t.failed, t.disconnected, [error.type for error in t.errors]) for t in ended]


# What a framework tells of an exception, before it is answered


class Taken(Exception): ...


def flask_app() -> flask.Flask:
    app = flask.Flask("shop")
    app.config["PROPAGATE_EXCEPTIONS"] = True

    @app.get("/taken")
    def taken() -> str:
        raise Taken

    return app


@pytest.mark.parametrize(
    ("status", "failed", "errors"),
    [("409 Conflict", False, []), ("404 Not Found", False, []), ("503 Unavailable", True, ["tests.middleware:Taken"])],
)
def test_an_exception_that_is_answered_further_out_counts_by_the_answer(
    ended: Ended, status: str, failed: bool, errors: list[str]
) -> None:
    inner = flask_app()

    def answering(environ: Any, start_response: Any) -> Any:
        try:
            return inner(environ, start_response)
        except Taken:
            start_response(status, list(wsgi_helpers.PLAIN))
            return [b"answered"]

    wsgi_helpers.get(WSGITransactionMiddleware(answering), "/taken")
    assert [t.failed for t in ended] == [failed]
    assert [error.type.rpartition(":")[2] for t in ended for error in t.errors] == [
        e.rpartition(":")[2] for e in errors
    ]


def test_an_exception_that_leaves_counts(ended: Ended) -> None:
    wsgi_helpers.attempt(WSGITransactionMiddleware(flask_app()), "/taken")
    assert [(t.status, t.failed, len(t.errors)) for t in ended] == [(500, True, 1)]


# Streams that break, and what comes after the last byte


async def breaking() -> AsyncIterator[bytes]:
    yield b"Hello"
    raise LookupError("the model went away")


def breaking_in_a_thread() -> Iterator[bytes]:
    yield b"Hello"
    raise LookupError("the model went away")


async def breaking_at_once() -> AsyncIterator[bytes]:
    for count in range(0):
        yield bytes(count)
    raise LookupError("the model was never there")


async def timing_out() -> AsyncIterator[bytes]:
    """An `OSError`, which Starlette takes for the client's going away where ASGI is 2.4."""
    yield b"Hello"
    raise TimeoutError("the model is slow")


async def whole() -> AsyncIterator[bytes]:
    yield b"Hello"


async def failing_task() -> None:
    raise OverflowError("after the response")


class FailingTask:
    async def __call__(self) -> None:
        raise OverflowError("after the response")


BROKEN = (200, True, False, ["builtins:LookupError"])
FINE = (200, False, False, [])

RESPONSES: dict[str, tuple[Callable[[], Any], Any]] = {
    "a stream that breaks": (lambda: StreamingResponse(breaking()), BROKEN),
    "one that breaks before its first piece": (lambda: StreamingResponse(breaking_at_once()), BROKEN),
    "one that times out": (lambda: StreamingResponse(timing_out()), (200, True, False, ["builtins:TimeoutError"])),
    "one in a thread": (lambda: StreamingResponse(breaking_in_a_thread()), BROKEN),
    "a whole one": (lambda: StreamingResponse(whole()), FINE),
    "a task after a stream": (lambda: StreamingResponse(whole(), background=BackgroundTask(failing_task)), FINE),
    "a task of one's own": (lambda: StreamingResponse(whole(), background=FailingTask()), FINE),  # type: ignore[arg-type]
    "a task after a text": (lambda: PlainTextResponse("", background=BackgroundTask(failing_task)), FINE),
}


@pytest.mark.filterwarnings("ignore:Exception ignored in. <async_generator object Request.stream")  # Starlette's
@pytest.mark.parametrize("spec_version", ["2.3", "2.4"])
@pytest.mark.parametrize("layers", [0, 1, 2])
@pytest.mark.parametrize("response", RESPONSES)
def test_a_stream_that_breaks_fails_its_request_whatever_stands_between(
    ended: Ended, run: Run, response: str, layers: int, spec_version: str
) -> None:
    make, expected = RESPONSES[response]
    app = FastAPI()
    app.get("/chat")(lambda: make())

    for _ in range(layers):

        @app.middleware("http")
        async def hand_on(request: Any, call_next: Any) -> Any:
            return await call_next(request)

    app.add_middleware(ASGITransactionMiddleware)
    run(partial(serve_patiently, app, http("/chat", asgi={"version": "3.0", "spec_version": spec_version})))
    assert told(ended) == [expected]


async def serve_patiently(app: Any, scope: Any) -> None:
    """For a client that stays as long as it is served."""
    server = Server()

    async def receive() -> Any:
        if server.received:
            await anyio.sleep_forever()
        return await server.receive()

    with suppress(Exception):
        await app(scope, receive, server.send)


# The client that has gone


class Gone(OSError): ...


class Sender:
    """A server's ``send``, as an object that is called."""

    def __init__(self, after: int) -> None:
        self.left = after

    async def __call__(self, message: Any) -> None:
        await self.send(message)

    async def send(self, message: Any) -> None:
        self.left -= 1
        if self.left < 0:
            raise Gone


async def streaming(request: Any) -> StreamingResponse:
    return StreamingResponse(iter([b"a", b"b", b"c"]))


async def text(request: Any) -> PlainTextResponse:
    return PlainTextResponse("text")


async def bare(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(5):
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
    await send({"type": "http.response.body", "body": b""})


SHOP = Starlette(routes=[Route("/stream", streaming), Route("/text", text)])


@pytest.mark.filterwarnings("ignore:Exception ignored in. <async_generator object iterate_in_threadpool")  # Starlette's
@pytest.mark.parametrize("kind", ["object", "method", "function"])
@pytest.mark.parametrize(
    ("app", "path", "after"),
    [(SHOP, "/stream", 2), (SHOP, "/text", 1), (SHOP, "/text", 0), (bare, "/", 2), (bare, "/", 6)],
)
def test_a_send_that_raises_says_that_the_client_has_gone(
    ended: Ended, run: Run, app: Any, path: str, after: int, kind: str
) -> None:
    sender = Sender(after)

    async def function(message: Any) -> None:
        await sender.send(message)

    send: Any = {"object": sender, "method": sender.send, "function": function}[kind]

    async def serve() -> None:
        with suppress(Exception):  # what a server does with it is not looked at here
            await ASGITransactionMiddleware(app)(http(path), Server().receive, send)

    run(serve)
    assert [(t.failed, t.disconnected, t.errors) for t in ended] == [(False, True, ())]


@pytest.mark.parametrize(
    ("also", "failed", "disconnected"), [(anyio.lowlevel.checkpoint, False, True), (failing_task, True, False)]
)
def test_a_group_of_such_says_so_unless_one_of_them_is_another(
    ended: Ended, run: Run, also: Any, failed: bool, disconnected: bool
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(also)
            tasks.start_soon(send, {"type": "http.response.start", "status": 200, "headers": []})

    async def serve() -> None:
        with suppress(BaseException):  # Python 3.10 has no groups of its own
            await ASGITransactionMiddleware(app)(http("/"), Server().receive, Sender(0).send)

    run(serve)
    assert [(t.failed, t.disconnected) for t in ended] == [(failed, disconnected)]


def test_an_error_of_the_applications_own_in_front_of_a_client_that_listens_counts(ended: Ended, run: Run) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise FileNotFoundError("a file of the application's")

    run(partial(attempt, ASGITransactionMiddleware(app)))
    assert told(ended) == [(500, True, False, ["builtins:FileNotFoundError"])]


# Who does not answer


async def silent(scope: Any, receive: Any, send: Any) -> None: ...


async def silent_after_all(scope: Any, receive: Any, send: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def test_who_returns_without_an_answer_has_failed(ended: Ended, run: Run) -> None:
    run(partial(get, ASGITransactionMiddleware(silent)))
    assert [(t.status, t.failed, t.apdex, t.disconnected) for t in ended] == [(500, True, "frustrated", False)]


def test_who_does_so_because_the_client_left_has_not(ended: Ended, run: Run) -> None:
    run(partial(get, ASGITransactionMiddleware(silent_after_all)))
    assert [(t.status, t.failed, t.disconnected) for t in ended] == [(None, False, True)]


def test_a_wsgi_application_that_starts_no_response_has_failed(ended: Ended) -> None:
    for body in ([], [b"too late"], iter([b"too late"])):
        server = wsgi_helpers.Server()
        server.send(
            WSGITransactionMiddleware(lambda *_, body=body: body)(wsgi_helpers.request(), server.start_response)
        )
    assert [(t.status, t.failed) for t in ended] == [(500, True)] * 3


# The rest


async def zero_copy(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.zerocopysend", "file": 3, "more_body": True})
    await send({"type": "http.response.zerocopysend", "file": 3})


def test_a_file_that_the_server_copies_ends_the_response(ended: Ended, run: Run) -> None:
    run(partial(get, ASGITransactionMiddleware(zero_copy)))
    assert told(ended) == [FINE]


def test_headers_that_can_be_read_once_are_left_to_the_application(ended: Ended, run: Run) -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.extend(scope["headers"])
        await bare(scope, receive, send)

    run(partial(get, ASGITransactionMiddleware(app), headers=iter([(b"host", b"a"), (b"x", b"y")])))
    assert len(seen) == 2
    assert [t.attributes.get("request.host") for t in ended] == [None]


def test_the_body_of_a_head_request_is_no_sign_of_a_client_that_left(ended: Ended) -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", list(wsgi_helpers.PLAIN))
        yield b"never asked for"

    for method in ("HEAD", "GET"):
        body: Any = WSGITransactionMiddleware(app)(wsgi_helpers.request(method), lambda *_: None)
        next(body)
        body.close()
    assert [t.disconnected for t in ended] == [False, True]


def test_a_middleware_list_behind_starlettes_own_sees_the_answer(ended: Ended, run: Run) -> None:
    """The application is wrapped: then a handler for ``Exception`` stands inside, and its answer is seen."""

    async def boom(request: Any) -> Any:
        raise LookupError("boom")

    async def handler(request: Any, exception: Exception) -> PlainTextResponse:
        return PlainTextResponse("sorry", 503)

    app = Starlette(routes=[Route("/boom", boom)], exception_handlers={Exception: handler})
    run(partial(attempt, ASGITransactionMiddleware(app), "/boom"))
    assert [(t.status, t.failed) for t in ended] == [(503, True)]
    ended.clear()
    inside = Starlette(
        routes=[Route("/boom", boom)],
        exception_handlers={Exception: handler},
        middleware=[Middleware(ASGITransactionMiddleware)],
    )
    run(partial(attempt, inside, "/boom"))
    assert [(t.status, t.failed) for t in ended] == [(500, True)]  # the handler's 503 is answered outside of the list
