"""Nothing of ours escapes into the application: each internal step fails once, and the answer stays the same.

What is watched: the application's answer, what is current and open afterwards,
that nothing is lost without a line in the log, and that the next one is measured rightly.
"""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import gc
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import bottle
import fastapi
import flask
import pytest
import wrapt
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route

import weighbridge
from weighbridge import FinishedTransaction
from weighbridge.transactions import log
from weighbridge.transactions.context.current import current
from weighbridge.transactions.handoff import handoff

from . import asgi_helpers, wsgi_helpers
from .fault_helpers import Act, Fault, Measured, Place, Unmeasured, steps_of, with_fault

Ended = list[FinishedTransaction]
Scenario = Callable[[Any], Act]

SCENARIOS: list[Scenario] = []


def scenario(function: Scenario) -> Scenario:
    """Given middleware and decorators, a scenario gives something to do whose answer can be compared."""
    SCENARIOS.append(function)
    return function


def outcome(act: Act) -> Any:
    """The answer, or the exception."""
    try:
        return act()
    except Fault:
        raise
    except BaseException as exception:
        return type(exception), str(exception), exception.__cause__


# WSGI


def wsgi(m: Any, app: Any, serve: Any = wsgi_helpers.Server.run, **environ: Any) -> Act:
    middleware = m.wsgi(app)

    def act() -> Any:
        server = wsgi_helpers.Server()
        serve(server, middleware, wsgi_helpers.request(**environ))
        return [event for event in server.seen if event != ("close",)]

    return act


def answering(body: Callable[[], Any], status: str = "200 OK", during: Callable[[], Any] = int) -> Any:
    def app(environ: Any, start: Any) -> Any:
        start(status, [*wsgi_helpers.PLAIN, ("Content-Length", "6")])
        during()
        return body()

    return app


@scenario
def wsgi_list(m: Any) -> Act:
    return wsgi(m, answering(lambda: [b"one", b"two"]))


@scenario
def wsgi_generator(m: Any) -> Act:
    return wsgi(m, answering(lambda: (chunk for chunk in [b"one", b"two"])))


@scenario
def wsgi_file_wrapper(m: Any) -> Act:
    class Wrapper(list[bytes]):
        pass

    return wsgi(m, answering(lambda: Wrapper([b"file"])), **{"wsgi.file_wrapper": Wrapper})


def begin(steps: int, close: bool) -> Any:
    """Read a body's first chunks and close or drop it."""

    def serve(server: wsgi_helpers.Server, app: Any, environ: Any) -> None:
        body = app(environ, server.start_response)
        for chunk, _ in zip(body, range(steps), strict=False):
            server.seen.append(("chunk", chunk))
        if close:
            body.close()

    return serve


def chunks() -> Iterator[bytes]:
    for number in range(9):
        yield b"%d" % number


@scenario
def wsgi_closed_early(m: Any) -> Act:
    return wsgi(m, answering(chunks), begin(2, close=True))


@scenario
def wsgi_closed_at_once(m: Any) -> Act:
    return wsgi(m, answering(chunks), begin(0, close=True))


@scenario
def wsgi_dropped(m: Any) -> Act:
    return wsgi(m, answering(chunks), begin(2, close=False))


