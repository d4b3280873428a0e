"""What one writes by hand: a histogram of durations, labelled with method, path and status."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from time import perf_counter
from typing import TYPE_CHECKING, Any

from prometheus_client import REGISTRY, Histogram

from .subject import ASGIApplication, Subject

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["Measured"]

_REQUESTS = Histogram("http_request_seconds", "Duration of requests", ["method", "path", "status"])
_CALLS = Histogram("task_seconds", "Duration of tasks", ["name"])


class Measured(Subject):
    """One histogram, observed at the end of the response."""

    def wsgi(self, app: WSGIApplication) -> WSGIApplication:
        return _WSGI(app)

    def asgi(self, app: ASGIApplication) -> ASGIApplication:
        return _ASGI(app)

    def task(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def observed(*args: Any, **kwargs: Any) -> Any:
            started = perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                _CALLS.labels(function.__qualname__).observe(perf_counter() - started)

        return observed

    def recorded(self) -> int:
        """What its registry counted."""
        samples = (sample for family in REGISTRY.collect() for sample in family.samples)
        counts = ("http_request_seconds_count", "task_seconds_count")
        return int(sum(sample.value for sample in samples if sample.name in counts))


class _WSGI:
    def __init__(self, app: WSGIApplication) -> None:
        self.app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        started = perf_counter()
        answer = ""

        def starting(status: str, headers: Any, *exc_info: Any) -> Any:
            nonlocal answer
            answer = status[:3]
            return start_response(status, headers, *exc_info)

        def done() -> None:
            labelled = _REQUESTS.labels(environ["REQUEST_METHOD"], environ["PATH_INFO"], answer)
            labelled.observe(perf_counter() - started)

        try:
            return _Body(self.app(environ, starting), done)
        except BaseException:
            answer = "500"
            done()
            raise


class _Body:
    def __init__(self, body: Iterable[bytes], done: Callable[[], None]) -> None:
        self._body = body
        self._done = done

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._body)

    def close(self) -> None:
        try:
            if hasattr(self._body, "close"):
                self._body.close()
        finally:
            self._done()


class _ASGI:
    def __init__(self, app: ASGIApplication) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        started = perf_counter()
        status = "500"

        async def watching(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        try:
            await self.app(scope, receive, watching)
        finally:
            _REQUESTS.labels(scope["method"], scope["path"], status).observe(perf_counter() - started)
