"""Alerts: limits that ``weighbridge serve`` and ``weighbridge collect`` go on judging, and whom they tell.

[[weighbridge.alerts]]
name = "errors of the shop"
application = "shop"
error_rate = "2%,5%"
webhook = "https://hooks.example.com/services/..."

Loaded only where some are configured.
"""

from __future__ import annotations

import os.path
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, Final, Literal

from .limits import MEASURES, Limit, read_length, read_limit
from .values import Refused
from .webhook_addresses import TOKEN, needs_token, read_address

__all__ = ["FORMATS", "Alert", "Format", "read_alerts"]

Format = Literal["json", "slack", "alertmanager"]
FORMATS: Final[tuple[Format, ...]] = ("json", "slack", "alertmanager")

_MOST: Final = 100
_LONGEST: Final = 100


@dataclass(frozen=True)
class Alert:
    """One alert."""

    name: str
    limit: Limit
    application: str | None = None
    """``None``: all together."""
    transaction: str | None = None
    """By its path; ``None``: all."""
    kind: Literal["web", "background"] | None = None
    since: float = 300.0
    """Seconds that are judged, up to now."""
    lasting: float = 0.0
    """Seconds for which the limit must be exceeded before the alert begins."""
    min_calls: int = 20
    """With fewer calls nothing is judged."""
    webhook: str | None = field(default=None, repr=False)
    """Where its begin and its end are told, with names that stand for secrets. It may be one itself."""
    format: Format = "json"
    token_file: str | None = None
    """A file with the token that the webhook asks for."""

    def __str__(self) -> str:
        return self.name


class _Bad(ValueError):
    """A key of an alert is wrong; the message says why."""


def read_alerts(value: object) -> tuple[Alert, ...]:
    """Read the tables of alerts.

    Raises:
        Refused: one of them is wrong; the message names it, and says what would be right.
    """
    if not isinstance(value, Sequence) or isinstance(value, str) or not all(isinstance(one, Mapping) for one in value):
        raise Refused("alerts can only be written in a TOML file", shown="...")
    if len(value) > _MOST:
        raise Refused(f"{len(value)} alerts are more than {_MOST}", shown="[...]")
    found: list[Alert] = []
    for number, table in enumerate(value, 1):
        try:
            found.append(_alert(table))
            if found[-1].name in [one.name for one in found[:-1]]:
                raise _Bad("another one has the same name")
        except ValueError as error:
            raise Refused(f"{_titled(number, table)}: {error}", shown="[...]") from None
    return tuple(found)


def _titled(number: int, table: Mapping[str, Any]) -> str:
    name = table.get("name")
    return f"alert {number}, {name!r}" if isinstance(name, str) and name else f"alert {number}"


def _alert(table: Mapping[str, Any]) -> Alert:
    for key in table:
        if key not in _READERS and key not in MEASURES:
            raise _Bad(_unknown(key))
    if "name" not in table:
        raise _Bad("it has no name")
    read = {key: _value(key, read, table[key]) for key, (_, read) in _READERS.items() if key in table}
    alert = Alert(limit=_limit(table), **{_READERS[key][0]: value for key, value in read.items()})
    if needs_token(alert.webhook or "") and alert.token_file is None:
        raise _Bad(f"webhook = ... has ${{{TOKEN}}} in it, and there is no {TOKEN}")
    if alert.webhook is None and ("format" in table or "webhook_token_file" in table):
        raise _Bad(f"{'format' if 'format' in table else 'webhook_token_file'} needs a webhook")
    return alert


def _value(key: str, read: Callable[[object], Any], written: object) -> Any:
    try:
        return read(written)
    except ValueError as error:
        raise _Bad(f"{key} = {error}") from None


def _limit(table: Mapping[str, Any]) -> Limit:
    limits = [key for key in table if key in MEASURES]
    if len(limits) != 1:
        found = f"{len(limits)} limits ({', '.join(limits)})" if limits else "no limit"
        raise _Bad(f"it has {found} and needs one of {', '.join(MEASURES)}")
    name = limits[0]
    written = table[name]
    if isinstance(written, (int, float)) and not isinstance(written, bool):
        written = str(written)
    try:
        return read_limit(name, _text(written))
    except ValueError as error:
        raise _Bad(f"{name} = {error}") from None


def _unknown(key: str) -> str:
    valid = (*_READERS, *MEASURES)
    near = get_close_matches(key, valid, n=1)
    return f"there is no key {key!r}; " + (f"did you mean {near[0]}?" if near else f"valid are {', '.join(valid)}")


def _text(value: object) -> str:
    if isinstance(value, str) and value.strip():
        return value.strip()
    raise _Bad(f"{value!r} must be a text")


def _name(value: object) -> str:
    text = _text(value)
    if text.isprintable() and len(text) <= _LONGEST:
        return text
    raise _Bad(f"{text[:_LONGEST]!r} must be a text of 1 to {_LONGEST} characters, in one line")


def _path(value: object) -> str:
    text = _text(value)
    if text.startswith(("WebTransaction/", "OtherTransaction/")):
        return text
    raise _Bad(f"{text!r} must be a path, such as WebTransaction/Route/GET /")


def _kind(value: object) -> str:
    if value in ("web", "background"):
        return str(value)
    raise _Bad(f"{value!r} must be web or background")


def _length(value: object) -> float:
    return read_length(_text(value))


def _calls(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 1_000_000_000:
        return value
    raise _Bad(f"{value!r} must be a whole number from 0")


def _format(value: object) -> str:
    if value in FORMATS:
        return str(value)
    raise _Bad(f"{value!r} must be one of {', '.join(FORMATS)}")


def _webhook(value: object) -> str:
    return read_address(_text(value))


def _file(value: object) -> str:
    return os.path.abspath(os.path.expanduser(_text(value)))


_READERS: Final[Mapping[str, tuple[str, Callable[[object], Any]]]] = MappingProxyType(
    {
        "name": ("name", _name),
        "application": ("application", _text),
        "transaction": ("transaction", _path),
        "type": ("kind", _kind),
        "since": ("since", _length),
        "for": ("lasting", _length),
        "min_calls": ("min_calls", _calls),
        "webhook": ("webhook", _webhook),
        "format": ("format", _format),
        "webhook_token_file": ("token_file", _file),
    }
)
"""By key, the attribute and what reads it; the other keys are limits."""
