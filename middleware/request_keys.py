"""The keys by which a request says how it is to be measured, in environ and scope alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..transactions.log import log_once
from ..transactions.model.applications import Application, application_named
from ..transactions.model.transaction import Transaction

__all__ = [
    "APP_NAME",
    "ENABLED",
    "LIVE_KEYS",
    "application_in",
    "apply_changed",
    "flag",
    "has_keys",
    "has_live_keys",
    "is_enabled",
]

APP_NAME: Final = "newrelic.app_name"
ENABLED: Final = "newrelic.enabled"
_BACKGROUND: Final = "newrelic.set_background_task"
_IGNORE: Final = "newrelic.ignore_transaction"
_NO_APDEX: Final = "newrelic.suppress_apdex_metric"
_NO_TRACE: Final = "newrelic.suppress_transaction_trace"
_PARAMS: Final = "newrelic.capture_request_params"

LIVE_KEYS: Final = (_BACKGROUND, _IGNORE, _NO_APDEX, _NO_TRACE, _PARAMS)
"""May be set while the request is handled, too."""

_TRUE: Final = frozenset({"1", "true", "on", "yes", "y", "t"})
_FALSE: Final = frozenset({"", "0", "false", "off", "no", "n", "f"})
_VALUES_LOGGED_AT_MOST: Final = 20
_UNSEEN: Final = object()
_values_logged: dict[str, set[str]] = {}


def has_live_keys(request: Mapping[str, Any]) -> bool:
    """Whether a request has any of `LIVE_KEYS`. Asked thrice a request: this is the quickest way to ask."""
    return (
        _BACKGROUND in request
        or _IGNORE in request
        or _NO_APDEX in request
        or _NO_TRACE in request
        or _PARAMS in request
    )


def has_keys(request: Mapping[str, Any]) -> bool:
    """Whether a request has any of the keys at all."""
    return has_live_keys(request) or APP_NAME in request or ENABLED in request


def flag(key: str, value: object) -> bool | None:
    """A key's value as a flag; ``None``, said once per value, where it is neither true nor false."""
    if value is None or isinstance(value, (bool, int, float)):
        return bool(value)
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    if isinstance(text, str):
        word = text.strip().lower()
        if word in _TRUE or word in _FALSE:
            return word in _TRUE
    _say_ignored(key, value, "a flag: use one of 1 true on yes y t, or 0 false off no n f")
    return None


def application_in(request: Mapping[str, Any]) -> Application | None:
    """The application that a request names, if it names one."""
    value = request.get(APP_NAME)
    if value is None:
        return None
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    application = application_named(text) if isinstance(text, str) else None
    if application is None:
        _say_ignored(APP_NAME, value, "the name of an application: use text that is not empty")
    return application


def is_enabled(request: Mapping[str, Any], otherwise: bool) -> bool:
    """Whether a request is to be measured: what it says itself, else what holds for all."""
    if ENABLED not in request:
        return otherwise
    said = flag(ENABLED, request[ENABLED])
    return otherwise if said is None else said


def apply_changed(transaction: Transaction, request: Mapping[str, Any]) -> None:
    """Apply the keys whose values have changed since the last time: the last writer wins."""
    more = transaction.more
    seen = more.keys_seen
    if seen is None:
        seen = more.keys_seen = {}
    for key in LIVE_KEYS:
        if key not in request or (key in seen and seen[key] is request[key]):
            continue
        value = request[key]
        said = flag(key, value)
        if said is not None and seen.get(key, _UNSEEN) != value:
            seen[key] = value
            _apply(transaction, key, said)


def _apply(transaction: Transaction, key: str, said: bool) -> None:
    more = transaction.more
    if key == _BACKGROUND:
        transaction.set_background(said)
    elif key == _IGNORE:
        more.ignored = said
    elif key == _NO_APDEX:
        more.apdex_suppressed = said
    elif key == _NO_TRACE:
        more.trace_suppressed = said
    else:
        more.params_wanted = said


def _say_ignored(key: str, value: object, wanted: str) -> None:
    shown = _shown(value)
    logged = _values_logged.setdefault(key, set())
    if shown in logged or len(logged) >= _VALUES_LOGGED_AT_MOST:
        return
    logged.add(shown)
    log_once((key, shown), "%s=%s is ignored, it is not %s", key, shown, wanted)


def _shown(value: object) -> str:
    try:
        return f"{value!r:.80}"
    except Exception:
        return f"a {type(value).__name__}"
