"""The current transaction: where it is kept, and how it is attached and detached.

It is the value of one context variable, so it follows the work wherever Python
carries contexts. Whether a call that finds it there is part of the measured work
is a further question, answered in `ownership`.

Nothing here touches a context variable while the garbage collector runs (see
`collector`): the next call of `get_current` tidies up instead.
"""

from __future__ import annotations

from contextvars import ContextVar, Token
from typing import Final

from ..handoff import handoff
from ..host_exceptions import pass_on
from ..model.transaction import Transaction
from .collector import collecting
from .event_loops import context_of_token

__all__ = [
    "attach",
    "current",
    "detach",
    "detach_out_of_order",
    "get_active",
    "get_current",
    "is_attached_here",
    "reattach",
]

current: Final[ContextVar[Transaction | None]] = ContextVar("weighbridge.transaction", default=None)
_probe: Final[ContextVar[None]] = ContextVar("weighbridge.probe", default=None)
"""Set for a moment, as its token refers to the current context."""


# Look-up


def get_current() -> Transaction | None:
    """Return this context's transaction if it has not ended, after removing stale ones from the context."""
    transaction = current.get()
    if collecting:
        return None if transaction is None or transaction._is_finished else transaction
    while transaction is not None and (_reset_stale(transaction) or _discard_interrupted(transaction)):
        transaction = current.get()
    if transaction is not None and transaction._is_finished:
        current.set(None)  # after the end nothing is current, not even what was current before
        return None
    return transaction


def get_active() -> Transaction | None:
    """Return the transaction of the work that is running here, or ``None``."""
    transaction = get_current()
    if transaction is None or (transaction._paused and is_attached_here(transaction)):
        return None
    return transaction


def is_attached_here(transaction: Transaction) -> bool:
    """Whether the current context is that of its last step."""
    token = transaction._token
    if token is None or collecting:
        return False
    probe = _probe.set(None)
    here = context_of_token(probe)
    _probe.reset(probe)
    return here is not None and here is context_of_token(token)


# Attach and detach


def attach(transaction: Transaction) -> None:
    """Make it current for a step of its work, and anchor it to that step."""
    if not collecting:
        transaction._token = current.set(transaction)


def detach(transaction: Transaction) -> None:
    """Restore what was current before the step; steps are expected to nest as calls do."""
    if _try_reset(transaction._token):
        transaction._token = None
    else:
        detach_out_of_order(transaction)


def reattach(transaction: Transaction) -> None:
    """Begin a step of a transaction that stays current between steps, possibly in another context."""
    token = transaction._token
    if current.get() is transaction:
        return
    if token is not None and not _try_reset(token):
        transaction._ensure_extras().stale_tokens.append(token)
    attach(transaction)


def detach_out_of_order(transaction: Transaction) -> None:
    """Restore what was current before, in any context and in any order.

    If the exit runs in another context than the entry, or exits interleave,
    something is restored only if this transaction is the current one. A transaction
    that has ended is never restored.
    """
    if collecting:
        return
    token, transaction._token = transaction._token, None
    if current.get() is not transaction:
        return
    previous = None if token is None or token.old_value is Token.MISSING else token.old_value
    _try_reset(token)
    if previous is not None and previous._is_finished:
        previous = None
    if current.get() is not previous:
        current.set(previous)


def _try_reset(token: Token[Transaction | None] | None) -> bool:
    """Reset the variable by a token; return whether that was possible: not with a used token or another context's."""
    try:
        current.reset(token)  # type: ignore[arg-type]
    except (TypeError, ValueError, RuntimeError) as refusal:
        pass_on(refusal)
        return False
    return True


# Stale transactions


def _reset_stale(transaction: Transaction) -> bool:
    """Remove it from this context if it continued in another one or was dropped; return whether it was removed."""
    tokens = () if transaction._extras is None else tuple(transaction._extras.stale_tokens)
    return any(map(_try_reset, tokens))


def _discard_interrupted(transaction: Transaction) -> bool:
    """Discard it if the call that opened it is gone without ending it; return whether it was discarded.

    This is decided only in the very context of its last step. Blocks are not calls:
    they end when their object is collected.
    """
    if transaction._has_owner or not is_attached_here(transaction):
        return False
    detach_out_of_order(transaction)
    handoff.discard(transaction)
    return True
