"""What was sent of series that are gone: their counts are those of others now, or were forgotten with them.

The store does not say which. But nothing is counted anew where counts move to: what takes them over has grown by them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from weighbridge.exporting.families import Distribution, Labels, Sum
from weighbridge.transactions.model.naming import Kind
from weighbridge.transactions.recording.histogram import Histogram, merge
from weighbridge.transactions.recording.name_limits import OTHER, overflow_of
from weighbridge.transactions.recording.snapshot import Series

from .points import Key
from .sent import Counted, Sent, number_of

__all__ = ["settled"]

_WHOLE: Final = "weighbridge.application.transaction.duration"
_PARTS: Final = ("host", "version", "queue", "type", "metric", "event")


def settled(sent: Mapping[Key, Sent], now: Mapping[Key, Sent]) -> dict[Key, Sent]:
    """Return what was sent of all that is still counted; what was sent of others is where their counts are.

    A name may be back already: then it counts anew. An application that was forgotten took its counts with it.
    """
    settlement = _Settlement(sent, now)
    settlement.move_applications()
    settlement.move_others()
    settlement.move_parts()
    return settlement.found


class _Settlement:
    def __init__(self, sent: Mapping[Key, Sent], now: Mapping[Key, Sent]) -> None:
        self.found = {key: one for key, one in sent.items() if key in now and one.is_of(now[key].number)}
        self._now = now
        self._gone = {key: one for key, one in sent.items() if key not in self.found}
        self._has_moved: dict[tuple[str, str], bool] = {}
        """Applications and kinds that are gone: whether their counts have moved."""

    def move_applications(self) -> None:
        """Find out which applications are gone, and whether others count for them."""
        for key, one in self._gone.items():
            if key[0] == _WHOLE:
                self._has_moved[_whose(key)] = self._move(one, _of_other_application(key))

    def move_others(self) -> None:
        """Move what was sent of all other series that are gone: those of a forgotten application stay away."""
        for key, one in self._gone.items():
            if key[0] != _WHOLE and self._has_moved.get(_whose(key), True):
                self._move(one, _of_other_application(key) if _whose(key) in self._has_moved else _of_others(key))

    def move_parts(self) -> None:
        """Move what was sent of numbers that have fallen: a part of what they counted is counted elsewhere."""
        for key, one in list(self.found.items()):
            value, present = one.value, self._now[key].value
            if not isinstance(value, int) or not isinstance(present, int) or present >= value:
                continue
            if self._move(one._replace(value=value - present), _of_others(key)):
                self.found[key] = one._replace(value=present)

    def _move(self, one: Sent, targets: Iterator[Key]) -> bool:
        """Add what was sent to the first that has grown by so much; return whether all of it is somewhere.

        Numbers may be at several: some errors of a type may have kept it, and others not.
        """
        for target in targets:
            present = self._now.get(target)
            if present is None:
                continue
            room = number_of(present.value) - number_of(self.found[target].value if target in self.found else 0)
            part = one._replace(value=min(one.value, int(room))) if isinstance(one.value, int) else one
            if number_of(part.value) > room or room <= 0:
                continue
            self.found[target] = _added(self.found.get(target), part)._replace(number=present.number)
            if part == one:
                return True
            one = one._replace(value=number_of(one.value) - number_of(part.value))
        return False


def _whose(key: Key) -> tuple[str, str]:
    """Return application and kind of a series; those that do not say so are of web transactions."""
    values = dict(key[1])
    return values.get("application", ""), values.get("kind", "web")


def _of_others(key: Key) -> Iterator[Key]:
    """Yield what counts for a series of an application that has too many of them."""
    family, labels = key
    yield family, _beyond_limit(dict(labels))


def _of_other_application(key: Key) -> Iterator[Key]:
    """Yield what may count for a series of an application that is one too many."""
    family, labels = key
    values = {**dict(labels), "application": OTHER}
    if "name" not in values:
        yield family, tuple(values.items())
    yield family, _beyond_limit(values)


def _beyond_limit(values: dict[str, str]) -> Labels:
    if {"group", "name"} <= values.keys():
        kind: Kind = "web" if values["kind"] == "web" else "background"
        other = overflow_of(Series(values["application"], kind, values["group"], values["name"]))
        return tuple({**values, "group": other.group, "name": other.name}.items())
    return tuple((label, OTHER if label in _PARTS else value) for label, value in values.items())


def _added(one: Sent | None, other: Sent) -> Sent:
    return other if one is None else Sent(_sum(one.value, other.value), max(one.until, other.until), one.number)


def _sum(one: Counted, other: Counted) -> Counted:
    if isinstance(one, Distribution) and isinstance(other, Distribution):
        bins: Histogram = dict(one.bins)
        merge(other.bins, bins)
        return Distribution(one.count + other.count, one.sum + other.sum, bins)
    if isinstance(one, Sum) and isinstance(other, Sum):
        return Sum(one.count + other.count, one.sum + other.sum)
    return number_of(one) + number_of(other)
