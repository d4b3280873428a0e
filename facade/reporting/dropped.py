"""Sentences about what was dropped, as nothing is dropped silently."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from .formats import things
from .time_range import roughly

__all__ = ["dropped_details", "dropped_transactions", "nobody_collects"]

_DROPPED: Final = "dropped (limit reached)"
_TRANSACTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "transactions": _DROPPED,
        "expired": "dropped (older than all that is kept, by the clock of their process)",
        "interrupted": "discarded: an exception from outside, such as a time limit, cut {them} off",
    }
)
_DETAILS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "names": "counted under <other> (limit reached)",
        "errors of other groups": "counted under <other> (limit reached)",
        "errors of groups": "counted by message only (weighbridge store upgrade has to be run)",
        "enqueuers of tasks": "not counted (weighbridge store upgrade has to be run)",
        "enqueuers": "not counted (what the header of a task says is no name, or too long)",
        "snapshots": "left out with all that a process had counted in {them}: the store could not take {them}",
        "exceptions": "only counted (the transaction had ended)",
    }
)
"""By the cause, or its first word."""
_THINNED: Final = "samples_thinned"
"""Not a loss: of many samples only the most useful ones are meant to be kept."""


_MAX_WAIT: Final = 600.0
"""Seconds for which something may wait on a server before it is said that nobody merges it."""


def nobody_collects(waiting: float | None) -> str:
    """Say that figures wait on a server, given for how long (seconds); empty if they are merged.

    >>> nobody_collects(720.0), nobody_collects(30.0), nobody_collects(None)
    ('Nobody collects what processes report; the oldest has waited for 12 minutes', '', '')
    """
    if waiting is None or waiting < _MAX_WAIT:
        return ""
    return f"Nobody collects what processes report; the oldest has waited for {roughly(waiting)}"


def dropped_transactions(lost: Mapping[str, int]) -> list[str]:
    """Say how many transactions are in no figure, given counts by cause.

    >>> dropped_transactions({"transactions": 3, "names": 2}), dropped_transactions({"transactions": 1})
    (['3 transactions were dropped (limit reached)'], ['1 transaction was dropped (limit reached)'])
    >>> dropped_transactions({"interrupted": 2})
    ['2 transactions were discarded: an exception from outside, such as a time limit, cut them off']
    """
    return [_sentence("transactions", lost[cause], fate) for cause, fate in _TRANSACTIONS.items() if lost.get(cause)]


def dropped_details(lost: Mapping[str, int]) -> list[str]:
    """Say what else was dropped: it is missing among names, errors and samples, and in no figure.

    >>> dropped_details({"names": 12, "attributes": 1, "samples_thinned": 40})
    ['1 attribute was dropped (limit reached)', '12 names were counted under <other> (limit reached)']
    >>> dropped_details({"snapshots": 1})
    ['1 snapshot was left out with all that a process had counted in it: the store could not take it']
    >>> dropped_details({"exceptions after the response (shop)": 3})
    ['3 exceptions after the response (shop) were only counted (the transaction had ended)']
    """
    causes = sorted(cause for cause in lost if lost[cause] and cause not in _TRANSACTIONS and cause != _THINNED)
    return [_sentence(cause, lost[cause], _fate_of(cause)) for cause in causes]


def _fate_of(cause: str) -> str:
    return _DETAILS.get(cause) or _DETAILS.get(cause.partition(" ")[0], _DROPPED)


def _sentence(cause: str, number: int, fate: str) -> str:
    plural, *more = cause.split(" ", 1)
    were, them = ("was", "it") if number == 1 else ("were", "them")
    return " ".join([things(number, plural.removesuffix("s")), *more, were, fate.format(them=them)])
