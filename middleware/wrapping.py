"""The doors under the names of New Relic's agent, in its call forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..transactions.entries.paths import replace_object
from ..transactions.model.applications import ApplicationArgument
from .asgi import ASGITransactionMiddleware
from .door import Door
from .wsgi import WSGITransactionMiddleware

__all__ = [
    "ASGIApplicationWrapper",
    "WSGIApplicationWrapper",
    "asgi_application",
    "wrap_asgi_application",
    "wrap_wsgi_application",
    "wsgi_application",
]


class _Transparent(Door):
    """Attribute access and binding are those of what is behind the door."""

    def __getattr__(self, attribute: str) -> Any:
        if attribute == "__wrapped__":  # not there yet: a copy or a pickle is being made
            raise AttributeError(attribute)
        return getattr(self.__wrapped__, attribute)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        bind = getattr(type(self.__wrapped__), "__get__", None)
        if instance is None or bind is None:
            return self
        bound = type(self)(bind(self.__wrapped__, instance, owner), self._application)
        bound._name_all(self._given)
        return bound


class WSGIApplicationWrapper(_Transparent, WSGITransactionMiddleware):
    """`WSGITransactionMiddleware` around an application, whose attributes are those of the application.

    Args:
        wrapped: the application, or a function or method that is one.
        application: as for the middleware, as are ``name`` and ``group``.
        framework: accepted and not used, as is ``dispatcher``.
    """

    def __init__(
        self,
        wrapped: Any,
        application: ApplicationArgument = None,
        name: str | None = None,
        group: str | None = None,
        framework: Any = None,
        dispatcher: Any = None,
    ) -> None:
        super().__init__(wrapped, application, name, group)


def wsgi_application(
    application: ApplicationArgument = None,
    name: str | None = None,
    group: str | None = None,
    framework: Any = None,
    dispatcher: Any = None,
) -> Callable[[Any], WSGIApplicationWrapper]:
    """A decorator that puts `WSGITransactionMiddleware` around an application."""
    return lambda wrapped: WSGIApplicationWrapper(wrapped, application, name, group)


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


class ASGIApplicationWrapper(_Transparent, ASGITransactionMiddleware):
    """`ASGITransactionMiddleware` around an application, whose attributes are those of the application.

    Args:
        wrapped: the application, or a function or method that is one.
        application: as for the middleware, as are ``name`` and ``group``.
        framework: accepted and not used, as is ``dispatcher``.
    """

    def __init__(
        self,
        wrapped: Any,
        application: ApplicationArgument = None,
        name: str | None = None,
        group: str | None = None,
        framework: Any = None,
        dispatcher: Any = None,
    ) -> None:
        super().__init__(wrapped, application, name, group)


def asgi_application(
    application: ApplicationArgument = None,
    name: str | None = None,
    group: str | None = None,
    framework: Any = None,
    dispatcher: Any = None,
) -> Callable[[Any], ASGIApplicationWrapper]:
    """A decorator that puts `ASGITransactionMiddleware` around an application."""
    return lambda wrapped: ASGIApplicationWrapper(wrapped, application, name, group)


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
