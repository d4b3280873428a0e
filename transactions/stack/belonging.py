"""Whether a call that finds a transaction in its context is part of the work which that measures.

The plain case, a call in the very context of the transaction's step, is told by
the token of that step. Everything else is off the hot path.
"""

from __future__ import annotations

from ..model.transaction import Transaction
from .carriers import carries_on
from .current import current, is_in_step_of
from .event_loops import (
    carries,
    context_of_task,
    context_of_token,
    coroutine_of,
    main_task,
    running_task,
    within_event_loop,
)

__all__ = ["belongs"]


def belongs(transaction: Transaction) -> bool:
    """Whether a call made here, now, belongs to the transaction that was found in its context."""
    return _works_for(transaction) and not transaction._over  # asked last: the question itself may have it collected


def _works_for(transaction: Transaction) -> bool:
    if is_in_step_of(transaction):
        return not transaction._paused
    task = running_task()
    if task is None:
        return not within_event_loop() or _loop_runs_for(transaction)
    return _in_task_of_step(transaction, task) or carries_on(coroutine_of(task)) or _loop_runs_for(transaction)


def _in_task_of_step(transaction: Transaction, task: object) -> bool:
    """The step's own task, in a copy of its context that somebody runs by hand."""
    context = context_of_token(transaction._token)
    return context is not None and context is context_of_task(task)


def _loop_runs_for(transaction: Transaction) -> bool:
    """Somebody who belongs to the transaction is blocked in running this thread's event loop (``asyncio.run``).

    The loop's main task then started with the transaction in its context,
    which is told apart from a transaction that the main task opened itself.
    """
    main = main_task()
    if main is None:
        return False
    context = context_of_task(main)
    return carries(context, current, transaction) and context is not context_of_token(transaction._token)
