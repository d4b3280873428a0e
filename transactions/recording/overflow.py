"""Under which name is counted what is beyond a bound."""

from __future__ import annotations

from typing import Final

from .snapshot import Series

__all__ = ["OTHER", "overflow_of"]

OTHER: Final = "<other>"
"""The name under which names beyond the limit are counted, and the application for applications beyond it."""

_GROUPS_KEPT: Final = frozenset({"Function", "Uri", "Route", "StatusCode"})


def overflow_of(series: Series) -> Series:
    """The series under which one beyond the limit is counted: same application and kind, and a group that is ours."""
    group = series.group if series.group in _GROUPS_KEPT else "Function"
    return Series(series.application, series.kind, group, OTHER)
