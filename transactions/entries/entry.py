"""What a call does when it enters: opens a transaction, reclassifies the one it belongs to, or neither.

An entry is made once, where something is decorated; each call asks it with its
own arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from ..log import log_once, swallowed
from ..model.applications import ApplicationArgument
from ..model.naming import callable_name, text_of
from ..model.process import here
from ..model.transaction import DEFAULT_GROUP, Transaction
from ..stack.belonging import belongs
from ..stack.current import abandon, current, enter, leave, withdraw

__all__ = ["BackgroundEntry", "Entry", "Naming", "TextArgument", "finish", "owner_of", "pause", "resume"]

TextArgument = str | Callable[..., Any] | None
"""A text, or a callable of the call's own arguments that gives one."""


class Entry(Protocol):
    """What a call enters by."""

    def open(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Transaction | None:
        """The transaction that the call opened and that is current now, or ``None``. Never raises."""


class Naming:
    """The name and group that a call gives, each a text or a callable of the call's arguments."""

    __slots__ = ("default", "fixed", "group", "name")

    def __init__(self, name: TextArgument, group: TextArgument, default: str | None) -> None:
        self.default: str | None = default
        self.name: TextArgument = name
        self.group: TextArgument = group
        self.fixed: tuple[str | None, str] | None = None
        """Name and group where they are known before the call."""
        if not callable(name) and not callable(group):
            self.fixed = self.evaluate((), {})

    def evaluate(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[str | None, str]:
        """Name and group of one call."""
        if self.fixed is not None:
            return self.fixed
        return self.given_name(args, kwargs) or self.default, self.given_group(args, kwargs)

    def given_name(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str | None:
        """The name that one call gives itself, if it gives one."""
        return evaluated(self.name, "name=", args, kwargs)

    def given_group(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
        """The group of that name."""
        return evaluated(self.group, "group=", args, kwargs) or DEFAULT_GROUP


def evaluated(argument: Any, what: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str | None:
    """A text argument's value for one call; ``None``, said once, where its callable fails."""
    if not callable(argument):
        return text_of(argument, what)
    try:
        return text_of(argument(*args, **kwargs), what)
    except Exception:
        log_once(("evaluated", what, callable_name(argument)), "%s%r failed: the default is used", what, argument)
        return None


def owner_of() -> Transaction | None:
    """The transaction that a call made here belongs to, if any."""
    transaction = current.get()
    return transaction if transaction is not None and belongs(transaction) else None


class BackgroundEntry:
    """Opens a background transaction, or makes the web transaction that the call belongs to one."""

    __slots__ = ("application", "naming")

    def __init__(self, application: ApplicationArgument, naming: Naming) -> None:
        self.application: ApplicationArgument = application
        self.naming: Naming = naming

    def open(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Transaction | None:
        """See `Entry.open`."""
        try:
            owner = current.get()
            if owner is not None and belongs(owner):
                self.reclassify(owner, args, kwargs)
                return None
            if not (here.measuring or here.prepare()):
                return None
            naming = self.naming
            name, group = naming.fixed or naming.evaluate(args, kwargs)
            application = here.application if self.application is None else here.application_of(self.application)
            transaction = Transaction(application, group, name)
            transaction.token = current.set(transaction)
            return transaction
        except Exception:
            swallowed("BackgroundEntry.open")
            return None

    def reclassify(self, owner: Transaction, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """Make a running web transaction a background one, called as this call says."""
        owner.refresh()
        if owner.background or not owner.active:
            return
        owner.set_background(True)
        if not owner.keeps_name_when_reclassified():
            name, group = self.naming.evaluate(args, kwargs)
            if name is not None:
                owner.rename(name, group, priority=1)


def finish(transaction: Transaction) -> None:
    """The call that opened it is done. Never raises."""
    try:
        leave(transaction)
        transaction.end()
    except Exception:
        swallowed("finish")
        abandon(transaction)


def resume(transaction: Transaction) -> None:
    """A further step of its work begins. Never raises."""
    try:
        enter(transaction)
    except Exception:
        swallowed("resume")


def pause(transaction: Transaction) -> None:
    """A step of its work is done, and there may be more. Never raises."""
    try:
        leave(transaction)
    except Exception:
        swallowed("pause")
        withdraw(transaction)
