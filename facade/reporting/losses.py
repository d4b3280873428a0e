"""What limits have cost, in words: nothing is dropped without being told."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from .formats import things

__all__ = ["missing_details", "missing_transactions"]

_DROPPED: Final = "dropped (limit reached)"
_TRANSACTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {"transactions": _DROPPED, "expired": "dropped (older than all that is kept)"}
)
_DETAILS: Final[Mapping[str, str]] = MappingProxyType({"names": "counted under <other> (limit reached)"})
_THINNED: Final = "samples_thinned"
"""No loss: of many samples the most telling ones are kept, as they should be."""


def missing_transactions(lost: Mapping[str, int]) -> list[str]:
    """Say how many transactions are in no figure, given counts by cause.

    >>> missing_transactions({"transactions": 3, "names": 2}), missing_transactions({"transactions": 1})
    (['3 transactions were dropped (limit reached)'], ['1 transaction was dropped (limit reached)'])
    """
    return [_sentence("transactions", lost[cause], fate) for cause, fate in _TRANSACTIONS.items() if lost.get(cause)]


def missing_details(lost: Mapping[str, int]) -> list[str]:
    """Say what else was dropped: it is missing among names, errors and samples, and in no figure.

    >>> missing_details({"names": 12, "attributes": 1, "samples_thinned": 40})
    ['1 attribute was dropped (limit reached)', '12 names were counted under <other> (limit reached)']
    """
    causes = sorted(cause for cause in lost if lost[cause] and cause not in _TRANSACTIONS and cause != _THINNED)
    return [_sentence(cause, lost[cause], _DETAILS.get(cause, _DROPPED)) for cause in causes]


def _sentence(plural: str, number: int, fate: str) -> str:
    return f"{things(number, plural.removesuffix('s'))} {'was' if number == 1 else 'were'} {fate}"
