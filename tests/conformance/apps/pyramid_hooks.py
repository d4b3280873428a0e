"""A tween of the program's own: Pyramid finds it by its name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .hooks import at


def tween_factory(handler: Callable[[Any], Any], registry: Any) -> Callable[[Any], Any]:
    """Before the view, and after it."""

    def tween(request: Any) -> Any:
        at("before", request.path_info, request.environ)
        response = handler(request)
        at("after", request.path_info, request.environ)
        return response

    return tween
