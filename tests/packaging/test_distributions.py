"""Three folders, one import name: nothing is missing from the wheel and nothing else is in it."""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Distributions

BESIDE = {"_weighbridge_pytestplugin.py"}
"""What pytest imports for every program's tests."""
FOLDERS = {"facade": "weighbridge", "middleware": "weighbridge/middleware", "transactions": "weighbridge/transactions"}


def files_below(folder: Path) -> set[str]:
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {str(path) for path in found if "__pycache__" not in path.parts}


@pytest.fixture
def wheel(distributions: Distributions) -> set[str]:
    with zipfile.ZipFile(distributions.wheel) as archive:
        return set(archive.namelist())


@pytest.fixture
def sdist(distributions: Distributions) -> set[str]:
    with tarfile.open(distributions.sdist) as archive:
        return {name.partition("/")[2] for name in archive.getnames()}


def test_the_wheel_has_every_file_of_the_three_folders_under_one_name(
    distributions: Distributions, wheel: set[str]
) -> None:
    expected = {
        f"{package}/{file}" for folder, package in FOLDERS.items() for file in files_below(distributions.root / folder)
    }
    assert {name for name in wheel if ".dist-info/" not in name} == expected | BESIDE
    assert "weighbridge/py.typed" in wheel


def test_the_wheel_has_the_licence_and_the_command(distributions: Distributions, wheel: set[str]) -> None:
    (licence,) = (name for name in wheel if name.endswith("/LICENSE"))
    (entries,) = (name for name in wheel if name.endswith("/entry_points.txt"))
    with zipfile.ZipFile(distributions.wheel) as archive:
        assert b"Apache License" in archive.read(licence)
        assert b"weighbridge = weighbridge.cli:main" in archive.read(entries)


def test_the_sdist_has_what_its_tests_and_checks_need(distributions: Distributions, sdist: set[str]) -> None:
    needed = {"CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "mkdocs.yml"}
    needed |= {*BESIDE, "LICENSE", "MANIFEST.in", "README.md", "pyproject.toml", "setup.cfg", "tox.ini", ".ci/run"}
    for folder in ("benchmarks", "docs", "examples", "tests", *FOLDERS):
        needed |= {f"{folder}/{file}" for file in files_below(distributions.root / folder)}
    assert needed - sdist == set()
    assert not any("__pycache__" in name for name in sdist)
