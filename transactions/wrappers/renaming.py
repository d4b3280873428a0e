"""Wrappers that name the running transaction after the function that it calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..context.current import get_active
from ..log import capture_internal_exception
from .by_path import wrap_object
from .callables import Decorated, wrap
from .method_names import call_name_for
from .opening import CallName, TextArgument

__all__ = ["TransactionNameWrapper", "transaction_name", "wrap_transaction_name"]


class RenamingOpener:
    """Opens nothing; each call names the running transaction."""

    __slots__ = ("call_name", "priority")

    def __init__(self, call_name: CallName, priority: float | None) -> None:
        self.call_name: CallName = call_name
        self.priority: float | None = priority

    def open(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], mark: object) -> None:
        """See `opening.Opener.open`."""
        try:
            transaction = get_active()
            if transaction is None:
                return
            transaction._refresh()
            if transaction._accepts_name(self.priority):
                explicit_name = self.call_name.evaluate(args, kwargs)
                if explicit_name is not None:
                    transaction._rename(explicit_name.group, explicit_name.name, self.priority)
        except Exception:
            capture_internal_exception("RenamingOpener.open")


def _opener(wrapped: Any, name: TextArgument, group: TextArgument, priority: float | None) -> RenamingOpener:
    return RenamingOpener(call_name_for(wrapped, name, group), priority)


def transaction_name(
    name: TextArgument = None, group: TextArgument = None, priority: float | None = None
) -> Callable[[Decorated], Decorated]:
    """Name the running transaction at every call of the decorated callable.

    The arguments are those of `set_transaction_name`; name and group may also be
    callables of the call's arguments. The default name is the callable's. The
    parentheses are required, as ``transaction_name(function)`` would take the
    function as one that returns the name; only a property, or another descriptor
    that is not callable, is decorated without them.
    """
    descriptor: Any = name
    if not callable(descriptor) and hasattr(type(descriptor), "__get__"):
        return wrap(descriptor, _opener(descriptor, None, None, None))  # type: ignore[no-any-return]
    return lambda wrapped: wrap(wrapped, _opener(wrapped, name, group, priority), decorating=True)


def TransactionNameWrapper(  # noqa: N802  the agent's name
    wrapped: Decorated, name: TextArgument = None, group: TextArgument = None, priority: float | None = None
) -> Decorated:
    """Return a wrapper of ``wrapped`` whose calls name the running transaction: see `transaction_name`."""
    return wrap(wrapped, _opener(wrapped, name, group, priority))  # type: ignore[no-any-return]


def wrap_transaction_name(
    module: Any,
    object_path: str,
    name: TextArgument = None,
    group: TextArgument = None,
    priority: float | None = None,
) -> None:
    """Replace ``module``'s attribute at a dotted path by a wrapper that names the running transaction.

    Raises:
        ImportError: there is no such module.
        AttributeError: the module has no such attribute.
    """
    wrap_object(module, object_path, lambda wrapped: _opener(wrapped, name, group, priority))
