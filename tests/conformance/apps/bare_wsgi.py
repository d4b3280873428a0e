"""WSGI without a framework: no router, every request is named by its path."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from weighbridge.middleware import WSGITransactionMiddleware

from .front import wsgi_front
from .programs import STATUSES, SYNC, Broken, chunks_with_job, endless, job

Environ = dict[str, Any]
_PHRASES = {200: "OK", 204: "No Content", 304: "Not Modified", 500: "Internal Server Error", 503: "Service Unavailable"}


class _Closing:
    """A body that has something to do when the server closes it."""

    def __init__(self, at_close: Callable[[], object]) -> None:
        self._chunks = iter([b"done"])
        self.close = at_close

    def __iter__(self) -> Iterator[bytes]:
        return self._chunks


def _raise(environ: Environ) -> Iterable[bytes]:
    raise Broken


def _upload(environ: Environ) -> Iterable[bytes]:
    return [str(len(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))).encode()]


def _sync(program: Callable[[Any], object], environ: Environ) -> Iterable[bytes]:
    program(environ)
    return [b"done"]


_ANSWERS: dict[str, Callable[[Environ], Iterable[bytes]]] = {
    "/raise": _raise,
    "/upload": _upload,
    "/after": lambda environ: _Closing(partial(job, environ)),
    "/stream": chunks_with_job,
    "/endless": lambda environ: endless(),
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
    start_response("200 OK", [("Content-Type", "text/plain")])
    return body


application = wsgi_front(WSGITransactionMiddleware(_app))
