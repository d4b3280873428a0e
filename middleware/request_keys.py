"""Per-request keys: entries of environ or scope that say how a request is to be measured."""

from __future__ import annotations

from collections.abc import Mapping
from operator import is_
from typing import Any, Final

from ..transactions.host_exceptions import pass_on_signals
from ..transactions.log import log_once
from ..transactions.model.applications import Application, application_named
from ..transactions.model.identity import Identity
from ..transactions.model.request import RequestTransaction

__all__ = [
    "APP_NAME",
    "ENABLED",
    "LIVE_KEYS",
    "NO_VALUES",
    "KeyedTransaction",
    "apply_changed",
    "flag",
    "is_enabled",
    "set_named_application",
]

APP_NAME: Final = "newrelic.app_name"
ENABLED: Final = "newrelic.enabled"
BACKGROUND: Final = "newrelic.set_background_task"
IGNORE: Final = "newrelic.ignore_transaction"
NO_APDEX: Final = "newrelic.suppress_apdex_metric"
NO_TRACE: Final = "newrelic.suppress_transaction_trace"
PARAMS: Final = "newrelic.capture_request_params"

LIVE_KEYS: Final = (BACKGROUND, IGNORE, NO_APDEX, NO_TRACE, PARAMS)
"""Keys that may also be set while the request is handled."""

_TRUE: Final = frozenset({"1", "true", "on", "yes", "y", "t"})
_FALSE: Final = frozenset({"", "0", "false", "off", "no", "n", "f"})
_MAX_VALUES_LOGGED: Final = 20


class _Absent:
    """Marks the absence of a value."""


_ABSENT: Final = _Absent()
NO_VALUES: Final[tuple[object, ...]] = (_ABSENT,) * len(LIVE_KEYS)
"""Value of `KeyedTransaction._last_key_values` if no key was set."""
_SIMPLE: Final = frozenset({bool, int, str, type(None), _Absent})
"""Classes whose values are safe to compare and to keep."""
_identities: Final[dict[tuple[Identity, object], Identity]] = {}
"""Cache: the identity that results from an identity and the values of live keys, or an application's name."""
_MAX_IDENTITIES: Final = 500
_values_logged: dict[str, set[str]] = {}


def flag(key: str, value: object) -> bool | None:
    """Read a key's value as a flag; ``None``, logged once per value, if it is neither true nor false."""
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
    """Convert numbers to `bool`, and text to plain `str`, as subclasses may do anything; ``None`` for other values."""
    try:
        if value is None or isinstance(value, (int, float, complex)):
            return bool(value)
        if isinstance(value, bytes):
            return bytes.decode(value, "utf-8", "replace")
        return str.__str__(value) if isinstance(value, str) else None
    except Exception as exception:  # the value's class fails even here
        if type(value) in _SIMPLE:
            raise
        pass_on_signals(exception)
        return None


class KeyedTransaction(RequestTransaction):
    """A request's transaction that remembers which values of the request's keys were applied last."""

    __slots__ = ("_last_key_values",)

    _last_key_values: tuple[object, ...]
    """The values of the request's keys when they were last applied; unset until there were any."""


def set_named_application(transaction: KeyedTransaction, request: Mapping[str, Any]) -> None:
    """Report to the application that the request names, if it names one."""
    value = request.get(APP_NAME)
    if value is None:
        return
    known = (transaction._identity, value) if type(value) is str else None
    identity = None if known is None else _identities.get(known)
    if identity is None:
        application = _application_of(value)
        if application is not None:
            transaction._set_application(application)
            if known is not None:
                _remember(known, transaction._identity)
    else:
        transaction._identity = identity


def _application_of(value: object) -> Application | None:
    text = _plain(value)
    application = application_named(text) if isinstance(text, str) else None
    if application is None:
        _say_ignored(APP_NAME, value, "the name of an application: use text that is not empty")
    return application


def is_enabled(request: Mapping[str, Any], otherwise: bool) -> bool:
    """Whether to measure a request: what its own key says, else ``otherwise``."""
    if ENABLED not in request:
        return otherwise
    said = flag(ENABLED, request[ENABLED])
    return otherwise if said is None else said


def apply_changed(transaction: KeyedTransaction, request: Mapping[str, Any]) -> None:
    """Apply the keys whose values have changed since the last call: the last writer wins.

    Most requests that set keys set the same ones, so the resulting identities are
    cached. Values are compared by identity, which runs no code of their classes.
    """
    values = tuple(map(request.get, LIVE_KEYS, NO_VALUES))
    seen = getattr(transaction, "_last_key_values", NO_VALUES)
    if seen is not NO_VALUES:
        if not all(map(is_, values, seen)):
            _apply_each(transaction, values, seen)
    elif transaction._extras is None and _SIMPLE.issuperset(map(type, values)):
        _apply_as_before(transaction, values)
    else:
        _apply_each(transaction, values, NO_VALUES)


def _apply_as_before(transaction: KeyedTransaction, values: tuple[object, ...]) -> None:
    known = (transaction._identity, values)
    identity = _identities.get(known)
    if identity is not None:
        transaction._identity = identity
        transaction._last_key_values = values
        return
    _apply_each(transaction, values, NO_VALUES)
    if transaction._extras is None:  # else it is ignored, which the identity does not say
        _remember(known, transaction._identity)


def _remember(known: tuple[Identity, object], identity: Identity) -> None:
    if len(_identities) >= _MAX_IDENTITIES:
        _identities.clear()
    _identities[known] = identity


def _apply_each(transaction: KeyedTransaction, values: tuple[object, ...], seen: tuple[object, ...]) -> None:
    """Apply the values that mean something else than before; of unknown classes only the meaning is kept."""
    now = list(seen)
    for place, (key, value, before) in enumerate(zip(LIVE_KEYS, values, seen, strict=True)):
        plain = _plain(value)
        if value is _ABSENT or (plain is not None and before is not _ABSENT and _plain(before) == plain):
            continue
        said = _flag(key, value, plain)
        if said is not None:
            now[place] = value if type(value) in _SIMPLE else plain
            _apply(transaction, key, said)
    transaction._last_key_values = tuple(now)


def _apply(transaction: KeyedTransaction, key: str, said: bool) -> None:
    if key == BACKGROUND:
        transaction._set_background(said)
    elif key == NO_APDEX:
        transaction._set_apdex(not said)
    elif key == NO_TRACE:
        transaction._set_sampled(not said)
    elif key == PARAMS:
        transaction._set_capture_params(said)
    else:
        transaction._set_ignored(said)


def _say_ignored(key: str, value: object, wanted: str) -> None:
    shown = _shown(value)
    logged = _values_logged.setdefault(key, set())
    if shown in logged or len(logged) >= _MAX_VALUES_LOGGED:
        return
    logged.add(shown)
    log_once((key, shown), "%s=%s is ignored, it is not %s", key, shown, wanted)


def _shown(value: object) -> str:
    try:
        return f"{value!r:.80}"
    except Exception as exception:
        pass_on_signals(exception)
        return f"a {type(value).__name__}"
