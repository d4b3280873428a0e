"""Elastic APM, offline: events are serialised and compressed in its thread, and then thrown away."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from typing import TYPE_CHECKING, Any

import elasticapm
from elasticapm.contrib.asgi import ASGITracingMiddleware
from elasticapm.transport.base import Transport
from elasticapm.utils import get_url_dict
from elasticapm.utils.disttracing import TraceParent
from elasticapm.utils.wsgi import get_current_url, get_environ, get_headers

from .subject import ASGIApplication, Subject

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["Discarding", "Measured"]


class Discarding(Transport):
    """Sends nothing."""

    def send(self, data: Any, forced_flush: bool = False) -> None:
        pass


class Measured(Subject):
    """Its ASGI middleware; around WSGI what its Flask extension does, as it has no WSGI middleware that measures."""

    def __init__(self) -> None:
        self._client = elasticapm.Client(
            service_name="benchmark",
            transport_class=f"{__name__}.Discarding",
            api_request_time="600s",
            central_config=False,
            cloud_provider=False,
            use_elastic_traceparent_header=False,
        )

    def wsgi(self, app: WSGIApplication) -> WSGIApplication:
        return _WSGI(app, self._client)

    def asgi(self, app: ASGIApplication) -> ASGIApplication:
        return ASGITracingMiddleware(app)

    def task(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def traced(*args: Any, **kwargs: Any) -> Any:
            self._client.begin_transaction("task")
            try:
                return function(*args, **kwargs)
            finally:
                self._client.end_transaction(function.__qualname__, "success")

        return traced

    def settle(self) -> None:
        self._client._transport.flush()

    def recorded(self) -> int:
        return int(self._client._transport._counts["transaction"])


class _WSGI:
    def __init__(self, app: WSGIApplication, client: Any) -> None:
        self.app = app
        self.client = client

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self.client.begin_transaction("request", trace_parent=TraceParent.from_headers(dict(get_headers(environ))))
        elasticapm.set_context(lambda: _request(environ), "request")
        elasticapm.set_transaction_name(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}")

        def starting(status: str, headers: Any, *exc_info: Any) -> Any:
            elasticapm.set_context(lambda: {"status_code": int(status[:3]), "headers": dict(headers)}, "response")
            elasticapm.set_transaction_result(f"HTTP {status[0]}xx", override=False)
            elasticapm.set_transaction_outcome(http_status_code=int(status[:3]), override=False)
            return start_response(status, headers, *exc_info)

        try:
            return _Body(self.app(environ, starting), self.client)
        except Exception:
            self.client.capture_exception()
            self.client.end_transaction(None, "HTTP 5xx")
            raise


def _request(environ: WSGIEnvironment) -> dict[str, Any]:
    return {
        "env": dict(get_environ(environ)),
        "method": environ["REQUEST_METHOD"],
        "headers": dict(get_headers(environ)),
        "url": get_url_dict(get_current_url(environ)),
    }


class _Body:
    def __init__(self, body: Iterable[bytes], client: Any) -> None:
        self._body: Any = body
        self._client = client

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._body)

    def close(self) -> None:
        try:
            self._body.close()
        finally:
            self._client.end_transaction()
