"""When a transaction that Django's middleware opened ends, and what runs in it."""

from __future__ import annotations

import gc
import io
import pickle
from collections.abc import Iterator
from typing import Any
from wsgiref.util import FileWrapper

import pytest
from django import VERSION
from django.core.cache import cache
from django.core.signals import request_finished
from django.http import HttpResponse, StreamingHttpResponse
from django.test import AsyncClient, Client, RequestFactory, override_settings

from weighbridge import FinishedTransaction, current_transaction
from weighbridge.middleware import DjangoTransactionMiddleware

from . import site
from .helpers import ASGI, WSGI, Side

Ended = list[FinishedTransaction]

STREAM = "WebTransaction/Route/GET /stream/"


@pytest.fixture
def after_the_end(ended: Ended) -> Iterator[list[tuple[Any, int]]]:
    """The current transaction, and how many have ended, each time that Django says it is done with a request."""
    seen: list[tuple[Any, int]] = []

    def receiver(**_: Any) -> None:
        seen.append((current_transaction(active_only=False), len(ended)))

    request_finished.connect(receiver)
    yield seen
    request_finished.disconnect(receiver)


@pytest.mark.parametrize("url", ["/users/7/", "/async/7/", "/stream/", "/stream-async/", "/download/", "/broken/"])
@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume")
def test_request_finished_comes_after_the_end(
    side: Side, ended: Ended, after_the_end: list[tuple[Any, int]], url: str
) -> None:
    side().get(url)
    assert after_the_end == [(None, 1)]


def test_it_ends_when_the_response_is_closed(ended: Ended) -> None:
    answer = WSGI().start("/users/7/")
    assert b"".join(answer.body) == b"user 7"
    assert ended == []
    answer.body.close()
    assert [(transaction.status, transaction.disconnected) for transaction in ended] == [(200, False)]


def test_between_the_view_and_the_close_it_is_not_current(ended: Ended) -> None:
    answer = WSGI().start("/users/7/")
    assert current_transaction(active_only=False) is None
    answer.body.close()
    assert len(ended) == 1


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume")
@pytest.mark.parametrize(
    ("side", "url"), [(WSGI, "/stream/"), (ASGI, "/stream/"), (WSGI, "/stream-async/"), (ASGI, "/stream-async/")]
)
def test_each_step_of_a_stream_runs_in_it(side: Side, ended: Ended, url: str) -> None:
    answer = side().get(url)
    assert answer.content == b"line 0\nline 1\nline 2\n"
    assert site.seen == [f"WebTransaction/Route/GET {url}"] * 4
    assert [transaction.path for transaction in ended] == [f"WebTransaction/Route/GET {url}"]


def test_between_two_steps_it_is_not_current_and_it_ends_with_the_last(ended: Ended) -> None:
    body = iter(WSGI().start("/stream/", checked=False).body)
    for _ in range(3):
        next(body)
        assert current_transaction(active_only=False) is None
        assert ended == []
    assert next(body, None) is None
    assert [transaction.disconnected for transaction in ended] == [False]


def test_two_streams_read_in_turns_do_not_mix(ended: Ended) -> None:
    bodies = [iter(WSGI().start(url, checked=False).body) for url in ["/stream/"] * 3]
    assert list(zip(*bodies, strict=False)) == [(f"line {number}\n".encode(),) * 3 for number in range(3)]
    assert [next(body, None) for body in bodies] == [None] * 3
    assert site.seen == [STREAM] * 12
    assert len(ended) == 3


def test_a_stream_closed_early_cleans_up_in_it_and_is_marked(ended: Ended) -> None:
    answer = WSGI().start("/stream/", checked=False)
    next(iter(answer.body))
    answer.body.close()
    assert site.seen == [STREAM, STREAM]
    assert [transaction.disconnected for transaction in ended] == [True]


@pytest.mark.skipif(VERSION < (5,), reason="before Django 5 nothing listened for the client's going away")
def test_a_client_that_goes_away_from_an_async_stream(ended: Ended) -> None:
    ASGI().get("/stream-async/", leave_after=1)
    assert [(transaction.disconnected, transaction.failed) for transaction in ended] == [(True, False)]


