"""Sentry with every request traced, and a transport that throws everything away."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

import sentry_sdk
from sentry_sdk.envelope import Envelope
from sentry_sdk.integrations.asgi import SentryAsgiMiddleware
from sentry_sdk.integrations.wsgi import SentryWsgiMiddleware
from sentry_sdk.transport import Transport

from .subject import ASGIApplication, Subject

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

__all__ = ["Measured"]


class _Discarding(Transport):
    """Counts the transactions. A real one would compress and send them, too."""

    transactions = 0

    def capture_envelope(self, envelope: Envelope) -> None:
        self.transactions += envelope.get_transaction_event() is not None


class Measured(Subject):
    """Its middleware, and a transaction around each call of a task."""

    def __init__(self) -> None:
        self._transport = _Discarding()
        sentry_sdk.init(dsn="http://key@127.0.0.1:9/1", traces_sample_rate=1.0, transport=self._transport)

    def wsgi(self, app: WSGIApplication) -> WSGIApplication:
        return SentryWsgiMiddleware(app)

    def asgi(self, app: ASGIApplication) -> ASGIApplication:
        return SentryAsgiMiddleware(app)

    def task(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def traced(*args: Any, **kwargs: Any) -> Any:
            with sentry_sdk.start_transaction(op="task", name=function.__qualname__):
                return function(*args, **kwargs)

        return traced

    def settle(self) -> None:
        sentry_sdk.flush()

    def recorded(self) -> int:
        return self._transport.transactions
