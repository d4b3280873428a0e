"""Kinds of setting values: which values are valid, and how they are read from text or from TOML.

Every reader takes the value as written and the value so far, and returns the new
value or raises ``ValueError``: `Refused` if there is more to say than which values
are valid.
"""

from __future__ import annotations

import os.path
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from ..host_exceptions import pass_on
from .postgresql_url import EXAMPLE, SCHEMES, is_server_url, parse_server_url
from .redaction import redacted

__all__ = [
    "APDEX_TABLE",
    "APPLICATION",
    "APPLICATIONS",
    "CLASSES",
    "CODE",
    "DAYS",
    "LABEL",
    "LOG_FILE",
    "LOG_LEVEL",
    "LOG_LEVELS",
    "LONGEST_LABEL",
    "MEMORY",
    "MORE_STATUSES",
    "NAMES",
    "PATTERNS",
    "SECONDS",
    "STATUSES",
    "STORE",
    "STREAMS",
    "SWITCH",
    "TRACEBACKS",
    "Refused",
    "ValueKind",
    "adding",
    "all_of",
    "read_store",
    "read_switch",
    "whole",
]


class Refused(ValueError):
    """A value is rejected; the message says why, in words that can follow "is not valid:".

    Args:
        why: the message.
        shown: the value as it may be shown; by default as `redacted` returns it.
    """

    def __init__(self, why: str, shown: str | None = None) -> None:
        super().__init__(why)
        self.shown: str | None = shown


class ValueKind(NamedTuple):
    """A kind of value: its short name, the valid values, and the reader."""

    name: str
    valid: str
    read: Callable[[object, Any], Any]
    """Takes the value as written and the value so far; raises ``ValueError``."""


_TRUE: Final = frozenset({"1", "true", "on", "yes", "y", "t"})
_FALSE: Final = frozenset({"0", "false", "off", "no", "n", "f"})


def read_switch(value: object, _so_far: object = None) -> bool:
    """Read a switch from the words that configurations use; raises ``ValueError`` for any other."""
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
    """Return the kind of whole numbers from ``least`` to ``most``, both included."""

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


def _read_label(value: object, _so_far: object) -> str:
    text = str(value).strip() if isinstance(value, str) or type(value) is int else ""
    if text.isprintable() and 0 < len(text) <= LONGEST_LABEL:
        return text
    raise ValueError(value)


LONGEST_LABEL: Final = 100
"""Characters of a host or version."""

MEMORY: Final = ":memory:"
"""Value of the setting ``store`` that keeps figures in memory only."""
STREAMS: Final = ("stdout", "stderr")
"""Values of the setting ``log_file`` that name a stream of the program's instead of a file."""

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):|([A-Za-z]):(?![/\\])")
"""The scheme of a URL as defined by RFC 3986; a single letter before a slash is a drive."""


def read_store(value: object, _so_far: object = None) -> str:
    """Read a store: ``:memory:`` and the address of a server stay as they are, a path is made absolute.

    Raises:
        ValueError: it is none of these; a `Refused` says why.
    """
    text = _read_path(value)
    if is_server_url(text):
        return _checked_address(text)
    if text.startswith(":") and text != MEMORY:
        raise Refused(f"the only special name is {MEMORY}")
    return text if text == MEMORY else _absolute(text)


def _checked_address(url: str) -> str:
    try:
        parse_server_url(url)
    except ValueError as error:
        raise Refused(str(error), shown=f"{url.partition(':')[0]}:...") from None
    return url


def _read_log_file(value: object, _so_far: object) -> str:
    text = _read_path(value)
    return text if text in STREAMS else _absolute(text)


def _read_path(value: object) -> str:
    return _read_text(os.fspath(value) if isinstance(value, os.PathLike) else value, None)


def _absolute(path: str) -> str:
    """Return an absolute path, which stays valid if the process changes its directory."""
    _refuse_url(path)
    expanded = os.path.expanduser(path)
    if expanded.startswith("~"):
        raise Refused("nobody knows the home directory that ~ stands for")
    if "\0" in expanded:
        raise Refused("no path has a NUL character in it")
    if os.path.isabs(expanded):  # noqa: PTH117 - importing pathlib takes half as long as all settings
        return os.path.normpath(expanded)
    try:
        return os.path.normpath(os.path.join(os.getcwd(), expanded))  # noqa: PTH109
    except OSError as error:
        pass_on(error)
        raise Refused(f"the path is relative, and the current directory is not there ({error.strerror})") from None


def _refuse_url(text: str) -> None:
    found = _SCHEME.match(text)
    scheme = (found[1] or found[2]).lower() if found else ""
    if scheme in SCHEMES:
        raise Refused(f"it must begin with {scheme}://", shown=f"{scheme}:...")
    if scheme:
        raise Refused(f"{scheme}:// is not supported (a file of that name is ./{scheme}:...)", shown=f"{scheme}:...")
    if redacted(text) != text:
        raise Refused("it looks like a URL, or has a password in it")


