"""One ``/metrics`` for all processes that report to a store, in whichever format Prometheus asks for.

``weighbridge serve`` has it. It can also be mounted into your own application. It
needs the extra ``ui``::

    from weighbridge.exporting.prometheus import asgi_application

    Mount("/metrics", asgi_application("/var/lib/shop/weighbridge.db", token=read_from_somewhere()))

It only reads the store, and does not measure itself. Counters are of all time, as far
as the store remembers: restarts, retention and eviction do not make them fall.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from weighbridge.console.access import Access, completed
from weighbridge.console.adapters import adapted_to_asgi, adapted_to_wsgi
from weighbridge.console.http import Request, Responder, Response, text
from weighbridge.transactions.configuration.values import read_store
from weighbridge.transactions.store.reader import StoreReader, StoreUnreadable

from .families import Family
from .measurements import MAX_NAMES, families_of
from .prometheus_names import CONTENT_TYPES, Format, asked_for
from .prometheus_protobuf import as_protobuf
from .prometheus_text import as_openmetrics, as_text

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication
    from starlette.applications import Starlette

__all__ = ["MetricsEndpoint", "PageWithMetrics", "asgi_application", "wsgi_application"]

_WRITTEN: Final[Mapping[Format, Callable[[Iterable[Family]], bytes]]] = MappingProxyType(
    {"text": as_text, "openmetrics": as_openmetrics, "protobuf": as_protobuf}
)
_PATH: Final = "/metrics"


class MetricsEndpoint:
    """The metrics of one store, which it only reads.

    Args:
        store: the file or server; it need not exist yet.
        token: requests must bring it as ``Authorization: Bearer``; ``None``: no token is needed.
        hosts: names, in addition to loopback names, by which it may be reached.
        max_names: the transactions that are told apart, those that take the most time; the others are counted
            together as ``<other>``.
        clock: returns the time in epoch seconds.

    Raises:
        ValueError: the token has fewer than 16 characters, or others than printable ASCII; ``max_names`` is less than
            1; or ``store`` is not a valid store.
    """

    def __init__(
        self,
        store: str | os.PathLike[str],
        token: str | None = None,
        hosts: Iterable[str] = (),
        max_names: int = MAX_NAMES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if max_names < 1:
            raise ValueError(f"max_names is {max_names}; it must be at least 1")
        self._reader = StoreReader(read_store(store))
        self._access = Access(token, hosts)
        self._max_names = max_names
        self._clock = clock

    def close(self) -> None:
        """Close the store."""
        self._reader.close()

    def respond(self, request: Request) -> Response:
        """Return the response to any request."""
        return completed(request, self._guarded(request))

    def _guarded(self, request: Request) -> Response:
        if not self._access.knows_host(request):
            return text(421, "text/plain", "Metrics are not served under that host name; see --allow-host.\n")
        if not self._access.admits(request):
            return text(401, "text/plain", "The token is missing or wrong.\n", ("www-authenticate", "Bearer"))
        if request.path.rstrip("/") not in {"", _PATH}:
            return text(404, "text/plain", "There is nothing but metrics here.\n")
        if request.method not in {"GET", "HEAD"}:
            return text(405, "text/plain", "Metrics are only read: use GET.\n", ("allow", "GET, HEAD"))
        return self._scraped(asked_for(request.accept))

    def _scraped(self, wanted: Format) -> Response:
        try:
            families = families_of(self._reader, self._clock(), self._max_names)
        except StoreUnreadable as error:
            return text(503, "text/plain", f"{error}.\n")
        headers = (("content-type", CONTENT_TYPES[wanted]), ("cache-control", "no-store"), ("vary", "Accept"))
        return Response(200, headers, _WRITTEN[wanted](families))


class PageWithMetrics:
    """The page, with the metrics at ``/metrics``."""

    def __init__(self, page: Responder, metrics: Responder) -> None:
        self._page = page
        self._metrics = metrics

    def close(self) -> None:
        """Close the store."""
        self._page.close()
        self._metrics.close()

    def respond(self, request: Request) -> Response:
        """Return the response to any request."""
        responder = self._metrics if request.path == _PATH else self._page
        return responder.respond(request)


def asgi_application(
    store: str | os.PathLike[str], token: str | None = None, hosts: Iterable[str] = (), max_names: int = MAX_NAMES
) -> Starlette:
    """Return the metrics as a Starlette application, to be served or mounted; see `MetricsEndpoint`."""
    return adapted_to_asgi(MetricsEndpoint(store, token, hosts, max_names))


def wsgi_application(
    store: str | os.PathLike[str], token: str | None = None, hosts: Iterable[str] = (), max_names: int = MAX_NAMES
) -> WSGIApplication:
    """Return the metrics as a WSGI application, to be served or mounted; see `MetricsEndpoint`."""
    return adapted_to_wsgi(MetricsEndpoint(store, token, hosts, max_names))
