"""Openers decide what a call does on entry: open a transaction, reclassify the one it belongs to, or neither.

An opener is made once, when something is decorated; each call passes it its own
arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from ..context.collector import collecting
from ..context.current import current, get_current
from ..context.lifetime import Mark, undo_begin
from ..context.ownership import owns_caller
from ..handoff import handoff
from ..host_exceptions import pass_on_signals
from ..log import capture_internal_exception, log_once
from ..model.applications import ApplicationArgument
from ..model.clock import monotonic
from ..model.identity import DEFAULT_GROUP, ExplicitName, IdentitySource
from ..model.naming import callable_name, text_of
from ..model.process_state import process_state
from ..model.transaction import Transaction

__all__ = ["BackgroundOpener", "CallName", "Opener", "TextArgument", "get_owner"]

_mark_open: Final = handoff.open_transactions.add
_get_current: Final = current.get
_set_current: Final = current.set

TextArgument = str | Callable[..., Any] | None
"""A string, or a callable that takes the call's own arguments and returns one."""


class Opener(Protocol):
    """Decides what a call does on entry."""

    def open(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], mark: Mark) -> Transaction | None:
        """Return the transaction that was opened for the call and is now current, or ``None``.

        Raises nothing of ours, only what strikes from outside.

        Args:
            args: the call's positional arguments.
            kwargs: the call's keyword arguments.
            mark: a new mark, which the call holds until it is done.
        """


class CallName:
    """The ``name=`` and ``group=`` of a wrapper, each a string or a callable of the call's arguments."""

    __slots__ = ("constant", "default", "group", "name")

    def __init__(self, name: TextArgument, group: TextArgument, default: str | None) -> None:
        self.default: str | None = default
        self.name: TextArgument = name
        self.group: TextArgument = group
        self.constant: ExplicitName | None = None
        """Name and group, if they are known before the call."""
        if not callable(name) and not callable(group):
            self.constant = self.evaluate((), {})

    def evaluate(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> ExplicitName | None:
        """Return the name and group for one call, if it has an explicit or a default name."""
        if self.constant is not None:
            return self.constant
        name = self.explicit_name(args, kwargs) or self.default_name(args)
        return None if name is None else ExplicitName(self.explicit_group(args, kwargs), name)

    def default_name(self, args: tuple[Any, ...]) -> str | None:
        """Return the name of a call without an explicit one; for a method, ``args`` has the instance."""
        return self.default

    def explicit_name(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str | None:
        """Return the value of ``name=`` for one call, if there is one."""
        return evaluated(self.name, "name=", args, kwargs)

    def explicit_group(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
        """Return the value of ``group=`` for one call, or the default group."""
        return evaluated(self.group, "group=", args, kwargs) or DEFAULT_GROUP


def evaluated(argument: Any, what: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str | None:
    """Return a text argument's value for one call; ``None``, logged once, if its callable fails."""
    if not callable(argument):
        return text_of(argument, what)
    try:
        return text_of(argument(*args, **kwargs), what)
    except Exception as exception:
        pass_on_signals(exception)
        log_once(("evaluated", what, callable_name(argument)), "%s%r failed: the default is used", what, argument)
        return None


def get_owner() -> Transaction | None:
    """Return the transaction that a call made here belongs to, if any."""
    transaction = get_current()
    return transaction if transaction is not None and owns_caller(transaction) else None


class BackgroundOpener:
    """Opens a background transaction, or reclassifies the web transaction that the call belongs to."""

    __slots__ = ("call_name", "identities")

    def __init__(self, application: ApplicationArgument, call_name: CallName) -> None:
        self.identities: IdentitySource = IdentitySource(application, True, call_name.constant)
        self.call_name: CallName = call_name

    def open(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], mark: Mark) -> Transaction | None:
        """See `Opener.open`; `lifetime.begin` is inlined."""
        transaction = before = None
        try:
            before = _get_current()
            if before is not None:
                owner = get_owner()
                if owner is not None:
                    self.reclassify(owner, args, kwargs)
                    return None
                before = _get_current()
            identities = self.identities
            if identities.resolved_for is not process_state.enabled_for and not identities.prepare():
                return None
            identity = identities.identity
            if self.call_name.constant is None:
                identity = identities.with_name(self.call_name.evaluate(args, kwargs))
            transaction = Transaction()
            transaction._mark = mark
            transaction._identity = identity
            transaction._extras = transaction._token = None
            transaction._end_time = 0.0
            _mark_open(transaction)
            transaction._start_time = monotonic()
            if not collecting:
                transaction._token = _set_current(transaction)
            return transaction
        except BaseException:
            undo_begin(transaction, before)
            capture_internal_exception("BackgroundOpener.open")
            return None

    def reclassify(self, owner: Transaction, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """Turn a running web transaction into a background one with this call's name and group."""
        owner._refresh()
        if owner._background or not owner._is_active:
            return
        owner._set_background(True)
        if not owner._keeps_name_when_reclassified():
            explicit_name = self.call_name.evaluate(args, kwargs)
            if explicit_name is not None:
                owner._rename(*explicit_name)
