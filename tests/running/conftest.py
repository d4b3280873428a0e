"""Commands under ``weighbridge run``, and what they left in the store."""

from __future__ import annotations

import subprocess
import textwrap
from collections.abc import Sequence
from pathlib import Path

import pytest

from .serving import Calls, recorded, run


class Scripts:
    """Runs scripts in a folder of their own, which report to one store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = folder / "weighbridge.db"

    def write(self, name: str, text: str) -> Path:
        """A file of the folder."""
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text), encoding="utf-8")
        return file

    def run(self, *command: str, options: Sequence[str] = (), **environ: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the folder."""
        variables = {"PYTHONPATH": str(self.folder), **environ}
        return run(self.store, *command, cwd=self.folder, options=options, **variables)

    def calls(self) -> Calls:
        """What was counted."""
        return recorded(self.store) if self.store.exists() else {}

    def paths(self) -> dict[str, int]:
        """How often each path was counted."""
        return {path: count for (_, path), (count, _) in self.calls().items()}


@pytest.fixture
def scripts(tmp_path: Path) -> Scripts:
    """A folder for scripts, and their store."""
    return Scripts(tmp_path)
