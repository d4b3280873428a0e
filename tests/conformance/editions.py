"""Where the frameworks and servers come from: their current releases, and the oldest that are still widely used."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import distributions
from pathlib import Path
from typing import Final


@dataclass(frozen=True, eq=False)
class Edition:
    """An environment with weighbridge, frameworks and servers."""

    name: str
    programs: Path | None
    """The folder of its Python and of the programs that are installed with it."""

    @property
    def python(self) -> str:
        """Its Python."""
        return self.program("python")

    def program(self, name: str) -> str:
        """One of its programs."""
        return f"{self.programs}/{name}"

    @cached_property
    def versions(self) -> dict[str, str]:
        """The installed distributions."""
        if self.programs is None:
            return {}
        folders = [str(folder) for folder in self.programs.parent.glob("lib/python3*/site-packages")]
        return {found.metadata["Name"].lower(): found.version for found in distributions(path=folders)}

    def missing(self, names: tuple[str, ...]) -> list[str]:
        """Those of these distributions, or programs of the system (``bin/<program>``), that are not there."""
        return [name for name in names if not (name in self.versions or _is_program(name))]


def _is_program(name: str) -> bool:
    return name.startswith("bin/") and system_program(name.removeprefix("bin/")) is not None


def system_program(name: str) -> str | None:
    """A program of the system's own, in a path that has the servers too."""
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")


_OLDEST: Final = os.environ.get("CONFORMANCE_OLDEST")

CURRENT: Final = Edition("current", Path(sys.executable).parent)
OLDEST: Final = Edition("oldest", Path(_OLDEST, "bin") if _OLDEST else None)
"""A virtual environment with what `oldest.txt` says; ``CONFORMANCE_OLDEST`` is its folder."""
