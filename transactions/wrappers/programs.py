"""The transaction of a whole program: a frame around all that it does.

It is never current, so it owns nothing: what begins while the program runs opens
transactions of its own, as if there were no frame. While it runs, it is listed as
running; it is counted only if nothing else began.
"""

from __future__ import annotations

from ..handoff import handoff
from ..log import capture_internal_exception
from ..model.identity import ExplicitName, intern_identity
from ..model.process_state import process_state
from ..model.transaction import Transaction

__all__ = ["ProgramTransaction"]


class ProgramTransaction:
    """The frame of a program that starts now.

    Args:
        name: the name of the program.
        group: the group of the name.
    """

    __slots__ = ("_beginnings", "_mark", "_transaction")

    def __init__(self, name: str, group: str) -> None:
        self._mark: list[object] = []
        self._transaction: Transaction | None = None
        self._beginnings = 0
        try:
            self._open(ExplicitName(group, name))
        except Exception:
            capture_internal_exception("ProgramTransaction")

    def _open(self, explicit_name: ExplicitName) -> None:
        if not process_state.prepare():
            return
        self._beginnings = process_state.beginnings
        transaction = Transaction()
        transaction._start(intern_identity(process_state.application, True, explicit_name), self._mark)
        transaction._ensure_extras().task = ("", None)
        self._transaction = transaction

    def end(self, exception: BaseException | None = None) -> None:
        """Count the program, unless something else was measured in it. Never raises; only the first call counts.

        Args:
            exception: what ended the program, if nothing has handled it.
        """
        transaction, self._transaction = self._transaction, None
        if transaction is None or transaction._mark is None:  # it belongs to the parent process
            return
        try:
            if process_state.beginnings != self._beginnings:
                handoff.open_transactions.discard(transaction)
                transaction._discard()
                return
            if exception is not None:
                transaction._record_exception(exception)
            if process_state.try_load():  # the program may have read settings since
                transaction._set_application(process_state.application)
            transaction._end()
        except Exception:
            capture_internal_exception("ProgramTransaction.end")
