"""What is dropped ends when it is collected: blocks, response bodies and generators that nobody left or closed.

Whoever may be dropped holds a `Guard` or is one: its ``__del__`` ends the
transaction. It touches no context variable, as it may run in the collector
(`collector`); what the context still has is put right by the next look
(`current.get_current`).

An exception that strikes in a ``__del__`` is swallowed by Python itself. So
what ends in good order becomes an object of a class without one.
"""

from __future__ import annotations

from contextvars import copy_context
from types import CoroutineType
from typing import Any

from ..handoff import handoff
from ..log import capture_internal_exception
from ..model.transaction import Transaction
from .current import current

__all__ = ["EndsWhenFinalized", "Guard", "release"]


class EndsWhenFinalized:
    """Ends its ``transaction`` when it is collected, if it still has one, after the cleanup of what goes with it."""

    __slots__ = ()

    transaction: Any

    def clean_up(self) -> None:
        """Let go of what is the host's; its cleanup belongs to the transaction."""

    def __del__(self) -> None:
        transaction = getattr(self, "transaction", None)  # it may have been struck while it was made
        if transaction is None or transaction._mark is None:
            return
        try:
            copy_context().run(_clean_up, self, transaction)
            _end(transaction)
        except BaseException:
            handoff.discard(transaction)
            capture_internal_exception("EndsWhenFinalized")


def _clean_up(dropped: EndsWhenFinalized, transaction: Transaction) -> None:
    """In a copy of the context, in which its own transaction is current, and no innocent one."""
    current.set(transaction)
    transaction._on_step()
    dropped.clean_up()


def _end(transaction: Transaction) -> None:
    token, transaction._token = transaction._token, None  # it refers to the whole context
    if token is not None and isinstance(token.old_value, Transaction):
        transaction._ensure_extras().stale_tokens.append(token)
    transaction._stop_clock()
    transaction._hand_off()
    transaction._release_request()


class _Holder:
    __slots__ = ("transaction", "unawaited")

    def __init__(self, transaction: Transaction, unawaited: CoroutineType[Any, Any, Any] | None = None) -> None:
        self.unawaited: CoroutineType[Any, Any, Any] | None = unawaited
        self.transaction: Any = transaction


class Guard(EndsWhenFinalized, _Holder):
    """Held by the owner of a transaction alone.

    Args:
        transaction: the one that ends with its owner.
        unawaited: a coroutine inside the owner's own, of which Python need not say as well that nobody awaited it.
    """

    __slots__ = ()

    def clean_up(self) -> None:
        """See `EndsWhenFinalized.clean_up`."""
        if self.unawaited is not None:
            self.unawaited.close()


class _Released(_Holder):
    """A guard that has nothing to guard any more."""

    __slots__ = ()


def release(guard: Guard) -> None:
    """The owner has ended in good order."""
    guard.__class__ = _Released  # type: ignore[assignment]
