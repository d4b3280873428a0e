"""The current transaction: where it is kept, and how it becomes and stops being the one.

It travels in one context variable, so it follows the work wherever Python
carries contexts. Whether a call that finds it there is part of the work that it
measures is a further question, answered in `belonging`.

Nothing here touches a context variable while the collector runs (`collector`):
what it would have put right is put right by the next look.
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
"""Set for a moment, to see in which context that is."""


# Looking


def get_current() -> Transaction | None:
    """The transaction that this context has, if it is not over; what no longer belongs into it is taken out."""
    transaction = current.get()
    if collecting:
        return None if transaction is None or transaction._is_finished else transaction
    while transaction is not None and (_reset_stale(transaction) or _discard_interrupted(transaction)):
        transaction = current.get()
    if transaction is not None and transaction._is_finished:
        current.set(None)  # what runs after the last byte belongs to nothing: not to what was current before, either
        return None
    return transaction


def get_active() -> Transaction | None:
    """The transaction of the work that runs here."""
    transaction = get_current()
    if transaction is None or (transaction._paused and is_attached_here(transaction)):
        return None
    return transaction


def is_attached_here(transaction: Transaction) -> bool:
    """Whether this is the context of its last step."""
    token = transaction._token
    if token is None or collecting:
        return False
    probe = _probe.set(None)
    here = context_of_token(probe)
    _probe.reset(probe)
    return here is not None and here is context_of_token(token)


# Becoming and ceasing to be the current one


def attach(transaction: Transaction) -> None:
    """Make it current for a step of its work; the step is where it is anchored from now on."""
    if not collecting:
        transaction._token = current.set(transaction)


def detach(transaction: Transaction) -> None:
    """Make current again what was so before the step, where steps are nested as calls are."""
    if _try_reset(transaction._token):
        transaction._token = None
    else:
        detach_out_of_order(transaction)


def reattach(transaction: Transaction) -> None:
    """A step begins, of one that stays current between its steps; the context is perhaps another one."""
    token = transaction._token
    if current.get() is transaction:
        return
    if token is not None and not _try_reset(token):
        transaction._ensure_extras().stale_tokens.append(token)
    attach(transaction)


def detach_out_of_order(transaction: Transaction) -> None:
    """Make current again what was so before, wherever and in whatever order that happens.

    Where the exit runs in another context than the entry, or exits interleave,
    nothing is restored unless this transaction is the one that is current; and
    never one that has ended.
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
    """Whether what was current before a token was made is so again: not where it is used, or of another context."""
    try:
        current.reset(token)  # type: ignore[arg-type]
    except (TypeError, ValueError, RuntimeError) as refusal:
        pass_on(refusal)
        return False
    return True


# What no longer belongs into a context


def _reset_stale(transaction: Transaction) -> bool:
    """Whether it went on in another context while it was current in this one, or was dropped: it is taken out."""
    left_in = () if transaction._extras is None else tuple(transaction._extras.stale_tokens)
    return any(map(_try_reset, left_in))


def _discard_interrupted(transaction: Transaction) -> bool:
    """Whether the call that opened it is gone without having ended it: then it is discarded, and counted as such.

    Judged only in the very context of its last step. A block has no call: it ends when its object is collected.
    """
    if transaction._has_owner or not is_attached_here(transaction):
        return False
    detach_out_of_order(transaction)
    handoff.discard(transaction)
    return True
