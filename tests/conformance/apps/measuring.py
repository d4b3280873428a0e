"""How the applications are measured: by what is set here, or from outside, by ``weighbridge run``.

In the second case nothing is set by hand: what is in this module leaves everything as it is.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any, Final

from weighbridge.middleware import ASGITransactionMiddleware, WSGITransactionMiddleware

BY_RUN: Final = bool(os.environ.get("WEIGHBRIDGE_RUN"))
"""Whether ``weighbridge run`` has started this."""
DJANGO: Final = () if BY_RUN else ("weighbridge.middleware.DjangoTransactionMiddleware",)
"""For Django's list of middleware."""


def measured_wsgi(application: Any) -> Any:
    """With the middleware around it."""
    return application if BY_RUN else WSGITransactionMiddleware(application)


def measured_asgi(application: Any) -> Any:
    """With the middleware around it."""
    return application if BY_RUN else ASGITransactionMiddleware(application)


def instrument(framework: str, application: Any) -> None:
    """With the plug of its framework."""
    if not BY_RUN:
        import_module(f"weighbridge.middleware.{framework}").instrument(application)
