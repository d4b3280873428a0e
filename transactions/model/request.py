"""The transaction of a web request: it also has a method, a path, a status and a response."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextvars import Token
from typing import Any, ClassVar, Final

from ..log import swallowed
from .applications import Application
from .clock import monotonic
from .finished import AttributeValue
from .naming import LONGEST_NAME
from .outlet import outlet
from .process import here
from .query import parameters_of
from .transaction import OVER, RUNNING, Extras, Transaction

__all__ = ["RequestTransaction"]

_now_live: Final = outlet.live.add
_no_longer_live: Final = outlet.live.discard
_curious_from: Final = outlet.curious_from
_listeners: Final = outlet.listeners

_PLACES_AT_MOST: Final = 10_000


class RequestTransaction(Transaction):
    """Opened by a web entry. Without a name of its own it is called by its route, its status or its path.

    It can read its request until it ends, and refers to it no longer than that.
    """

    __slots__ = (
        "details",
        "disconnected",
        "method",
        "mount",
        "place",
        "queue_time",
        "request",
        "request_path",
        "response_headers",
        "response_started",
        "route",
        "routed",
        "status",
    )

    opened_by_web_entry: ClassVar[bool] = True

    place: str
    """Under what the slowest of its like is remembered; known when it is over."""

    def __init__(
        self,
        application: Application,
        group: str | None,
        name: str | None,
        method: str | None,
        request_path: str,
        mount: str = "",
        request: Mapping[str, Any] | None = None,
    ) -> None:
        # All of it here, without a call of the base's: every request pays for each call.
        self.application: Application = application
        self.background: bool = False
        self.extras: Extras | None = None
        self.token: Token[Transaction | None] | None = None
        self._group = group
        self._name = name
        self._priority = 0 if name is None else 1
        self._state = RUNNING
        self.ended: float = 0.0
        self.method: str | None = method
        self.request_path: str = request_path
        self.mount: str = mount
        """The mount point (``SCRIPT_NAME``, ``root_path``) as it was when the request reached us."""
        self.request: Mapping[str, Any] | None = request
        """The environ or scope, while the transaction runs."""
        self.status: int = 0
        """The response's status, 0 until it is known."""
        self.response_started: float = 0.0
        """When the response started, on the monotonic clock; 0.0 where it did not."""
        self.response_headers: Iterable[tuple[Any, Any]] = ()
        """As the application gave them, while the transaction runs."""
        self.queue_time: float | None = None
        """Seconds that it waited in front of us, where a proxy said so."""
        self.disconnected: bool = False
        self.route: str | None = None
        """What the framework routed it to, as the framework writes it (``/users/{id}``)."""
        self.routed: bool = True
        """``False`` where a known framework found no route for it."""
        self.details: dict[str, AttributeValue] | None = None
        """What only samples show; read at the end where it may become one."""
        _now_live(self)
        self.entered: float = monotonic()

    def naming(self) -> tuple[str, str]:
        """Its own name, else by its route, else by its status where it could not be routed, else by its path."""
        if self._name is not None:
            return super().naming()
        if self.route is not None:
            return "Route", (f"{self.method} {self.route}" if self.method else self.route)[:LONGEST_NAME]
        if not self.routed:
            return "StatusCode", str(self.status)
        return "Uri", self.readable_path()[:LONGEST_NAME] or "/"

    def counted_as(self) -> tuple[object, ...]:
        """What is cheap to tell of it and decides where it is counted."""
        if self._name is not None:
            return self.application.spelled, self.background, self._group, self._name, self.status, None
        if self.route is not None:
            return self.application.spelled, self.background, self.method, self.route, self.status
        place = self.place if self.routed else None
        return self.application.spelled, self.background, self.mount, place, self.status, None, None

    def readable_path(self) -> str:
        """The request's path without its query string, as text."""
        return self.request_path

    def freeze(self) -> bool:
        """Stop the clock for good, and read what must be read before the request is let go."""
        if self._state == OVER:
            return False
        if self._state == RUNNING:
            self.ended = monotonic()
        self.refresh()
        try:
            self.place = place = self._name or self.route or self.request_path
            if (
                self.ended - self.entered >= _curious_from.get(place, 0.0)
                or self.status in here.error_statuses
                or self.extras is not None
                or _listeners
            ):
                self.details = self.read_details()
                if len(_curious_from) < _PLACES_AT_MOST:
                    _curious_from[place] = self.ended - self.entered
        except Exception:
            swallowed("RequestTransaction.freeze")
        self._state = OVER
        self.request = None
        self.response_headers = ()
        _no_longer_live(self)
        return True

    def read_details(self) -> dict[str, AttributeValue]:
        """What only samples show: host, sizes, user agent and, where asked for, the query's parameters."""
        wanted = None if self.extras is None else self.extras.params_wanted
        if wanted is None:
            wanted = here.settings.capture_params
        return parameters_of(self.query_string(), here.settings.denied_params) if wanted else {}

    def query_string(self) -> str:
        """The query, without the question mark."""
        return ""

    def failed(self) -> bool:
        """Whether an error or its status counts against it."""
        return self.status in here.error_statuses or super().failed()

    @property
    def http_status(self) -> int | None:
        """The status of its response, if it had one."""
        return self.status or None

    @property
    def was_disconnected(self) -> bool:
        """Whether the client went away before the last byte."""
        return self.disconnected

    def attributes(self) -> dict[str, AttributeValue]:
        """What is known of the request, and its custom attributes."""
        known: dict[str, AttributeValue] = {"request.path": self.readable_path()}
        if self.method:
            known["request.method"] = self.method
        if self.response_started:
            known["response.start"] = self.response_started - self.entered
        if self.queue_time is not None:
            known["request.queue_time"] = self.queue_time
        return {**known, **(self.details or {}), **super().attributes()}
