"""The transaction of a request that came in by a door."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..transactions.log import swallowed
from ..transactions.model.clock import monotonic
from ..transactions.model.outlet import CLOSED, outlet
from ..transactions.model.request import RequestTransaction
from .request_keys import BACKGROUND, IGNORE, NO_APDEX, NO_TRACE, PARAMS, apply_changed

__all__ = ["NOTHING", "DoorTransaction"]

NOTHING: Final[Mapping[str, Any]] = {}
"""As `DoorTransaction._request`: the transaction is over."""


_lane_of: Final = outlet.lanes.get
_no_longer_live: Final = outlet.live.discard


class DoorTransaction(RequestTransaction):
    """It hears what its request says of it, also while the request is handled."""

    __slots__ = ("_keys_seen", "_request", "_taken_on")

    _request: Mapping[str, Any]
    """The environ or scope; `NOTHING` when the transaction is over."""

    # These two are set where there is something to say only.
    _taken_on: tuple[str, ...]
    """A framework has said that it has the request; of Django's: its mount, and the path below that."""
    _keys_seen: tuple[object, ...]
    """The values of the request's keys when they were last applied."""

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
            swallowed("DoorTransaction.refresh")

    def _end(self) -> None:
        """See `Transaction._end`, which is written out with what responses have besides.

        Of the keys, two are about samples only: what goes into a lane is none.
        """
        request = self._request
        if BACKGROUND in request or IGNORE in request or NO_APDEX in request:
            self._refresh()
        if self._extras is None and self._head is not None:  # there is none any more in one that is over
            ended = monotonic()
            entered = self._entered
            duration = ended - entered
            label, route = self._label, self._route
            if route is not None:  # what `counted_as` gives
                lane = _lane_of((label, self._method, route, self._status), CLOSED)
            elif label.given is None:
                lane = _lane_of((label, self._request_path, self._status), CLOSED)
            else:
                lane = _lane_of((label, self._status), CLOSED)
            if duration <= lane.bar and ended < lane.until and len(lane.durations) < lane.room:
                self._ended = ended
                self._head: Any = None
                self._mark = None
                lane.durations.append(duration)
                lane.starts.append(self._response_started - entered)
                _no_longer_live(self)
                return
        self._freeze()
        self._hand_over()
