"""What a call does when it enters: opens a transaction, reclassifies the one it belongs to, or neither.

An entry is made once, where something is decorated; each call asks it with its
own arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from ..host_exceptions import pass_on_signals
from ..log import log_once, swallowed
from ..model.applications import ApplicationArgument
from ..model.clock import monotonic
from ..model.label import DEFAULT_GROUP, Given, LabelSource
from ..model.naming import callable_name, text_of
from ..model.outlet import outlet
from ..model.process import here
from ..model.transaction import Transaction
from ..stack.belonging import belongs
from ..stack.collector import collecting
from ..stack.current import current, found
from ..stack.lifetime import Mark, take_back

__all__ = ["BackgroundEntry", "Entry", "Naming", "TextArgument", "owner_of"]

_now_live: Final = outlet.live.add
_current: Final = current.get
_make_current: Final = current.set

TextArgument = str | Callable[..., Any] | None
"""A text, or a callable of the call's own arguments that gives one."""


class Entry(Protocol):
    """What a call enters by."""

    def open(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], mark: Mark) -> Transaction | None:
        """The transaction that the call opened and that is current now, or ``None``.

        Raises nothing of ours; only what strikes from outside.

        Args:
            args: those of the call, as are ``kwargs``.
            mark: a new one, which the call holds until it is done.
        """


class Naming:
    """The name and group that a call gives, each a text or a callable of the call's arguments."""

    __slots__ = ("default", "fixed", "group", "name")

    def __init__(self, name: TextArgument, group: TextArgument, default: str | None) -> None:
        self.default: str | None = default
        self.name: TextArgument = name
        self.group: TextArgument = group
        self.fixed: Given | None = None
        """Where they are known before the call."""
        if not callable(name) and not callable(group):
            self.fixed = self.evaluate((), {})

    def evaluate(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Given | None:
        """What one call is called, if it gives a name or has one by default."""
        if self.fixed is not None:
            return self.fixed
        name = self.given_name(args, kwargs) or self.default_name(args)
        return None if name is None else Given(self.given_group(args, kwargs), name)

    def default_name(self, args: tuple[Any, ...]) -> str | None:
        """The name of a call that gives none; its arguments tell the class of a method's instance."""
        return self.default

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
    except Exception as exception:
        pass_on_signals(exception)
        log_once(("evaluated", what, callable_name(argument)), "%s%r failed: the default is used", what, argument)
        return None


def owner_of() -> Transaction | None:
    """The transaction that a call made here belongs to, if any."""
    transaction = found()
    return transaction if transaction is not None and belongs(transaction) else None


class BackgroundEntry:
    """Opens a background transaction, or makes the web transaction that the call belongs to one."""

    __slots__ = ("labels", "naming")

    def __init__(self, application: ApplicationArgument, naming: Naming) -> None:
        self.labels: LabelSource = LabelSource(application, True, naming.fixed)
        self.naming: Naming = naming

    def open(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], mark: Mark) -> Transaction | None:
        """See `Entry.open`; `lifetime.begin` is written out."""
        transaction = before = None
        try:
            before = _current()
            if before is not None:
                owner = owner_of()
                if owner is not None:
                    self.reclassify(owner, args, kwargs)
                    return None
                before = _current()
            labels = self.labels
            if labels.made_for is not here.measures_for and not labels.prepare():
                return None
            label = labels.label
            if self.naming.fixed is None:
                label = labels.named(self.naming.evaluate(args, kwargs))
            transaction = Transaction()
            transaction._mark = mark
            transaction._label = label
            transaction._extras = transaction._token = None
            transaction._ended = 0.0
            _now_live(transaction)
            transaction._entered = monotonic()
            if not collecting:
                transaction._token = _make_current(transaction)
            return transaction
        except BaseException:
            take_back(transaction, before)
            swallowed("BackgroundEntry.open")
            return None

    def reclassify(self, owner: Transaction, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """Make a running web transaction a background one, called as this call says."""
        owner._refresh()
        if owner._background or not owner._active:
            return
        owner._set_background(True)
        if not owner._keeps_name_when_reclassified():
            given = self.naming.evaluate(args, kwargs)
            if given is not None:
                owner._rename(*given)
