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
    "is_enabled",
]

APP_NAME: Final = "newrelic.app_name"
ENABLED: Final = "newrelic.enabled"
BACKGROUND: Final = "newrelic.set_background_task"
IGNORE: Final = "newrelic.ignore_transaction"
NO_APDEX: Final = "newrelic.suppress_apdex_metric"
NO_TRACE: Final = "newrelic.suppress_transaction_trace"
PARAMS: Final = "newrelic.capture_request_params"

LIVE_KEYS: Final = (BACKGROUND, IGNORE, NO_APDEX, NO_TRACE, PARAMS)
"""May be set while the request is handled, too."""

_TRUE: Final = frozenset({"1", "true", "on", "yes", "y", "t"})
_FALSE: Final = frozenset({"", "0", "false", "off", "no", "n", "f"})
_VALUES_LOGGED_AT_MOST: Final = 20
_ABSENT: Final = object()
_values_logged: dict[str, set[str]] = {}


def flag(key: str, value: object) -> bool | None:
    """A key's value as a flag; ``None``, said once per value, where it is neither true nor false."""
    return _flag(key, value, _plain(value))


def _flag(key: str, value: object, plain: bool | str | None) -> bool | None:
    if isinstance(plain, bool):
        return plain
    word = None if plain is None else plain.strip().lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    _say_ignored(key, value, "a flag: use one of 1 true on yes y t, or 0 false off no n f")
    return None


def _plain(value: object) -> bool | str | None:
    """A value as truth (of a number) or text, free of the classes of whoever set it; ``None`` for what is neither."""
    try:
        if value is None or isinstance(value, (int, float, complex)):
            return bool(value)
        if isinstance(value, bytes):
            return bytes.decode(value, "utf-8", "replace")
        return str.__str__(value) if isinstance(value, str) else None
    except Exception:
        return None  # a class that cannot even be asked


def application_in(request: Mapping[str, Any]) -> Application | None:
    """The application that a request names, if it names one."""
    value = request.get(APP_NAME)
    if value is None:
        return None
    text = _plain(value)
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
        value = request.get(key, _ABSENT)
        if value is _ABSENT:
            continue
        plain = value if value is True or value is False else _plain(value)  # asks nothing of its class
        if plain is not None and seen.get(key) == plain:
            continue
        said = _flag(key, value, plain)
        if said is not None:
            seen[key] = plain
            _apply(transaction, key, said)


def _apply(transaction: Transaction, key: str, said: bool) -> None:
    more = transaction.more
    if key == BACKGROUND:
        transaction.set_background(said)
    elif key == IGNORE:
        more.ignored = said
    elif key == NO_APDEX:
        more.apdex_suppressed = said
    elif key == NO_TRACE:
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
