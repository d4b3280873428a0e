"""The page on architecture names folders and files that exist, and all the floors that there are."""

from __future__ import annotations

import re

import pytest

from .pages import ROOT, text_of

TEXT = text_of("docs/architecture.md")
PATHS = sorted(set(re.findall(r"(?<![\w./])(?:facade|middleware|transactions|benchmarks)/[\w./]*", TEXT)))


@pytest.mark.parametrize("path", PATHS)
def test_a_path_that_it_names_exists(path: str) -> None:
    assert (ROOT / path).exists()
    assert path.endswith("/") == (ROOT / path).is_dir()


def test_it_names_every_floor() -> None:
    folders = {f"transactions/{folder.name}/" for folder in (ROOT / "transactions").iterdir() if folder.is_dir()}
    assert sorted(folder for folder in folders if "__" not in folder and folder not in PATHS) == []
