"""Middleware that measure requests: for WSGI, for ASGI, and for Django's list of middleware.

They are kept apart from `transactions`, which knows nothing of servers and
frameworks. A framework that needs more than one of them has a module of its own, such
as `weighbridge.middleware.falcon`. Each name is loaded when it is first asked for
(PEP 562), as a program uses one of them and should not wait for the others to import.
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

if not TYPE_CHECKING:  # with a module `__getattr__` in view, a type checker would accept any name
    load_lazily(__name__, {name: f"{__name__}.{_HOMES.get(name, 'wrappers')}" for name in __all__})
