"""How a transaction is opened, and how it ends.

    open -> frozen -> handed over
      \\________________/ discarded

| state | recognized by | what may still change |
|---|---|---|
| open | ``_end_time`` is 0, it is in ``handoff.open_transactions`` | everything |
| frozen | ``_end_time`` is set, ``_mark`` is not ``None`` | an error that follows the last byte may be added |
| handed over | ``_mark`` is ``None`` | nothing: it is counted, or was ignored |
| discarded | ``_mark`` is ``None`` | nothing: it is counted as interrupted, or belongs to the parent process |

An exception that strikes from outside while our code runs (raised by a signal
handler, or thrown into the thread) propagates to the host, and must leave nothing
open or current behind. What it interrupts here is undone or completed at once.
Where that is impossible (the exception strikes twice, or before the first line of
a function), the next call of `current.get_current` does it.

Three places inline `begin`, as a call would cost each request 270 of some 10 000
instructions: the WSGI and the ASGI middleware, and `BackgroundOpener.open`. For
the same reason the wrapper of a plain function inlines `finish`.
"""

from __future__ import annotations

from typing import Any, Final

from ..handoff import handoff
from ..host_exceptions import pass_on
from ..log import capture_internal_exception
from ..model.identity import Identity
from ..model.transaction import Transaction
from .collector import collecting
from .current import attach, current, detach, detach_out_of_order

__all__ = ["Mark", "attach_step", "begin", "detach_step", "finish", "finish_out_of_order", "recover", "undo_begin"]

_reset: Final = current.reset

Mark = list[Any]
"""Made and held by whoever opens a transaction: see `Transaction._mark`."""


def begin(transaction: Transaction, identity: Identity, mark: Mark) -> None:
    """Open a transaction: start its clock, and make it current."""
    before = current.get()
    try:
        transaction._start(identity, mark)
        attach(transaction)
    except BaseException:
        undo_begin(transaction, before)
        raise


def undo_begin(transaction: Transaction | None, before: Transaction | None) -> None:
    """Undo an opening that was interrupted before anything was measured.

    Args:
        transaction: the one being opened, if it existed already.
        before: what was current before.
    """
    if transaction is not None:
        if current.get() is transaction:
            current.set(before)
        handoff.open_transactions.discard(transaction)
        transaction._discard()


def attach_step(transaction: Transaction) -> None:
    """Begin a further step of its work, in any context."""
    try:
        attach(transaction)
    except Exception:
        capture_internal_exception("attach_step")


def detach_step(transaction: Transaction) -> None:
    """End a step of its work; more may follow."""
    try:
        detach(transaction)
    except BaseException:
        detach_out_of_order(transaction)
        capture_internal_exception("detach_step")


def finish(transaction: Transaction) -> None:
    """End a transaction with its call: restore what was current before, stop the clock, and record it.

    Raises nothing of ours, only what strikes from outside. `current.detach` is
    inlined, which saves two of three calls.
    """
    try:
        if not collecting:  # else a dropped coroutine is being collected: the next look-up tidies the context up
            try:
                _reset(transaction._token)  # type: ignore[arg-type]
                transaction._token = None
            except (TypeError, ValueError, RuntimeError) as refusal:  # the call ends elsewhere than it began
                pass_on(refusal)
                detach_out_of_order(transaction)
        transaction._end()
    except BaseException:
        recover(transaction)
        capture_internal_exception("finish")


def finish_out_of_order(transaction: Transaction) -> None:
    """End the transaction of a block, as `finish` does; blocks need not nest as calls do."""
    try:
        detach_out_of_order(transaction)
        transaction._end()
    except BaseException:
        recover(transaction)
        capture_internal_exception("finish_out_of_order")


def recover(transaction: Transaction) -> None:
    """Complete an end that was interrupted; if that fails too, count the transaction as dropped.

    Does nothing if it has been handed over.
    """
    try:
        detach_out_of_order(transaction)
        transaction._stop_clock()
        transaction._hand_off()
    except BaseException:
        discard(transaction)
        capture_internal_exception("recover")


def discard(transaction: Transaction) -> None:
    """Remove a transaction that cannot be recorded because of a bug of ours, and count it as dropped."""
    detach_out_of_order(transaction)
    if transaction._mark is not None:
        handoff.record_dropped("transactions")
        transaction._discard()
    handoff.open_transactions.discard(transaction)
