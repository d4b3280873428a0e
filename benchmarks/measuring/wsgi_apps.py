"""The WSGI applications that stand behind the subjects."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from .subjects import Subject

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["WSGI_APPS"]

_PAGE = b"<p>Hello, this is the page that was asked for.</p>"
_HEADERS = [("Content-Type", "text/html"), ("Content-Length", str(len(_PAGE)))]
_CHUNKS = (_PAGE,) * 100


class _Body:
    """A body as Flask and Django give it: an iterable with ``close()``, an object per response."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self._chunks)

    def close(self) -> None:
        pass


def _plain(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", list(_HEADERS))
    return _Body((_PAGE,))


def _listed(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", list(_HEADERS))
    return [_PAGE]


def _streaming(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/html")])
    return _Body(_CHUNKS)


def _raising(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    raise LookupError("no such page")


def _reclassifying(subject: Subject) -> WSGIApplication:
    @subject.task
    def job() -> None:
        pass

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        job()
        return _plain(environ, start_response)

    return app


def _flask(subject: Subject) -> WSGIApplication:
    from flask import Flask

    app = Flask("hello")

    @app.get("/hello")
    def hello() -> bytes:
        return _PAGE

    return app.wsgi_app


def _always(app: WSGIApplication) -> Callable[[Any], WSGIApplication]:
    return lambda subject: app


WSGI_APPS: dict[str, Callable[[Subject], WSGIApplication]] = {
    "plain": _always(_plain),
    "list": _always(_listed),
    "keys": _always(_plain),
    "reclassify": _reclassifying,
    "raises": _always(_raising),
    "stream": _always(_streaming),
    "framework": _flask,
}
"""By what is special about them; those who call background tasks get the subject's."""
