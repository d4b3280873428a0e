"""Every picture that a page shows or names is there, small, and made by the script that says so."""

from __future__ import annotations

import re

import pytest

from .pages import PAGES, ROOT, text_of

PICTURES = sorted({name for page in PAGES for name in re.findall(r"screenshots/([\w-]+\.png)", text_of(page))})
FOLDER = ROOT / "docs" / "screenshots"
SCRIPT = ROOT / "docs" / "screenshots.py"


def test_each_page_has_one() -> None:
    names = re.findall(r'^        "([a-z-]+)": ', SCRIPT.read_text("utf-8"), re.MULTILINE)
    assert set(names) <= {picture.removesuffix(".png") for picture in PICTURES}


@pytest.mark.parametrize("picture", PICTURES)
def test_it_is_a_small_png(picture: str) -> None:
    data = (FOLDER / picture).read_bytes()
    assert data.startswith(b"\x89PNG\r\n")
    assert len(data) < 150_000


def test_none_is_there_that_no_page_shows() -> None:
    assert [file.name for file in FOLDER.iterdir() if file.name not in PICTURES] == []
