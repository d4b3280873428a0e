"""The test kit: ``capture_transactions()`` and the fixture."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import flask
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

import weighbridge
from weighbridge.middleware import ASGITransactionMiddleware, WSGITransactionMiddleware
from weighbridge.testing import CapturedTransactions, capture_transactions


@weighbridge.background_task(name=lambda name: name)
def named(name: str) -> None:
    """A task of that name."""


def names(captured: CapturedTransactions) -> list[str]:
    return [transaction.name for transaction in captured]


def test_they_are_there_at_once_in_the_order_in_which_they_end() -> None:
    with capture_transactions() as captured:
        with weighbridge.BackgroundTask(name="outer"):
            thread = threading.Thread(target=named, args=("inner",))
            thread.start()
            thread.join()
            assert names(captured) == ["inner"]
        assert names(captured) == ["inner", "outer"]


def test_only_those_of_the_block_are_in_it() -> None:
    named("before")
    with capture_transactions() as captured:
        named("within")
    named("after")
    assert names(captured) == ["within"]


def test_blocks_may_be_nested() -> None:
    with capture_transactions() as outer:
        named("first")
        with capture_transactions() as inner:
            named("second")
        named("third")
    assert (names(outer), names(inner)) == (["first", "second", "third"], ["second"])


def test_an_exception_of_the_block_passes() -> None:
    captured = CapturedTransactions()

    def block() -> None:
        nonlocal captured
        with capture_transactions() as captured:
            named("before")
            raise ValueError("of the test")

    with pytest.raises(ValueError, match="of the test"):
        block()
    named("after")
    assert names(captured) == ["before"]


def test_ignored_ones_are_not_in_it() -> None:
    with capture_transactions() as captured, weighbridge.BackgroundTask(name="ignored"):
        weighbridge.ignore_transaction()
    assert captured == []


def test_they_are_immutable() -> None:
    with capture_transactions() as captured:
        named("one")
    with pytest.raises(AttributeError):
        captured[0].name = "another"  # type: ignore[misc]


def test_the_fixture(captured_transactions: CapturedTransactions) -> None:
    named("one")
    assert names(captured_transactions) == ["one"]


def test_many_threads_lose_none(captured_transactions: CapturedTransactions) -> None:
    def many() -> None:
        for _ in range(200):
            named("one")

    threads = [threading.Thread(target=many) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(captured_transactions) == 1600


@pytest.fixture
def client() -> Any:
    app = flask.Flask("shop")

    @app.get("/page")
    def page() -> str:
        return "a page"

    @app.get("/empty")
    def empty() -> tuple[str, int]:
        return "", 204

    @app.get("/stream")
    def stream() -> Any:
        def chunks() -> Iterator[str]:
            yield "one"
            yield "two"

        return app.response_class(chunks())

    @app.get("/broken")
    def broken() -> None:
        raise ValueError("of the page")

    app.wsgi_app = WSGITransactionMiddleware(app.wsgi_app)  # type: ignore[method-assign]
    return app.test_client()


@pytest.mark.parametrize(
    "look", [len, bool, list, repr, lambda captured: captured[0], lambda captured: captured == [], iter, reversed]
)
def test_flasks_client_leaves_the_body_open(client: Any, captured_transactions: Any, look: Any) -> None:
    assert client.get("/page").data == b"a page"
    look(captured_transactions)
    assert list.__len__(captured_transactions) == 1


@pytest.mark.parametrize(("path", "status"), [("/page", 200), ("/empty", 204), ("/broken", 500), ("/nowhere", 404)])
def test_flasks_client_gives_each_request(client: Any, path: str, status: int) -> None:
    with capture_transactions() as captured:
        assert client.get(path).status_code == status
    (transaction,) = captured
    assert transaction.status == status
    assert transaction.failed == (status == 500)
    assert not transaction.disconnected


def test_flasks_client_one_request_after_the_other(client: Any, captured_transactions: CapturedTransactions) -> None:
    for count in range(1, 4):
        client.get("/page")
        assert len(captured_transactions) == count


def test_a_stream_that_is_not_read_yet_stays_open(client: Any, captured_transactions: CapturedTransactions) -> None:
    response = client.get("/stream")
    assert captured_transactions == []
    assert response.data == b"onetwo"
    assert [transaction.path for transaction in captured_transactions] == ["WebTransaction/Route/GET /stream"]


def test_a_request_that_is_being_handled_stays_open(captured_transactions: CapturedTransactions) -> None:
    """Also one whose application has announced that nothing will follow."""
    seen: list[int] = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Length", "0")])
        seen.append(len(captured_transactions))
        return []

    app_measured = WSGITransactionMiddleware(app)
    list(app_measured({"REQUEST_METHOD": "GET", "PATH_INFO": "/"}, lambda *_: None))  # type: ignore[arg-type]
    assert seen == [0]
    assert len(captured_transactions) == 1


def test_starlettes_client(captured_transactions: CapturedTransactions) -> None:
    async def page(request: Any) -> PlainTextResponse:
        return PlainTextResponse("a page")

    app = ASGITransactionMiddleware(Starlette(routes=[Route("/page/{id}", page)]))
    assert TestClient(app).get("/page/7").text == "a page"
    assert [transaction.path for transaction in captured_transactions] == ["WebTransaction/Route/GET /page/{id}"]


def test_equality_and_the_rest_of_a_list(captured_transactions: CapturedTransactions) -> None:
    named("one")
    named("two")
    assert captured_transactions == list(captured_transactions)
    assert captured_transactions != []
    assert captured_transactions[0] in captured_transactions
    assert captured_transactions.index(captured_transactions[1]) == 1
    assert captured_transactions.count(captured_transactions[0]) == 1
    assert captured_transactions.copy() == [*captured_transactions]
    assert captured_transactions.pop().name == "two"
    captured_transactions.clear()
    assert not captured_transactions
    with pytest.raises(TypeError):
        hash(captured_transactions)
