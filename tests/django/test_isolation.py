"""A guest in somebody's site: it breaks nothing, keeps nothing, and does not come uninvited."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import weakref
from contextvars import Context, copy_context
from typing import Any

import pytest
from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import RequestFactory

from weighbridge import FinishedTransaction
from weighbridge.middleware import DjangoTransactionMiddleware, django
from weighbridge.transactions.context import lifetime

from .helpers import Side

Ended = list[FinishedTransaction]

INTERNALS = [
    (django, "join_outer"),
    (django, "is_enabled"),
    (lifetime, "attach"),
    (lifetime, "detach"),
    (django, "detach"),
    (django, "begin"),
    (django, "note_django_route"),
    (django, "monotonic"),
    (django, "_Closing"),
    (django, "_Steps"),
    (django.DjangoTransaction, "_of"),
    (django.DjangoTransaction, "_set_request"),
    (django.DjangoTransaction, "_apply_special"),
    (django.DjangoTransaction, "_refresh"),
    (django.DjangoTransaction, "_last_until_closed"),
    (django.DjangoTransaction, "_stop_clock"),
    (django.DjangoTransaction, "_hand_off"),
]


@pytest.mark.parametrize(("owner", "name"), INTERNALS, ids=[name for _, name in INTERNALS])
@pytest.mark.parametrize("url", ["/users/7/", "/stream/", "/async/7/"])
@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume")
def test_a_mistake_of_ours_changes_no_answer(
    side: Side, ended: Ended, monkeypatch: pytest.MonkeyPatch, mistakes: list[str],
    owner: Any, name: str, url: str,
) -> None:  # fmt: skip
    expected = vars(side().get(url))["content"]
    original, failures = getattr(owner, name), [RuntimeError(name)]

    def fails_once(*args: Any, **kwargs: Any) -> Any:
        if failures:
            raise failures.pop()
        return original(*args, **kwargs)

    monkeypatch.setattr(owner, name, fails_once)
    answer = side().get(url)
    gc.collect()
    assert (answer.status, answer.content) == (200, expected)
    monkeypatch.undo()
    ended.clear()
    assert len(mistakes) <= 1
    mistakes.clear()
    side().get(url)
    assert len(ended) == 1


def alive_after(answer: Any) -> list[bool]:
    """Whether request and response outlive their use, with nobody collecting cycles."""
    request = RequestFactory().get("/")
    response = answer(request)
    assert b"".join(response) == b"one"
    response.close()
    kept = [weakref.ref(request), weakref.ref(response)]
    gc.disable()
    try:
        del request, response
        return [reference() is not None for reference in kept]
    finally:
        gc.enable()


@pytest.mark.parametrize("streaming", [False, True])
def test_nothing_of_a_request_is_kept_even_by_a_context_that_lives_on(ended: Ended, streaming: bool) -> None:
    contexts: list[Context] = []

    def view(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
        contexts.append(copy_context())
        return StreamingHttpResponse(iter([b"one"])) if streaming else HttpResponse(b"one")

    assert alive_after(DjangoTransactionMiddleware(view)) == alive_after(view)  # Python 3.10 keeps a frame of Django's
    assert (len(ended), len(contexts)) == (1, 2)


def test_a_cancelled_request_is_no_error(ended: Ended) -> None:
    async def cancelled(request: HttpRequest) -> HttpResponse:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(DjangoTransactionMiddleware(cancelled)(RequestFactory().get("/")))
    assert [(transaction.disconnected, transaction.failed) for transaction in ended] == [(True, False)]


def test_django_is_not_loaded_by_us() -> None:
    code = "import sys, weighbridge.middleware; sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_in_an_async_chain_the_view_is_noted_without_another_thread() -> None:
    async def answer(request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    assert iscoroutinefunction(DjangoTransactionMiddleware(answer).process_view)
    assert not iscoroutinefunction(DjangoTransactionMiddleware(lambda request: HttpResponse()).process_view)


ALONE = """
from django.conf import settings
from django.urls import path
def broken(request):
    raise LookupError("nothing there")
class Urls:
    urlpatterns = [path("broken/", broken)]
settings.configure(ROOT_URLCONF=Urls, MIDDLEWARE=["weighbridge.middleware.DjangoTransactionMiddleware"], LOGGING={})
from django.core.wsgi import get_wsgi_application
from django.test import Client
from weighbridge.testing import capture_transactions
get_wsgi_application()
with capture_transactions() as ended:
    Client(raise_request_exception=False).get("/broken/", headers={"host": "localhost"})
print(*(error.type for transaction in ended for error in transaction.errors))
"""


def test_in_a_process_of_its_own_it_hears_of_exceptions() -> None:
    done = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True, check=True)
    assert done.stdout == "builtins:LookupError\n"
