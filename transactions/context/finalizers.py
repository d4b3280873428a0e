"""Finalizers that end the transactions of blocks, response bodies and generators that were dropped unfinished.

Whatever may be dropped holds a `Guard` or is an `EndsWhenFinalized`, whose
``__del__`` ends the transaction. That touches no context variable, as it may run
in the garbage collector (see `collector`); the next call of
`current.get_current` tidies the context up.

Python swallows exceptions that are raised in a ``__del__``, a signal handler's too.
So an object that ends properly changes its class to one without ``__del__``.
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
    """Mixin: when collected, clean up and end the ``transaction``, unless that has been handed over."""

    __slots__ = ()

    transaction: Any

    def clean_up(self) -> None:
        """Release the host's objects; their cleanup is part of the transaction."""

    def __del__(self) -> None:
        transaction = getattr(self, "transaction", None)  # missing if an exception struck while the object was made
        if transaction is None or transaction._mark is None:
            return
        try:
            copy_context().run(_clean_up, self, transaction)
            _end(transaction)
        except BaseException:
            handoff.discard(transaction)
            capture_internal_exception("EndsWhenFinalized")


def _clean_up(dropped: EndsWhenFinalized, transaction: Transaction) -> None:
    """Clean up, in a copied context, with its own transaction current rather than an unrelated one."""
    current.set(transaction)
    transaction._on_step()
    dropped.clean_up()


def _end(transaction: Transaction) -> None:
    token, transaction._token = transaction._token, None  # a token keeps its whole context alive
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
    """Ends a transaction together with its owner, which must hold the only reference to the guard.

    Args:
        transaction: the transaction to end.
        unawaited: a coroutine wrapped by the owner's; closed, as Python's "never awaited" warning about it
            would repeat the one about the owner's.
    """

    __slots__ = ()

    def clean_up(self) -> None:
        """See `EndsWhenFinalized.clean_up`."""
        if self.unawaited is not None:
            self.unawaited.close()


class _Released(_Holder):
    """A guard whose owner has ended properly."""

    __slots__ = ()


def release(guard: Guard) -> None:
    """Disarm a guard, as its owner has ended properly."""
    guard.__class__ = _Released  # type: ignore[assignment]
