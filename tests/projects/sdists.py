"""Projects of others, as the package index has them: fetched once and kept, and not changed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final

import pytest

__all__ = ["unpacked"]

_KEPT: Final = Path(os.environ.get("PROJECTS_FOLDER") or Path(tempfile.gettempdir(), "weighbridge-projects"))
"""Where they are kept between two runs; ``PROJECTS_FOLDER`` names another place."""


@cache
def unpacked(name: str, version: str) -> Path:
    """The unpacked sdist of a release; without it, the test is skipped."""
    place = _KEPT / f"{name}-{version}"
    if not place.exists():
        with tempfile.TemporaryDirectory() as folder:
            archive = _fetched(f"{name}=={version}", Path(folder))
            shutil.unpack_archive(archive, Path(folder, "unpacked"), filter="data")
            (project,) = Path(folder, "unpacked").iterdir()
            copy = Path(shutil.copytree(project, place.with_name(f"{place.name}.{os.getpid()}")))
            with suppress(OSError):  # another process has fetched it meanwhile
                copy.rename(place)
            shutil.rmtree(copy, ignore_errors=True)
    return place


def _fetched(release: str, folder: Path) -> Path:
    command = ["download", "--quiet", "--no-deps", "--no-binary", ":all:", "--dest", str(folder)]
    done = subprocess.run([sys.executable, "-m", "pip", *command, release], capture_output=True, text=True, check=False)
    archives = list(folder.glob("*.tar.gz"))
    if not archives:
        pytest.skip(f"{release} cannot be fetched: {done.stderr.strip().splitlines()[-1:]}")
    return archives[0]
