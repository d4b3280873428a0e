"""The transaction of a web request: it also has a method, a path, a status and a response."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from ..log import swallowed
from .clock import monotonic
from .errors import ERRORS_AT_MOST
from .finished import AttributeValue
from .naming import LONGEST_NAME
from .numbers import whole_number
from .process import here
from .transaction import Transaction

__all__ = ["METHODS", "NO_ROUTE", "OTHER_METHOD", "RequestTransaction"]

NO_ROUTE: Final = ""
"""As `RequestTransaction.route`: the framework found none."""

METHODS: Final = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"})
"""The methods that may stand in a name: those of RFC 9110, ``PATCH`` and ``QUERY``."""
OTHER_METHOD: Final = "_OTHER"
"""In a name, in the place of every other method: clients make them up. (OpenTelemetry calls them so.)"""
_LONGEST_METHOD: Final = 255


class RequestTransaction(Transaction):
    """Opened by a web entry. Without a name of its own it is called by its route, its status or its path.

    It refers to what the application gave it no longer than until it is over.
    """

    __slots__ = ("details", "head", "method", "mount", "request_path", "response_started", "route", "status")

    opened_by_web_entry: ClassVar[bool] = True

    method: str | None
    request_path: str
    mount: str
    """The mount point (``SCRIPT_NAME``, ``root_path``) as it was when the request reached us."""
    head: Any
    """What started the response, as the application gave it, until the transaction is over; ``None`` without one."""

    # These two are not set before the response starts, or the transaction is over.
    status: Any
    """The response's status as the application gave it: a number, or a line that begins with one; 0 without one."""
    response_started: float
    """When the response started, on the monotonic clock; 0.0 where it did not."""
    route: str | None
    """What the framework routed it to, as the framework writes it (``/users/{id}``).

    `NO_ROUTE` where a known framework found none, ``None`` where no framework is known.
    """
    details: dict[str, AttributeValue]
    """What only samples show; read at the end of those that may become one."""

    def describe(self, method: str | None, path: str, mount: str = "") -> None:
        """Note what is requested. (The doors that every request comes in by do so themselves.)"""
        self.method = method
        self.request_path = path
        self.mount = mount
        self.head = self.route = None

    def answer_with(self, status: int) -> None:
        """The server answers with that status, whatever the application meant to; 0: there is no response."""
        if self.head is None:
            self.head = ()
            self.response_started = 0.0
        self.status = status

    def told_of(self, exception: BaseException) -> None:
        """A framework says that it turns an exception into an answer: it counts if that is a 5xx."""
        error = self.as_error(exception)
        told = self.more.told
        if error is not None and len(told) < ERRORS_AT_MOST:
            told.append(error)

    def _settle_what_was_told(self) -> None:
        if self.extras is not None and self.extras.told:
            told, self.extras.told = self.extras.told, []
            if (self.http_status or 0) >= 500:
                for error in told:
                    self.notice(error)

    # How it is called

    def naming(self) -> tuple[str, str]:
        """Its own name, else by its route, else by its status where it could not be routed, else by its path."""
        if self.given is not None:
            return super().naming()
        if self.route:
            method = self._named_method()
            return "Route", (f"{method} {self.route}" if method else self.route)[:LONGEST_NAME]
        if self.route is NO_ROUTE:
            return "StatusCode", str(self.http_status or 0)
        return "Uri", self.readable_path()[:LONGEST_NAME] or "/"

    def counted_as(self) -> object:
        """What is cheap to tell of it and decides where it is counted: nothing that a client can make up."""
        if self.route is not None:
            return self.label, self._named_method(), self.route, self.status
        if self.label.given is None:
            return self.label, self.request_path, self.status
        return self.label, self.status

    def _named_method(self) -> str | None:
        """Its method as it stands in names."""
        method = self.method
        return method if method in METHODS or not method else OTHER_METHOD

    def readable_path(self) -> str:
        """The request's path without its query string, as text."""
        return self.request_path

    # Its end

    def end(self) -> None:
        """See `Transaction.end`."""
        self.freeze()
        self.hand_over()

    def freeze(self) -> None:
        """Stop the clock for good, and hear what was said until now."""
        if self.ended:
            return
        moment = monotonic()
        self.refresh()
        if self.head is None:
            self.answer_with(0)
        self._settle_what_was_told()
        self.ended = (self.extras is not None and self.extras.stopped) or moment

    def disown(self) -> None:
        """See `Transaction.disown`."""
        if self.head is None:
            self.answer_with(0)
        self.head = None
        super().disown()

    def let_go(self, whole: bool) -> None:
        """See `Transaction.let_go`."""
        if whole:
            try:
                self.details = self.read_details()
            except Exception:
                self.details = {}
                swallowed("RequestTransaction.let_go")
        self.head = None

    # What is known of it afterwards

    def read_details(self) -> dict[str, AttributeValue]:
        """What only samples show: host, sizes, user agent and, where asked for, the query's parameters."""
        asked = self.label.manner.with_params
        if not here.privacy.wants_parameters(asked):
            return {}
        from .query import parameters_of  # noqa: PLC0415  for the few who want parameters

        return parameters_of(self.query_string(), asked)

    def query_string(self) -> str:
        """The query, without the question mark."""
        return ""

    def failed(self) -> bool:
        """Whether an error or its status counts against it."""
        return self.http_status in here.error_statuses or super().failed()

    def response_start(self) -> float | None:
        """See `Transaction.response_start`."""
        return self.response_started - self.entered if self.response_started else None

    @property
    def http_status(self) -> int | None:
        """The status of its response, if it had one."""
        status = getattr(self, "status", 0)
        if isinstance(status, str):
            status = whole_number(status[:3])
        return int(status) if isinstance(status, int) and 0 < status < 1000 else None

    def attributes(self) -> dict[str, AttributeValue]:
        """What is known of the request, and its custom attributes."""
        known: dict[str, AttributeValue] = {"request.path": self.readable_path()}
        if self.method:
            known["request.method"] = self.method[:_LONGEST_METHOD]
        start = self.response_start()
        if start is not None:
            known["response.start"] = start
        if self.extras is not None and self.extras.queue_time is not None:
            known["request.queue_time"] = self.extras.queue_time
        return {**known, **self.details, **super().attributes()}
