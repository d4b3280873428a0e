"""The pages that are followed from top to bottom, each in an empty folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from .pages import blocks, text_of
from .test_commands import INSTALL
from .walkthrough import is_in, walking


def test_output_is_compared_but_for_numbers() -> None:
    assert is_in("Shop  web  Route/GET /  2  1.2/min", "head\nShop web  Route/GET /   17  3,400/min")
    assert is_in("all  6.85 ms  71.5 %", "all  12 s  100 %")
    assert not is_in("Shop  web  Route/GET /", "Shop  web  Route/GET /users")
    assert not is_in("one\ntwo", "one")


WALKED = {
    "docs/first-hour.md",
    "docs/how-to/testing.md",
    "docs/reference/json.md",
    "docs/tutorials/django.md",
    "docs/tutorials/fastapi.md",
    "docs/tutorials/flask.md",
    "docs/tutorials/worker.md",
}


@pytest.mark.parametrize("page", sorted(WALKED))
def test_a_page_is_followed(page: str, tmp_path: Path) -> None:
    steps = [block for block in blocks(None, page) if block.heading not in APART]
    with walking(tmp_path, replaced={"/var/lib/shop": str(tmp_path)}) as reader:
        reader.follow(steps)


APART = {"1. See it run: half a minute"}
"""The demo, which `tests/demo` runs; what it says is looked up below."""


def test_the_demo_ends_as_the_first_hour_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said_by_page = [block.code for block in blocks("text", "docs/first-hour.md") if block.heading in APART]
    assert INSTALL in text_of("docs/first-hour.md")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_STATE_HOME")
    with walking(tmp_path) as reader:
        said = reader.output("weighbridge demo --requests 60").replace(str(tmp_path), "~")
    assert all(is_in(shown.replace("\n\n", "\n"), said) for shown in said_by_page), said
