"""WSGI without a framework: no router, every request is named by its path."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from .bodies import FILE, STATUSES, STREAMS, endless, media_type
from .closing import Closing
from .front import ANSWERED, wsgi_answering, wsgi_front
from .jobs import Broken, Taken, job
from .measuring import measured_wsgi
from .sync_programs import SYNC

Environ = dict[str, Any]
_PHRASES = {200: "OK", 204: "No Content", 304: "Not Modified", 500: "Internal Server Error", 503: "Service Unavailable"}


def _raise(environ: Environ) -> Iterable[bytes]:
    raise Broken


def _answered(environ: Environ) -> Iterable[bytes]:
    raise Taken


def _upload(environ: Environ) -> Iterable[bytes]:
    return [str(len(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))).encode()]


def _sync(program: Callable[[Any], object], environ: Environ) -> Iterable[bytes]:
    program(environ)
    return [b"done"]


_ANSWERS: dict[str, Callable[[Environ], Iterable[bytes]]] = {
    "/raise": _raise,
    ANSWERED: _answered,
    "/upload": _upload,
    "/after": lambda environ: Closing(partial(job, environ)),
    "/file": lambda environ: environ["wsgi.file_wrapper"](FILE.open("rb")),
    "/endless": endless,
    **{f"/stream/{name}": chunks for name, chunks in STREAMS.items()},
    **{f"/sync/{name}": partial(_sync, program) for name, program in SYNC.items()},
}


def _app(environ: Environ, start_response: Any) -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    if path.startswith("/status/") and (status := int(path[8:])) in STATUSES:
        start_response(f"{status} {_PHRASES[status]}", [("Content-Type", "text/plain")] if status > 304 else [])
        return []
    if path not in _ANSWERS:
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"nothing here"]
    body = _ANSWERS[path](environ)
    start_response("200 OK", [("Content-Type", media_type(path.rpartition("/")[2]))])
    return body


application = wsgi_front(measured_wsgi(wsgi_answering(_app)))
