"""When the code that runs was read from its file, as far as is known: a file that is younger may have other lines."""

from __future__ import annotations

import sys
from typing import Final

from .clock import file_time

__all__ = ["loading"]


class _Loading:
    """Knows when this process began, and what it had from the one that it was forked from."""

    def __init__(self) -> None:
        self._began = file_time()
        self._inherited: tuple[tuple[frozenset[str], float], ...] = ()
        """The modules that processes had loaded when they forked, and when they had begun."""

    def reset_after_fork(self) -> None:
        """Note, in a child, that what is loaded by now may have been read long ago; each name once, by its oldest."""
        new = frozenset(sys.modules).difference(*(names for names, _ in self._inherited))
        if new:
            self._inherited = (*self._inherited, (new, self._began))
        self._began = file_time()

    def begun(self, path: str) -> float:
        """Return since when the code of a file may have been loaded (epoch seconds, as files are dated)."""
        for names, began in self._inherited:
            if any(_file_of(sys.modules.get(name)) == path for name in names):
                return began
        return self._began


def _file_of(module: object) -> object:
    """Return the file of a module, whose own code may make up attributes."""
    return getattr(module, "__dict__", {}).get("__file__")


loading: Final = _Loading()
"""Of this process."""