@scenario
def wsgi_raising(m: Any) -> Act:
    return wsgi(m, lambda environ, start: 1 // 0)


@scenario
def wsgi_raising_in_the_body(m: Any) -> Act:
    return wsgi(m, answering(lambda: (1 // number for number in (1, 0))))


@scenario
def wsgi_raising_in_close(m: Any) -> Act:
    class Broken:
        def __iter__(self) -> Iterator[bytes]:
            return chunks()

        def close(self) -> None:
            raise ValueError("does not close")

    return wsgi(m, answering(Broken), begin(1, close=True))


@scenario
def wsgi_error_page(m: Any) -> Act:
    def app(environ: Any, start: Any) -> Any:
        try:
            raise ValueError("oops")
        except ValueError:
            start("500 Oops", wsgi_helpers.PLAIN, sys.exc_info())
        return [b"sorry"]

    return wsgi(m, app)


KEYS = {
    "newrelic.set_background_task": "yes",
    "newrelic.app_name": "a;b",
    "newrelic.enabled": True,
    "newrelic.capture_request_params": "on",
    "newrelic.suppress_apdex_metric": "banana",
}


@scenario
def wsgi_with_keys(m: Any) -> Act:
    queued = {"HTTP_X_REQUEST_START": "t=1700000000", "QUERY_STRING": "q=1&token=2"}
    return wsgi(m, answering(lambda: [b"hello"]), **KEYS, **queued)


@scenario
def wsgi_with_keys_set_late(m: Any) -> Act:
    def app(environ: Any, start: Any) -> Any:
        environ["newrelic.set_background_task"] = True
        weighbridge.current_transaction()
        start("200 OK", wsgi_helpers.PLAIN)
        environ["newrelic.set_background_task"] = "no"
        yield b"hello"

    return wsgi(m, app)


@scenario
def wsgi_upgrade(m: Any) -> Act:
    return wsgi(m, answering(lambda: [b"hello"]), HTTP_UPGRADE="websocket")


@scenario
def wsgi_middleware_in_a_middleware(m: Any) -> Act:
    return wsgi(m, m.wsgi(answering(chunks), name="inner"))


def say_everything() -> None:
    weighbridge.set_transaction_name("mine", "Python/Shop", 2)
    weighbridge.add_custom_attribute("user", 7)
    weighbridge.add_custom_attributes({"a": 1, "b": object()})
    weighbridge.notice_error(ValueError("noticed"), attributes={"c": 1}, expected="builtins:KeyError", status_code=400)
    weighbridge.suppress_apdex_metric()
    weighbridge.suppress_transaction_trace()
    weighbridge.capture_request_params()
    weighbridge.set_background_task()
    weighbridge.set_background_task(False)
    weighbridge.ignore_transaction()
    weighbridge.ignore_transaction(False)
    weighbridge.end_of_transaction()


@scenario
def wsgi_that_says_everything(m: Any) -> Act:
    return wsgi(m, answering(chunks, during=say_everything), QUERY_STRING="q=1")


@scenario
def wsgi_with_a_job(m: Any) -> Act:
    @m.background_task(name=lambda: "job", group=lambda: "Python/Jobs")
    def job() -> None: ...

    return wsgi(m, answering(chunks, during=job))


@scenario
def wsgi_with_a_job_after_the_end(m: Any) -> Act:
    @m.background_task()
    def job() -> None: ...

    class Body:
        def __iter__(self) -> Iterator[bytes]:
            return chunks()

        def close(self) -> None:
            job()

    def serve(server: wsgi_helpers.Server, app: Any, environ: Any) -> None:
        body = app(environ, server.start_response)
        server.seen.append(("all", b"".join(body)))
        body.close()

    return wsgi(m, answering(Body), serve)


@scenario
def wsgi_flask(m: Any) -> Act:
    app = flask.Flask("shop")
    app.add_url_rule("/books", view_func=lambda: "hello")
    return wsgi(m, app)


@scenario
def wsgi_flask_failing(m: Any) -> Act:
    app = flask.Flask("shop")
    app.add_url_rule("/books", view_func=lambda: 1 // 0)
    return wsgi(m, app)


@scenario
def wsgi_bottle(m: Any) -> Act:
    app = bottle.Bottle()
    app.route("/books", callback=lambda: "hello")
    return wsgi(m, app)


# ASGI


def asgi(m: Any, app: Any, *incoming: Any, **scope: Any) -> Act:
    middleware = m.asgi(app)

    async def serve() -> Any:
        server = asgi_helpers.Server(*incoming)
        return await server.run(middleware, asgi_helpers.http(**scope)), server.received

    return lambda: asyncio.run(serve())


def sending(*messages: Any, raises: bool = False) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in messages:
            await send(message)
        if raises:
            raise ValueError("mine")

    return app


START, LAST = asgi_helpers.start(), asgi_helpers.body(b"last")


@scenario
def asgi_plain(m: Any) -> Act:
    return asgi(m, asgi_helpers.hello)


@scenario
def asgi_streaming(m: Any) -> Act:
    return asgi(m, sending(START, asgi_helpers.body(b"one", more=True), LAST))


@scenario
def asgi_trailers(m: Any) -> Act:
    return asgi(m, sending(asgi_helpers.start(trailers=True), LAST, {"type": "http.response.trailers", "headers": []}))


@scenario
def asgi_error_page(m: Any) -> Act:
    return asgi(m, sending(asgi_helpers.start(500), LAST))


@scenario
def asgi_raising(m: Any) -> Act:
    return asgi(m, sending(raises=True))


@scenario
def asgi_raising_half_way(m: Any) -> Act:
    return asgi(m, sending(START, raises=True))


@scenario
def asgi_raising_after_its_error_page(m: Any) -> Act:
    return asgi(m, sending(asgi_helpers.start(500), LAST, raises=True))


@scenario
def asgi_raising_after_the_end(m: Any) -> Act:
    return asgi(m, sending(START, LAST, raises=True))


@scenario
def asgi_unfinished(m: Any) -> Act:
    return asgi(m, sending(START))


@scenario
def asgi_disconnected(m: Any) -> Act:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        assert (await receive())["type"] == "http.disconnect"
        await send(LAST)

    return asgi(m, app, {"type": "http.disconnect"})


@scenario
def asgi_cancelled(m: Any) -> Act:
    middleware = m.asgi(lambda scope, receive, send: asyncio.sleep(60))

    async def main() -> Any:
        server = asgi_helpers.Server()
        task = asyncio.create_task(server.run(middleware, asgi_helpers.http()))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        return await asyncio.gather(task, return_exceptions=True) and server.seen

    return lambda: asyncio.run(main())


@scenario
def asgi_with_keys(m: Any) -> Act:
    headers = [(b"x-request-start", b"t=1700000000"), (b"host", b"shop"), (b"user-agent", b"x")]
    return asgi(m, asgi_helpers.hello, headers=headers, query_string=b"q=1&token=2", **KEYS)


@scenario
def asgi_lifespan_and_websocket(m: Any) -> Act:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": scope["type"]})

    middleware = m.asgi(app)

    async def main() -> Any:
        server = asgi_helpers.Server()
        for kind in ("lifespan", "websocket"):
            await middleware({"type": kind}, server.receive, server.send)
        return server.seen

    return lambda: asyncio.run(main())


@scenario
def asgi_2(m: Any) -> Act:
    if m is Unmeasured:
        return asgi(m, asgi_helpers.hello)
    return asgi(m, lambda scope: functools.partial(asgi_helpers.hello, scope))


@scenario
def asgi_middleware_in_a_middleware(m: Any) -> Act:
    return asgi(m, m.asgi(asgi_helpers.hello, name="inner"))


@scenario
def asgi_that_says_everything(m: Any) -> Act:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        say_everything()
        await asgi_helpers.hello(scope, receive, send)

    return asgi(m, app)


@scenario
def asgi_with_jobs(m: Any) -> Act:
    """In the request, in a task of it, in a thread of it, and after it."""

    @m.background_task()
    async def job() -> int:
        return 7

    @m.background_task()
    def sync_job() -> int:
        return 8

    async def app(scope: Any, receive: Any, send: Any) -> None:
        given = [await asyncio.create_task(job()), await asyncio.to_thread(sync_job), await job()]
        await asgi_helpers.hello(scope, receive, send)
        assert [*given, await job()] == [7, 8, 7, 7]

    return asgi(m, app)


@scenario
def asgi_starlette(m: Any) -> Act:
    @m.background_task()
    async def after() -> None: ...

    async def page(request: Any) -> Any:
        return PlainTextResponse("hello", background=BackgroundTask(after))

    return asgi(m, Starlette(routes=[Mount("/shop", routes=[Route("/{book}", page)])]), path="/shop/7")


@scenario
def asgi_starlette_streaming(m: Any) -> Act:
    async def lines() -> AsyncIterator[str]:
        for number in range(3):
            yield str(number)

    async def page(request: Any) -> Any:
        return StreamingResponse(lines())

    return asgi(m, Starlette(routes=[Route("/books", page)]))


@scenario
def asgi_starlette_failing(m: Any) -> Act:
    async def page(request: Any) -> Any:
        raise ValueError("shelf")

    return asgi(m, Starlette(routes=[Route("/books", page)]))


@scenario
def asgi_fastapi(m: Any) -> Act:
    app, books = fastapi.FastAPI(), fastapi.APIRouter(prefix="/books")

    @books.get("/{number}")
    async def book(number: int) -> int:
        return number

    app.include_router(books)
    return asgi(m, app, path="/books/7")


# Decorated calls and blocks


@scenario
def call_of_a_function(m: Any) -> Act:
    return m.background_task()(lambda: 7)  # type: ignore[no-any-return]


@scenario
def call_that_names_itself(m: Any) -> Act:
    def naming(number: int) -> str:
        return f"job {number}"

    job = m.background_task(name=naming, group=naming, application="a;b")(lambda number: number)
    return lambda: job(7)


@scenario
def call_that_raises(m: Any) -> Act:
    return m.background_task()(lambda: 1 // 0)  # type: ignore[no-any-return]


@scenario
def call_in_a_call(m: Any) -> Act:
    @m.background_task()
    def inner() -> int:
        return 7

    @m.background_task()
    def outer() -> int:
        say_everything()
        return inner()

    return outer  # type: ignore[no-any-return]


@scenario
def call_of_methods(m: Any) -> Act:
    class Job:
        @m.background_task()
        def method(self) -> str:
            return "method"

        @m.background_task()
        @classmethod
        def of_class(cls) -> str:
            return cls.__name__

        @m.background_task()
        @staticmethod
        def of_nobody() -> str:
            return "nobody"

    return lambda: [Job().method(), Job.of_class(), Job.of_nobody()]


@scenario
def call_of_a_class(m: Any) -> Act:
    @m.background_task()
    class Job:
        def __init__(self, number: int) -> None:
            self.number = number

    return lambda: (Job(7).number, isinstance(Job(8), Job))


@scenario
def call_of_a_partial_and_an_instance(m: Any) -> Act:
    class Instance:
        def __call__(self, number: int) -> int:
            return number

    one = m.background_task()(functools.partial(int, "7"))
    two = m.background_task()(Instance())
    return lambda: [one(), two(8)]


@scenario
def call_of_a_class_without_an_init(m: Any) -> Act:
    @m.background_task()
    class Bare:
        number = 7

    @m.background_task()
    class Derived(dict[str, int]):
        pass

    @dataclasses.dataclass
    @m.background_task()
    class Given:
        number: int

    return lambda: (Bare().number, Derived(number=8), Given(9).number)


@scenario
def call_of_inherited_methods_and_descriptors(m: Any) -> Act:
    class Base:
        @m.background_task()
        def method(self) -> str:
            return type(self).__name__

        @m.background_task()
        @classmethod
        def of_the_class(cls) -> str:
            return cls.__name__

        @m.background_task()
        @property
        def read(self) -> int:
            return 7

        @m.background_task()
        @functools.singledispatchmethod
        def dispatched(self, number: int) -> int:
            return number

        partial = m.background_task()(functools.partialmethod(dispatched, 8))

    class Derived(Base):
        pass

    def act() -> Any:
        it = Derived()
        return it.method(), it.of_the_class(), Derived.of_the_class(), it.read, it.dispatched(9), it.partial()

    return act


@scenario
def call_of_what_another_library_has_wrapped(m: Any) -> Act:
    @wrapt.decorator
    def adding(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        return type(instance).__name__, wrapped(*args, **kwargs)

    class Owner:
        @m.background_task()
        @adding
        def method(self, number: int) -> int:
            return number

        @m.background_task()
        @adding
        @classmethod
        def of_the_class(cls, number: int) -> int:
            return number

    return lambda: (Owner().method(7), Owner.of_the_class(8))


@scenario
def call_of_a_function_that_returns_a_coroutine(m: Any) -> Act:
    async def work(number: int) -> int:
        await asyncio.sleep(0)
        return 7 // number

    @m.background_task()
    def job(number: int) -> Any:
        return work(number)

    async def main() -> Any:
        return await asyncio.gather(job(1), job(0), return_exceptions=True)

    return lambda: repr(asyncio.run(main()))


@scenario
def call_of_a_coroutine_function(m: Any) -> Act:
    @m.background_task()
    async def job(number: int) -> int:
        await asyncio.sleep(0)
        return 7 // number

    async def main() -> Any:
        return await asyncio.gather(job(1), job(0), return_exceptions=True)

    return lambda: repr(asyncio.run(main()))


@scenario
def call_of_a_generator_function(m: Any) -> Act:
    @m.background_task()
    def job() -> Any:
        got = yield 1
        try:
            yield got
        except KeyError:
            yield "caught"
        return "returned"

    def act() -> Any:
        body = job()
        seen = [next(body), body.send("sent"), body.throw(KeyError())]
        try:
            next(body)
        except StopIteration as stop:
            seen.append(stop.value)
        return seen

    return act


@scenario
def call_of_a_generator_function_that_is_closed(m: Any) -> Act:
    seen: list[str] = []

    @m.background_task()
    def job() -> Any:
        try:
            yield 1
            yield 2
        finally:
            seen.append("cleaned up")

    def act() -> Any:
        seen.clear()
        body = job()
        first = next(body)
        body.close()
        return first, list(seen)

    return act


@scenario
def call_of_an_async_generator_function(m: Any) -> Act:
    @m.background_task()
    async def job() -> Any:
        got = yield 1
        try:
            yield got
        except KeyError:
            yield "caught"

    async def main() -> Any:
        body = job()
        seen = [await body.__anext__(), await body.asend("sent"), await body.athrow(KeyError())]
        return seen + [item async for item in body]

    return lambda: asyncio.run(main())


@scenario
def blocks(m: Any) -> Act:
    async def main() -> None:
        async with m.BackgroundTask(), m.WebTransaction(name="inner"):
            await asyncio.sleep(0)

    def act() -> str:
        with m.BackgroundTask(name="outer"), m.BackgroundTask(name="inner"):
            pass
        with m.WebTransaction(request_path="/feed", query_string="q=1", headers={"X-Request-Start": "t=1700000000"}):
            say_everything()
            with m.BackgroundTask(name="reclassifies"):
                pass
        asyncio.run(main())
        return "done"

    return act


@scenario
def block_that_raises(m: Any) -> Act:
    def act() -> None:
        with m.BackgroundTask(name="outer"):
            raise ValueError("mine")

    return act


@scenario
def web_calls(m: Any) -> Act:
    @m.transaction_name("renamed", priority=2)
    def inner() -> int:
        return 7

    @m.web_transaction(request_path=lambda path: path, host="shop", headers=[(b"x-queue-start", b"1700000000")])
    def serve(path: str) -> int:
        return inner()

    return lambda: serve("/books")


@scenario
def calls_outside_of_any_transaction(m: Any) -> Act:
    return say_everything


GUARDS = {
    # called by the host program: they catch what happens below them, and nothing stands around them
    "middleware.wsgi:WSGITransactionMiddleware.__call__",
    "middleware.wsgi:WSGITransaction._start_response",
    "middleware.wsgi:MeasuredBody.__iter__",
    "middleware.wsgi:MeasuredBody.__next__",
    "middleware.wsgi:MeasuredBody.close",
    "middleware.wsgi:DeliveredBody.close",
    "middleware.wsgi:MeasuredBody.__del__",
    "middleware.asgi:ASGITransactionMiddleware.__call__",
    "middleware.asgi:ASGITransaction.__call__",
    "middleware.asgi:ASGITransaction._send",
    "middleware.asgi:ASGITransaction._send_last",
    "middleware.framework_signals:_on_flask_exception",
    "middleware.framework_signals:_on_flask_request",
    "middleware.nested:InnerRequestObserver.send",
    "middleware.nested:InnerRequestObserver.start_response",
    "transactions.api:_harmless.<locals>.guarded",
    "transactions.wrappers.background:BackgroundTask.__init__",
    "transactions.wrappers.context_managers:Block.__init__",
    "transactions.wrappers.context_managers:Block.__enter__",
    "transactions.wrappers.context_managers:Block.__exit__",
    "transactions.wrappers.context_managers:Block.__aenter__",
    "transactions.wrappers.context_managers:Block.__aexit__",
    "transactions.wrappers.context_managers:Block._enter",
    "transactions.wrappers.classes:_init_of.<locals>.call",
    "transactions.wrappers.classes:_instantiate",
    "transactions.wrappers.classes:_new_behind.<locals>.create",
    "transactions.wrappers.classes:_replace_init.<locals>.init",
    "transactions.wrappers.classes:_replace_new.<locals>.new",
    "transactions.wrappers.proxies:_call",
    "transactions.wrappers.proxies:_get",
    "transactions.wrappers.proxies:_read",
    "transactions.wrappers.proxies:_binding_again.<locals>.call",
    "transactions.wrappers.proxies:_measured_call.<locals>.call",
    "transactions.wrappers.functions:_wrap_function.<locals>.wrapper",
    "transactions.wrappers.functions:_wrap_coroutine.<locals>.wrapper",
    "transactions.wrappers.generators:wrap_generator.<locals>.wrapper",
    "transactions.wrappers.generators:wrap_async_generator.<locals>.wrapper",
    "transactions.wrappers.generators:_run_steps",
    "transactions.wrappers.generators:_Step.__init__",
    "transactions.wrappers.generators:_Step.__enter__",
    "transactions.wrappers.generators:_Step.__exit__",
    "transactions.context.finalizers:EndsWhenFinalized.__del__",
    "transactions.context.finalizers:_Holder.__init__",
    "transactions.context.finalizers:release",
    "transactions.host_exceptions:pass_on",
    "transactions.host_exceptions:pass_on_signals",
    "transactions.host_exceptions:is_the_hosts",
    "transactions.host_exceptions:comes_from_a_signal",
    "transactions.host_exceptions:comes_from_a_signal.<locals>.<genexpr>",
    "transactions.host_exceptions:came_through_the_host",
    "transactions.host_exceptions:_frames",
    "transactions.host_exceptions:_is_foreign",
    "transactions.host_exceptions:_struck_before",
    "transactions.host_exceptions:_codes_of_handlers",
    "transactions.host_exceptions:_is_tracing",
    "transactions.host_exceptions:_is_handed",
    "transactions.host_exceptions:_is_handed.<locals>.<genexpr>",
    "transactions.host_exceptions:_arguments",
    "transactions.host_exceptions:_arguments.<locals>.<listcomp>",
    "transactions.host_exceptions:code_of",
    "transactions.wrappers.generators:_in_step",
    "transactions.wrappers.generators:_struck",
    "transactions.wrappers.functions:_await_result",
    "transactions.wrappers.web:WebTransaction.__init__",
    "transactions.wrappers.web:WebArguments.__init__",
    # called by those, outside of any try: they say "Never raises", and catch what happens below them
    "middleware.wsgi:WSGITransaction._answered",
    "middleware.wsgi:WSGITransaction._broken_by",
    "middleware.wsgi:WSGITransaction._closed_early",
    "middleware.wsgi:WSGITransaction._finish_response",
    "middleware.wsgi:WSGITransaction._note_replaced",
    "middleware.wsgi:DeliveredBody._closed_by",
    "middleware.wsgi:WSGITransaction._resume",
    "middleware.wsgi:WSGITransaction._apply_special",
    "middleware.asgi:ASGITransaction._apply_special",
    "middleware.asgi:ASGITransaction._broken_by",
    "middleware.asgi:ASGITransaction._read_queue_time",
    "middleware.asgi:ASGITransactionMiddleware._live",
    "middleware.asgi:ASGITransactionMiddleware._pass",
    "middleware.asgi:ASGITransactionMiddleware._called_first",
    "middleware.asgi:single_callable",
    "middleware.asgi:ASGITransaction._returned",
    "middleware.framework_signals:_note_rule",
    "middleware.framework_hooks:note_exception",
    "middleware.framework_hooks:note_route",
    "transactions.wrappers.opening:BackgroundOpener.open",
    "transactions.wrappers.context_managers:Block._leave",
    "transactions.context.lifetime:attach_step",
    "transactions.context.lifetime:finish",
    "transactions.context.lifetime:finish_out_of_order",
    "transactions.context.lifetime:detach_step",
    "transactions.context.lifetime:recover",
    "middleware.wsgi:WSGITransaction._release_request",
    "middleware.wsgi:_Body.close",
    "transactions.wrappers.classes:_measures_init",
    "transactions.wrappers.proxies:_measured_when_bound",
    "transactions.wrappers.renaming:RenamingOpener.open",
    "transactions.wrappers.functions:_Rest.open",
    "transactions.wrappers.functions:_return_coroutine",
    "transactions.wrappers.web:WebOpener.open",
    "transactions.model.transaction:Transaction._record_exception",
}

HANDOVERS = {
    # a transaction is open when these have returned: they fail before that, or not at all
    "middleware.asgi:ASGITransactionMiddleware._open",
    "middleware.wsgi:WSGITransactionMiddleware._open",
    "transactions.wrappers.web:WebOpener._open",
    "transactions.context.lifetime:begin",
}


def test_nothing_is_missing_here() -> None:
    """The table of scenarios reaches the middleware' and the entries' functions, all but a few."""
    assert len(SCENARIOS) > 50


@pytest.mark.parametrize("made", SCENARIOS, ids=lambda function: function.__name__)
def test_each_internal_step_fails_once(
    made: Scenario, ended: Ended, mistakes: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    bare = outcome(made(Unmeasured))
    act = made(Measured)
    assert outcome(act) == bare
    ended.clear()
    places = steps_of(lambda: outcome(act))
    expected = [(t.path, t.application) for t in ended]
    ended.clear()
    problems = [
        f"{place}: {what}"
        for place in places
        if guarded(place)
        for what in harm(made, place, bare, expected, ended, caplog)
    ]
    mistakes.clear()
    assert not problems, "\n" + "\n".join(problems)


def guarded(place: Place) -> bool:
    """Whether something of ours stands around a step, and it can fail so."""
    step, _, how = str(place).partition(" ")
    return step not in GUARDS and not (step in HANDOVERS and how == "fails late")


def harm(
    made: Scenario, place: Place, bare: Any, expected: Any, ended: Ended, caplog: pytest.LogCaptureFixture
) -> Iterator[str]:
    """What a fault did that it must not do."""
    act = made(Measured)
    ended.clear()
    caplog.clear()
    log._logged.clear()
    try:
        answer = with_fault(lambda: outcome(act), place)
    except Fault:
        yield "escapes"
    else:
        if answer != bare:
            yield f"changes the answer to {answer!r}"
    answer = None
    for record in caplog.records:  # a record that is kept keeps the frames of all who were on the stack
        record.exc_info = None
    if handoff.open_transactions:
        gc.collect()
    if handoff.open_transactions:
        yield f"leaves {len(handoff.open_transactions)} open"
    if current.get() is not None and not current.get()._is_finished:
        yield "leaves one current"
    if [(t.path, t.application) for t in ended] != expected and not caplog.records:
        yield f"loses something silently: {[t.path for t in ended]}"
    handoff.open_transactions.clear()
    current.set(None)
    ended.clear()
    if outcome(act) != bare:
        yield "changes the next answer"
    if [(t.path, t.application) for t in ended] != expected:
        yield f"has the next one measured as {[t.path for t in ended]}"
