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

__all__ = ["abandon", "current", "enter", "leave", "running", "withdraw"]

current: Final[ContextVar[Transaction | None]] = ContextVar("weighbridge.transaction", default=None)


def running() -> Transaction | None:
    """The transaction found in this context, if it is not over."""
    transaction = current.get()
    return None if transaction is None or transaction.over else transaction


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
