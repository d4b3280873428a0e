"""A Django project's addresses and views, sync and async; how its requests are measured is said elsewhere."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable
from typing import Any

import django
from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.core.signals import request_finished
from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import include, path
from django.utils.decorators import sync_and_async_middleware
from django.views.decorators.http import require_POST

from .async_programs import ASYNC
from .bodies import ASYNC_STREAMS, FILE, STATUSES, STREAMS, async_endless, endless, media_type
from .front import ANSWERED, COPIED, JOINED
from .hooks import HOOKS, at, at_async
from .jobs import Broken, Keys, Taken, job
from .sync_programs import SYNC


def configure(*middleware: str) -> None:
    """Set Django up with this list of middleware."""
    settings.configure(
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=__name__,
        SECRET_KEY="of a test",
        DATA_UPLOAD_MAX_MEMORY_SIZE=None,
        MIDDLEWARE=[*middleware, f"{__name__}.hooks"],
    )
    django.setup()


@sync_and_async_middleware
def hooks(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Middleware of the project's own."""
    if iscoroutinefunction(get_response):
        return _async_hooks(get_response)
    return sync_hooks(get_response)


def _async_hooks(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    async def middleware(request: HttpRequest) -> Any:
        await at_async("before", request.path_info, _keys(request))
        response = await get_response(request)
        await at_async("after", request.path_info, _keys(request))
        return response

    middleware.process_exception = _answer  # type: ignore[attr-defined]
    return middleware


def sync_hooks(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Middleware that knows nothing of coroutines."""

    def middleware(request: HttpRequest) -> Any:
        at("before", request.path_info, _keys(request))
        response = get_response(request)
        at("after", request.path_info, _keys(request))
        return response

    middleware.process_exception = _answer  # type: ignore[attr-defined]
    return middleware


def _answer(request: HttpRequest, exception: Exception) -> HttpResponse | None:
    return HttpResponse("taken", status=409) if isinstance(exception, Taken) else None


def _keys(request: HttpRequest) -> Keys:
    return ChainMap(request.META, getattr(request, "scope", {}))


def _view(program: Callable[[Any], Any]) -> Callable[[HttpRequest], Any]:
    def view(request: HttpRequest) -> HttpResponse:
        program(_keys(request))
        return HttpResponse("done")

    async def async_view(request: HttpRequest) -> HttpResponse:
        await program(_keys(request))
        return HttpResponse("done")

    return async_view if program in ASYNC.values() else view


def _status(status: int) -> Callable[[HttpRequest], HttpResponse]:
    return lambda request: HttpResponse(status=status)


def _stream(name: str, streams: Any) -> Callable[[HttpRequest], HttpResponse]:
    return lambda request: StreamingHttpResponse(streams[name](_keys(request)), content_type=media_type(name))


def _raise(request: HttpRequest) -> HttpResponse:
    raise Broken


def _answered(request: HttpRequest) -> HttpResponse:
    raise Taken


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


def _done(request: HttpRequest, **parameters: object) -> HttpResponse:
    return HttpResponse("done")


def _endless(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse((async_endless if hasattr(request, "scope") else endless)(_keys(request)))


urlpatterns = [
    *(path(f"sync/{name}", _view(program)) for name, program in SYNC.items()),
    *(path(f"async/{name}", _view(program)) for name, program in ASYNC.items()),
    *(path(f"status/{code}", _status(code)) for code in STATUSES),
    *(path(f"stream/{name}", _stream(name, STREAMS)) for name in STREAMS),
    *(path(f"async-stream/{name}", _stream(name, ASYNC_STREAMS)) for name in ASYNC_STREAMS),
    *(path(f"hook/{moment}", _done) for moment in HOOKS),
    path("raise", _raise),
    path(ANSWERED.lstrip("/"), _answered),
    path("upload", _upload),
    path("after", _after),
    path("file", lambda request: FileResponse(FILE.open("rb"))),
    path("items/<int:number>", _done),
    path("prefixed/", include([path("here", _done)])),
    path("endless", _endless),
    path(COPIED.lstrip("/"), _done),
    path(JOINED.lstrip("/"), _done),
]
