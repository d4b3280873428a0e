"""Transactions of web requests, which also have a method, a path, a route and a response."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from ..configuration.in_force import in_force
from ..log import capture_internal_exception
from .clock import monotonic
from .errors import MAX_ERRORS, Said, noticed_by_settings
from .finished import AttributeValue
from .http_methods import METHODS, OTHER_METHOD
from .naming import LONGEST_NAME
from .numbers import whole_number
from .transaction import Transaction

__all__ = ["INVALID_PATH", "NO_ROUTE", "RequestTransaction", "path_as_text"]

NO_ROUTE: Final = ""
"""Value of `RequestTransaction._route` if the framework found no route."""

INVALID_PATH: Final = "<invalid>"
"""What stands for a path that is no text."""

_LONGEST_METHOD: Final = 255


class RequestTransaction(Transaction):
    """A transaction opened for a web request. Without an explicit name it is named after its route, status or path.

    It drops its references to the application's objects when it ends.
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
    """The mount point (``SCRIPT_NAME``, ``root_path``) at the time when the request reached us."""
    _response_head: Any
    """The headers or the message that started the response, until the transaction ends; ``None`` before."""

    # These two are unset until the response starts or the transaction ends.
    _status: Any
    """The response's status as the application gave it: a number, or a line starting with one; 0 without a response."""
    _response_start_time: float
    """When the response started, on the monotonic clock; 0.0 if it did not."""
    _route: str | None
    """The route that the framework found, as the framework writes it (``/users/{id}``).

    `NO_ROUTE` if a known framework found none, ``None`` if the framework is unknown.
    """
    _details: dict[str, AttributeValue]
    """Attributes shown in samples only; read at the end of transactions that may become one."""

    def _set_request(self, method: str | None, path: str, mount_path: str = "") -> None:
        """Set method, path and mount point. (On hot paths the middleware do this inline.)"""
        self._method = method
        self._request_path = path
        self._mount_path = mount_path
        self._response_head = self._route = None

    def _override_status(self, status: int) -> None:
        """Record the status that the server responds with, whatever the application wanted; 0 for no response."""
        if self._response_head is None:
            self._response_head = ()
            self._response_start_time = 0.0
        self._status = status

    def _report_exception(self, exception: BaseException) -> None:
        """Note an exception that a framework turns into a response: an error if the response is a 5xx."""
        error = noticed_by_settings(exception)
        reported = self._ensure_extras().reported
        if error is not None and len(reported) < MAX_ERRORS and not self._has_said(exception):
            reported.append(Said(exception, error))

    def _settle_reported(self) -> None:
        if self._extras is not None and self._extras.reported:
            reported, self._extras.reported = self._extras.reported, []
            if (self.status or 0) >= 500:
                for one in reported:
                    self._notice(one.error)

    def _repair_request(self) -> None:
        """Replace a path and a method that are no text: a server or a middleware may set any value."""
        if not isinstance(self._request_path, str):
            self._request_path = path_as_text(self._request_path)
        if not (self._method is None or isinstance(self._method, str)):
            self._method = OTHER_METHOD

    # Naming

    def _group_and_name(self) -> tuple[str, str]:
        """Return the explicit name, else the route, else the status if no route was found, else the path."""
        if self._explicit_name is not None:
            return super()._group_and_name()
        if self._route:
            method = self._display_method()
            return "Route", (f"{method} {self._route}" if method else self._route)[:LONGEST_NAME]
        if self._route is NO_ROUTE:
            return "StatusCode", str(self.status or 0)
        return "Uri", self._readable_path()[:LONGEST_NAME] or "/"

    def _series_key(self) -> object:
        """See `Transaction._series_key`. The method is the displayed one, so clients cannot make keys up with it."""
        if self._route is not None:
            return self._identity, self._display_method(), self._route, self._status
        if self._identity.explicit_name is None:
            return self._identity, self._request_path, self._status
        return self._identity, self._status

    def _display_method(self) -> str | None:
        """Return the method as it appears in names."""
        method = self._method
        return method if method in METHODS or not method else OTHER_METHOD

    def _readable_path(self) -> str:
        """Return the request's path, without the query string, as readable text."""
        return self._request_path

    # The end

    def _end(self) -> None:
        """See `Transaction._end`."""
        self._stop_clock()
        self._hand_off()

    def _stop_clock(self) -> None:
        """Stop the clock for good, after applying the request's keys once more."""
        if self._end_time:
            return
        moment = monotonic()
        self._refresh()
        if self._response_head is None:
            self._override_status(0)
        self._settle_reported()
        self._repair_request()
        self._end_time = (self._extras is not None and self._extras.frozen_at) or moment

    def _discard(self) -> None:
        """See `Transaction._discard`. Its opening may have been cut off before it was filled."""
        if getattr(self, "_response_head", None) is None:
            self._response_head = None
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
                capture_internal_exception("RequestTransaction._release")
        self._response_head = None

    # Afterwards

    def _read_details(self) -> dict[str, AttributeValue]:
        """Read what only samples show: host, sizes, user agent and, if asked for, the query's parameters."""
        asked = self._identity.flags.capture_params
        if not in_force.privacy.wants_parameters(asked):
            return {}
        from .query import parameters_of  # noqa: PLC0415  few programs ask for parameters

        return parameters_of(self._query_string(), asked)

    def _query_string(self) -> str:
        """Return the query string, without the question mark."""
        return ""

    def _failed(self) -> bool:
        """Whether an unexpected error or the status makes the transaction a failed one."""
        return self.status in in_force.error_statuses or super()._failed()

    def _time_to_response(self) -> float | None:
        """See `Transaction._time_to_response`."""
        return self._response_start_time - self._start_time if self._response_start_time else None

    @property
    def status(self) -> int | None:
        """The status of the response, if there was one."""
        status = getattr(self, "_status", 0)
        if isinstance(status, str):
            status = whole_number(status[:3])
        return int(status) if isinstance(status, int) and 0 < status < 1000 else None

    def _attributes(self) -> dict[str, AttributeValue]:
        """Return the request's attributes and the custom ones."""
        known: dict[str, AttributeValue] = {"request.path": self._readable_path()}
        if self._method:
            known["request.method"] = self._method[:_LONGEST_METHOD]
        start = self._time_to_response()
        if start is not None:
            known["response.start"] = start
        if self._extras is not None and self._extras.queue_time is not None:
            known["request.queue_time"] = self._extras.queue_time
        return {**known, **self._details, **super()._attributes()}


def path_as_text(path: object) -> str:
    """Return a path as text, also where something has set it to a value of another type."""
    if isinstance(path, bytes):
        return path.decode("latin-1")
    return path if isinstance(path, str) else INVALID_PATH
