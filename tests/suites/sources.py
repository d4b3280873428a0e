"""The sources of installed distributions."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

__all__ = ["source"]


def source(name: str, folder: Path) -> Path:
    """The unpacked sdist of the release that is installed; one that is there already is taken.

    Raises:
        CalledProcessError: the package index has none.
    """
    place = folder / f"{name}-{version(name)}"
    if not place.exists():
        with_archive = folder / f"{place.name}.sdist"
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"]
        subprocess.run([*command, "--dest", with_archive, f"{name}=={version(name)}"], check=True)
        (archive,) = with_archive.iterdir()
        shutil.unpack_archive(archive, with_archive / "unpacked", filter="data")
        (unpacked,) = (with_archive / "unpacked").iterdir()
        unpacked.rename(place)
        shutil.rmtree(with_archive)
    return place
