"""Custom attributes of a transaction: which values are accepted, and how large they may be."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from ..host_exceptions import pass_on_signals
from .finished import AttributeValue

__all__ = ["MAX_ATTRIBUTES", "add_attribute"]

MAX_ATTRIBUTES: Final = 128
"""Custom attributes per transaction."""
_LONGEST: Final = 255
"""Bytes (UTF-8) of a key, and of a text value."""
_MAX_ITEMS: Final = 20
"""Items kept of a list, tuple, set or dict."""
_DEEPEST: Final = 3
"""How deeply collections may be nested."""
_LARGEST: Final = 1 << 63
"""Integers beyond 64 bits are kept as text."""
_LONGEST_NUMBER: Final = 2048
"""Bits; Python formats longer integers slowly, or refuses to."""

_READABLE: Final = (
    ("uuid", "UUID"),
    ("decimal", "Decimal"),
    ("datetime", "date"),
    ("datetime", "time"),
    ("datetime", "timedelta"),
    ("enum", "Enum"),
    ("pathlib", "PurePath"),
)
"""Classes, by module and name, whose instances are kept as their ``str()``: it is short and runs no foreign code."""
_COLLECTIONS: Final[tuple[type[Any], ...]] = (list, tuple, set, frozenset)


class _Unsupported(Exception):
    """The class of a value is not supported."""


def add_attribute(attributes: dict[str, AttributeValue], key: object, value: object) -> bool:
    """Add one attribute, cut to size; return whether its key and the class of its value are accepted.

    The class is taken from ``type()``, never from ``__class__``: reading that
    evaluates a lazy object.
    """
    name = _short_text(key) if issubclass(type(key), str) else ""
    if not name or (len(attributes) >= MAX_ATTRIBUTES and name not in attributes):
        return False
    try:
        attributes[name] = _plain(value)
    except Exception as failure:  # not supported, or a class of the host program's fails when read
        pass_on_signals(failure)
        return False
    return True


def _short_text(key: Any) -> str:
    """Return a key as plain text, empty if it is too long."""
    text = str.__str__(key)
    return text if len(text) <= _LONGEST and _cut(text) == text else ""


def _plain(value: Any) -> AttributeValue:
    """Convert a value to text, or to a number that every JSON parser accepts.

    Raises:
        _Unsupported: its class is not supported.
    """
    if type(value) is str:  # as most are
        return _cut(value)
    bare = _bare(value, _DEEPEST)
    if isinstance(bare, float):
        return bare if bare - bare == 0.0 else str(bare)  # neither infinite nor NaN
    if not isinstance(bare, int):
        return _cut(str(bare))
    if -_LARGEST <= bare < _LARGEST:
        return bare
    if bare.bit_length() > _LONGEST_NUMBER:
        raise _Unsupported
    return _cut(str(bare))


def _bare(value: Any, depth: int) -> Any:
    """Convert a value to a built-in type, as methods of a subclass may do anything; cut text and collections to size.

    Raises:
        _Unsupported: it is, or contains, a value of a class that is not supported.
    """
    cls = type(value)
    if issubclass(cls, str):
        return _cut(value)
    if issubclass(cls, int):
        return value if cls is bool else int.__int__(value)
    if issubclass(cls, float):
        return float.__float__(value)
    if issubclass(cls, tuple(_readable_classes())):
        return value
    return _bare_collection(value, cls, depth - 1)


def _bare_collection(value: Any, cls: type, depth: int) -> Any:
    if depth >= 0:
        if issubclass(cls, dict):
            pairs = islice(dict.items(value), _MAX_ITEMS)
            return {_bare(key, depth): _bare(item, depth) for key, item in pairs}
        for collection in _COLLECTIONS:
            if issubclass(cls, collection):
                items = islice(collection.__iter__(value), _MAX_ITEMS)
                return collection(_bare(item, depth) for item in items)
    raise _Unsupported


def _cut(text: str) -> str:
    start = text if type(text) is str and len(text) <= _LONGEST else str.__getitem__(text, slice(_LONGEST))
    if start.isascii():
        return start
    encoded = start.encode("utf-8", "replace")
    return start if len(encoded) <= _LONGEST else encoded[:_LONGEST].decode("utf-8", "ignore")


def _readable_classes() -> Iterator[type]:
    """Yield the classes of `_READABLE` whose modules are loaded: the others have no instances."""
    for module, name in _READABLE:
        cls = getattr(sys.modules.get(module), name, None)
        if isinstance(cls, type):
            yield cls
