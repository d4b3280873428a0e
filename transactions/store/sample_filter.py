"""Which samples are asked for.

An engine leaves out by their duration and by pieces of their JSON most of those that do not match; whether one of the
others does, its transaction tells.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Final, NamedTuple

from ..model.finished import AttributeValue, FinishedTransaction
from .results import StoredSample

__all__ = ["ANY_ERROR", "FoundSamples", "SampleFilter", "first_matching"]

ANY_ERROR: Final = "any"
"""Stands for all classes of errors."""
_NO_EXCEPTION: Final = " (no exception)"


class FoundSamples(NamedTuple):
    """Samples that match, in the requested order."""

    samples: Sequence[StoredSample]
    is_complete: bool
    """Whether there are no others."""


class SampleFilter(NamedTuple):
    """What samples must be like; what is not said leaves all of them."""

    part_of_name: str = ""
    """Of the transaction, in whatever case."""
    status: str = ""
    """Such as ``404``, or ``5xx``."""
    least: float | None = None
    """Seconds that the transaction took at least."""
    most: float | None = None
    """Seconds that it took at most."""
    attribute: str = ""
    """A name, an equals sign, and the value as text. A name may have such a sign, and spaces around either may be meant
    or not: what can be read in several ways leaves what matches one of them."""
    error: str = ""
    """A class with or without its module, a status with ``(no exception)``, or `ANY_ERROR`."""

    @property
    def is_told_by_columns(self) -> bool:
        """Whether all rows that meet `condition` match."""
        return not (self.status or self.attribute or self.error)

    def condition(self, has_text: str, placeholder: str) -> tuple[str, list[object]]:
        """Return an SQL condition that all matching rows of samples meet and few others, and its arguments.

        Args:
            has_text: the engine's condition for a text in the column ``body``, with a placeholder.
            placeholder: that of the engine.
        """
        texts = list(self._texts())
        parts = [f"({' OR '.join([has_text] * len(some))})" for some in texts]
        arguments: list[object] = list(chain.from_iterable(texts))
        for comparison, seconds in (("duration >= ", self.least), ("duration <= ", self.most)):
            if seconds is not None:
                parts.append(comparison + placeholder)
                arguments.append(seconds)
        return " AND ".join(["1 = 1", *parts]), arguments

    def _texts(self) -> Iterator[Sequence[str]]:
        """Yield texts, of which the JSON of any matching sample has one of each."""
        if self.status:
            yield [f'"status":{self.status.removesuffix("xx")}']
        if self.attribute:
            ways = ways_to_read(self.attribute)
            yield [f"{json.dumps(name)}:{written}" for name, value in ways for written in _json_of(value)]
        if self.error == ANY_ERROR:
            yield ['"failed":true', '"errors":[[']
        elif self.error.endswith(_NO_EXCEPTION):
            yield ['"errors":[]', ",true]"]  # of an expected one, the end
            yield ['"failed":true']
            cause = json.dumps(self.error.removesuffix(_NO_EXCEPTION))
            yield [f'"status":{cause[1:-1]},', f'"outcome":{cause}']
        elif self.error:
            yield [f'{json.dumps(_last_word(self.error))[1:-1]}",']

    def matches(self, one: FinishedTransaction) -> bool:
        """Whether the status, an attribute and an error of a transaction are those asked for."""
        return (
            (not self.status or _has_status(one, self.status))
            and (not self.attribute or any(_has_attribute(one, *way) for way in ways_to_read(self.attribute)))
            and (not self.error or _has_error(one, self.error))
        )


def first_matching(candidates: Iterable[StoredSample], wanted: SampleFilter, limit: int, given: int) -> FoundSamples:
    """Return the first samples that match, of candidates that are no more than ``given``."""
    found: list[StoredSample] = []
    seen = 0
    for seen, one in enumerate(candidates, 1):  # noqa: B007 - of the last one, after the loop
        if wanted.matches(one.transaction):
            found.append(one)
        if len(found) > limit:
            break
    return FoundSamples(found[:limit], len(found) <= limit and seen < given)


def _has_status(one: FinishedTransaction, wanted: str) -> bool:
    return str(one.status) == wanted or (wanted.endswith("xx") and f"{str(one.status)[0]}xx" == wanted)


def ways_to_read(attribute: str) -> list[tuple[str, str]]:
    """Return the names and values that a filter for an attribute may mean, at most `_MOST_SIGNS` times four.

    >>> ways_to_read("plan=gold"), ways_to_read("a = b=c")
    ([('plan', 'gold')], [('a ', ' b=c'), ('a ', 'b=c'), ('a', ' b=c'), ('a', 'b=c'), ('a = b', 'c')])
    """
    parts = attribute.split("=", _MOST_SIGNS)
    found: dict[tuple[str, str], None] = {}
    for end in range(1, len(parts)):
        name, value = "=".join(parts[:end]), "=".join(parts[end:])
        for one in (name, name.strip()):
            if one.strip():
                found |= {(one, value): None, (one, value.strip()): None}
    return list(found)


_MOST_SIGNS: Final = 8
"""Equals signs that may separate the name from the value: an engine is asked for each way."""


def _has_attribute(one: FinishedTransaction, name: str, wanted: str) -> bool:
    return name in one.attributes and _is_written(one.attributes[name], wanted)


def _is_written(value: AttributeValue, wanted: str) -> bool:
    if isinstance(value, bool):
        return str(value).casefold() == wanted.casefold()
    if isinstance(value, str):
        return value == wanted
    return str(value) == wanted or value == _number(wanted)


def _has_error(one: FinishedTransaction, wanted: str) -> bool:
    if wanted == ANY_ERROR:
        return one.failed or bool(one.errors)
    if wanted.endswith(_NO_EXCEPTION):
        return (
            one.failed
            and all(error.expected for error in one.errors)
            and wanted.removesuffix(_NO_EXCEPTION) in (str(one.status), one.outcome)
        )
    dotted = wanted.replace(":", ".")
    return any(f".{error.type.replace(':', '.')}".endswith(f".{dotted}") for error in one.errors)


def _json_of(value: str) -> Iterator[str]:
    """Yield how an attribute that is shown as such a value is written in JSON, with the end of what has none."""
    yield json.dumps(value)
    written = {value.casefold()} if value.casefold() in ("true", "false") else set()
    number = _number(value)
    if number is not None:
        written |= {value, repr(number), repr(number).removesuffix(".0")}
    yield from (one + end for one in sorted(written) for end in ",}")  # 1 is not the beginning of 17


def _number(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _last_word(name: str) -> str:
    return name.replace(":", ".").rpartition(".")[2]
