"""Whether a call that finds a transaction in its context is part of the work that the transaction measures.

The common case, a call in the very context of the transaction's step, is
recognized by that step's token. Everything else is off the hot path.
"""

from __future__ import annotations

from ..model.transaction import Transaction
from .current import current, is_attached_here
from .event_loops import (
    context_of_task,
    context_of_token,
    coroutine_of,
    has_value,
    main_task,
    running_task,
    within_event_loop,
)
from .framework_tasks import is_framework_task

__all__ = ["owns_caller"]


def owns_caller(transaction: Transaction) -> bool:
    """Whether a call made here and now belongs to the transaction found in its context."""
    return (
        _owns_task(transaction) and not transaction._is_finished
    )  # checked last: the check before may trigger its collection


def _owns_task(transaction: Transaction) -> bool:
    if is_attached_here(transaction):
        return not transaction._paused
    task = running_task()
    if task is None:
        return not within_event_loop() or _owns_loop(transaction)
    return _is_in_step_task(transaction, task) or is_framework_task(coroutine_of(task)) or _owns_loop(transaction)


def _is_in_step_task(transaction: Transaction, task: object) -> bool:
    """Whether the task is that of the step, running something in a hand-made copy of its context."""
    context = context_of_token(transaction._token)
    return context is not None and context is context_of_task(task)


def _owns_loop(transaction: Transaction) -> bool:
    """Whether a call that belongs to the transaction is blocked in running this event loop (``asyncio.run``).

    The loop's main task then started with the transaction in its context; a
    transaction that the main task opened itself does not count.
    """
    main = main_task()
    if main is None:
        return False
    context = context_of_task(main)
    return has_value(context, current, transaction) and context is not context_of_token(transaction._token)
