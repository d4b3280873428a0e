"""The transaction of a web request: it also has a method, a path, a status and a response."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from ..log import capture_internal_exception
from .clock import monotonic
from .errors import MAX_ERRORS
from .finished import AttributeValue
from .naming import LONGEST_NAME
from .numbers import whole_number
from .process import runtime
from .transaction import Transaction

__all__ = ["METHODS", "NO_ROUTE", "OTHER_METHOD", "RequestTransaction"]

NO_ROUTE: Final = ""
"""As `RequestTransaction._route`: the framework found none."""

METHODS: Final = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"})
"""The methods that may stand in a name: those of RFC 9110, ``PATCH`` and ``QUERY``."""
OTHER_METHOD: Final = "_OTHER"
"""In a name, in the place of every other method: clients make them up. (OpenTelemetry calls them so.)"""
_LONGEST_METHOD: Final = 255


class RequestTransaction(Transaction):
    """Opened by a web entry. Without a name of its own it is called by its route, its status or its path.

    It refers to what the application gave it no longer than until it is over.
    """

    __slots__ = (
        "_details",
        "_method",
        "_mount_path",
        "_request_path",
        "_response_head",
        "_response_start_time",
        "_route",
        "_status",
    )

    _opened_by_web: ClassVar[bool] = True

    _method: str | None
    _request_path: str
    _mount_path: str
    """The mount point (``SCRIPT_NAME``, ``root_path``) as it was when the request reached us."""
    _response_head: Any
    """What started the response, as the application gave it, until the transaction is over; ``None`` without one."""

    # These two are not set before the response starts, or the transaction is over.
    _status: Any
    """The response's status as the application gave it: a number, or a line that begins with one; 0 without one."""
    _response_start_time: float
    """When the response started, on the monotonic clock; 0.0 where it did not."""
    _route: str | None
    """What the framework routed it to, as the framework writes it (``/users/{id}``).

    `NO_ROUTE` where a known framework found none, ``None`` where no framework is known.
    """
    _details: dict[str, AttributeValue]
    """What only samples show; read at the end of those that may become one."""

    def _set_request(self, method: str | None, path: str, mount_path: str = "") -> None:
        """Note what is requested. (The middleware that every request comes in by do so themselves.)"""
        self._method = method
        self._request_path = path
        self._mount_path = mount_path
        self._response_head = self._route = None

    def _override_status(self, status: int) -> None:
        """The server answers with that status, whatever the application meant to; 0: there is no response."""
        if self._response_head is None:
            self._response_head = ()
            self._response_start_time = 0.0
        self._status = status

    def _report_exception(self, exception: BaseException) -> None:
        """A framework says that it turns an exception into an answer: it counts if that is a 5xx."""
        error = self._as_error(exception)
        reported = self._ensure_extras().reported
        if error is not None and len(reported) < MAX_ERRORS:
            reported.append(error)

    def _settle_reported(self) -> None:
        if self._extras is not None and self._extras.reported:
            reported, self._extras.reported = self._extras.reported, []
            if (self.status or 0) >= 500:
                for error in reported:
                    self._notice(error)

    # How it is called

    def _group_and_name(self) -> tuple[str, str]:
        """Its own name, else by its route, else by its status where it could not be routed, else by its path."""
        if self._explicit_name is not None:
            return super()._group_and_name()
        if self._route:
            method = self._display_method()
            return "Route", (f"{method} {self._route}" if method else self._route)[:LONGEST_NAME]
        if self._route is NO_ROUTE:
            return "StatusCode", str(self.status or 0)
        return "Uri", self._readable_path()[:LONGEST_NAME] or "/"

    def _series_key(self) -> object:
        """What is cheap to tell of it and decides where it is counted: nothing that a client can make up."""
        if self._route is not None:
            return self._identity, self._display_method(), self._route, self._status
        if self._identity.explicit_name is None:
            return self._identity, self._request_path, self._status
        return self._identity, self._status

    def _display_method(self) -> str | None:
        """Its method as it stands in names."""
        method = self._method
        return method if method in METHODS or not method else OTHER_METHOD

    def _readable_path(self) -> str:
        """The request's path without its query string, as text."""
        return self._request_path

    # Its end

    def _end(self) -> None:
        """See `TransactionPage._end`."""
        self._stop_clock()
        self._hand_off()

    def _stop_clock(self) -> None:
        """Stop the clock for good, and hear what was said until now."""
        if self._end_time:
            return
        moment = monotonic()
        self._refresh()
        if self._response_head is None:
            self._override_status(0)
        self._settle_reported()
        self._end_time = (self._extras is not None and self._extras.frozen_at) or moment

    def _discard(self) -> None:
        """See `Transaction._discard`."""
        if self._response_head is None:
            self._override_status(0)
        self._response_head = None
        super()._discard()

    def _release(self, whole: bool) -> None:
        """See `Transaction._release`."""
        if whole:
            try:
                self._details = self._read_details()
            except Exception:
                self._details = {}
                capture_internal_exception("RequestTransaction.let_go")
        self._response_head = None

    # What is known of it afterwards

    def _read_details(self) -> dict[str, AttributeValue]:
        """What only samples show: host, sizes, user agent and, where asked for, the query's parameters."""
        asked = self._identity.flags.capture_params
        if not runtime.privacy.wants_parameters(asked):
            return {}
        from .query import parameters_of  # noqa: PLC0415  for the few who want parameters

        return parameters_of(self._query_string(), asked)

    def _query_string(self) -> str:
        """The query, without the question mark."""
        return ""

    def _failed(self) -> bool:
        """Whether an error or its status counts against it."""
        return self.status in runtime.error_statuses or super()._failed()

    def _time_to_response(self) -> float | None:
        """See `Transaction._time_to_response`."""
        return self._response_start_time - self._start_time if self._response_start_time else None

    @property
    def status(self) -> int | None:
        """The status of its response, if it had one."""
        status = getattr(self, "_status", 0)
        if isinstance(status, str):
            status = whole_number(status[:3])
        return int(status) if isinstance(status, int) and 0 < status < 1000 else None

    def _attributes(self) -> dict[str, AttributeValue]:
        """What is known of the request, and its custom attributes."""
        known: dict[str, AttributeValue] = {"request.path": self._readable_path()}
        if self._method:
            known["request.method"] = self._method[:_LONGEST_METHOD]
        start = self._time_to_response()
        if start is not None:
            known["response.start"] = start
        if self._extras is not None and self._extras.queue_time is not None:
            known["request.queue_time"] = self._extras.queue_time
        return {**known, **self._details, **super()._attributes()}
