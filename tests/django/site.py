"""A small Django site."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import include, path, re_path
from django.views.decorators.http import require_POST

import weighbridge

OURS = "weighbridge.middleware.DjangoTransactionMiddleware"
seen: list[Any] = []
"""What views and their streams saw as the current transaction's path."""


def see() -> None:
    """Note the path of the transaction that is current here."""
    transaction = weighbridge.current_transaction()
    seen.append(transaction and transaction.path)


def user(request: HttpRequest, number: int = 0) -> HttpResponse:
    see()
    return HttpResponse(f"user {number}")


async def user_async(request: HttpRequest, number: int) -> HttpResponse:
    await asyncio.sleep(0)
    see()
    return HttpResponse(f"user {number}")


def named(request: HttpRequest) -> HttpResponse:
    weighbridge.set_transaction_name("by hand", "Python/Site")
    return HttpResponse("named")


def broken(request: HttpRequest) -> HttpResponse:
    raise LookupError("nothing there")


async def broken_async(request: HttpRequest) -> HttpResponse:
    raise LookupError("nothing there")


def missing(request: HttpRequest) -> HttpResponse:
    raise Http404("no such page")


def forbidden(request: HttpRequest) -> HttpResponse:
    raise PermissionDenied


def unavailable(request: HttpRequest) -> HttpResponse:
    return HttpResponse("closed", status=503)


def stream(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(_lines("fail" in request.GET))


def _lines(fail: bool) -> Iterator[str]:
    try:
        for number in range(3):
            see()
            yield f"line {number}\n"
        if fail:
            raise LookupError("the rest is gone")
    finally:
        see()


async def stream_async(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(_lines_async("fail" in request.GET))


async def _lines_async(fail: bool) -> AsyncIterator[str]:
    for line in _lines(fail):
        await asyncio.sleep(0)
        yield line


def download(request: HttpRequest) -> FileResponse:
    return FileResponse(io.BytesIO(b"bytes of a file"), filename="file.bin")


def job(request: HttpRequest) -> HttpResponse:
    return HttpResponse(rebuild())


@weighbridge.background_task(name="rebuild", group="Python/Job")
def rebuild() -> str:
    return "rebuilt"


def set_keys(request: HttpRequest) -> HttpResponse:
    request.META["newrelic.set_background_task"] = "yes"
    see()
    request.META["newrelic.suppress_apdex_metric"] = True
    return HttpResponse("set")


class Urls:
    """The site's routes."""

    urlpatterns = [
        path("", user),
        path("users/<int:number>/", user),
        path("async/<int:number>/", user_async),
        path("named/", named),
        path("broken/", broken),
        path("broken-async/", broken_async),
        path("missing/", missing),
        path("forbidden/", forbidden),
        path("unavailable/", unavailable),
        path("post-only/", require_POST(user)),
        path("stream/", stream),
        path("stream-async/", stream_async),
        path("download/", download),
        path("job/", job),
        path("keys/", set_keys),
        path("shop/", include([path("books/<slug:title>/", lambda request, title: user(request))])),
        re_path(r"^articles/(?P<number>[0-9]{4})/$", lambda request, number: user(request)),
    ]


class Elsewhere:
    """Routes for requests of another host, chosen by a middleware."""

    urlpatterns = [path("partners/<int:number>/", user)]


def other_urls(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """A middleware that has its requests routed elsewhere."""

    def middleware(request: HttpRequest) -> HttpResponse:
        request.urlconf = Elsewhere  # type: ignore[attr-defined]
        return get_response(request)

    return middleware


def maintenance(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """A middleware that answers itself."""
    return lambda request: HttpResponse("back soon", status=503)


settings.configure(
    ALLOWED_HOSTS=["*"],
    CACHES={"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}},
    MIDDLEWARE=[OURS, "django.middleware.common.CommonMiddleware"],
    ROOT_URLCONF=Urls,
    SECRET_KEY="for tests only",
    USE_TZ=True,
)
