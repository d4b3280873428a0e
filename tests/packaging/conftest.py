"""The sdist of this folder, and the wheel built from it, as a release makes them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
LEFT_BEHIND = shutil.ignore_patterns(".*_cache", ".git", ".tox", ".venv", "__pycache__", "*.egg-info", "build", "dist")


class Distributions(NamedTuple):
    sdist: Path
    wheel: Path
    root: Path
    """A copy of the folder from which they were built."""


@pytest.fixture(scope="session")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Distributions:
    """Built in a copy: a build leaves files behind, and other builds may run at this moment."""
    root = tmp_path_factory.mktemp("packaging") / "copy"
    shutil.copytree(ROOT, root, ignore=LEFT_BEHIND)
    command = [sys.executable, "-m", "build", "--no-isolation"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return Distributions(next(root.glob("dist/*.tar.gz")), next(root.glob("dist/*.whl")), root)
