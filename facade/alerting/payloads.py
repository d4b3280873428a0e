"""What a webhook is told, in three forms: figures and names, no messages of errors and no tracebacks."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from weighbridge.reporting.judging import Judgement
from weighbridge.transactions.configuration.alerts import Alert, Format
from weighbridge.transactions.store.reader import AlertState, Window
from weighbridge.transactions.visible import visible

from .changes import change_id

__all__ = ["Change", "payload"]

_OPEN_END: Final = 30 * 86400.0
"""Seconds after which Alertmanager may take an alert for ended that nobody has ended: it is told only once."""


class Change(NamedTuple):
    """An alert that begins, becomes critical or ends."""

    alert: Alert
    state: AlertState
    judgement: Judgement
    """As of the moment at which it is told."""
    window: Window
    """What that judged."""

    @property
    def has_ended(self) -> bool:
        """Whether it is over."""
        return not self.state.is_on

    @property
    def summary(self) -> str:
        """A sentence, without an end."""
        subject = " ".join(filter(None, (self.alert.application, self.alert.transaction)))
        head = f"{self.alert.name} is {'over' if self.has_ended else self.state.state}"
        return visible(f"{head}{f' ({subject})' if subject else ''}: {self.judgement.words}")


def payload(change: Change) -> bytes:
    """Return the body of a request, which is JSON in every form."""
    return json.dumps(_FORMS[change.alert.format](change)).encode()


def _json(change: Change) -> dict[str, Any]:
    alert, state, limit = change.alert, change.state, change.alert.limit
    return {
        "id": change_id(state),
        "alert": alert.name,
        "state": state.state,
        "since": state.since,
        "application": alert.application,
        "transaction": alert.transaction,
        "limit": {"measure": limit.measure, "warning": limit.warning, "critical": limit.critical},
        "value": change.judgement.value,
        "calls": change.judgement.calls,
        "window": change.window._asdict(),
        "summary": change.summary,
    }


def _slack(change: Change) -> dict[str, Any]:
    sign = ":large_green_circle:" if change.has_ended else ":red_circle:"
    return {"text": f"{sign} {_escaped(change.summary)}\n_id {change_id(change.state)}_"}


def _escaped(text: str) -> str:
    """Keep names from being read as links or mentions."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _alertmanager(change: Change) -> list[dict[str, Any]]:
    """Return the alert by severity: a warning ends as such when it becomes critical, and when it is over."""
    severities = ["warning", "critical"] if change.alert.limit.warning is not None else ["critical"]
    on = change.state.state
    known = severities[: severities.index(on) + 1] if on in severities else severities
    return [_of_severity(change, severity, severity == on) for severity in known]


def _of_severity(change: Change, severity: str, is_on: bool) -> dict[str, Any]:
    alert, since = change.alert, change.state.since
    labels = {
        "alertname": alert.name,
        "severity": severity,
        "application": alert.application,
        "transaction": alert.transaction,
    }
    told = {
        "labels": {name: visible(value) for name, value in labels.items() if value},
        "annotations": {"summary": change.summary, "id": change_id(change.state)},
    }
    if is_on:
        return {**told, "startsAt": _moment(since), "endsAt": _moment(since + _OPEN_END)}
    return {**told, "endsAt": _moment(since if change.has_ended else change.window.until)}


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


_FORMS: Final[Mapping[Format, Callable[[Change], Any]]] = MappingProxyType(
    {"json": _json, "slack": _slack, "alertmanager": _alertmanager}
)
