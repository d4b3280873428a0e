"""Under which name is counted what is beyond a bound."""

from __future__ import annotations

from typing import Final

from .snapshot import Series

__all__ = ["OTHER", "overflow_of"]

OTHER: Final = "<other>"
"""The name under which surplus names are counted, and the application under which surplus applications are."""

_GROUPS_KEPT: Final = frozenset({"Function", "Uri", "Route", "StatusCode"})


def overflow_of(series: Series) -> Series:
    """The series that a surplus one is counted under: of the same application and kind, and of a group that is ours."""
    group = series.group if series.group in _GROUPS_KEPT else "Function"
    return Series(series.application, series.kind, group, OTHER)