def _read_log_level(value: object, _so_far: object) -> str:
    """Read a level: its name, or its number in `logging`."""
    if isinstance(value, int) and value in LOG_LEVELS.values():
        return next(name for name, number in LOG_LEVELS.items() if number == value)
    level = _read_text(value, None).lower()
    if level in LOG_LEVELS:
        return level
    raise ValueError(value)


def _items(value: object) -> list[object]:
    """Return the items of a list, or of a text in which blanks, commas or line ends separate them."""
    if isinstance(value, str):
        if redacted(value) != value:
            raise Refused("it looks like a URL, or has a password in it")
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


def _code_name(item: object) -> str:
    text = _read_text(item, None)
    if os.sep in text:
        return os.path.abspath(text)
    if all(part.isidentifier() for part in text.split(".")):
        return text
    raise ValueError(item)


def _read_code(value: object, _so_far: object) -> frozenset[str]:
    return frozenset(map(_code_name, _items(value)))


def _read_tracebacks(value: object, _so_far: object) -> str:
    """Read one of three words; TOML's ``false`` means ``off``."""
    word = str(value).strip().lower()
    if word in {"source", "frames"}:
        return word
    if word == "off" or value is False:
        return "off"
    raise ValueError(value)


_RANGE: Final = re.compile(r"([1-9][0-9]{2})(?:-([1-9][0-9]{2}))?")


def _status_range(item: object) -> range:
    found = _RANGE.fullmatch(str(item).strip())
    if found is None or int(found[2] or found[1]) < int(found[1]):
        raise ValueError(item)
    return range(int(found[1]), int(found[2] or found[1]) + 1)


def _read_statuses(value: object, _so_far: object) -> frozenset[int]:
    return frozenset(status for item in _items(value) for status in _status_range(item))


def _read_more_statuses(value: object, so_far: frozenset[int]) -> frozenset[int]:
    """Add statuses to those so far; those after a ``!`` are removed."""
    items = [str(item).strip() for item in _items(value)]
    out = _read_statuses([item[1:] for item in items if item.startswith("!")], None)
    return (so_far | _read_statuses([item for item in items if not item.startswith("!")], None)) - out


def _read_patterns(value: object, _so_far: object) -> frozenset[str]:
    return frozenset(_read_text(item, None) for item in _items(value))


def _table_lines(value: object) -> Mapping[str, object]:
    """Return a TOML table as it is, and a text as its lines (or parts between ``;``): ``path = seconds``."""
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
    """Return a kind with the same values, which are added to the set so far instead of replacing it."""
    return kind._replace(read=lambda value, so_far: so_far | kind.read(value, so_far))


def all_of(kind: ValueKind) -> ValueKind:
    """Return a kind of switch that is on only if the one so far is on, too."""
    return kind._replace(read=lambda value, so_far: kind.read(value, so_far) and so_far)


LOG_LEVELS: Final = {"critical": 50, "error": 40, "warning": 30, "info": 20, "debug": 10}

SECONDS: Final = ValueKind("seconds", "a number of seconds above 0, at most 86400", _positive(86_400))
DAYS: Final = ValueKind("days", "a number of days above 0, at most 36500", _positive(36_500))
SWITCH: Final = ValueKind("switch", "true or false (also 1/0, on/off, yes/no)", read_switch)
APPLICATION: Final = ValueKind("text", "a name that is not empty, or several with ; between them", _read_text)
LABEL: Final = ValueKind("text", f"a text of 1 to {LONGEST_LABEL} characters, in one line", _read_label)
STORE: Final = ValueKind("store", f"the path of a file, `{EXAMPLE}`, or `{MEMORY}`", read_store)
LOG_FILE: Final = ValueKind("file", "the path of a file, `stdout` or `stderr`", _read_log_file)
LOG_LEVEL: Final = ValueKind("word", "one of " + ", ".join(LOG_LEVELS), _read_log_level)
NAMES: Final = ValueKind("names", "names, with blanks or commas between them", _read_names)
PATTERNS: Final = ValueKind(
    "patterns", "names, with blanks or commas between them; a `*` stands for anything", _read_patterns
)
CLASSES: Final = ValueKind(
    "classes", "exception classes as module:Class, for example builtins:ValueError", _read_classes
)
CODE: Final = ValueKind(
    "packages",
    "packages (`shop.web`) and folders (`/srv/shop`, `./shop`), with blanks or commas between them",
    _read_code,
)
TRACEBACKS: Final = ValueKind("word", "source, frames or off", _read_tracebacks)
STATUSES: Final = ValueKind("statuses", "statuses from 100 to 999, and ranges: 500-599 or 500 502-504", _read_statuses)
MORE_STATUSES: Final = ValueKind(
    "statuses",
    "statuses from 100 to 999, and ranges, which are added: 418 500-503; `!404` takes one out",
    _read_more_statuses,
)
APDEX_TABLE: Final = ValueKind(
    "table",
    "WebTransaction/<group>/<name> = seconds (above 0, at most 86400), in text with ; or a line end between them",
    _read_apdex_table,
)
APPLICATIONS: Final = ValueKind("table", "a table of apdex_t and transaction_apdex_t per name", _read_applications)
