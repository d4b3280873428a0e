"""What becomes of the state of an alert: a pure function of the state before, the judgement and the time."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Literal

from weighbridge.reporting.judging import Condition
from weighbridge.transactions.configuration.alerts import Alert
from weighbridge.transactions.store.reader import AlertState, Mark

__all__ = ["PAUSES", "change_id", "claimed", "judged", "mark_of"]

PAUSES: Final = (60.0, 60.0, 120.0, 240.0)
"""Seconds from one attempt to tell a change to the next: five within ten minutes. A console that has gone in the
middle of one is taken for gone then, as none takes that long."""
_REFRESHED: Final = 60.0
"""Seconds after which a console says that it still judges an alert that is on, or may begin."""
_UNJUDGED: Final = 1800.0
"""Seconds after which nobody knows whether a limit was exceeded all the time: its time to begin starts anew."""


def judged(
    alert: Alert, before: AlertState | None, condition: Condition, now: float, console: str
) -> AlertState | None:
    """Return the state that follows from a judgement; ``None`` if it stays as it is.

    What has not been told yet is told first: no change is ever skipped. Where nothing can be said, an alert neither
    begins nor ends. It begins as a warning or critical, and a warning may become critical, but not the reverse.
    """
    known = before or AlertState(alert.name, "ok", now, "ok", console, now, 0)
    if known.is_untold:
        return None
    state = _next_state(alert, known, condition, now)
    if state is None:
        return _refreshed(known, condition, now, console)
    since = known.since if known.is_on and state == "critical" else now
    changed = replace(known, state=state, since=since, claimed_by=console, claimed=now, attempts=0)
    if state == "pending" or not changed.is_untold:
        return changed
    return replace(changed, attempts=1) if alert.webhook else replace(changed, told=state)


def _next_state(
    alert: Alert, known: AlertState, condition: Condition, now: float
) -> Literal["ok", "pending", "warning", "critical"] | None:
    if condition == "unknown" or condition == known.state:  # noqa: PLR1714 - type checkers see by it what is left
        return None
    if condition == "ok":
        return "ok"
    if known.state == "pending" and (known.since > now or now - known.claimed >= _UNJUDGED):  # or a clock was ahead
        return "pending"
    if known.state == "ok" and alert.lasting:
        return "pending"
    if known.state == "pending" and now - known.since < alert.lasting:
        return None
    return None if known.state == "critical" else condition


def _refreshed(known: AlertState, condition: Condition, now: float, console: str) -> AlertState | None:
    is_exceeded = known.state == "pending" and condition != "unknown"
    if (known.is_on or is_exceeded) and abs(now - known.claimed) >= _REFRESHED:
        return replace(known, claimed_by=console, claimed=now)
    return None


def claimed(before: AlertState, now: float, console: str, pauses: Sequence[float] = PAUSES) -> AlertState | None:
    """Return the state with which another attempt to tell a change is claimed; ``None`` while none is due.

    That it is due says that the one before has failed, whether its console knows or has gone with it. A claim that is
    further ahead than a pause was made by a clock that has been set back since.
    """
    pause = pauses[min(before.attempts, len(pauses)) - 1]
    if not before.is_untold or abs(now - before.claimed) < pause:
        return None
    return replace(before, claimed_by=console, claimed=now, attempts=before.attempts + 1)


def mark_of(alert: Alert, before: AlertState | None, after: AlertState) -> Mark | None:
    """Return the mark for the charts where a change is the begin or the end of an alert."""
    was_on = before is not None and before.is_on
    if was_on == after.is_on:
        return None
    return Mark(alert.application or "", int(after.since), "alert" if after.is_on else "alert_end", alert.name)


def change_id(state: AlertState) -> str:
    """Return what tells a change from all others; the same however often it is told."""
    return hashlib.sha256(f"{state.alert}\n{state.state}\n{state.since!r}".encode()).hexdigest()[:32]
