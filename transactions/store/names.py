"""What all engines hold to about names: what they are names of, and in which form they are stored."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Final

from .results import Selection
from .rows import Scope

__all__ = ["SCOPES", "list_of_applications", "scope_of", "scopes_of", "storable"]

_LONGEST_LIST: Final = 2000
"""Bytes of names in one row: an index of PostgreSQL holds no more than 2704."""

SCOPES: Final[tuple[Scope, ...]] = ("name", "all", "host", "version", "queue")
"""The meaning of the column ``whole``, by its value."""


def scopes_of(host: str, version: str, queue: str) -> Iterator[tuple[Scope, str]]:
    """Yield what totals are kept for: those of a queue for that; those of all queues for everything else."""
    if queue:
        yield "queue", queue
        return
    yield "all", ""
    if host:
        yield "host", host
    if version:
        yield "version", version


def scope_of(selection: Selection) -> tuple[Scope, Selection]:
    """Return the scope that has the counts of a selection, and what is selected there: a host, a version, or names."""
    of_all = Selection(selection.application, selection.kind)
    if selection.host is not None:
        return "host", of_all._replace(name=selection.host)
    if selection.version is not None:
        return "version", of_all._replace(name=selection.version)
    return "name", selection


def storable(text: str) -> str:
    """Return a text that can be stored: invalid Unicode is escaped, and so is NUL, which PostgreSQL does not take."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\x00")


def list_of_applications(names: Iterable[str]) -> str:
    """Return names as a list in JSON: an empty one, which stands for any application, where they are too many."""
    listed = json.dumps(sorted({storable(name) for name in names}))
    return listed if len(listed) <= _LONGEST_LIST else "[]"
