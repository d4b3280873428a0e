"""The agent's general tools for wrapping, which are unrelated to measuring and really work.

Those that exist in wrapt are wrapt's, as in the agent. Loaded when one of them is
first accessed, as wrapt imports asyncio.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import wrapt
from wrapt import function_wrapper

from weighbridge.middleware.signature import ConstructorSignature

__all__ = [
    "CallableObjectProxy",
    "FunctionWrapper",
    "InFunctionWrapper",
    "ObjectProxy",
    "OutFunctionWrapper",
    "PostFunctionWrapper",
    "PreFunctionWrapper",
    "function_wrapper",
    "in_function",
    "out_function",
    "patch_function_wrapper",
    "post_function",
    "pre_function",
    "resolve_path",
    "transient_function_wrapper",
    "wrap_function_wrapper",
    "wrap_in_function",
    "wrap_object",
    "wrap_object_attribute",
    "wrap_out_function",
    "wrap_post_function",
    "wrap_pre_function",
]

_Function = Callable[..., Any]

_Arguments = tuple[Any, ...]

if TYPE_CHECKING:
    _ObjectProxy = wrapt.ObjectProxy[Any]
    _CallableObjectProxy = wrapt.CallableObjectProxy[Any]
    _FunctionWrapper = wrapt.FunctionWrapper[..., Any]
else:
    _ObjectProxy = wrapt.ObjectProxy
    _CallableObjectProxy = wrapt.CallableObjectProxy
    _FunctionWrapper = wrapt.FunctionWrapper


class ObjectProxy(_ObjectProxy):
    """Behaves as what it wraps, but for what a class that is derived from it says otherwise."""

    __signature__: ClassVar[ConstructorSignature] = ConstructorSignature()

    def __init__(self, wrapped: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(wrapped, *args, **kwargs)


class CallableObjectProxy(_CallableObjectProxy):
    """An `ObjectProxy` that can be called."""

    __signature__: ClassVar[ConstructorSignature] = ConstructorSignature()

    def __init__(self, wrapped: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(wrapped, *args, **kwargs)


class FunctionWrapper(_FunctionWrapper):
    """Has ``wrapper(wrapped, instance, args, kwargs)``, its second argument, called in the place of the first."""

    __signature__: ClassVar[ConstructorSignature] = ConstructorSignature()

    def __init__(self, wrapped: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(wrapped, *args, **kwargs)


# The same as wrapt's, under the argument names that the agent has in all of wrapt's releases.


def resolve_path(target: Any, name: str) -> tuple[Any, str, Any]:
    """The parent of what is found under a dotted path of a module (or its name), its attribute's name, and itself."""
    found: tuple[Any, str, Any] = wrapt.resolve_path(target, name)
    return found


def wrap_object(
    target: Any, name: str, factory: _Function, args: _Arguments = (), kwargs: dict[str, Any] | None = None
) -> Any:
    """Replace what is found under a dotted path by ``factory(it, *args, **kwargs)``; gives the replacement."""
    make: Any = factory
    return wrapt.wrap_object(target, name, make, args, kwargs or {})


def wrap_object_attribute(
    module: Any, name: str, factory: _Function, args: _Arguments = (), kwargs: dict[str, Any] | None = None
) -> Any:
    """Have ``factory(value, *args, **kwargs)`` read for each value of an attribute of instances."""
    make: Any = factory
    return wrapt.wrap_object_attribute(module, name, make, args, kwargs or {})


def wrap_function_wrapper(module: Any, name: str, wrapper: _Function) -> Any:
    """Replace what is found under a dotted path by a `FunctionWrapper` around it; gives that."""
    return wrap_object(module, name, FunctionWrapper, (wrapper,))


def patch_function_wrapper(module: Any, name: str, enabled: Any = None) -> _Function:
    """A decorator that has the function called by way of the decorated one."""
    return lambda wrapper: wrap_object(module, name, FunctionWrapper, (wrapper, enabled))


def transient_function_wrapper(module: Any, name: str) -> _Function:
    """A decorator of the same kind, whose result is a decorator for what it is to hold in."""
    made: _Function = wrapt.transient_function_wrapper(module, name)
    return made


# The agent's own


def _with_instance(instance: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments that the program's function is told: of a method, the instance too."""
    return args if instance is None else (instance, *args)


def PreFunctionWrapper(wrapped: Any, function: _Function) -> Any:  # noqa: N802  the agent's name
    """Have ``function`` called with the same arguments before each call of ``wrapped``."""

    def wrapper(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        function(*_with_instance(instance, args), **kwargs)
        return wrapped(*args, **kwargs)

    return FunctionWrapper(wrapped, wrapper)


def PostFunctionWrapper(wrapped: Any, function: _Function) -> Any:  # noqa: N802  the agent's name
    """Have ``function`` called with the same arguments after each call of ``wrapped`` that has not raised."""

    def wrapper(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        result = wrapped(*args, **kwargs)
        function(*_with_instance(instance, args), **kwargs)
        return result

    return FunctionWrapper(wrapped, wrapper)


def InFunctionWrapper(wrapped: Any, function: _Function) -> Any:  # noqa: N802  the agent's name
    """Have ``wrapped`` called with the arguments, a tuple and a dictionary, that ``function`` makes of them."""

    def wrapper(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        args, kwargs = function(*_with_instance(instance, args), **kwargs)
        if instance is not None and args and args[0] is instance:
            args = args[1:]
        return wrapped(*args, **kwargs)

    return FunctionWrapper(wrapped, wrapper)


def OutFunctionWrapper(wrapped: Any, function: _Function) -> Any:  # noqa: N802  the agent's name
    """Have what ``wrapped`` returns replaced by what ``function`` makes of it."""

    def wrapper(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return function(wrapped(*args, **kwargs))

    return FunctionWrapper(wrapped, wrapper)


def pre_function(function: _Function) -> _Function:
    """A decorator of the kind of `PreFunctionWrapper`."""
    return lambda wrapped: PreFunctionWrapper(wrapped, function)


def post_function(function: _Function) -> _Function:
    """A decorator of the kind of `PostFunctionWrapper`."""
    return lambda wrapped: PostFunctionWrapper(wrapped, function)


def in_function(function: _Function) -> _Function:
    """A decorator of the kind of `InFunctionWrapper`."""
    return lambda wrapped: InFunctionWrapper(wrapped, function)


def out_function(function: _Function) -> _Function:
    """A decorator of the kind of `OutFunctionWrapper`."""
    return lambda wrapped: OutFunctionWrapper(wrapped, function)


def wrap_pre_function(module: Any, object_path: str, function: _Function) -> None:
    """Replace what is found under a dotted path of a module by a `PreFunctionWrapper` around it."""
    wrap_object(module, object_path, PreFunctionWrapper, (function,))


def wrap_post_function(module: Any, object_path: str, function: _Function) -> None:
    """Replace what is found under a dotted path of a module by a `PostFunctionWrapper` around it."""
    wrap_object(module, object_path, PostFunctionWrapper, (function,))


def wrap_in_function(module: Any, object_path: str, function: _Function) -> None:
    """Replace what is found under a dotted path of a module by an `InFunctionWrapper` around it."""
    wrap_object(module, object_path, InFunctionWrapper, (function,))


def wrap_out_function(module: Any, object_path: str, function: _Function) -> None:
    """Replace what is found under a dotted path of a module by an `OutFunctionWrapper` around it."""
    wrap_object(module, object_path, OutFunctionWrapper, (function,))
