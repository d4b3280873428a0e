"""The doors under the names of New Relic's agent, in its call forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..transactions.entries.paths import replace_object
from ..transactions.model.applications import ApplicationArgument
from .asgi import ASGITransactionMiddleware
from .wsgi import WSGITransactionMiddleware

__all__ = [
    "ASGIApplicationWrapper",
    "WSGIApplicationWrapper",
    "asgi_application",
    "wrap_asgi_application",
    "wrap_wsgi_application",
    "wsgi_application",
]


def WSGIApplicationWrapper(  # noqa: N802  the agent's name
    wrapped: Any,
    application: ApplicationArgument = None,
    name: str | None = None,
    group: str | None = None,
    framework: Any = None,
    dispatcher: Any = None,
) -> WSGITransactionMiddleware:
    """`WSGITransactionMiddleware` around an application; ``framework`` and ``dispatcher`` are accepted and not used."""
    return WSGITransactionMiddleware(wrapped, application, name, group)


def wsgi_application(
    application: ApplicationArgument = None,
    name: str | None = None,
    group: str | None = None,
    framework: Any = None,
    dispatcher: Any = None,
) -> Callable[[Any], WSGITransactionMiddleware]:
    """A decorator that puts `WSGITransactionMiddleware` around an application."""
    return lambda wrapped: WSGITransactionMiddleware(wrapped, application, name, group)


def wrap_wsgi_application(
    module: Any,
    object_path: str,
    application: ApplicationArgument = None,
    name: str | None = None,
    group: str | None = None,
    framework: Any = None,
    dispatcher: Any = None,
) -> None:
    """Replace ``module``'s attribute at a dotted path by `WSGITransactionMiddleware` around it.

    Raises:
        ImportError: there is no such module.
        AttributeError: the module has no such attribute.
    """
    replace_object(module, object_path, wsgi_application(application, name, group))


def ASGIApplicationWrapper(  # noqa: N802  the agent's name
    wrapped: Any,
    application: ApplicationArgument = None,
    name: str | None = None,
    group: str | None = None,
    framework: Any = None,
    dispatcher: Any = None,
) -> ASGITransactionMiddleware:
    """`ASGITransactionMiddleware` around an application; ``framework`` and ``dispatcher`` are accepted and not used."""
    return ASGITransactionMiddleware(wrapped, application, name, group)


def asgi_application(
    application: ApplicationArgument = None,
    name: str | None = None,
    group: str | None = None,
    framework: Any = None,
    dispatcher: Any = None,
) -> Callable[[Any], ASGITransactionMiddleware]:
    """A decorator that puts `ASGITransactionMiddleware` around an application."""
    return lambda wrapped: ASGITransactionMiddleware(wrapped, application, name, group)


def wrap_asgi_application(
    module: Any,
    object_path: str,
    application: ApplicationArgument = None,
    name: str | None = None,
    group: str | None = None,
    framework: Any = None,
    dispatcher: Any = None,
) -> None:
    """Replace ``module``'s attribute at a dotted path by `ASGITransactionMiddleware` around it.

    Raises:
        ImportError: there is no such module.
        AttributeError: the module has no such attribute.
    """
    replace_object(module, object_path, asgi_application(application, name, group))
