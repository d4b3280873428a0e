"""What the value of a setting may be, and how it is read from text or from a TOML value.

Every reader takes what somebody wrote and what holds so far, and returns the new
value or raises ``ValueError``.
"""

from __future__ import annotations

import os.path
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

__all__ = [
    "APDEX_TABLE",
    "APPLICATION",
    "APPLICATIONS",
    "CLASSES",
    "DAYS",
    "FILE",
    "LOG_LEVEL",
    "NAMES",
    "SECONDS",
    "STATUSES",
    "SWITCH",
    "ValueKind",
    "adding",
    "read_switch",
    "whole",
    "without",
]


class ValueKind(NamedTuple):
    """A kind of value: its short name, what is valid, and the reader."""

    name: str
    valid: str
    read: Callable[[object, Any], Any]
    """Takes the value as written and the value so far; raises ``ValueError``."""


_TRUE: Final = frozenset({"1", "true", "on", "yes", "y", "t"})
_FALSE: Final = frozenset({"0", "false", "off", "no", "n", "f"})


def read_switch(value: object, _so_far: object = None) -> bool:
    """``True`` or ``False`` from the words of a configuration; raises ``ValueError`` for any other."""
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise ValueError(value)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError(value)
    return float(value)


def _positive(limit: float) -> Callable[[object, object], float]:
    def read(value: object, _so_far: object) -> float:
        number = _number(value)
        if 0 < number <= limit:  # neither NaN nor infinity is
            return number
        raise ValueError(value)

    return read


def whole(least: int, most: int) -> ValueKind:
    """A whole number from ``least`` to ``most``, both included."""

    def read(value: object, _so_far: object) -> int:
        number = _number(value)
        if number.is_integer() and least <= number <= most:
            return int(number)
        raise ValueError(value)

    return ValueKind("whole number", f"a whole number from {least} to {most}", read)


def _read_text(value: object, _so_far: object) -> str:
    if isinstance(value, str) and value.strip(" \t;"):
        return value.strip()
    raise ValueError(value)


def _read_file(value: object, _so_far: object) -> str:
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    return os.path.expanduser(_read_text(value, None))


def _read_log_level(value: object, _so_far: object) -> str:
    level = _read_text(value, None).lower()
    if level in _LOG_LEVELS:
        return level
    raise ValueError(value)


def _items(value: object) -> list[object]:
    """The items of a list, or of a text where blanks, commas or line ends stand between them."""
    if isinstance(value, str):
        return list(value.replace(",", " ").split())
    if isinstance(value, Iterable) and not isinstance(value, (bytes, Mapping)):
        return list(value)
    return [value]


def _read_names(value: object, _so_far: object) -> frozenset[str]:
    return frozenset(_read_text(item, None).lower() for item in _items(value))


def _class_name(item: object) -> str:
    text = _read_text(item, None)
    module, colon, name = text.partition(":")
    if colon and all(part.isidentifier() for part in f"{module}.{name}".split(".")):
        return text
    raise ValueError(item)


def _read_classes(value: object, _so_far: object) -> frozenset[str]:
    return frozenset(map(_class_name, _items(value)))


def _status_range(item: object) -> range:
    first, dash, last = str(item).strip().partition("-")
    low, high = int(first), int(last if dash else first)
    if isinstance(item, bool) or not 100 <= low <= high <= 999:
        raise ValueError(item)
    return range(low, high + 1)


def _read_statuses(value: object, _so_far: object) -> frozenset[int]:
    return frozenset(status for item in _items(value) for status in _status_range(item))


def _table_lines(value: object) -> Mapping[str, object]:
    """A TOML table as it is; text as lines (or parts between ``;``) of the form ``path = seconds``."""
    if isinstance(value, Mapping):
        return {str(key): item for key, item in value.items()}
    lines = [line for line in _read_text(value, None).replace(";", "\n").splitlines() if line.strip()]
    pairs = [line.rpartition("=") for line in lines]
    return {path.strip(): seconds for path, _, seconds in pairs}


def _read_apdex_table(value: object, _so_far: object) -> dict[str, float]:
    table = _table_lines(value)
    if any(path.count("/") < 2 for path in table):
        raise ValueError(value)
    return {path: SECONDS.read(seconds, None) for path, seconds in table.items()}


def _read_applications(value: object, _so_far: object) -> dict[str, dict[str, object]]:
    if not isinstance(value, Mapping) or not all(isinstance(table, Mapping) for table in value.values()):
        raise ValueError(value)
    return {_read_text(name, None): dict(table) for name, table in value.items()}


def adding(kind: ValueKind) -> ValueKind:
    """The same values, added to the set that holds so far instead of replacing it."""
    return kind._replace(read=lambda value, so_far: so_far | kind.read(value, so_far))


def without(kind: ValueKind) -> ValueKind:
    """The same values, taken out of the set that holds so far instead of replacing it."""
    return kind._replace(read=lambda value, so_far: so_far - kind.read(value, so_far))


_LOG_LEVELS: Final = ("critical", "error", "warning", "info", "debug")

SECONDS: Final = ValueKind("seconds", "a number of seconds above 0, at most 86400", _positive(86_400))
DAYS: Final = ValueKind("days", "a number of days above 0, at most 36500", _positive(36_500))
SWITCH: Final = ValueKind("switch", "true or false (also 1/0, on/off, yes/no)", read_switch)
APPLICATION: Final = ValueKind("text", "a name that is not empty, or several with ; between them", _read_text)
FILE: Final = ValueKind("file", "the path of a file, or a special name", _read_file)
LOG_LEVEL: Final = ValueKind("word", "one of " + ", ".join(_LOG_LEVELS), _read_log_level)
NAMES: Final = ValueKind("names", "names, with blanks or commas between them", _read_names)
CLASSES: Final = ValueKind(
    "classes", "exception classes as module:Class, for example builtins:ValueError", _read_classes
)
STATUSES: Final = ValueKind("statuses", "statuses from 100 to 999, and ranges: 500-599 or 500 502-504", _read_statuses)
APDEX_TABLE: Final = ValueKind(
    "table",
    "WebTransaction/<group>/<name> = seconds (above 0, at most 86400), in text with ; or a line end between them",
    _read_apdex_table,
)
APPLICATIONS: Final = ValueKind("table", "a table of apdex_t and transaction_apdex_t per name", _read_applications)
