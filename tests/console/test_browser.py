"""The whole journey in a real browser: no error, no other host, by keyboard alone, dark and light, and accessible."""

from __future__ import annotations

import importlib
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from tests.console import conftest
from tests.console.conftest import CALLS, EXPORT, PAYLOAD, Call, served
from weighbridge.console import asgi_application
from weighbridge.reporting import formats
from weighbridge.transactions.recording.snapshot import Series

if TYPE_CHECKING:
    from playwright.sync_api import Page

REQUIRED = os.environ.get("BROWSER_TESTS") == "required"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
LATENCY = 10_000


def needed(name: str) -> Any:
    """A library that the journey needs; its absence skips the test, unless that is forbidden."""
    return importlib.import_module(name) if REQUIRED else pytest.importorskip(name)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None and not REQUIRED:
        pytest.skip("there is no chromium; BROWSER_TESTS=required makes this a failure")
    playwright = needed("playwright.sync_api")
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The page on the calls as if they had ended just now."""
    monkeypatch.setattr(conftest, "NOW", time.time() // 60 * 60)
    path = tmp_path / "weighbridge.db"
    hostile = Call(
        Series("hostile", "web", f"g{PAYLOAD}", PAYLOAD), 0.3, True, error=PAYLOAD, attributes={PAYLOAD: PAYLOAD}
    )
    conftest.write(path, [*CALLS, hostile])
    with served(asgi_application(path)) as address:
        yield address


@pytest.fixture
def page(browser: Any, url: str) -> Iterator[Page]:
    """A page that fails the test if it logs an error, or asks another host for anything."""
    context = browser.new_context(base_url=url, viewport={"width": 1280, "height": 900}, color_scheme="light")
    context.set_default_timeout(LATENCY)
    said: list[str] = []
    hosts: set[str] = set()
    opened = context.new_page()
    opened.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.on("dialog", lambda dialog: (said.append(f"dialog {dialog.message}"), dialog.dismiss()))
    opened.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    yield opened
    context.close()
    assert said == []
    assert hosts == {urlsplit(url).netloc}


def names(page: Page) -> list[str]:
    return page.locator("table.figures td.name").all_inner_texts()


def test_from_the_list_to_what_is_wrong(page: Page) -> None:
    page.goto("/")
    page.get_by_role("link", name="shop", exact=True).first.click()
    page.get_by_role("heading", name="shop").wait_for()
    web = [call for call in CALLS if call.series.kind == "web"]
    average = formats.duration(sum(call.duration for call in web) / len(web))
    assert page.locator(".tiles .value").first.inner_text() == average
    assert page.locator(".plot canvas").count() == 5
    page.get_by_role("link", name="Non-web").click()
    page.wait_for_url("**kind=background**")
    assert page.locator(".plot canvas").count() == 3
    page.get_by_role("link", name="Web", exact=True).click()
    page.get_by_role("link", name="Transactions", exact=True).click()
    assert names(page)[0] == f"Route/{EXPORT.name}"
    page.get_by_label("Sort by").select_option("throughput")
    page.wait_for_url("**sort=throughput**")
    assert names(page)[-1] == f"Route/{EXPORT.name}"
    page.get_by_label("Search").fill("export")
    page.get_by_label("Search").press("Enter")
    page.wait_for_url("**search=export**")
    assert names(page) == [f"Route/{EXPORT.name}"]
    page.get_by_role("link", name=EXPORT.name).click()
    page.get_by_role("heading", name=EXPORT.name).wait_for()


def test_moving_t_shows_the_score_and_stays_in_the_address(page: Page) -> None:
    page.goto("/transaction?app=shop&group=Route&name=GET+/export.csv")
    score, slider = page.locator("#what-if-apdex"), page.get_by_label("What if T were")
    scores = [float(score.inner_text())]
    for _ in range(8):
        slider.press("ArrowRight")
        scores.append(float(score.inner_text()))
    assert scores == sorted(scores)
    assert scores[-1] > scores[0]
    assert "t=" in page.url
    page.reload()
    assert float(score.inner_text()) == scores[-1]


def test_the_span_can_be_chosen_and_the_refresh_paused(page: Page) -> None:
    page.goto("/summary?app=shop")
    page.get_by_label("Time", exact=True).select_option("7d")
    page.wait_for_url("**range=7d**")
    page.locator("details.free summary").click()
    page.locator("details.free button").click()
    page.wait_for_url("**since=**")
    assert "range=" not in page.url
    page.goto("/summary?app=shop")
    page.get_by_role("link", name="Pause").click()
    page.wait_for_url("**paused=yes**")
    assert page.locator("body").get_attribute("data-refresh") is None


def test_it_keeps_itself_up_to_date(page: Page) -> None:
    page.goto("/summary?app=shop")
    page.evaluate("document.querySelector('.tiles .value').textContent = 'old'")
    page.evaluate("refresh()")
    page.wait_for_function("document.querySelector('.tiles .value').textContent !== 'old'")
    assert page.locator(".plot canvas").count() == 5


def test_the_theme_follows_the_system_and_can_be_switched(page: Page) -> None:
    page.goto("/summary?app=shop")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_role("button", name="Dark").click()
    assert page.evaluate(ground) != light
    page.reload()
    assert page.evaluate(ground) != light
    page.evaluate("localStorage.clear()")
    page.emulate_media(color_scheme="dark")
    page.reload()
    assert page.evaluate(ground) != light


def test_it_can_be_used_by_keyboard_alone(page: Page) -> None:
    page.goto("/summary?app=shop")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    wanted = page.get_by_role("link", name="Transactions", exact=True)
    for _ in range(6):
        page.keyboard.press("Tab")
        if wanted.evaluate("link => link === document.activeElement"):
            break
    page.keyboard.press("Enter")
    page.wait_for_url("**/transactions**")
    page.get_by_label("Search").focus()
    page.keyboard.type("items")
    page.keyboard.press("Enter")
    page.wait_for_url("**search=items**")
    page.locator("table.figures td.name a").first.focus()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="GET /items/{id}").wait_for()


ADDRESSES = {
    "applications": "/applications",
    "summary": "/summary?app=shop&compare=day",
    "non-web": "/summary?app=shop&kind=background",
    "transactions": "/transactions?app=shop",
    "transaction": "/transaction?app=shop&group=Route&name=GET+/export.csv",
    "errors": "/errors?app=shop",
    "running": "/running",
    "empty": "/summary?app=nobody",
    "hostile": "/errors?app=hostile",
    "api": "/api",
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ADDRESSES)
def test_nothing_serious_stands_in_anybodys_way(page: Page, name: str, scheme: Any) -> None:
    axe = needed("axe_playwright_python.sync_playwright")
    page.emulate_media(color_scheme=scheme)
    page.goto(ADDRESSES[name])
    found = axe.Axe().run(page).response["violations"]
    serious = [one for one in found if one["impact"] in {"serious", "critical"}]
    assert not serious, [(one["id"], [node["html"][:200] for node in one["nodes"][:3]]) for one in serious]


@pytest.mark.parametrize("name", ADDRESSES)
def test_a_small_screen_is_wide_enough(page: Page, name: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(ADDRESSES[name])
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
