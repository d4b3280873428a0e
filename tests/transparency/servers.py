"""Real servers in threads of this process, and a client that sees every byte."""

from __future__ import annotations

import io
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote
from wsgiref.simple_server import WSGIRequestHandler, make_server

import uvicorn

from ..waiting import TIMEOUT, eventually
from .asked import Asked

__all__ = ["answer", "request_of", "under_uvicorn", "under_wsgiref"]


class Quiet(WSGIRequestHandler):
    def log_message(self, *words: object) -> None: ...

    def get_stderr(self) -> Any:
        """For tracebacks of applications that are meant to fail."""
        return io.StringIO()


@contextmanager
def under_wsgiref(app: Any) -> Iterator[int]:
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


def answer(port: int, *requests: bytes) -> bytes:
    """All that comes out of it, until the server closes it."""
    last = requests[-1].replace(b"\r\n", b"\r\nconnection: close\r\n", 1)
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT) as client:
        client.sendall(b"".join((*requests[:-1], last)))
        return b"".join(iter(lambda: client.recv(65536), b""))
