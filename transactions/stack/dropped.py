"""What is dropped ends when it is collected: blocks, response bodies and generators that nobody left or closed.

Whoever may be dropped holds a `Guard`, whose ``__del__`` ends the transaction.
It touches no context variable, as it may run in the collector (`collector`);
what the context still has is put right by the next look (`current.found`).

An exception that strikes in a ``__del__`` is swallowed by Python itself. So one
whose owner ends in good order is not destroyed, but kept for the next owner.
"""

from __future__ import annotations

from contextvars import copy_context
from typing import Any, Final

from ..log import swallowed
from ..model.outlet import outlet
from ..model.transaction import Transaction
from .current import current

__all__ = ["Guard", "guard", "release"]

_SPARE_AT_MOST: Final = 64
_spare: Final[list[Guard]] = []


class Guard:
    """Held by the owner of a transaction alone; made by `guard`."""

    __slots__ = ("belongings", "transaction")

    def __init__(self) -> None:
        self.belongings: list[Any] = []
        self.transaction: Transaction | None = None
        """What of the host's goes with the owner; its cleanup belongs to the transaction."""

    def __del__(self) -> None:
        transaction = getattr(self, "transaction", None)  # it may have been struck while it was made
        if transaction is None:
            return
        try:
            if self.belongings:
                copy_context().run(_clean_up, self.belongings, transaction)
            _end(transaction)
        except BaseException:
            outlet.discard(transaction)
            swallowed("Guard.__del__")


def guard(transaction: Transaction, *belongings: Any) -> Guard:
    """What ends a transaction when its owner is collected, after the cleanup of the owner's belongings."""
    made = _spare.pop() if _spare else Guard()
    made.transaction = transaction
    made.belongings.extend(belongings)
    return made


def release(made: Guard) -> None:
    """The owner ends in good order: nothing is left to guard."""
    made.transaction = None
    made.belongings.clear()
    if len(_spare) < _SPARE_AT_MOST:
        _spare.append(made)


def _clean_up(belongings: list[Any], transaction: Transaction) -> None:
    """Let go of them, in a copy of the context in which their own transaction is current, and no innocent one."""
    current.set(transaction)
    transaction.paused = False
    belongings.clear()


def _end(transaction: Transaction) -> None:
    token, transaction.token = transaction.token, None  # it refers to the whole context
    if token is not None and isinstance(token.old_value, Transaction):
        transaction.more.left_in.append(token)
    transaction.freeze()
    transaction.hand_over()
    transaction.let_go_of_request()
