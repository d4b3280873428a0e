"""Pyramid."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from pyramid.config import Configurator
from pyramid.request import Request
from pyramid.response import FileResponse, Response

from .bodies import FILE, STATUSES, STREAMS, endless, media_type
from .closing import Closing
from .front import ANSWERED, COPIED, JOINED, wsgi_front, wsgi_inside
from .hooks import HOOKS
from .jobs import Broken, Taken, job
from .measuring import BY_RUN, measured_wsgi
from .sync_programs import SYNC

View = Callable[[Request], Response]


def _done(request: Request) -> Response:
    return Response("done")


def _sync(program: Callable[[Any], object]) -> View:
    def view(request: Request) -> Response:
        program(request.environ)
        return Response("done")

    return view


def _status(status: int) -> View:
    return lambda request: Response(status=status)


def _stream(name: str) -> View:
    return lambda request: Response(app_iter=STREAMS[name](request.environ), content_type=media_type(name))


def _raise(request: Request) -> Response:
    raise Broken


def _answered(request: Request) -> Response:
    raise Taken


def _upload(request: Request) -> Response:
    return Response(str(len(request.body)))


def _after(request: Request) -> Response:
    return Response(app_iter=Closing(partial(job, request.environ)))


def _views() -> dict[str, View]:
    return {
        **{f"/sync/{name}": _sync(program) for name, program in SYNC.items()},
        **{f"/status/{code}": _status(code) for code in STATUSES},
        **{f"/stream/{name}": _stream(name) for name in STREAMS},
        **dict.fromkeys((*(f"/hook/{moment}" for moment in HOOKS), COPIED, JOINED), _done),
        "/raise": _raise,
        ANSWERED: _answered,
        "/after": _after,
        "/file": lambda request: FileResponse(str(FILE), request=request),
        "/items/{number}": _done,
        "/endless": lambda request: Response(app_iter=endless(request.environ)),
    }


def _prefixed(config: Configurator) -> None:
    _add(config, "/here", _done)


def _add(config: Configurator, path: str, view: View, method: str = "GET") -> None:
    name = f"{config.route_prefix}{path}"
    config.add_route(name, path, request_method=(method, "HEAD") if method == "GET" else method)
    config.add_view(view, route_name=name)


def _sorry(error: Exception, request: Request) -> Response:
    """As a program does that answers its own exceptions."""
    return Response("sorry", status=409 if isinstance(error, Taken) else 500)


def _made() -> Any:
    with Configurator() as config:
        if not BY_RUN:
            config.include("weighbridge.middleware.pyramid")
        config.add_tween("apps.pyramid_hooks.tween_factory")
        for path, view in _views().items():
            _add(config, path, view)
        _add(config, "/upload", _upload, "POST")
        config.include(_prefixed, route_prefix="/prefixed")
        config.add_exception_view(_sorry, context=Broken)
        config.add_exception_view(_sorry, context=Taken)
        return config.make_wsgi_app()


application = wsgi_front(measured_wsgi(wsgi_inside(_made())))
