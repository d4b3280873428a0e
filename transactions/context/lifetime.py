"""The one way to open a transaction, and the one to end it.

    open -> frozen -> handed over
      \\________________/ discarded

| state | told by | what may still change |
|---|---|---|
| open | ``ended`` is 0, it is in ``handoff.live`` | everything |
| frozen | ``ended`` is set, ``mark`` is there | it waits for an error that may come after the last byte |
| handed over | ``mark`` is ``None`` | nothing: it is counted, or was ignored |
| discarded | likewise | nothing: it is counted as interrupted, or belongs to the parent process |

Whatever strikes from outside while code of ours runs (an exception of a signal
handler's, or one thrown into the thread) goes on to the host, and leaves
nothing open or current behind: what is interrupted here is taken back or
completed at once, and what cannot be (where the exception strikes twice, or
before the first line of a function) at the next look at the context, see
`current.get_current`.

Three places write `notify_first` out, as a call costs each request 270 instructions
of some 10 000: the middleware of WSGI and ASGI, and `BackgroundOpener.open`. For the
same reason the wrapper of a plain function writes `finish` out.
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
"""Made and held by whoever opens a transaction: see `TransactionPage._mark`."""


def begin(transaction: Transaction, identity: Identity, mark: Mark) -> None:
    """Open it: start its clock, and make it current."""
    before = current.get()
    try:
        transaction._start(identity, mark)
        attach(transaction)
    except BaseException:
        undo_begin(transaction, before)
        raise


def undo_begin(transaction: Transaction | None, before: Transaction | None) -> None:
    """Undo an opening that was interrupted: nothing was measured yet.

    Args:
        transaction: what was to be opened, if it had come to that.
        before: what was current until then.
    """
    if transaction is not None:
        if current.get() is transaction:
            current.set(before)
        handoff.open_transactions.discard(transaction)
        transaction._discard()


def attach_step(transaction: Transaction) -> None:
    """A further step of its work begins, in whatever context."""
    try:
        attach(transaction)
    except Exception:
        capture_internal_exception("attach_step")


def detach_step(transaction: Transaction) -> None:
    """A step of its work is done, and there may be more."""
    try:
        detach(transaction)
    except BaseException:
        detach_out_of_order(transaction)
        capture_internal_exception("detach_step")


def finish(transaction: Transaction) -> None:
    """The call is done: make current again what was so before, stop the clock, and record.

    Raises nothing of ours; only what strikes from outside. `current.detach` is
    written out, which saves two calls of three.
    """
    try:
        if not collecting:  # a coroutine that was dropped: the next look puts the context right
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
    """As `finish`, for a block: blocks need not be nested as calls are."""
    try:
        detach_out_of_order(transaction)
        transaction._end()
    except BaseException:
        recover(transaction)
        capture_internal_exception("finish_out_of_order")


def recover(transaction: Transaction) -> None:
    """Complete an end that was interrupted; where that fails too, count the transaction as lost.

    Does nothing for one that has been handed over.
    """
    try:
        detach_out_of_order(transaction)
        transaction._stop_clock()
        transaction._hand_off()
    except BaseException:
        discard(transaction)
        capture_internal_exception("recover")


def discard(transaction: Transaction) -> None:
    """It can neither go on nor be recorded, by a mistake of ours: it is taken out, and counted as lost."""
    detach_out_of_order(transaction)
    if transaction._mark is not None:
        handoff.record_dropped("transactions")
        transaction._discard()
    handoff.open_transactions.discard(transaction)
