"""Thousands of requests, applications and servers that start and stop: no thread, file or context stays behind."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from contextvars import Context
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from django.test.utils import override_settings

import weighbridge
from weighbridge.middleware import ASGITransactionMiddleware, WSGITransactionMiddleware
from weighbridge.transactions.model.transaction import Transaction

from .. import waiting
from ..middleware import asgi_helpers, wsgi_helpers
from ..waiting import eventually
from . import asgi_side, django_apps, wsgi_side
from .asked import Asked
from .builds import ASGI, WSGI
from .noted import contexts, notes
from .servers import answer, request_of, under_uvicorn, under_wsgiref

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

CYCLES = 12
ASKED = [
    Asked("page", "/plain"),
    Asked("stream", "/stream"),
    Asked("error", "/broken"),
    Asked("upload", "/echo", "POST", (("content-type", "application/octet-stream"),), [b"one", b"two"]),
    Asked("client leaves", "/stream", query="parts=9", parts=2),
]


@pytest.fixture(autouse=True)
def store(quick_store: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A real file, which has to be opened and closed; and no log that keeps exceptions."""
    monkeypatch.setenv("WEIGHBRIDGE_STORE", str(tmp_path / "weighbridge.db"))
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


class There(NamedTuple):
    """What is there of what may stay behind."""

    threads: int
    files: int
    contexts: int
    transactions: int


def there() -> There:
    notes.clear()
    contexts.clear()
    gc.collect()
    things = [type(thing) for thing in gc.get_objects()]
    return There(
        threading.active_count(),
        len(list(Path("/proc/self/fd").iterdir())),
        things.count(Context),
        sum(issubclass(kind, Transaction) for kind in things),
    )


def nothing_stays_behind(cycle: Callable[[], object]) -> None:
    """As much is there after many cycles as after the first ones. Threads may take a while to end."""
    for _ in range(3):
        cycle()
    before = there()
    for _ in range(CYCLES):
        cycle()
    eventually(lambda: all(now <= then for now, then in zip(there(), before, strict=True)))


def stop() -> None:
    """The end of a program's life with us, as far as that can come again."""
    assert weighbridge.flush()
    weighbridge.shutdown_agent()


@pytest.mark.parametrize("name", WSGI)
def test_wsgi_applications(name: str) -> None:
    def cycle() -> None:
        app = WSGI[name](True)
        for asked in ASKED:
            wsgi_side.served(app, asked)
        stop()

    with override_settings(ROOT_URLCONF=django_apps.Urls.WSGI):
        nothing_stays_behind(cycle)


@pytest.mark.parametrize("name", ASGI)
def test_asgi_applications(name: str) -> None:
    def cycle() -> None:
        app = ASGI[name](True)
        if "Django" not in name:
            asgi_side.lived(app)
        for asked in ASKED:
            asgi_side.served(app, asked, "silent")
        stop()

    with override_settings(ROOT_URLCONF=django_apps.Urls.ASGI):
        nothing_stays_behind(cycle)


@pytest.mark.parametrize(
    ("server", "app"), [(under_wsgiref, WSGI["Flask"]), (under_uvicorn, ASGI["Starlette"])], ids=["wsgiref", "uvicorn"]
)
def test_servers(server: Any, app: Callable[[bool], Any]) -> None:
    requests = [request_of(asked) for asked in ASKED[:4]]

    def cycle() -> None:
        with server(app(True)) as port:
            for request in requests:
                assert answer(port, request)
        stop()

    nothing_stays_behind(cycle)


def test_thousands_of_requests() -> None:
    """To middleware that stay; the figures are written in between."""
    wsgi, asgi = WSGITransactionMiddleware(wsgi_helpers.hello), ASGITransactionMiddleware(asgi_helpers.hello)

    @weighbridge.background_task
    def job() -> None: ...

    async def ask() -> None:
        for _ in range(100):
            await asgi_helpers.get(asgi)

    def cycle() -> None:
        for _ in range(100):
            wsgi_helpers.get(wsgi)
            job()
        asyncio.run(ask())
        assert weighbridge.flush()

    nothing_stays_behind(cycle)


def test_what_stays_behind_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "TIMEOUT", 0.1)
    with ExitStack() as kept:

        def cycle() -> None:
            kept.enter_context(Path(__file__).open("rb"))

        with pytest.raises(AssertionError):
            nothing_stays_behind(cycle)
