"""What the agent's names that mean nothing here are made of: each changes nothing and logs that once per name."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from weighbridge.transactions.log import log_once

if TYPE_CHECKING:
    from typing_extensions import Self
else:  # see `model.applications`
    Self = Any

__all__ = ["Block", "Decorator", "Method", "Nothing", "Wrapper", "say_unused"]

_T = TypeVar("_T")


def say_unused(name: str) -> None:
    """Log, once per name, that it has no effect."""
    log_once(("agent", name), "weighbridge.agent.%s changes nothing: it is there so that the program runs", name)


class _Named:
    """A callable that knows the name under which it is found here."""

    __slots__ = ("__name__",)

    def __init__(self, name: str) -> None:
        self.__name__: str = name

    def __repr__(self) -> str:
        return f"<weighbridge.agent.{self.__name__}>"


class Nothing(_Named):
    """Accepts any arguments and does nothing."""

    __slots__ = ()

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        """Log that once."""
        say_unused(self.__name__)


class Method:
    """A method that accepts any arguments, does nothing, and gives always the same result.

    Args:
        result: what it gives; a callable makes it anew for each call.
    """

    __slots__ = ("_name", "_result")

    def __init__(self, result: Any = None) -> None:
        self._name = ""
        self._result = result

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = f"{owner.__name__}.{name}"

    def __get__(self, instance: object, owner: type | None = None) -> Callable[..., Any]:
        return self if instance is None else self.__call__

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Log that once."""
        say_unused(self._name)
        return self._result() if callable(self._result) else self._result


def _unchanged(wrapped: _T) -> _T:
    return wrapped


class Decorator(_Named):
    """Makes decorators that return what they decorate."""

    __slots__ = ()

    def __call__(self, *args: Any, **kwargs: Any) -> Callable[[_T], _T]:
        """Log that once, and return the decorator."""
        say_unused(self.__name__)
        return _unchanged


class Wrapper:
    """Returns the object that it is asked to wrap. A class, as programs derive from some of these."""

    def __new__(cls, wrapped: Any, *args: Any, **kwargs: Any) -> Any:
        """Log once that it has no effect, and return the object."""
        say_unused(cls.__name__)
        return wrapped


class Block:
    """A context manager that does nothing."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        say_unused(type(self).__name__)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        pass

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        pass