@pytest.mark.filterwarnings("ignore:Unclosed file:ResourceWarning")  # Django's own, of the request's body
@pytest.mark.parametrize(("side", "url"), [(WSGI, "/stream/?fail"), (ASGI, "/stream-async/?fail")])
def test_a_stream_that_raises_fails_its_transaction(side: Side, ended: Ended, url: str) -> None:
    with pytest.raises(LookupError, match="the rest is gone"):
        side().get(url)
    gc.collect()
    assert [(transaction.status, transaction.failed) for transaction in ended] == [(200, True)]
    assert ended[0].errors[0].type == "builtins:LookupError"


def test_a_file_reaches_the_server_as_it_is(ended: Ended) -> None:
    answer = WSGI().start("/download/", checked=False, **{"wsgi.file_wrapper": FileWrapper})
    assert type(answer.body) is FileWrapper
    assert isinstance(answer.body.filelike, io.BytesIO)
    answer.body.close()
    assert [(transaction.status, transaction.disconnected) for transaction in ended] == [(200, False)]


def test_a_file_without_the_servers_help_is_a_stream(side: Side, ended: Ended) -> None:
    served = side()
    if side is ASGI:
        with pytest.warns(Warning, match="must consume synchronous iterators"):
            assert served.get("/download/").content == b"bytes of a file"
    else:
        assert served.get("/download/").content == b"bytes of a file"
    assert [transaction.status for transaction in ended] == [200]


@pytest.mark.parametrize("streaming", [False, True])
def test_a_response_that_is_dropped_ends_it_when_it_is_collected(ended: Ended, streaming: bool) -> None:
    def answer(request: Any) -> Any:
        return StreamingHttpResponse(iter([b"one"])) if streaming else HttpResponse(b"one")

    response = DjangoTransactionMiddleware(answer)(RequestFactory().get("/dropped/"))
    assert ended == []
    del response
    gc.collect()
    assert [transaction.path for transaction in ended] == ["WebTransaction/StatusCode/200"]


def test_a_response_may_be_pickled_and_the_copy_measures_nothing(ended: Ended) -> None:
    """Django's cache does so where its middleware stands in front of ours."""
    response = DjangoTransactionMiddleware(lambda request: HttpResponse(b"one"))(RequestFactory().get("/"))
    pickled = pickle.dumps(response)
    assert b"weighbridge" not in pickled
    copy = pickle.loads(pickled)
    copy.close()
    assert ended == []
    assert copy.content == b"one"
    response.close()
    assert len(ended) == 1


def test_djangos_cache_in_front_and_behind(side: Side, ended: Ended) -> None:
    caching = [
        "django.middleware.cache.UpdateCacheMiddleware",
        site.OURS,
        "django.middleware.cache.FetchFromCacheMiddleware",
    ]
    cache.clear()
    with override_settings(MIDDLEWARE=caching):
        served = side()
        assert [served.get("/users/7/").content for _ in range(2)] == [b"user 7"] * 2
    assert [transaction.path for transaction in ended] == [
        "WebTransaction/Route/GET /users/<int:number>/",
        "WebTransaction/StatusCode/200",
    ]


def test_djangos_test_client(ended: Ended) -> None:
    response = Client().get("/users/7/")
    streamed = Client().get("/stream/")
    assert response.content == b"user 7"
    assert b"".join(streamed) == b"line 0\nline 1\nline 2\n"
    assert [transaction.path for transaction in ended] == ["WebTransaction/Route/GET /users/<int:number>/", STREAM]


async def _ask_async() -> bytes:
    response = await AsyncClient().get("/async/7/")
    return bytes(response.content)


def test_djangos_async_test_client(ended: Ended) -> None:
    import asyncio

    assert asyncio.run(_ask_async()) == b"user 7"
    assert [transaction.path for transaction in ended] == ["WebTransaction/Route/GET /async/<int:number>/"]
