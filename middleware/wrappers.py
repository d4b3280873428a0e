"""The middleware under the names of New Relic's agent, and in its call forms.

The agent's wrappers behave as the application that they wrap, which the
middleware proper do not: code written for the agent may rely on it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from importlib import import_module
from operator import attrgetter
from typing import Any, ClassVar, overload

from ..transactions.model.applications import ApplicationArgument
from ..transactions.wrappers.by_path import replace_object
from ..transactions.wrappers.callables import can_be_wrapped
from ..transactions.wrappers.pickling import is_found_under
from .asgi import ASGITransactionMiddleware, single_callable
from .base import TransactionMiddleware
from .wsgi import WSGITransactionMiddleware

__all__ = [
    "ASGIApplicationWrapper",
    "WSGIApplicationWrapper",
    "asgi_application",
    "wrap_asgi_application",
    "wrap_wsgi_application",
    "wsgi_application",
]


class _TransparentWrapper(TransactionMiddleware):
    """A middleware that behaves as the application it wraps, as the agent's wrappers do.

    Attributes are read, set and deleted on the application, and ``isinstance``
    sees the application's class; ``type()`` and ``repr()`` show the wrapper.
    """

    __slots__ = ()

    _own: ClassVar[frozenset[str]]
    """Names of the wrapper's own attributes, as opposed to the application's."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls._own = frozenset(slot for base in cls.__mro__ for slot in vars(base).get("__slots__", ()))

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
        for attribute in ("__doc__", "__module__"):  # otherwise those of this class would be found
            object.__setattr__(self, attribute, getattr(wrapped, attribute, None))

    @property  # type: ignore[misc]  # it is read, and never set
    def __class__(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The application's class, unless that is called differently from the middleware: servers check for that."""
        wrapped = self.__wrapped__
        return wrapped.__class__ if self._is_called_like(wrapped) else type(self)

    def _is_called_like(self, wrapped: Any) -> bool:
        return True

    def __getattr__(self, attribute: str) -> Any:
        if attribute in self._own:  # not set yet: a copy is being made
            raise AttributeError(attribute)
        return getattr(self.__wrapped__, attribute)

    def __setattr__(self, attribute: str, value: Any) -> None:
        if attribute in self._own:
            object.__setattr__(self, attribute, value)
        else:
            setattr(self.__wrapped__, attribute, value)

    def __delattr__(self, attribute: str) -> None:
        delattr(self.__wrapped__, attribute)

    def __dir__(self) -> list[str]:
        return sorted({*dir(type(self)), *dir(self.__wrapped__)})

    def __repr__(self) -> str:
        return f"<{type(self).__name__} around {self.__wrapped__!r}>"

    def __eq__(self, other: object) -> bool:
        return bool(self.__wrapped__ == (other.__wrapped__ if isinstance(other, TransactionMiddleware) else other))

    def __hash__(self) -> int:
        return hash(self.__wrapped__)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        wrapped = self.__wrapped__
        bind = getattr(type(wrapped), "__get__", None)
        return self if bind is None else self._around(bind(wrapped, instance, owner))

    def _around(self, application: Any) -> Any:
        """Return a middleware like this one around another application."""
        if application is self.__wrapped__:
            return self
        middleware = type(self)(application, self._application)
        middleware._explicit_name, middleware._identities = self._explicit_name, self._identities
        return middleware

    def __copy__(self) -> Any:
        return self._around(copy.copy(self.__wrapped__))

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return self._around(copy.deepcopy(self.__wrapped__, memo))

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        """Pickle by name if the module's attribute is this middleware, else as the application and the arguments."""
        place = getattr(self.__wrapped__, "__module__", None), getattr(self.__wrapped__, "__qualname__", None)
        if is_found_under(*place, self):
            return _found, place
        explicit_name = self._explicit_name
        name = () if explicit_name is None else (explicit_name.name, explicit_name.group)
        return type(self), (self.__wrapped__, self._application, *name)


def _decorator(wrapper: type[_TransparentWrapper], application: Any, name: str | None, group: str | None) -> Any:
    """Return a decorator that applies ``wrapper``; without parentheses, ``application`` is the decorated callable."""
    if can_be_wrapped(application):
        return wrapper(application)
    return lambda wrapped: wrapper(wrapped, application, name, group)


_attributes: Any = property(lambda middleware: middleware.__wrapped__.__dict__)
"""The application's ``__dict__``. Each class must define this itself, else it gets a ``__dict__`` of its own."""


def _found(module: str, qualified_name: str) -> Any:
    return attrgetter(qualified_name)(import_module(module))


class WSGIApplicationWrapper(_TransparentWrapper, WSGITransactionMiddleware):
    """`WSGITransactionMiddleware` around an application, whose attributes are those of the application.

    Args:
        wrapped: the application, or a function or method that is one.
        application: as for the middleware, as are ``name`` and ``group``.
        framework: accepted and not used, as is ``dispatcher``.
    """

    __dict__ = _attributes


@overload
def wsgi_application(app: Callable[..., Any], /) -> WSGIApplicationWrapper: ...
@overload
def wsgi_application(
    application: ApplicationArgument = None,
    name: str | None = None,
    group: str | None = None,
    framework: Any = None,
    dispatcher: Any = None,
) -> Callable[[Any], WSGIApplicationWrapper]: ...
def wsgi_application(
    application: Any = None,
    name: str | None = None,
    group: str | None = None,
    framework: Any = None,
    dispatcher: Any = None,
) -> Any:
    """A decorator that puts `WSGITransactionMiddleware` around an application, also without parentheses."""
    return _decorator(WSGIApplicationWrapper, application, name, group)


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


class ASGIApplicationWrapper(_TransparentWrapper, ASGITransactionMiddleware):
    """`ASGITransactionMiddleware` around an application, whose attributes are those of the application.

    Args:
        wrapped: the application, or a function or method that is one.
        application: as for the middleware, as are ``name`` and ``group``.
        framework: accepted and not used, as is ``dispatcher``.
    """

    __dict__ = _attributes

    def _is_called_like(self, wrapped: Any) -> bool:
        return single_callable(wrapped) is wrapped


@overload
def asgi_application(app: Callable[..., Any], /) -> ASGIApplicationWrapper: ...
@overload
def asgi_application(
    application: ApplicationArgument = None,
    name: str | None = None,
    group: str | None = None,
    framework: Any = None,
    dispatcher: Any = None,
) -> Callable[[Any], ASGIApplicationWrapper]: ...
def asgi_application(
    application: Any = None,
    name: str | None = None,
    group: str | None = None,
    framework: Any = None,
    dispatcher: Any = None,
) -> Any:
    """A decorator that puts `ASGITransactionMiddleware` around an application, also without parentheses."""
    return _decorator(ASGIApplicationWrapper, application, name, group)


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
