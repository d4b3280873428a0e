"""The shop as a Django project, under WSGI and ASGI."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.core import signals
from django.core.exceptions import PermissionDenied
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.test.utils import override_settings
from django.urls import path
from django.views.decorators.http import require_http_methods

from ..django import site
from .noted import FILE, Oops, job, lines, lines_async, note

__all__ = ["OURS", "Urls", "asgi_app", "note_signals", "wsgi_app"]

OURS = site.OURS
_OTHERS = ("django.middleware.common.CommonMiddleware", "django.middleware.http.ConditionalGetMiddleware")


@require_http_methods(["GET", "HEAD", "POST"])
def plain(request: HttpRequest, number: int = 0) -> HttpResponse:
    return HttpResponse(f"hello {number}")


def echo(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.body)


def stream(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(lines(int(request.GET.get("parts", "3")), "fail" in request.GET))


async def stream_async(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(lines_async(int(request.GET.get("parts", "3")), "fail" in request.GET))


def missing(request: HttpRequest) -> HttpResponse:
    raise Http404("no such book")


def refused(request: HttpRequest) -> HttpResponse:
    raise PermissionDenied


async def broken(request: HttpRequest) -> HttpResponse:
    raise Oops("nothing there")


def cookies(request: HttpRequest) -> HttpResponse:
    response = HttpResponse(repr(sorted(request.COOKIES.items())))
    response.set_cookie("c", "3", httponly=True)
    response.delete_cookie("a")
    return response


def headers(request: HttpRequest) -> HttpResponse:
    return HttpResponse("headers", headers={"X-Seen": request.headers["X-Given"]})


def later(request: HttpRequest) -> HttpResponse:
    response = HttpResponse("sent")
    response._resource_closers.append(lambda: job("later"))
    return response


def urls(streaming: Callable[..., Any]) -> list[Any]:
    return [
        path("plain", plain),
        path("stra\u00dfe/<int:number>", plain),
        path("echo", echo),
        path("stream", streaming),
        path("empty", lambda request: HttpResponse(status=204)),
        path("unchanged", lambda request: HttpResponse(status=304)),
        path("missing", missing),
        path("refused", refused),
        path("broken", broken),
        path("closed", lambda request: HttpResponse("closed", status=503)),
        path("moved", lambda request: HttpResponseRedirect("/plain")),
        path("folder/", plain),
        path("cookies", cookies),
        path("headers", headers),
        path("file", lambda request: FileResponse(FILE.open("rb"))),
        path("job", lambda request: HttpResponse(job("done"))),
        path("later", later),
    ]


class Urls:
    """The routes, with a stream of the kind that suits the server."""

    class WSGI:
        urlpatterns = urls(stream)

    class ASGI:
        urlpatterns = urls(stream_async)


def _handler(kind: Callable[[], Any], middleware: Sequence[str]) -> Any:
    with override_settings(MIDDLEWARE=[*middleware, *_OTHERS]):
        return kind()


def wsgi_app(*middleware: str) -> WSGIHandler:
    """A handler with these in front of Django's own middleware."""
    return _handler(WSGIHandler, middleware)


def asgi_app(*middleware: str) -> ASGIHandler:
    """The same for ASGI."""
    return _handler(ASGIHandler, middleware)


def _started(**_: object) -> None:
    note("request_started")


def _finished(**_: object) -> None:
    note("request_finished")


def _failed(**_: object) -> None:
    note("got_request_exception")


def note_signals() -> None:
    """Have Django's signals noted too. Asked twice, they are noted once."""
    signals.request_started.connect(_started)
    signals.request_finished.connect(_finished)
    signals.got_request_exception.connect(_failed)
