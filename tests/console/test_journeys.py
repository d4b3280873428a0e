"""From a figure that is bad to why, on what two versions of the demo's shop report: by hand, in a browser."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from weighbridge.console import asgi_application
from weighbridge.demo.bookshop import PAST, RELEASE
from weighbridge.demo.drive import drive, wait_until_ready
from weighbridge.demo.services import start_web
from weighbridge.demo.traffic import NEW, OLD, TRAFFIC, Traffic
from weighbridge.transactions.store.reader import StoreReader, Window

from .conftest import LATENCY, charts_drawn, served

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.application_blocks

LOGS = "https://logs.example.com/search?q={request.id}"
SLOWER = 0.15
"""Seconds that a search takes at least in the later version."""
SENT = {
    OLD: {"GET /": 40, "GET /search": 5, "GET /wishlist": 5},
    NEW: {"GET /": 43, "GET /search": 5, "GET /wishlist": 2},
}


def traffic(version: str) -> Iterator[Traffic]:
    for what, number in SENT[version].items():
        (kind,) = (one for one in TRAFFIC if one.what == what and one.release in ("", version))
        yield from [kind] * number


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What both versions have reported: of a hundred requests, two have failed.

    The later one is slower by its own waiting, which only shows where the machine lets all else be fast.
    """
    for _ in range(5):
        path = reported(tmp_path_factory.mktemp("bookshop"))
        if shows_what_became_slower(path):
            break
    return path


def shows_what_became_slower(store: Path) -> bool:
    release = time.time() - RELEASE - 60
    earlier, later = Window(time.time() - PAST - 60, release), Window(release, time.time())
    with StoreReader.open(store) as reader:
        before, after = (reader.averages(window, "Bookshop", "web") for window in (earlier, later))
        grown = {one.name: average / before[one] for one, average in after.items() if one in before}
        return max(grown, key=grown.__getitem__) == "GET /search" and (reader.totals(earlier).p95 or 0) < SLOWER


def reported(folder: Path) -> Path:
    path = folder / "weighbridge.db"
    for version, ago in ((OLD, PAST), (NEW, RELEASE)):
        with ExitStack() as stack:
            web = start_web(folder, path, version, ago)
            stack.callback(web.stop)
            wait_until_ready({"web": web})
            assert drive([*traffic(version)], {"web": web}, lambda: None) == []
    return path


@pytest.fixture
def page(browser: Any, store: Path) -> Iterator[Page]:
    with served(asgi_application(store, log_link=LOGS)) as url:
        context = browser.new_context(base_url=url, viewport={"width": 1280, "height": 900})
        context.set_default_timeout(LATENCY)
        said: list[str] = []
        opened = context.new_page()
        opened.on("console", lambda message: said.append(message.text))
        opened.on("pageerror", lambda error: said.append(str(error)))
        opened.goto("/summary?app=Bookshop&paused=yes")
        yield opened
        context.close()
        assert said == []


def test_from_the_error_rate_to_the_log_lines(page: Page) -> None:
    assert page.locator(".tiles div", has_text="Error rate").locator(".value").inner_text() == "2.00 %"
    page.get_by_role("link", name="Errors", exact=True).click()
    groups = page.get_by_role("region", name="Error groups").locator("tbody tr")
    groups.first.wait_for()
    (row,) = groups.all()
    assert "new since 1.4" in row.inner_text()
    row.get_by_role("link", name="KeyError").click()
    own = page.locator(".frames.own").first
    own.wait_for()
    assert "in _wishes" in own.inner_text()
    assert "return wishes[reader]" in own.inner_text()
    page.get_by_role("link", name=re.compile("^sample ")).first.click()
    attributes = page.locator("dl.attributes")
    attributes.wait_for()
    assert "/wishlist" in attributes.inner_text()
    link = attributes.get_by_role("link")
    number = link.inner_text()
    assert UUID(number)
    assert link.get_attribute("href") == LOGS.replace("{request.id}", number)


def test_from_a_slower_percentile_to_the_transaction(page: Page) -> None:
    charts_drawn(page, page.locator(".plot").count())
    assert "1.4" in page.locator(".chart-mark span").all_inner_texts()
    page.get_by_role("link", name="Compare with the time before 1.4").click()
    table = page.get_by_label("Before and after the mark")
    table.wait_for()
    title, before, after, difference = table.get_by_role("row", name="p95").first.locator("td").all_inner_texts()
    assert (title, difference[0]) == ("p95", "+")
    assert float(before.split()[0]) < SLOWER * 1000 <= float(after.split()[0])
    slower = table.locator("table.cards tbody tr").first
    assert "GET /search" in slower.inner_text()
    slower.get_by_role("link").click()
    page.get_by_role("heading", name="GET /search").wait_for()
    row = page.get_by_label("Before and after the mark").get_by_role("row", name="Average")
    assert row.locator("td").last.inner_text().startswith("+")
    page.get_by_role("link", name="all samples", exact=True).click()
    page.get_by_role("heading", name="Samples").wait_for()
    assert page.locator("table.cards tbody tr").count() > 0
    assert {"Route/GET /search"} == set(page.locator("table.cards td.name").all_inner_texts())
