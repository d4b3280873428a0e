"""Links between pages lead somewhere: to a file of this folder, and to a heading of it. Others are not followed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .pages import MADE, PAGES, ROOT, headings, text_of

LINK = re.compile(r"\]\((?!https?:)(?P<file>[^)#\s]*)(?:#(?P<heading>[^)\s]*))?\)")


def anchors(page: str) -> set[str]:
    """What the headings of a page can be linked by."""
    return {re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower()) for heading in headings(page)}


@pytest.mark.parametrize("page", [*PAGES, *sorted(MADE)])
def test_links_lead_somewhere(page: str) -> None:
    for link in LINK.finditer(re.sub(r"```.*?```|`[^`\n]*`", "", text_of(page), flags=re.DOTALL)):
        target = (ROOT / page).parent / link["file"] if link["file"] else ROOT / page
        assert target.exists(), link[0]
        assert target.resolve().is_relative_to(ROOT), link[0]
        if link["heading"]:
            assert link["heading"] in anchors(str(target.resolve().relative_to(ROOT))), link[0]


def test_every_page_is_linked_from_the_readme_or_the_site() -> None:
    site = (ROOT / "mkdocs.yml").read_text("utf-8")
    pages = [*PAGES, *MADE]
    linked = {str(Path(link["file"])) for link in LINK.finditer(text_of("README.md"))}
    listed = {f"docs/{page}" for page in re.findall(r": ([\w/-]+\.md)$", site, re.MULTILINE)}
    assert [page for page in pages if page not in linked | listed | {"README.md"}] == []
    assert [page for page in listed if page not in pages] == []
