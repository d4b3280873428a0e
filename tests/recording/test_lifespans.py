"""The write at the end of an ASGI lifespan: it is awaited, and blocks no event loop, whatever loop that is."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import trio
from blockbuster import blockbuster_ctx
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.asyncio.lifespan import Lifespan
from hypercorn.config import Config
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

import weighbridge
from weighbridge.middleware import ASGITransactionMiddleware
from weighbridge.transactions.store.sqlite import connection

from .conftest import Stored

BACKENDS = ["asyncio", "trio"]


def run(backend: str, main: Callable[[], Awaitable[Any]]) -> Any:
    return asyncio.run(main()) if backend == "asyncio" else trio.run(main)  # type: ignore[arg-type]


def home(request: Any) -> PlainTextResponse:
    return PlainTextResponse("home")


def application() -> Any:
    return Starlette(routes=[Route("/", home)], middleware=[Middleware(ASGITransactionMiddleware)])


async def quiet(scope: Any, receive: Any, send: Any) -> None:
    """A lifespan by the book."""
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


class Server:
    """The server's side of a lifespan that begins and ends at once."""

    def __init__(self) -> None:
        self.events = iter(["lifespan.startup", "lifespan.shutdown"])
        self.heard: list[str] = []

    async def receive(self) -> Any:
        return {"type": next(self.events)}

    async def send(self, message: Any) -> None:
        self.heard.append(message["type"])


@pytest.mark.parametrize("backend", BACKENDS)
def test_test_clients_that_come_and_go_lose_nothing(backend: Any, stored: Stored) -> None:
    """Under a watch that lets nothing block, ours or not: as in a host's own test suite."""
    app = application()
    with TestClient(app, backend=backend) as client:
        client.get("/")
    assert stored.total() == 1, "it is written when the lifespan is over"
    with blockbuster_ctx():
        for _ in range(3):
            with TestClient(app, backend=backend) as client:
                for _ in range(5):
                    client.get("/")
    assert stored.total() == 16
    assert stored.lost() == {}


@contextmanager
def locked(stored: Stored) -> Iterator[None]:
    """Another process holds the store, for a while."""
    other = sqlite3.connect(stored.path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    free = threading.Timer(0.7, other.rollback)
    free.start()
    try:
        yield
    finally:
        free.join()
        other.close()


@pytest.mark.application_blocks
@pytest.mark.parametrize("backend", BACKENDS)
def test_the_loop_goes_on_while_it_waits_for_the_store(
    backend: str, stored: Stored, work: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lifespan is over when all is written; the loop is free all the while."""
    monkeypatch.setattr(connection, "LOCK_TIMEOUT", 20.0)
    sleep: Any = asyncio.sleep if backend == "asyncio" else trio.sleep
    gaps: list[float] = []
    over: list[float] = []

    async def lifespan() -> None:
        await ASGITransactionMiddleware(quiet)({"type": "lifespan"}, server.receive, server.send)
        over.append(stored.total())

    async def tick() -> None:
        last = time.monotonic()
        while not over:
            await sleep(0.01)
            now = time.monotonic()
            gaps.append(now - last)
            last = now

    async def both() -> None:
        if backend == "asyncio":
            await asyncio.gather(lifespan(), tick())
        else:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(lifespan)
                nursery.start_soon(tick)

    work()
    weighbridge.flush()
    server = Server()
    work()
    with locked(stored):
        run(backend, both)
    assert over == [2]
    assert server.heard == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert len(gaps) > 10
    assert max(gaps) < 0.5  # waiting for the store would take 0.7


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_lifespan_without_transactions_starts_nothing(backend: str, stored: Stored) -> None:
    server, before = Server(), threading.active_count()
    middleware = ASGITransactionMiddleware(quiet)

    async def lifespan() -> int:
        await middleware({"type": "lifespan"}, server.receive, server.send)
        return threading.active_count()

    assert run(backend, lifespan) == before
    assert not stored.path.exists()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("ends", ["returns", "raises"])
def test_an_application_that_says_nothing(ends: str, backend: str, stored: Stored, work: Callable[[], None]) -> None:
    """It leaves its lifespan without a word, or by an exception, which is its own."""

    async def silent(scope: Any, receive: Any, send: Any) -> None:
        work()
        if ends == "raises":
            raise LookupError("the application's own")

    server = Server()

    async def lifespan() -> None:
        await ASGITransactionMiddleware(silent)({"type": "lifespan"}, server.receive, server.send)

    if ends == "raises":
        with pytest.raises(LookupError):
            run(backend, lifespan)
    else:
        run(backend, lifespan)
        assert stored.total() == 1
    weighbridge.flush()
    assert stored.total() == 1


def test_a_lifespan_that_is_cancelled_meanwhile(
    stored: Stored, work: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server does not wait any longer: its cancellation is its own, and the write goes on."""
    monkeypatch.setattr(connection, "LOCK_TIMEOUT", 20.0)
    work()
    weighbridge.flush()
    work()

    async def main() -> None:
        server = Server()
        task = asyncio.ensure_future(
            ASGITransactionMiddleware(quiet)({"type": "lifespan"}, server.receive, server.send)
        )
        while len(server.heard) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with locked(stored):
        asyncio.run(main())
    weighbridge.flush()
    assert stored.total() == 2


def test_hypercorn_cancels_nothing_that_is_ours(stored: Stored, work: Callable[[], None]) -> None:
    """It cancels a lifespan that has sent its last message, and is ended by that where something still runs."""

    async def main() -> None:
        lifespan = Lifespan(ASGIWrapper(ASGITransactionMiddleware(quiet)), Config(), asyncio.get_running_loop(), {})
        task = asyncio.ensure_future(lifespan.handle_lifespan())
        await lifespan.wait_for_startup()
        work()
        await lifespan.wait_for_shutdown()
        task.cancel()
        await task

    work()
    weighbridge.flush()
    asyncio.run(main())
    assert stored.total() == 2


@pytest.mark.application_blocks
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_loop_without_a_thread_to_be_had(
    backend: str, stored: Stored, work: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rather in the loop's own thread than not at all: the process is about to end."""
    work()
    started: list[str] = []
    start = threading.Thread.start

    def none_of_ours(thread: threading.Thread) -> None:
        if thread.name.startswith("weighbridge"):
            started.append(thread.name)
            raise RuntimeError("can't start new thread")
        start(thread)

    async def lifespan() -> None:
        server = Server()
        await ASGITransactionMiddleware(quiet)({"type": "lifespan"}, server.receive, server.send)

    monkeypatch.setattr(threading.Thread, "start", none_of_ours)
    run(backend, lifespan)
    assert started == ["weighbridge-last-write"]
    assert stored.total() == 1
