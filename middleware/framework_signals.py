"""Receivers of the signals that Flask, Quart and Django send about the requests they handle.

All three report the exceptions that they turn into a 500 page. Django reports that
it starts to handle a request. Flask and Quart report the route; Flask's signal is
used only if its environ is not at hand, as a receiver costs each request twice as
much as everything else that we do.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from ..transactions.host_exceptions import pass_on
from ..transactions.log import capture_internal_exception
from ..transactions.model.request import NO_ROUTE
from .django_routes import path_for_django
from .flask_routes import flask_request
from .framework_hooks import current_request, note_exception, note_route
from .request import MiddlewareTransaction

__all__ = ["listen_to_flask_requests", "listen_to_frameworks"]

_connected: set[tuple[str, str]] = set()


def listen_to_frameworks() -> None:
    """Connect to the signals of the frameworks that are loaded. Never raises."""
    try:
        _connect("flask", "got_request_exception", _on_flask_exception)
        _connect("quart.signals", "got_request_exception", _on_quart_exception)
        _connect("quart.signals", "request_started", _on_quart_request)
        _connect("django.core.signals", "got_request_exception", _on_django_exception)
        _connect("django.core.signals", "request_started", _on_django_request)
    except Exception:
        capture_internal_exception("listen_to_frameworks")


def listen_to_flask_requests() -> None:
    """Connect to Flask's signal about routed requests as well. Never raises."""
    try:
        _connect("flask", "request_started", _on_flask_request)
    except Exception:
        capture_internal_exception("listen_to_flask_requests")


def _connect(module: str, signal: str, receiver: Any) -> None:
    if (module, signal) in _connected or module not in sys.modules:
        return
    found = getattr(sys.modules[module], signal, None)
    if found is None:
        return
    _connected.add((module, signal))
    try:
        found.connect(receiver)
    except RuntimeError as error:  # Flask before 2.3 has signals only where blinker is installed
        pass_on(error)


# Flask and Quart


def _on_flask_request(sender: Any, **_: Any) -> None:
    _note_rule("flask")


def _on_flask_exception(sender: Any, exception: BaseException | None = None, **_: Any) -> None:
    """Note the rule too: no response starts if an exception escapes."""
    note_exception(exception)
    _note_rule("flask")


async def _on_quart_request(sender: Any, **_: Any) -> None:
    """Note the rule. A coroutine function, as Quart would call a plain one in another thread."""
    _note_rule("quart")


async def _on_quart_exception(sender: Any, exception: BaseException | None = None, **_: Any) -> None:
    note_exception(exception)


def _note_rule(framework: str) -> None:
    """Note the rule of the framework's current request. Never raises."""
    try:
        request = sys.modules[framework].request
        if framework == "flask":
            request = _own_request() or request
        mount = request.environ.get("SCRIPT_NAME", "") if framework == "flask" else request.root_path
        note_route(getattr(request.url_rule, "rule", None), mount)
    except Exception:
        capture_internal_exception(f"{framework}.request_started")


def _own_request() -> Any:
    """Flask's request of the very environ that is measured: a view may call another application by itself."""
    transaction = current_request()
    return flask_request(transaction._request) if isinstance(transaction, MiddlewareTransaction) else None


# Django


def _on_django_request(
    sender: Any = None, environ: Mapping[str, Any] | None = None, scope: Mapping[str, Any] | None = None, **_: Any
) -> None:
    """Treat the request as unrouted until a route is noted."""
    try:
        transaction = current_request()
        if isinstance(transaction, MiddlewareTransaction) and not transaction._route:
            transaction._route = NO_ROUTE
            transaction._handled_by = path_for_django(environ, scope)
    except Exception:
        capture_internal_exception("django.core.signals.request_started")


def _on_django_exception(sender: Any = None, **_: Any) -> None:
    note_exception(sys.exc_info()[1])
