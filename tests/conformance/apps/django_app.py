"""Django, sync and async views, under WSGI and ASGI; the transaction is opened by its own middleware."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable
from typing import Any

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.signals import request_finished
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import path
from django.views.decorators.http import require_POST

from .front import asgi_front, wsgi_front
from .programs import (
    ASYNC,
    STATUSES,
    SYNC,
    Broken,
    Keys,
    async_chunks_with_job,
    async_endless,
    chunks_with_job,
    endless,
    job,
)


def _keys(request: HttpRequest) -> Keys:
    return ChainMap(request.META, getattr(request, "scope", {}))


def _sync(program: Callable[[Any], object]) -> Callable[[HttpRequest], HttpResponse]:
    def view(request: HttpRequest) -> HttpResponse:
        program(_keys(request))
        return HttpResponse("done")

    return view


def _async(program: Callable[[Any], Any]) -> Callable[[HttpRequest], Any]:
    async def view(request: HttpRequest) -> HttpResponse:
        await program(_keys(request))
        return HttpResponse("done")

    return view


def _status(status: int) -> Callable[[HttpRequest], HttpResponse]:
    return lambda request: HttpResponse(status=status)


def _raise(request: HttpRequest) -> HttpResponse:
    raise Broken


@require_POST
def _upload(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(len(request.body)))


def _after(request: HttpRequest) -> HttpResponse:
    keys = dict(_keys(request))

    def finished(**arguments: object) -> None:
        request_finished.disconnect(finished)
        job(keys)

    request_finished.connect(finished, weak=False)
    return HttpResponse("done")


def _endless(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(async_endless() if hasattr(request, "scope") else endless())


urlpatterns = [
    *(path(f"sync/{name}", _sync(program)) for name, program in SYNC.items()),
    *(path(f"async/{name}", _async(program)) for name, program in ASYNC.items()),
    *(path(f"status/{code}", _status(code)) for code in STATUSES),
    path("raise", _raise),
    path("upload", _upload),
    path("after", _after),
    path("stream", lambda request: StreamingHttpResponse(chunks_with_job(_keys(request)))),
    path("async-stream", lambda request: StreamingHttpResponse(async_chunks_with_job(_keys(request)))),
    path("endless", _endless),
]

settings.configure(
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="of a test",
    DATA_UPLOAD_MAX_MEMORY_SIZE=None,
    MIDDLEWARE=["weighbridge.middleware.DjangoTransactionMiddleware"],
)
django.setup()

wsgi = wsgi_front(get_wsgi_application())
asgi = asgi_front(get_asgi_application())
