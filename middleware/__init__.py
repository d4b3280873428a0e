"""The middleware that requests come in by: WSGI, ASGI, and Django's list of middleware.

What a framework needs besides is a module of its own, `weighbridge.middleware.falcon`
and so on. Each is loaded when it is first asked for (PEP 562): a program has one of them,
and its start does not wait for the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .lazy_names import load_lazily

if TYPE_CHECKING:
    from .asgi import ASGITransactionMiddleware
    from .django import DjangoTransactionMiddleware
    from .wrappers import (
        ASGIApplicationWrapper,
        WSGIApplicationWrapper,
        asgi_application,
        wrap_asgi_application,
        wrap_wsgi_application,
        wsgi_application,
    )
    from .wsgi import WSGITransactionMiddleware

__all__ = [
    "ASGIApplicationWrapper",
    "ASGITransactionMiddleware",
    "DjangoTransactionMiddleware",
    "WSGIApplicationWrapper",
    "WSGITransactionMiddleware",
    "asgi_application",
    "wrap_asgi_application",
    "wrap_wsgi_application",
    "wsgi_application",
]

_HOMES: Final = {
    "ASGITransactionMiddleware": "asgi",
    "DjangoTransactionMiddleware": "django",
    "WSGITransactionMiddleware": "wsgi",
}

if not TYPE_CHECKING:  # a type checker would take any name for one of ours
    load_lazily(__name__, {name: f"{__name__}.{_HOMES.get(name, 'wrappers')}" for name in __all__})
