"""Servers that are told to stop lose none: gunicorn with and without ``--preload``, uvicorn."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from ..waiting import TIMEOUT
from .conftest import Stored, eventually

_APP = """
import os
import weighbridge
from weighbridge.middleware import ASGITransactionMiddleware, WSGITransactionMiddleware

@weighbridge.background_task(name="load")
def load():
    pass

load()

def app(environ, start_response):
    body = b"%d" % os.getpid()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return iter([body])

async def bare(scope, receive, send):
    if scope["type"] == "lifespan":
        raise NotImplementedError
    body = b"%d" % os.getpid()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})

async def with_lifespan(scope, receive, send):
    if scope["type"] != "lifespan":
        return await bare(scope, receive, send)
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    load()
    await send({"type": "lifespan.shutdown.complete"})

wsgi = WSGITransactionMiddleware(app)
asgi = ASGITransactionMiddleware(bare)
lifespan = ASGITransactionMiddleware(with_lifespan)
"""


@contextmanager
def serving(tmp_path: Path, *command: str) -> Iterator[int]:
    """A server on a port of this machine, which is told to stop and waited for."""
    (tmp_path / "served.py").write_text(_APP)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", *(part.format(port=port) for part in command)],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        eventually(lambda: _answers(port))
        yield port
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate()


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


GUNICORN = ("gunicorn", "-b", "127.0.0.1:{port}", "-w", "2", "served:wsgi")
SERVERS = {
    "gunicorn": GUNICORN,
    "gunicorn --preload": (*GUNICORN, "--preload"),
    "gunicorn threads": (*GUNICORN, "--threads", "4"),
    "gunicorn gevent": (*GUNICORN, "-k", "gevent"),
    "uvicorn": ("uvicorn", "--port", "{port}", "served:asgi"),
    "uvicorn lifespan": ("uvicorn", "--port", "{port}", "served:lifespan"),
    "uvicorn --workers": ("uvicorn", "--port", "{port}", "--workers", "2", "served:asgi"),
}


def answers_of(port: int, workers: int) -> list[bytes]:
    """What comes back, from all workers: one that is still starting may not hear that it is to stop.

    Several clients at a time: a worker that is busy leaves some of them to the others.
    """

    def answer(_: int) -> bytes:
        return urllib.request.urlopen(f"http://127.0.0.1:{port}/page", timeout=TIMEOUT).read()  # type: ignore[no-any-return]

    answers: list[bytes] = []
    until = time.monotonic() + TIMEOUT
    with ThreadPoolExecutor(4) as clients:
        while len(set(answers)) < workers or len(answers) < 25:
            assert time.monotonic() < until, "not all workers answer"
            answers += clients.map(answer, range(4))
    return answers


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_that_is_told_to_stop_loses_none(name: str, stored: Stored, tmp_path: Path) -> None:
    if name.endswith("gevent"):
        pytest.importorskip("gevent")
    with serving(tmp_path, *SERVERS[name]) as port:
        sent = len(answers_of(port, 1 if name in {"uvicorn", "uvicorn lifespan"} else 2))
    calls = stored.calls()
    assert calls["/page"] == sent
    loaded = {"gunicorn --preload": 1, "uvicorn": 1}.get(name, 2)
    assert calls["load"] in {loaded, loaded + 1}, "a manager may import the application too"
