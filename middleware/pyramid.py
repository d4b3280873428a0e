"""Pyramid's routes, and the exceptions that its exception views turn into a 500.

Add one line to the configuration::

    config.include("weighbridge.middleware.pyramid")

A view that was found by traversal is named after the class of its context and its own name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..transactions.log import capture_internal_exception
from ..transactions.model.naming import class_name
from .framework_hooks import note_exception, note_route, note_unrouted
from .known_routers import publishes_its_routes

__all__ = ["includeme", "tween_factory"]


def includeme(config: Any) -> None:
    """Called by ``config.include()``."""
    publishes_its_routes("pyramid.router", "Router")
    config.add_tween(f"{__name__}.tween_factory")


def tween_factory(handler: Callable[[Any], Any], registry: Any) -> Callable[[Any], Any]:
    """Make a tween that runs around the one that calls exception views."""

    def tween(request: Any) -> Any:
        note_unrouted()
        try:
            response = handler(request)
        except BaseException:
            _tell(request, None)
            raise
        _tell(request, response)
        return response

    return tween


def _tell(request: Any, response: Any) -> None:
    """Report the route and the exception. Never raises."""
    try:
        exception = getattr(request, "exception", None)  # the one that an exception view has handled
        note_route(_route(request, exception), request.script_name)
        if response is not None and response.status_int >= 500:
            note_exception(exception)
    except Exception:
        capture_internal_exception("weighbridge.middleware.pyramid")


def _route(request: Any, exception: Any) -> str | None:
    matched = getattr(request, "matched_route", None)
    if matched is not None:
        return "/" + str(matched.pattern).lstrip("/")
    if getattr(exception, "status_int", None) == 404 or not hasattr(request, "view_name"):
        return None
    return f"/{class_name(type(request.context))}/{request.view_name}".rstrip("/")
