"""The base of all transactions that a middleware opens: they follow the keys of their request.

Their end is the hot path of every request, so it inlines what the model does in steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..transactions.handoff import CLOSED_BUFFER, handoff
from ..transactions.host_exceptions import pass_on
from ..transactions.log import capture_internal_exception, log_once
from ..transactions.model.clock import monotonic
from ..transactions.model.errors import is_error
from ..transactions.model.naming import LONGEST_NAME
from ..transactions.model.request import NO_ROUTE
from ..transactions.model.transaction import Transaction
from .request_keys import BACKGROUND, IGNORE, NO_APDEX, NO_TRACE, PARAMS, KeyedTransaction, apply_changed

__all__ = ["NOTHING", "MiddlewareTransaction", "count_late", "is_missing"]

NOTHING: Final[Mapping[str, Any]] = {}
"""Value of `MiddlewareTransaction._request` once the transaction has ended."""


_OPTIONAL: Final = frozenset({"REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "method", "path", "root_path", "headers"})


def is_missing(problem: Exception) -> bool:
    """Whether an exception says that an environ or a scope lacks a key, and was raised by nothing else."""
    return type(problem) is KeyError and _OPTIONAL.issuperset(map(str, problem.args))


_buffer_for: Final = handoff.buffers.get
_mark_closed: Final = handoff.open_transactions.discard


class MiddlewareTransaction(KeyedTransaction):
    """A transaction that follows the keys in its request's environ or scope, also while the request is handled."""

    __slots__ = ("_handled_by", "_request")

    _request: Mapping[str, Any]
    """The environ or scope; `NOTHING` once the transaction has ended."""

    _handled_by: tuple[str, ...]
    """Set once a framework has reported that it handles the request; for Django, the mount and the path below it."""

    def _refresh(self) -> None:
        """Apply the request's keys that have changed since the last call. Never raises."""
        try:
            request = self._request
            if (
                BACKGROUND in request
                or IGNORE in request
                or NO_APDEX in request
                or NO_TRACE in request
                or PARAMS in request
            ):
                apply_changed(self, request)
        except Exception:
            capture_internal_exception("MiddlewareTransaction.refresh")

    def _name_so_far(self) -> tuple[str, str]:
        """See `Transaction._name_so_far`: the route is read as at the end, and forgotten again."""
        noted = self._route
        try:
            self._read_route()
            if self._route is NO_ROUTE and self._explicit_name is None:  # what status it will have is not known
                return "Uri", self._readable_path()[:LONGEST_NAME] or "/"
            return self._group_and_name()
        finally:
            self._route = noted

    def _read_route(self) -> None:
        """Note the route that a framework has found, as far as it is known."""

    def _break_off(self, exception: BaseException) -> None:
        """Note an exception that broke the response's body and that the framework does not raise any further."""
        self._notice_exception(exception)

    def _end(self) -> None:
        """See `Transaction._end`, which is inlined here, with the time of the response start added.

        Only three of the five keys are read again: the other two concern samples, and
        what goes into a buffer is not kept as one.
        """
        request = self._request
        if BACKGROUND in request or IGNORE in request or NO_APDEX in request:
            self._refresh()
        if self._extras is None and self._response_head is not None:  # `None` once it has ended
            end_time = monotonic()
            start_time = self._start_time
            duration = end_time - start_time
            identity, route = self._identity, self._route
            try:
                if route is not None:  # the keys that `_series_key` returns
                    buffer = _buffer_for((identity, self._method, route, self._status), CLOSED_BUFFER)
                elif identity.explicit_name is None:
                    buffer = _buffer_for((identity, self._request_path, self._status), CLOSED_BUFFER)
                else:
                    buffer = _buffer_for((identity, self._status), CLOSED_BUFFER)
            except TypeError as problem:  # a path or a method that is no text, nor anything that can be looked up
                pass_on(problem)
                buffer = CLOSED_BUFFER
            if (
                duration <= buffer.slow_threshold
                and end_time < buffer.expires_at
                and len(buffer.durations) < buffer.capacity
            ):
                self._end_time = end_time
                self._response_head: Any = None
                self._mark = None
                buffer.durations.append(duration)
                buffer.response_starts.append(self._response_start_time - start_time)
                _mark_closed(self)
                return
        self._stop_clock()
        self._hand_off()


def count_late(transaction: Transaction, exception: BaseException) -> None:
    """Count an exception that was raised after a response: its transaction has ended already."""
    if not is_error(exception):
        return
    handoff.record_dropped(f"exceptions after the response ({transaction.application})")
    log_once(
        ("late", str(transaction.application), type(exception).__qualname__),
        "%s was raised in %s after the end of a response; it is counted, the transaction had ended",
        type(exception).__qualname__,
        transaction.application,
    )
