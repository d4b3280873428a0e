"""What was sent of each series, and how it is kept in the store."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from weighbridge.exporting.families import Distribution, Sum
from weighbridge.transactions.recording.histogram import decode, encode

from .points import Key

__all__ = ["Counted", "Sent", "decode_sent", "encode_sent", "number_of"]

Counted = float | Sum | Distribution


class Sent(NamedTuple):
    """What was sent of one series, added up."""

    value: Counted
    until: int
    """Nanoseconds since the epoch, of the point that was sent last."""
    number: int = 0
    """Of the series that it was of (see `Sample`)."""

    def is_of(self, number: int) -> bool:
        """Whether it is of a series that still counts, and not of one that made room and came back."""
        return 0 in {number, self.number} or number == self.number


def number_of(value: Counted) -> float:
    """Return how much was counted."""
    return value if isinstance(value, int | float) else value.count


# As text, for the store

_FORM: Final = 3


def encode_sent(sent: Mapping[Key, Sent]) -> str:
    """Return what was sent as text: some 60 bytes a series."""
    families: dict[str, list[Any]] = {}
    for (family, labels), one in sent.items():
        families.setdefault(family, []).append([labels, one.until, one.number, *_parts(one.value)])
    text = json.dumps([_FORM, families], separators=(",", ":"))
    return base64.b64encode(zlib.compress(text.encode())).decode()


def _parts(value: Counted) -> tuple[Any, ...]:
    if isinstance(value, Distribution):
        return "d", value.count, value.sum, base64.b64encode(encode(value.bins)).decode()
    if isinstance(value, Sum):
        return "s", value.count, value.sum
    return "n", value


def decode_sent(text: str) -> dict[Key, Sent] | None:
    """Return what `encode_sent` was given; ``None`` if the text is not from it."""
    try:
        form, families = json.loads(zlib.decompress(base64.b64decode(text)))
        if form != _FORM:
            return None
        return {
            (family, tuple((label, value) for label, value in labels)): Sent(_counted(*parts), until, number)
            for family, rows in families.items()
            for labels, until, number, *parts in rows
        }
    except (TypeError, ValueError, zlib.error):
        return None


def _counted(kind: str, *parts: Any) -> Counted:
    if kind == "d":
        count, total, bins = parts
        return Distribution(count, total, decode(base64.b64decode(bins)))
    if kind == "s":
        return Sum(*parts)
    (number,) = parts
    return float(number) if isinstance(number, float) else int(number)
