"""Custom attributes of a transaction: which are taken, and how large they may be."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from .finished import AttributeValue

__all__ = ["ATTRIBUTES_AT_MOST", "taken_into"]

ATTRIBUTES_AT_MOST: Final = 128
"""Custom attributes a transaction."""
_LONGEST: Final = 255
"""Bytes (UTF-8) of a key, and of a text value."""
_ITEMS_AT_MOST: Final = 20
"""Items of a list and the like."""
_DEEPEST: Final = 3
"""How deep lists may lie within each other."""
_LARGEST: Final = 1 << 63
"""Whole numbers beyond are kept as text."""
_LONGEST_DECIMAL: Final = 2048
"""Bits; Python writes larger numbers slowly in decimal, or not at all."""

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


class _NotTaken(Exception):
    """A value is of none of the classes that are taken."""


def taken_into(attributes: dict[str, AttributeValue], key: object, value: object) -> bool:
    """Add one attribute where its key and the class of its value allow it; what is too long is cut.

    A value counts as what it is (``type``), not as what it says it is
    (``__class__``): a lazy object would be evaluated by that question.
    """
    if not issubclass(type(key), str):
        return False
    name = str.__str__(key)
    if not name or len(name.encode("utf-8", "replace")) > _LONGEST:
        return False
    if len(attributes) >= ATTRIBUTES_AT_MOST and name not in attributes:
        return False
    taken = _attribute(value)
    if taken is None:
        return False
    attributes[name] = taken
    return True


def _attribute(value: object) -> AttributeValue | None:
    if issubclass(type(value), (str, int, float)):
        return _of_json(_bare(value))
    try:
        text = str(_copied(value, _DEEPEST))
    except Exception:  # it is none that is taken, or the host program's own code raised
        return None
    return _cut(str.__str__(text))


def _bare(value: Any) -> AttributeValue:
    """The value alone: an instance of a subclass may refer to anything."""
    if issubclass(type(value), str):
        return _cut(str.__str__(value))
    if issubclass(type(value), float):
        return float.__float__(value)
    return value if type(value) is bool else int.__int__(value)


def _of_json(value: AttributeValue) -> AttributeValue:
    """The value, as text where it is a number that not every reader of JSON knows."""
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, int) and not -_LARGEST <= value < _LARGEST:
        return _cut(str(value) if value.bit_length() < _LONGEST_DECIMAL else hex(value))
    return value


def _cut(text: str) -> str:
    encoded = text.encode("utf-8", "replace")
    return text if len(encoded) <= _LONGEST else encoded[:_LONGEST].decode("utf-8", "ignore")


def _copied(value: Any, depth: int) -> Any:
    """The same, with collections cut to size and free of their classes' own ways.

    Raises:
        _NotTaken: it is, or has in it, what is not taken.
    """
    cls = type(value)
    if issubclass(cls, (str, int, float)):
        return _bare(value)
    if issubclass(cls, tuple(_readable_classes())):
        return value
    if depth and issubclass(cls, dict):
        pairs = islice(dict.items(value), _ITEMS_AT_MOST)
        return {_copied(key, depth - 1): _copied(item, depth - 1) for key, item in pairs}
    for collection in _COLLECTIONS:
        if depth and issubclass(cls, collection):
            items = islice(collection.__iter__(value), _ITEMS_AT_MOST)
            return collection(_copied(item, depth - 1) for item in items)
    raise _NotTaken


def _readable_classes() -> Iterator[type]:
    """Those that somebody has loaded: of the others there are no instances."""
    for module, name in _READABLE:
        cls = getattr(sys.modules.get(module), name, None)
        if isinstance(cls, type):
            yield cls
