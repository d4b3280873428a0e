"""What a server, or a middleware in front, sets to a value of a wrong type: the request is measured all the same."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from weighbridge import flush
from weighbridge.middleware import ASGITransactionMiddleware, WSGITransactionMiddleware

from . import asgi_helpers, wsgi_helpers
from .store_helpers import lost, rows

APPLICATION = "wrong types"
VALUES = [None, 7, 1.5, ["/a"], {"a": 1}, object()]
NO_PAIRS = [None, 7, b"x", [None], [7], [()], [("one",)], [{}], [bytearray(b"ab")]]

Ask = Callable[[str, Any], None]


@pytest.fixture
def ask_wsgi() -> Ask:
    middleware = WSGITransactionMiddleware(wsgi_helpers.hello, application=APPLICATION)
    return lambda key, value: wsgi_helpers.Server().send(
        middleware(wsgi_helpers.request() | {key: value}, wsgi_helpers.Server().start_response)
    )


@pytest.fixture
def ask_asgi() -> Ask:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    async def send(message: dict[str, Any]) -> None:
        assert message["type"].startswith("http.response.")

    middleware = ASGITransactionMiddleware(asgi_helpers.hello, application=APPLICATION)
    return lambda key, value: asyncio.run(middleware(asgi_helpers.http() | {key: value}, receive, send))


def counted(ask: Ask, key: str, value: Any) -> dict[str, int]:
    """How often each name was counted, of requests that are kept whole and of those that only are counted."""
    for _ in range(2):
        for _ in range(5):
            ask(key, value)
        assert flush()
    assert lost() == {}
    return {row.series.name: row.statistics.calls for row in rows() if row.series.application == APPLICATION}


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("key", ["PATH_INFO", "SCRIPT_NAME"])
def test_a_path_that_is_no_text_under_wsgi(key: str, value: Any, ask_wsgi: Ask) -> None:
    name = "<invalid>" if key == "PATH_INFO" else "<invalid>/books"
    assert counted(ask_wsgi, key, value) == {name: 10}


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_path_that_is_no_text_under_asgi(value: Any, ask_asgi: Ask) -> None:
    assert counted(ask_asgi, "path", value) == {"<invalid>": 10}


def test_a_path_in_bytes(ask_wsgi: Ask, ask_asgi: Ask) -> None:
    assert counted(ask_wsgi, "PATH_INFO", b"/caf\xe9") == {"/caf\ufffd": 10}
    assert counted(ask_asgi, "path", b"/books") == {"/caf\ufffd": 10, "/books": 10}


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("key", ["REQUEST_METHOD", "HTTP_X_REQUEST_START"])
def test_a_variable_that_is_no_text(key: str, value: Any, ask_wsgi: Ask) -> None:
    assert counted(ask_wsgi, key, value) == {"/books": 10}


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_method_that_is_no_text(value: Any, ask_asgi: Ask) -> None:
    assert counted(ask_asgi, "method", value) == {"/books": 10}


@pytest.mark.parametrize("headers", NO_PAIRS, ids=repr)
def test_headers_that_are_no_pairs(headers: Any, ask_asgi: Ask, mistakes: list[str]) -> None:
    """What samples show of them is left out, with a line in the log."""
    assert counted(ask_asgi, "headers", headers) == {"/books": 10}
    assert {line.partition("\n")[0] for line in mistakes} <= {
        "weighbridge failed inside RequestTransaction._release; the program goes on unharmed"
    }
    mistakes.clear()


@pytest.mark.parametrize("kind", [KeyError, TypeError])
def test_what_a_signal_handler_raises_is_not_taken_for_a_missing_key(kind: type[Exception], ended: list[Any]) -> None:
    """Whatever its class."""
    import signal

    def strike(*_: object) -> None:
        raise kind("from outside")

    class Interrupted(dict[str, Any]):
        def __getitem__(self, key: str) -> Any:
            signal.raise_signal(signal.SIGUSR1)
            return super().__getitem__(key)

    before = signal.signal(signal.SIGUSR1, strike)
    try:
        with pytest.raises(kind, match="from outside"):
            WSGITransactionMiddleware(wsgi_helpers.hello)(Interrupted(wsgi_helpers.request()), print)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert ended == []
