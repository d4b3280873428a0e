"""What somebody does in the first ten minutes, and what they must see."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import urllib.request
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import fastapi
import flask
import pytest
from fastapi.testclient import TestClient as FastAPIClient
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from weighbridge import background_task
from weighbridge.middleware import ASGITransactionMiddleware, WSGITransactionMiddleware
from weighbridge.testing import capture_transactions

from ..waiting import TIMEOUT, eventually
from . import wsgi_helpers
from .store_helpers import rows


def shop() -> flask.Flask:
    app = flask.Flask("shop")

    @app.route("/books/<int:number>")
    def book(number: int) -> str:
        return f"book {number}"

    @app.route("/empty")
    def empty() -> tuple[str, int]:
        return "", 204

    @app.route("/stream")
    def stream() -> Any:
        return flask.Response(line for line in ["one", "two"])

    @app.route("/broken")
    def broken() -> str:
        raise LookupError("shelf")

    app.wsgi_app = WSGITransactionMiddleware(app.wsgi_app)  # type: ignore[method-assign]
    return app


def test_flasks_test_client_which_never_closes_the_body() -> None:
    client = shop().test_client()
    with capture_transactions() as transactions:
        client.get("/books/7")
        assert [t.path for t in transactions] == ["WebTransaction/Route/GET /books/<int:number>"]
        client.get("/books/8")
        assert len(transactions) == 2
    assert [(t.status, t.disconnected, t.failed) for t in transactions] == [(200, False, False)] * 2


@pytest.mark.parametrize("path", ["/books/7", "/stream", "/empty"])
@pytest.mark.parametrize("options", [{}, {"buffered": True}])
def test_every_response_of_flasks_test_client_ends(path: str, options: Any) -> None:
    with capture_transactions() as transactions:
        response = shop().test_client().get(path, **options)
        assert response.data is not None
    response.close()
    assert [(t.disconnected, t.failed) for t in transactions] == [(False, False)]


def test_flasks_test_client_with_an_exception() -> None:
    with capture_transactions() as transactions:
        assert shop().test_client().get("/broken").status_code == 500
    assert [(t.status, t.failed, t.errors[0].type) for t in transactions] == [(500, True, "builtins:LookupError")]


async def hello(request: Any) -> PlainTextResponse:
    return PlainTextResponse("hello")


async def stream(request: Any) -> StreamingResponse:
    return StreamingResponse(iter(["one", "two"]))


async def broken(request: Any) -> PlainTextResponse:
    raise LookupError("shelf")


ROUTES = [Route("/books/{number}", hello), Route("/stream", stream), Route("/broken", broken)]


def starlette(where: str) -> Any:
    if where == "outside":
        return ASGITransactionMiddleware(Starlette(routes=ROUTES))
    return Starlette(routes=ROUTES, middleware=[Middleware(ASGITransactionMiddleware)])


@pytest.mark.parametrize("where", ["outside", "in the list"])
def test_starlettes_test_client(where: str) -> None:
    client = TestClient(starlette(where))
    with capture_transactions() as transactions:
        client.get("/books/7")
        client.get("/stream")
        assert [t.path for t in transactions] == [
            "WebTransaction/Route/GET /books/{number}",
            "WebTransaction/Route/GET /stream",
        ]
    assert [(t.status, t.disconnected, t.failed) for t in transactions] == [(200, False, False)] * 2


@pytest.mark.parametrize("where", ["outside", "in the list"])
@pytest.mark.parametrize("raises", [True, False])
def test_an_endpoint_that_raises_is_a_failed_request_with_status_500(where: str, raises: bool) -> None:
    client = TestClient(starlette(where), raise_server_exceptions=raises)
    with capture_transactions() as transactions:
        if raises:
            with pytest.raises(LookupError, match="shelf"):
                client.get("/broken")
        else:
            assert client.get("/broken").status_code == 500
    (only,) = transactions
    assert (only.path, only.status, only.failed) == ("WebTransaction/Route/GET /broken", 500, True)
    assert [(error.type, error.message) for error in only.errors] == [("builtins:LookupError", "shelf")]


def test_fastapis_test_client() -> None:
    app = fastapi.FastAPI()
    app.add_middleware(ASGITransactionMiddleware)

    @app.get("/users/{number}")
    def user(number: int) -> int:
        return number

    with capture_transactions() as transactions, FastAPIClient(app) as client:
        assert client.get("/users/7").json() == 7
    assert [t.path for t in transactions] == ["WebTransaction/Route/GET /users/{number}"]


def test_the_first_transaction_of_a_process_is_recorded() -> None:
    wsgi_helpers.get(WSGITransactionMiddleware(wsgi_helpers.hello, application="first ever"))
    assert [row.statistics.calls for row in rows() if row.series.application == "first ever"] == [1]


SERVER = """
    import socket, uvicorn
    from weighbridge import background_task
    from weighbridge.middleware import ASGITransactionMiddleware

    async def app(scope, receive, send):
        assert scope["type"] == "http"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"hello"})

    @background_task(name="main")
    def main():
        uvicorn.run(ASGITransactionMiddleware(app), fd=FD, log_level="warning", lifespan="off")

    main()
"""


def test_uvicorn_inside_a_background_task_still_measures_each_request(tmp_path: Path) -> None:
    store = tmp_path / "store.db"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        program = textwrap.dedent(SERVER).replace("FD", str(listener.fileno()))
        environment = {**os.environ, "WEIGHBRIDGE_STORE": str(store)}
        server = subprocess.Popen([sys.executable, "-c", program], env=environment, pass_fds=[listener.fileno()])
        try:
            for number in range(5):
                fetch(listener.getsockname()[1], f"/page/{number % 2}")
        finally:
            server.send_signal(signal.SIGINT)
            assert server.wait() == 0
    calls = {(row.series.kind, row.series.name): row.statistics.calls for row in rows(str(store))}
    assert calls == {("web", "/page/0"): 3, ("web", "/page/1"): 2, ("background", "main"): 1}


def test_a_wsgi_server_inside_a_background_task_still_measures_each_request() -> None:
    class Quiet(WSGIRequestHandler):
        def log_message(self, *arguments: Any) -> None: ...

    server = make_server("127.0.0.1", 0, WSGITransactionMiddleware(wsgi_helpers.hello), handler_class=Quiet)

    @background_task(name="main")
    def main() -> None:
        server.serve_forever(poll_interval=0.01)

    thread = threading.Thread(target=main)
    with capture_transactions() as transactions:
        thread.start()
        for number in range(3):
            fetch(server.server_port, f"/page/{number}")
        server.shutdown()
        thread.join()
    server.server_close()
    assert [t.name for t in transactions] == ["/page/0", "/page/1", "/page/2", "main"]
    assert [t.kind for t in transactions] == ["web"] * 3 + ["background"]


def fetch(port: int, path: str) -> bytes:
    """A page of a server that may not be listening yet."""
    return bytes(eventually(lambda: _page(port, path)))


def _page(port: int, path: str) -> bytes | None:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=TIMEOUT) as response:
            return response.read()
    except ConnectionError:
        return None
