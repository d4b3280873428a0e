"""Real servers: byte for byte the same comes out of the socket, with us and without us."""

from __future__ import annotations

import gc
import io
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import quote
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
import uvicorn
from django.test.utils import override_settings

from ..workers.kit import eventually
from . import django_apps
from .asked import ASKED, Asked
from .builds import ASGI, WSGI
from .conftest import masked

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore:StreamingHttpResponse must consume")


class Quiet(WSGIRequestHandler):
    def log_message(self, *words: object) -> None: ...

    def get_stderr(self) -> Any:
        """For tracebacks of applications that are meant to fail."""
        return io.StringIO()


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    """Uploads and files that Django leaves open complain here and not later: no log keeps its exceptions."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)
    gc.collect()


@contextmanager
def wsgiref(app: Any) -> Iterator[int]:
    """The reference server, in a thread; gives its port."""
    with make_server("127.0.0.1", 0, app, handler_class=Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def under_uvicorn(app: Any) -> Iterator[int]:
    """uvicorn, in a thread; gives its port."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="auto", loop="asyncio"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            eventually(lambda: server.started)
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


def request_of(asked: Asked) -> bytes:
    """What goes into the socket."""
    target = quote(asked.path) + (f"?{asked.query}" if asked.query else "")
    coding = (("transfer-encoding", "chunked"),) if asked.chunked else ()
    fields = (*asked.complete_headers(), *coding)
    head = [f"{asked.method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields), "", ""]
    parts = [b"%x\r\n%s\r\n" % (len(part), part) for part in (*asked.body, b"")] if asked.chunked else asked.body
    return "\r\n".join(head).encode("latin-1") + b"".join(parts)


def answer(port: int, *requests: bytes) -> str:
    """All that comes out of it, until the server closes it."""
    last = requests[-1].replace(b"\r\n", b"\r\nconnection: close\r\n", 1)
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        client.sendall(b"".join((*requests[:-1], last)))
        received = b"".join(iter(lambda: client.recv(65536), b""))
    return masked(received.decode("latin-1"))


@contextmanager
def both(build: Callable[[bool], Any], server: Any) -> Iterator[tuple[int, int]]:
    """The ports of an application without us, and with us."""
    with ExitStack() as stack:
        yield stack.enter_context(server(build(False))), stack.enter_context(server(build(True)))


WHOLE = [asked for asked in ASKED if asked.parts is None and asked.uploads is None]


@pytest.mark.parametrize("name", WSGI)
def test_wsgi(name: str) -> None:
    with (
        override_settings(ROOT_URLCONF=django_apps.Urls.WSGI),
        both(WSGI[name], wsgiref) as (without, measured),
    ):
        for asked in WHOLE:
            if not asked.chunked:  # wsgiref knows nothing of it
                request = request_of(asked)
                assert answer(measured, request) == answer(without, request), asked


@pytest.mark.parametrize("name", ASGI)
def test_asgi(name: str) -> None:
    with (
        override_settings(ROOT_URLCONF=django_apps.Urls.ASGI),
        both(ASGI[name], under_uvicorn) as (without, measured),
    ):
        for asked in WHOLE:
            if name == "bare" and len(asked.body) > 3:
                continue  # it answers in the parts in which the socket gives the upload
            request = request_of(asked)
            assert answer(measured, request) == answer(without, request), asked
        pipelined = [request_of(asked) for asked in WHOLE[:10]]
        assert answer(measured, *pipelined) == answer(without, *pipelined)
