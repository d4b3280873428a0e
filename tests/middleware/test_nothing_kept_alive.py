"""After a request nothing of the host program is reachable from us: weak references, and the collector is off.

The transaction itself is kept on purpose, as a context does that a task has copied.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import anyio
import anyio.lowlevel
import flask
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from weighbridge import FinishedTransaction, background_task, current_transaction, notice_error
from weighbridge.middleware import ASGITransactionMiddleware, WSGITransactionMiddleware

from . import asgi_helpers, wsgi_helpers
from .asgi_helpers import Run

Ended = list[FinishedTransaction]


class Mapping(dict[str, Any]):
    """A dict that can be watched, as are the others."""


class Text(str):
    __slots__ = ("__weakref__",)


class Mine(ValueError):
    """A class of its own can be watched."""


class Local:
    """Lives in a frame, and so as long as a traceback refers to that."""


class Gone:
    """Which of the objects that were handed in are still there."""

    def __init__(self) -> None:
        self.watched: dict[str, weakref.ref[Any]] = {}
        self.kept: list[Any] = []

    def watch(self, name: str, thing: Any) -> Any:
        self.watched[name] = weakref.ref(thing)
        return thing

    def keep_transaction(self) -> None:
        """As the context of a task that goes on does."""
        transaction = current_transaction()
        assert transaction is not None
        self.kept.append(transaction)

    def still_there(self) -> set[str]:
        return {name for name, reference in self.watched.items() if reference() is not None}


@pytest.fixture
def gone() -> Iterator[Gone]:
    gc.collect()
    gc.disable()
    yield Gone()
    gc.enable()


# WSGI


class StartResponse:
    def __call__(self, status: str, headers: Any, exc_info: Any = None) -> Callable[[bytes], None]:
        return lambda data: None


class Body:
    def __init__(self, raises: bool = False) -> None:
        self.raises = raises

    def __iter__(self) -> Iterator[bytes]:
        yield b"one"
        if self.raises:
            local = Local()  # noqa: F841  seen by the traceback
            raise ValueError("in the body")

    def close(self) -> None: ...


class Lines(list[bytes]):
    pass


def everything(body: Any) -> None:
    for _ in body:
        pass
    body.close()


def one_chunk(body: Any) -> None:
    for _ in body:
        break
    body.close()


def nothing_at_all(body: Any) -> None:
    body.close()


def dropped(body: Any) -> None:
    next(iter(body))


@pytest.mark.parametrize("read", [everything, one_chunk, nothing_at_all, dropped])
def test_wsgi(read: Callable[[Any], None], gone: Gone, ended: Ended) -> None:
    def app(environ: Any, start: Any) -> Any:
        gone.keep_transaction()
        header = gone.watch("header", Text("7"))
        environ["newrelic.suppress_apdex_metric"] = gone.watch("value of a key", Text("yes"))
        start("200 OK", [("Content-Type", "text/plain"), ("Content-Length", header)])
        return gone.watch("body", Body())

    def serve() -> None:
        environ = gone.watch("environ", Mapping(wsgi_helpers.request()))
        start = gone.watch("start_response", StartResponse())
        read(WSGITransactionMiddleware(app)(environ, start))

    serve()
    assert gone.still_there() == set()
    assert len(ended) == len(gone.kept) == 1


@pytest.mark.parametrize("wrapper", [None, Lines])
def test_wsgi_with_a_body_that_is_handed_on(wrapper: Any, gone: Gone, ended: Ended) -> None:
    def app(environ: Any, start: Any) -> Any:
        gone.keep_transaction()
        start("200 OK", [])
        return [b"one"] if wrapper is None else gone.watch("file", wrapper([b"one"]))

    def serve() -> None:
        environ = gone.watch("environ", Mapping(wsgi_helpers.request()))
        if wrapper is not None:
            environ["wsgi.file_wrapper"] = wrapper
        list(WSGITransactionMiddleware(app)(environ, gone.watch("start_response", StartResponse())))

    serve()
    assert gone.still_there() == set()
    assert len(ended) == 1


def raise_before(gone: Gone, environ: Any, start: Any) -> Any:
    local = gone.watch("local", Local())  # noqa: F841  seen by the traceback
    raise gone.watch("exception", Mine("mine"))


def raise_in_the_body(gone: Gone, environ: Any, start: Any) -> Any:
    start("200 OK", [])
    yield b"one"
    raise_before(gone, environ, start)


def answer_with_an_error_page(gone: Gone, environ: Any, start: Any) -> Any:
    try:
        raise_before(gone, environ, start)
    except ValueError:
        notice_error()
        start("500 Oops", [], sys.exc_info())
    return [b"sorry"]


@pytest.mark.parametrize("fail", [raise_before, raise_in_the_body, answer_with_an_error_page])
def test_wsgi_with_an_exception(fail: Callable[..., Any], gone: Gone, ended: Ended) -> None:
    def app(environ: Any, start: Any) -> Any:
        gone.keep_transaction()
        return fail(gone, environ, start)

    def serve() -> None:
        environ = gone.watch("environ", Mapping(wsgi_helpers.request()))
        with suppress(ValueError):
            list(WSGITransactionMiddleware(app)(environ, gone.watch("start_response", StartResponse())))

    serve()
    assert gone.still_there() == set()
    assert [t.failed for t in ended] == [True]
    assert ended[0].errors[0].message == "mine"


def test_wsgi_while_a_task_with_the_context_goes_on(gone: Gone, ended: Ended) -> None:
    """An event loop in another thread runs a task that was given the request's context."""
    import contextvars

    contexts: list[contextvars.Context] = []

    def app(environ: Any, start: Any) -> Any:
        contexts.append(contextvars.copy_context())
        start("200 OK", [])
        yield b"one"
        contexts.append(contextvars.copy_context())

    def serve() -> None:
        environ = gone.watch("environ", Mapping(wsgi_helpers.request()))
        everything(WSGITransactionMiddleware(app)(environ, gone.watch("start_response", StartResponse())))

    serve()
    assert gone.still_there() == set()
    assert len(contexts) == 2
    assert len(ended) == 1


