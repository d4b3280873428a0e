"""Exceptions that a WSGI application hands to the server, or raises once the response is sent."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from weighbridge import notice_error
from weighbridge.middleware import WSGITransactionMiddleware
from weighbridge.testing import capture_transactions
from weighbridge.transactions.model.finished import FinishedTransaction
from weighbridge.transactions.store.reader import StoreReader

ENVIRON = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "wsgi.url_scheme": "http", "SERVER_NAME": "x"}


def error_page(status: str, *then: Callable[[], object]) -> Any:
    """An application that sends an error page for an exception."""

    def application(_: Any, start_response: Callable[..., Any]) -> Iterable[bytes]:
        try:
            raise LookupError("no shelf")
        except LookupError:
            start_response(status, [], sys.exc_info())
            for one in then:
                one()
        return [b"sorry"]

    return application


def served(application: Any) -> FinishedTransaction:
    with capture_transactions() as finished, suppress(LookupError):
        list(WSGITransactionMiddleware(application)(dict(ENVIRON), lambda *_: lambda _: None))  # type: ignore[arg-type]
    (only,) = finished
    return only


def again() -> None:
    raise  # noqa: PLE0704  the current one


@pytest.mark.parametrize("then", [(), (notice_error,), (again,)], ids=["alone", "noticed as well", "raised as well"])
def test_the_exception_of_an_error_page_is_an_error_once(then: Any) -> None:
    only = served(error_page("500 Oops", *then))
    assert (only.failed, only.status) == (True, 500)
    assert [(error.type, error.message) for error in only.errors] == [("builtins:LookupError", "no shelf")]


def test_the_exception_behind_a_page_of_another_status_is_none() -> None:
    only = served(error_page("404 Not Found"))
    assert (only.failed, only.status, only.errors) == (False, 404, ())


@pytest.mark.parametrize("exc_info", [(None, None, None), "exc_info", (1, 2, 3)], ids=str)
def test_what_is_no_exception_is_passed_on(exc_info: object) -> None:
    def application(_: Any, start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("500 Oops", [], exc_info)
        return [b""]

    assert (served(application).status, served(application).errors) == (500, ())


class Unclosable:
    """A body whose ``close()`` fails."""

    def __iter__(self) -> Iterator[bytes]:
        yield b"one"
        yield b"two"

    def close(self) -> None:
        raise LookupError("does not close")


@pytest.mark.parametrize(("chunks", "late"), [(2, 1), (1, 0)], ids=["complete", "closed early"])
def test_what_close_raises_after_the_last_byte_is_counted(
    chunks: int, late: int, read: Callable[[], StoreReader]
) -> None:
    def application(_: Any, start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 OK", [])
        return Unclosable()

    with capture_transactions() as finished:
        body: Any = WSGITransactionMiddleware(application, application="shop")(dict(ENVIRON), lambda *_: lambda _: None)  # type: ignore[arg-type, return-value]
        steps = iter(body)
        for _ in range(chunks):
            next(steps)
        if late:
            assert list(steps) == []
        with pytest.raises(LookupError, match="does not close"):
            body.close()
    assert [(one.failed, len(one.errors)) for one in finished] == [(not late, 1 - late)]
    assert read().health().lost == ({"exceptions after the response (shop)": 1} if late else {})
