"""Every picture that the README shows or names is there, small, and made by the script that says so."""

from __future__ import annotations

import re

import pytest

from .blocks import README

TEXT = README.read_text("utf-8")
PICTURES = sorted(set(re.findall(r"\((docs/screenshots/[^)]+)\)", TEXT)))
SCRIPT = README.parent / "docs" / "screenshots.py"


def test_each_page_has_one() -> None:
    names = re.findall(r'^        "([a-z-]+)": ', SCRIPT.read_text("utf-8"), re.MULTILINE)
    assert set(names) <= {picture.rpartition("/")[2].removesuffix(".png") for picture in PICTURES}


@pytest.mark.parametrize("picture", PICTURES)
def test_it_is_a_small_png(picture: str) -> None:
    data = (README.parent / picture).read_bytes()
    assert data.startswith(b"\x89PNG\r\n")
    assert len(data) < 150_000