def test_flask(gone: Gone, ended: Ended) -> None:
    app = flask.Flask("shop")

    @app.route("/books")
    def books() -> Any:
        gone.keep_transaction()
        gone.watch("request", flask.request._get_current_object())  # type: ignore[attr-defined]
        return gone.watch("response", flask.Response(iter([b"one"])))

    def serve() -> None:
        server = wsgi_helpers.Server()
        server.run(WSGITransactionMiddleware(app), gone.watch("environ", Mapping(wsgi_helpers.request())))

    serve()
    assert gone.still_there() == set()
    assert [t.path for t in ended] == ["WebTransaction/Route/GET /books"]


# ASGI


class Receive:
    async def __call__(self) -> asgi_helpers.Message:
        return {"type": "http.disconnect"}


class Send:
    async def __call__(self, message: asgi_helpers.Message) -> None: ...


async def answer(gone: Gone, send: Any, status: int = 200) -> None:
    headers = gone.watch("headers", Lines())
    await send(gone.watch("start", Mapping(type="http.response.start", status=status, headers=headers)))
    await send(gone.watch("last", Mapping(type="http.response.body", body=b"hello")))


async def well(gone: Gone, send: Any) -> None:
    await answer(gone, send)


async def error_page(gone: Gone, send: Any) -> None:
    await answer(gone, send, 500)


async def raising(gone: Gone, send: Any) -> None:
    local = gone.watch("local", Local())  # noqa: F841  seen by the traceback
    raise gone.watch("exception", Mine("mine"))


async def raising_after_an_error_page(gone: Gone, send: Any) -> None:
    await answer(gone, send, 500)
    await raising(gone, send)


async def raising_after_the_end(gone: Gone, send: Any) -> None:
    await answer(gone, send)
    await raising(gone, send)


async def unfinished(gone: Gone, send: Any) -> None:
    await send(gone.watch("start", Mapping(type="http.response.start", status=200)))


