"""The watch: judges every alert, keeps its state in the store, and tells its webhook. Several consoles may do so.

Whoever replaces a state in the store has claimed what follows from it, so at most one console tells a change at a time.
It is told again until the webhook has taken it: a crash may repeat a change, and never loses one.
"""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from weighbridge.reporting.judging import Judgement, judge, subject_of
from weighbridge.reporting.report import UnknownName
from weighbridge.transactions.configuration.alerts import Alert
from weighbridge.transactions.recording.snapshot import StoreUnavailable
from weighbridge.transactions.store.engines import state_at
from weighbridge.transactions.store.reader import AlertState, StoreReader, StoreUnreadable, Window

from .changes import PAUSES, claimed, judged, mark_of
from .payloads import Change, payload
from .webhook import WebhookFailed, post

__all__ = ["Watch"]

_NOT_JUDGED: Final = "alert {!r} is not judged as long as this is so: {}"
_GONE: Final = "alerts are off, as long as this is so: {}"
_GIVEN_UP: Final = "alert {!r}: its webhook was not told that it is {}, after {} attempts: {}"


class Watch:
    """Judges alerts of one store, each time it is told to.

    Args:
        store: the store's file, or the address of a server.
        alerts: what to judge.
        say: is given each line that somebody should read.
        pauses: seconds from one attempt to tell a change to the next.
    """

    def __init__(
        self, store: str, alerts: Sequence[Alert], say: Callable[[str], object], pauses: Sequence[float] = PAUSES
    ) -> None:
        self._reader = StoreReader(store)
        self._writer = state_at(store)
        self._alerts = alerts
        self._say = say
        self._pauses = pauses
        self._said: set[str] = set()
        self._console = f"{socket.gethostname()} {os.getpid()} {secrets.token_hex(4)}"

    def step(self, stopping: Callable[[], bool] = lambda: False) -> None:
        """Judge all alerts once, and tell what has to be told.

        Args:
            stopping: whether to leave the rest to others; each webhook may take seconds.
        """
        try:
            known = {state.alert: state for state in self._reader.alert_states()}
        except StoreUnreadable:
            return  # the page says so; there may be none yet
        for alert in self._alerts:
            if stopping():
                return
            try:
                self._look_at(alert, known.get(alert.name))
            except StoreUnreadable:
                return
            except StoreUnavailable as error:
                self._say_once(error.kind, _GONE.format(error))
                return

    def close(self) -> None:
        """Close the store."""
        self._reader.close()
        self._writer.close()

    def _look_at(self, alert: Alert, before: AlertState | None) -> None:
        now = self._writer.now()
        window = Window(now - alert.since, now)
        judgement = self._judge(alert, window)
        if before is not None and before.is_untold:
            after = claimed(before, now, self._console, self._pauses)
        else:
            after = judged(alert, before, judgement.condition, now, self._console)
        if after is None or not self._writer.change_alert(before, after, mark_of(alert, before, after)):
            return
        self._say_of(alert, before, after, judgement)
        if after.is_untold:
            self._tell(Change(alert, after, judgement, window))

    def _judge(self, alert: Alert, window: Window) -> Judgement:
        """Judge an alert; nothing can be said of what has not been reported yet, or is misspelt: that is said once."""
        try:
            subject = subject_of(self._reader, alert.application, alert.transaction, alert.kind)
        except UnknownName as error:
            judgement = Judgement(alert.limit, "unknown", None, 0, str(error))
            known = not error.applications  # the first one is still to come
        else:
            judgement, known = judge(self._reader, alert.limit, subject, window, alert.min_calls), subject.is_known
        if judgement.condition == "unknown" and not known:
            self._say_once(f"{alert.name}\nunknown", _NOT_JUDGED.format(alert.name, judgement.words))
        return judgement

    def _say_of(self, alert: Alert, before: AlertState | None, after: AlertState, judgement: Judgement) -> None:
        was_on = before is not None and before.is_on
        if was_on != after.is_on:
            self._say(f"alert {alert.name!r} {'begins' if after.is_on else 'ends'}: {judgement.words}")

    def _tell(self, change: Change) -> None:
        """Tell the webhook of a change that has been claimed; give up after some attempts, which is said and shown."""
        alert, state = change.alert, change.state
        if alert.webhook is None:  # it had one when the change was claimed
            self._writer.change_alert(state, _told(state, 0))
            return
        try:
            post(alert, payload(change))
        except WebhookFailed as error:
            if state.attempts >= len(self._pauses) + 1:
                self._say(_GIVEN_UP.format(alert.name, state.state, state.attempts, error))
                self._writer.change_alert(state, _told(state, state.attempts))
            else:
                self._say_once(f"{alert.name}\n{error}", f"alert {alert.name!r}: {error}; it is tried again")
        else:
            self._writer.change_alert(state, _told(state, 0))

    def _say_once(self, kind: str, line: str) -> None:
        if kind not in self._said:
            self._said.add(kind)
            self._say(line)


def _told(state: AlertState, failures: int) -> AlertState:
    """Return the state as one that needs not be told any more."""
    told = state.told if state.state == "pending" else state.state
    return replace(state, told=told, attempts=failures)
