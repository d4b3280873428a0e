"""Every way in which a program has its work measured, each as one unit of work to be done again and again.

`RAN` says how often the program's own work began, whatever became of it.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any

import weighbridge
from weighbridge.middleware import ASGITransactionMiddleware, WSGITransactionMiddleware

RAN = 0


def work() -> int:
    global RAN
    RAN += 1
    return RAN


def driven(coroutine: Coroutine[Any, Any, Any]) -> None:
    """Run a coroutine that waits for nothing, without an event loop (which has ways of its own to take exceptions)."""
    try:
        while True:
            coroutine.send(None)
    except StopIteration:
        return


function = weighbridge.background_task(name="work")(work)
web_function = weighbridge.web_transaction(name="work")(work)
named = weighbridge.background_task(name=lambda: "work")(work)
partial = weighbridge.background_task(name="work")(functools.partial(work))


class Object:
    def __call__(self) -> int:
        return work()

    @weighbridge.background_task(name="work")
    def method(self) -> int:
        return work()


instance = weighbridge.background_task(name="work")(Object())
method = Object().method


@weighbridge.background_task(name="work")
class Made:
    def __init__(self) -> None:
        work()


@weighbridge.background_task(name="work")
async def _coroutine() -> int:
    return work()


@weighbridge.background_task(name="work")
def _steps() -> Iterator[int]:
    yield work()
    yield 2


@weighbridge.background_task(name="work")
async def _async_steps() -> AsyncIterator[int]:
    yield work()
    yield 2


def coroutine() -> None:
    driven(_coroutine())


def generator() -> None:
    for _ in _steps():
        pass


def closed_generator() -> None:
    steps = _steps()
    next(steps)
    steps.close()  # type: ignore[attr-defined]


def async_generator() -> None:
    async def take() -> None:
        async for _ in _async_steps():
            pass

    driven(take())


def block() -> None:
    with weighbridge.BackgroundTask(name="work"):
        work()


def async_block() -> None:
    async def enter() -> None:
        async with weighbridge.BackgroundTask(name="work"):
            work()

    driven(enter())


def web_block() -> None:
    with weighbridge.WebTransaction(name="work"):
        work()


def calls() -> None:
    """What may be said of the running transaction."""
    with weighbridge.WebTransaction(name="nothing yet", request_path="/work"):
        work()
        weighbridge.set_transaction_name("work", priority=2)
        weighbridge.add_custom_attributes({"one": 1, "two": "2"})
        weighbridge.set_background_task()
        weighbridge.suppress_apdex_metric()
        weighbridge.current_transaction()


def flushed() -> None:
    """The program itself waits for the store."""
    function()
    weighbridge.flush()


@weighbridge.background_task(name="work")
def failing() -> None:
    """What a failure is asked for."""
    try:
        work()
        raise LookupError("of the program's own")
    except LookupError:
        weighbridge.notice_error(attributes={"one": 1})


def decorated() -> None:
    """What is wrapped while the program runs."""
    weighbridge.background_task(name="work")(lambda: work())()


@weighbridge.web_transaction(name="outer")
def reclassified() -> None:
    function()


environ = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": "/work", "newrelic.set_background_task": "no"}


def _start(*answer: Any) -> None: ...


def _list(environ: Any, start_response: Any) -> list[bytes]:
    work()
    start_response("200 OK", [])
    return [b"one"]


def _stream(environ: Any, start_response: Any) -> Iterator[bytes]:
    work()
    start_response("200 OK", [])
    yield b"one"
    yield b"two"


_wsgi_list = WSGITransactionMiddleware(_list)
_wsgi_stream = WSGITransactionMiddleware(_stream)


def wsgi() -> None:
    _wsgi_list(environ.copy(), _start)


def wsgi_stream() -> None:
    body: Any = _wsgi_stream(environ.copy(), _start)
    try:
        for _ in body:
            pass
    finally:
        body.close()


def wsgi_closed() -> None:
    body: Any = _wsgi_stream(environ.copy(), _start)
    try:
        next(body)
    finally:
        body.close()


async def _app(scope: Any, receive: Any, send: Any) -> None:
    work()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"one"})


async def _send(message: Any) -> None: ...


async def _receive() -> Any:
    return {"type": "http.request"}


_asgi_app = ASGITransactionMiddleware(_app)


def asgi() -> None:
    scope = {"type": "http", "method": "GET", "path": "/work", "root_path": "", "headers": []}
    driven(_asgi_app(scope, _receive, _send))


FORMS: dict[str, Callable[[], Any]] = {
    form.__name__: form
    for form in (
        coroutine, generator, closed_generator, async_generator, block, async_block, web_block, calls,
        failing, flushed, decorated,
        reclassified,
        wsgi, wsgi_stream, wsgi_closed, asgi,
    )
}  # fmt: skip
FORMS |= {
    "function": function,
    "web_function": web_function,
    "named": named,
    "partial": partial,
    "instance": instance,
    "method": method,
    "made": Made,
}
