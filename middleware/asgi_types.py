"""Types of ASGI, wide enough for those of every framework and server.

Each of them has types of its own, which do not fit each other: Starlette's scope
is a mutable mapping, that of hypercorn a `TypedDict`, that of Django a ``dict``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

__all__ = ["ASGIApp", "Receive", "Scope", "Send"]

Scope = Mapping[str, Any]
"""A server's information about a connection. It is read, and never changed."""

Receive = Callable[[], Awaitable[Any]]
"""Gives the next message of the client."""

Send = Callable[[Any], Awaitable[Any]]
"""Takes a message for the client."""

ASGIApp = Callable[[Any, Any, Any], Awaitable[Any]] | Callable[[Any], Any]
"""An application of ASGI 3.0, or a double callable of ASGI 2.0."""
