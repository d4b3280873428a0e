"""Samples as dots over the chart, in a browser: a click or a key on one of them leads to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ..waiting import eventually
from .conftest import charts_drawn, needed

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.application_blocks, pytest.mark.usefixtures("just_now")]

SAMPLES = "/samples?app=shop&range=1h"


@pytest.fixture
def drawn(page: Page) -> Page:
    page.goto(SAMPLES)
    charts_drawn(page, 1)
    rows = page.locator("table.cards tbody tr").count()
    assert rows > 5
    eventually(lambda: page.locator(".point").count() == rows)
    return page


def test_a_click_on_a_dot_is_a_sample(drawn: Page) -> None:
    dots = drawn.locator(".point")
    assert drawn.locator(".point.failed").count() == drawn.locator("tr.failed").count()
    number = dots.first.get_attribute("data-sample")
    dots.first.dispatch_event("click")
    drawn.get_by_role("heading", name=f"sample {number}").wait_for()
    assert "range=1h" in drawn.url
    drawn.go_back()
    charts_drawn(drawn, 1)


def test_by_keyboard_every_dot_is_reached(drawn: Page) -> None:
    dots = drawn.locator(".point")
    reachable = drawn.locator(".point[tabindex='0']")
    assert reachable.count() == 1
    reachable.focus()
    seen = [drawn.locator(".point:focus").get_attribute("data-sample")]
    for _ in range(dots.count() - 1):
        drawn.keyboard.press("ArrowLeft")
        seen.append(drawn.locator(".point:focus").get_attribute("data-sample"))
    assert len(set(seen)) == dots.count()
    drawn.keyboard.press("End")
    assert drawn.locator(".point:focus").get_attribute("data-sample") == seen[0]
    assert reachable.count() == 1
    name = drawn.locator(".point:focus").get_attribute("aria-label") or ""
    assert name.startswith(f"Sample {seen[0]}, Route/GET /")
    drawn.keyboard.press("Enter")
    drawn.get_by_role("heading", name=f"sample {seen[0]}").wait_for()


def test_the_focus_stays_where_it_is_in_a_refresh_and_a_change_of_colours(drawn: Page) -> None:
    drawn.locator(".point").first.focus()
    with drawn.expect_response("**/samples?**"):
        drawn.keyboard.press("r")
    assert drawn.locator(".point:focus").count() == 1
    drawn.locator("#theme").click()
    charts_drawn(drawn, 1)
    eventually(lambda: drawn.locator(".point").count() == drawn.locator("table.cards tbody tr").count())


def test_a_filter_is_typed_in_and_stays_in_the_address(drawn: Page) -> None:
    drawn.get_by_label("Error").fill("OutOfStock")
    drawn.get_by_label("Took at least").fill("10ms")
    drawn.get_by_label("Took at least").press("Enter")
    drawn.wait_for_url("**min_duration=10ms**")
    rows = drawn.locator("table.cards tbody tr")
    assert rows.count() == drawn.locator("tr.failed").count() > 0
    address = drawn.url
    drawn.get_by_label("Time", exact=True).select_option("3h")
    drawn.wait_for_url("**range=3h**")
    assert "error_class=OutOfStock" in drawn.url
    drawn.goto(address)
    drawn.get_by_label("Error").fill("Nobody")
    drawn.get_by_label("Error").press("Enter")
    drawn.get_by_text("No sample of this time matches.").wait_for()
    drawn.get_by_role("link", name="Clear").click()
    drawn.locator("table.cards").wait_for()


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_nothing_serious_stands_in_anybodys_way(drawn: Page, width: int, scheme: Any) -> None:
    axe = needed("axe_playwright_python.sync_playwright")
    drawn.emulate_media(color_scheme=scheme)
    drawn.set_viewport_size({"width": width, "height": 900})
    found = axe.Axe().run(drawn).response["violations"]
    assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []
    assert drawn.locator("html").evaluate("root => root.scrollWidth") <= width