@pytest.mark.parametrize(
    "handle", [well, error_page, raising, raising_after_an_error_page, raising_after_the_end, unfinished]
)
def test_asgi(handle: Callable[..., Any], run: Run, gone: Gone, ended: Ended) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        gone.keep_transaction()
        scope["newrelic.suppress_apdex_metric"] = gone.watch("value of a key", Text("yes"))
        await receive()
        await handle(gone, send)

    async def serve() -> None:
        scope = gone.watch("scope", Mapping(asgi_helpers.http()))
        receive, send = gone.watch("receive", Receive()), gone.watch("send", Send())
        with suppress(ValueError):
            await ASGITransactionMiddleware(app)(scope, receive, send)

    async def main() -> set[str]:
        await serve()
        await anyio.lowlevel.checkpoint()
        return gone.still_there()

    assert run(main) == set()
    assert len(ended) == 1


def test_asgi_while_a_task_that_copied_the_context_goes_on(gone: Gone, ended: Ended) -> None:
    tasks: list[asyncio.Task[None]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        tasks.append(asyncio.create_task(asyncio.sleep(60)))
        await answer(gone, send)

    async def serve() -> None:
        scope = gone.watch("scope", Mapping(asgi_helpers.http()))
        receive, send = gone.watch("receive", Receive()), gone.watch("send", Send())
        await ASGITransactionMiddleware(app)(scope, receive, send)

    async def main() -> set[str]:
        await asyncio.create_task(serve())
        await asyncio.sleep(0)
        assert not tasks[0].done()
        return gone.still_there()

    assert asyncio.run(main()) == set()
    assert len(ended) == 1


def test_starlette(run: Run, gone: Gone, ended: Ended) -> None:
    """No more is left than without us."""

    def app_that_watches(watch: Gone) -> Starlette:
        async def page(request: Any) -> Any:
            watch.watch("request", request)
            return watch.watch("response", PlainTextResponse("hello"))

        return Starlette(routes=[Route("/books", page)])

    async def left(watch: Gone, middleware: Any) -> set[str]:
        scope = watch.watch("scope", Mapping(asgi_helpers.http()))
        await middleware(app_that_watches(watch))(scope, Receive(), Send())
        del scope
        await anyio.lowlevel.checkpoint()
        return watch.still_there()

    without = run(left, Gone(), lambda app: app)
    assert run(left, gone, ASGITransactionMiddleware) <= without
    assert len(ended) == 1


# Decorated calls


def test_a_decorated_call(gone: Gone, ended: Ended) -> None:
    @background_task(name=lambda local: "job")
    def job(local: Local) -> Local:
        gone.keep_transaction()
        return gone.watch("result", Local())

    job(gone.watch("argument", Local()))
    assert gone.still_there() == set()
    assert len(ended) == 1


def test_a_decorated_call_that_raises(gone: Gone, ended: Ended) -> None:
    @background_task()
    def job(argument: Local) -> None:
        gone.keep_transaction()
        raise gone.watch("exception", Mine("mine"))

    with suppress(ValueError):
        job(gone.watch("argument", Local()))
    assert gone.still_there() == set()
    assert [t.failed for t in ended] == [True]


def test_a_plain_request_leaves_nothing_to_the_collector(gone: Gone, ended: Ended) -> None:
    """Whatever it makes is freed by counting references alone."""

    async def asgi(times: int) -> None:
        for _ in range(times):
            await asgi_middleware(scope, receive, send)

    wsgi_middlewares = [
        WSGITransactionMiddleware(wsgi_helpers.hello),
        WSGITransactionMiddleware(lambda environ, start: start("200 OK", []) and Body()),
    ]
    asgi_middleware, scope, receive, send = (
        ASGITransactionMiddleware(asgi_helpers.hello),
        asgi_helpers.http(),
        Receive(),
        Send(),
    )

    def serve(times: int) -> None:
        for middleware in wsgi_middlewares:
            for _ in range(times):
                body: Any = middleware(wsgi_helpers.request(), StartResponse())
                list(body)
                getattr(body, "close", int)()

    serve(5)
    asyncio.run(asgi(5))
    gc.collect()
    serve(50)
    assert gc.collect() == 0

    async def main() -> int:
        await asgi(5)
        gc.collect()
        await asgi(50)
        return gc.collect()

    assert asyncio.run(main()) == 0
    assert ended
