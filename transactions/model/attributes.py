"""Custom attributes of a transaction: which are taken, and how large they may be."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from ..host_exceptions import pass_on_signals
from .finished import AttributeValue

__all__ = ["MAX_ATTRIBUTES", "add_attribute"]

MAX_ATTRIBUTES: Final = 128
"""Custom attributes a transaction."""
_LONGEST: Final = 255
"""Bytes (UTF-8) of a key, and of a text value."""
_MAX_ITEMS: Final = 20
"""Items of a list and the like."""
_DEEPEST: Final = 3
"""How deep lists may lie within each other."""
_LARGEST: Final = 1 << 63
"""Whole numbers beyond are kept as text."""
_LONGEST_NUMBER: Final = 2048
"""Bits; Python writes longer numbers slowly, or not at all."""

_READABLE: Final = (
    ("uuid", "UUID"),
    ("decimal", "Decimal"),
    ("datetime", "date"),
    ("datetime", "time"),
    ("datetime", "timedelta"),
    ("enum", "Enum"),
    ("pathlib", "PurePath"),
)
"""Classes, by module and name, whose instances are taken as their ``str()``: it is short, and asks nobody else."""
_COLLECTIONS: Final[tuple[type[Any], ...]] = (list, tuple, set, frozenset)


class _Unsupported(Exception):
    """A value is of none of the classes that are taken."""


def add_attribute(attributes: dict[str, AttributeValue], key: object, value: object) -> bool:
    """Add one attribute where its key and the class of its value allow it; what is too long is cut.

    A value counts as what it is (``type``), not as what it says it is
    (``__class__``): a lazy object would be evaluated by that question.
    """
    name = _short_text(key) if issubclass(type(key), str) else ""
    if not name or (len(attributes) >= MAX_ATTRIBUTES and name not in attributes):
        return False
    try:
        attributes[name] = _plain(value)
    except Exception as failure:  # it is none that is taken, or a class of the host program's cannot even be read
        pass_on_signals(failure)
        return False
    return True


def _short_text(key: Any) -> str:
    """The text alone, or none where it is too long."""
    text = str.__str__(key)
    return text if len(text) <= _LONGEST and _cut(text) == text else ""


def _plain(value: Any) -> AttributeValue:
    """What is kept of a value: text, or a number that every reader of JSON knows.

    Raises:
        _NotTaken: it is of no class that is taken.
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
    """The value without the ways of its class, which may be anybody's; text and collections are cut to size.

    Raises:
        _NotTaken: it is, or has in it, what is not taken.
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
    """Those that somebody has loaded: of the others there are no instances."""
    for module, name in _READABLE:
        cls = getattr(sys.modules.get(module), name, None)
        if isinstance(cls, type):
            yield cls
