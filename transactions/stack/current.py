"""The current transaction: where it is kept, and how one is entered and left.

It travels in one context variable, so it follows the work wherever Python
carries contexts. Whether a call that finds it there is part of the work that it
measures is a further question, answered in `belonging`.
"""

from __future__ import annotations

from contextvars import ContextVar, Token
from typing import Final

from ..model.outlet import outlet
from ..model.transaction import Transaction

__all__ = ["abandon", "current", "enter", "found", "is_in_step_of", "leave", "resume", "running", "withdraw"]

current: Final[ContextVar[Transaction | None]] = ContextVar("weighbridge.transaction", default=None)


def found() -> Transaction | None:
    """The transaction that this context has, once what steps elsewhere have left in it is put right."""
    transaction = current.get()
    while transaction is not None and _was_left_here(transaction):
        transaction = current.get()
    return transaction


def _was_left_here(transaction: Transaction) -> bool:
    """Whether it went on in another context while it was current in this one: it no longer is."""
    left_in = () if transaction.extras is None else tuple(transaction.extras.left_in)
    for token in left_in:
        try:
            current.reset(token)
        except (ValueError, RuntimeError):
            continue
        return True
    return False


def running() -> Transaction | None:
    """The transaction of the work that runs here, if it is not over."""
    transaction = found()
    if transaction is None or transaction.over or (transaction.paused and is_in_step_of(transaction)):
        return None
    return transaction


def is_in_step_of(transaction: Transaction) -> bool:
    """Whether this is the context of its last step.

    A token can be used only in the context that it was made in: that is the
    test. Using it up and making a new one leaves the context as it was.
    """
    token = transaction.token
    if token is None:
        return False
    try:
        current.reset(token)
    except (ValueError, RuntimeError):
        return False
    transaction.token = current.set(transaction)
    return True


def resume(transaction: Transaction) -> None:
    """A step begins, of one that stays current between its steps; the context is perhaps another one."""
    token = transaction.token
    if current.get() is transaction:
        return
    if token is not None:
        try:
            current.reset(token)
        except (ValueError, RuntimeError):
            transaction.more.left_in.append(token)
    transaction.token = current.set(transaction)


def enter(transaction: Transaction) -> None:
    """Make it current for a step of its work; the step is where it is anchored from now on."""
    transaction.token = current.set(transaction)


def leave(transaction: Transaction) -> None:
    """Make current again what was so before the step, where steps are nested as calls are."""
    token = transaction.token
    try:
        current.reset(token)  # type: ignore[arg-type]
    except (TypeError, ValueError, RuntimeError):
        withdraw(transaction)
    transaction.token = None


def withdraw(transaction: Transaction) -> None:
    """Make current again what was so before, wherever and in whatever order that happens.

    Where the exit runs in another context than the entry, or exits interleave,
    nothing is restored unless this transaction is the one that is current; and
    never one that has ended.
    """
    token, transaction.token = transaction.token, None
    if token is None or current.get() is not transaction:
        return
    previous = token.old_value
    try:
        current.reset(token)
    except (ValueError, RuntimeError):
        current.set(None if previous is Token.MISSING else previous)
    if isinstance(previous, Transaction) and previous.over:
        current.set(None)


def abandon(transaction: Transaction) -> None:
    """Give up one whose end failed by a mistake of ours: it is neither current nor live, and counted as lost."""
    withdraw(transaction)
    if not transaction.over:
        outlet.lose("transactions")
        transaction.disown()
    outlet.live.discard(transaction)
