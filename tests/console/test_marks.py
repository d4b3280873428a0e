"""Marks: a line in every chart, and what was before and after one of them, on the pages and in JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from weighbridge.console import Console, asgi_application
from weighbridge.transactions.recording.snapshot import Series
from weighbridge.transactions.store.engines import state_at
from weighbridge.transactions.store.results import AlertState, Mark

from ..waiting import eventually
from . import conftest
from .conftest import Call, asking, needed, served, write

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.application_blocks

FAST = Series("shop", "web", "Route", "GET /")
SLOWED = Series("shop", "web", "Route", "GET /basket")
NEW = Series("shop", "web", "Route", "GET /new")
AGO = 600.0
"""Seconds since the mark."""


def calls() -> list[Call]:
    """Ten minutes before and after the mark: one transaction is as fast as before, one slowed down, one is new."""
    both = [Call(FAST, 0.1, age=age) for age in (60, 300, 900, 1100)]
    slow = [Call(SLOWED, 0.2, age=age) for age in (700, 900, 1100)] + [Call(SLOWED, 1.0, True, 120)] * 3
    return [*both, *slow, Call(NEW, 0.3, age=200), Call(FAST, 0.1, age=5000)]


def set_mark(path: Path, name: str, ago: float = AGO, application: str = "", kind: Any = "manual") -> None:
    writer = state_at(str(path))
    assert writer.add_mark(Mark(application, int(conftest.NOW - ago), kind, name))
    writer.close()


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "weighbridge.db"
    write(path, calls())
    set_mark(path, "v1.4")
    set_mark(path, "office only", 300, "office")
    set_mark(path, "errors of the shop", 250, "shop", "alert")
    return path


@pytest.fixture
def ask(store: Path) -> Iterator[Callable[..., Any]]:
    console = Console(store, clock=lambda: conftest.NOW)
    yield asking(console)
    console.close()


def answer(ask: Callable[..., Any], address: str) -> Any:
    response = ask(address)
    assert response.status == 200, response.body
    return json.loads(response.body)


MARK = int(conftest.NOW - AGO)


def test_json_has_the_marks_of_an_application_and_of_all(ask: Callable[..., Any]) -> None:
    found = answer(ask, "/api/marks?app=shop")
    assert [one["name"] for one in found["marks"]] == ["v1.4", "errors of the shop"]
    assert found["marks"][0] == {"application": "", "moment": MARK, "kind": "manual", "name": "v1.4"}
    assert found["compared"] is None
    assert answer(ask, "/api/marks?app=shop&range=5m")["marks"][0]["kind"] == "alert"


def test_json_compares_as_long_a_time_before_and_after(ask: Callable[..., Any]) -> None:
    compared = answer(ask, f"/api/marks?app=shop&mark={MARK}")["compared"]
    assert compared["names"] == ["v1.4"]
    before, after = compared["before"], compared["after"]
    assert (before["window"], after["window"]) == (
        {"since": MARK - AGO, "until": MARK},
        {"since": MARK, "until": MARK + AGO},
    )
    assert (before["figures"]["calls"], after["figures"]["calls"]) == (5, 6)
    assert (before["figures"]["error_rate"], after["figures"]["error_rate"]) == (0, 0.5)
    assert after["figures"]["per_minute"] == pytest.approx(0.6)


def test_the_transaction_that_adds_the_most_time_is_first(ask: Callable[..., Any]) -> None:
    changed = answer(ask, f"/api/marks?app=shop&mark={MARK}")["compared"]["changed"]
    assert [one["series"]["name"] for one in changed] == ["GET /basket", "GET /new", "GET /"]
    assert changed[1]["before"] is None
    one = answer(ask, f"/api/marks?app=shop&mark={MARK}&group=Route&name=GET+/basket")["compared"]
    assert (one["before"]["figures"]["calls"], one["after"]["figures"]["calls"], one["changed"]) == (3, 3, [])


@pytest.mark.parametrize("value", ["soon", "-5", "1e99", "2999-01-01T00:00Z"])
def test_a_mark_that_is_no_moment_of_the_past(ask: Callable[..., Any], value: str) -> None:
    response = ask(f"/api/marks?app=shop&mark={value}")
    assert response.status == 400
    assert json.loads(response.body)["parameter"] == "mark"


@pytest.mark.parametrize("page", ["summary", "transactions", "errors", "transaction"])
def test_the_pages_show_two_columns_and_the_difference(ask: Callable[..., Any], page: str) -> None:
    name = "&group=Route&name=GET+/basket" if page == "transaction" else ""
    without = ask(f"/{page}?app=shop{name}").body.decode()
    assert "Before and after the mark" not in without
    assert f"mark={MARK}" in without  # the way to it
    shown = ask(f"/{page}?app=shop{name}&mark={MARK}").body.decode()
    assert "Since v1.4" in shown
    assert "+50.0 points" in shown or "+100.0 points" in shown
    assert ("GET /<wbr>basket" in shown.partition("before-after cards")[2]) == (page != "transaction")


@pytest.mark.parametrize("page", ["applications", "running", "custom"])
def test_pages_without_such_figures_compare_nothing(ask: Callable[..., Any], page: str) -> None:
    shown = ask(f"/{page}?app=shop&mark={MARK}").body.decode()
    assert "Before and after the mark" not in shown
    assert f"mark={MARK}" in shown  # and lead to those that do


def test_a_mark_before_anything_was_counted(ask: Callable[..., Any]) -> None:
    long_ago = int(conftest.NOW - 40_000)
    compared = answer(ask, f"/api/marks?app=shop&mark={long_ago}")["compared"]
    assert compared["before"]["figures"]["calls"] == 0
    assert ask(f"/summary?app=shop&mark={long_ago}").status == 200


def test_in_a_browser(browser: Any, tmp_path: Path, just_now: None) -> None:
    path = tmp_path / "weighbridge.db"
    write(path, calls())
    set_mark(path, "v1.4 <b>")
    with served(asgi_application(path)) as url:
        context = browser.new_context(base_url=url, viewport={"width": 1280, "height": 900})
        page: Page = context.new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto("/summary?app=shop&paused=yes")
        charts = page.locator(".plot canvas")
        eventually(lambda: charts.count() and page.locator(".chart-mark").count() == charts.count())
        assert page.locator(".chart-mark span").first.inner_text() == "v1.4 <b>"
        page.get_by_role("link", name="Compare with the time before v1.4").click()
        table = page.get_by_label("Before and after the mark")
        table.wait_for()
        table.get_by_role("link", name="GET /basket").click()
        page.get_by_role("heading", name="GET /basket").wait_for()
        row = page.get_by_label("Before and after the mark").get_by_role("row", name="Average")
        assert row.locator("td").all_inner_texts() == ["Average", "200 ms", "1,000 ms", "+400.0 %"]
        page.get_by_role("link", name="close").click()
        page.get_by_label("Before and after the mark").wait_for(state="detached")
        context.close()
        assert said == []


def test_a_mark_that_comes_later_is_drawn_with_the_next_refresh(browser: Any, tmp_path: Path, just_now: None) -> None:
    path = tmp_path / "weighbridge.db"
    write(path, calls())
    with served(asgi_application(path)) as url:
        context = browser.new_context(base_url=url)
        page: Page = context.new_page()
        page.goto("/summary?app=shop")
        eventually(lambda: page.locator(".plot canvas").count())
        assert page.locator(".chart-mark").count() == 0
        set_mark(path, "v1.5", 300)
        page.keyboard.press("r")
        eventually(lambda: page.locator(".chart-mark").count() == page.locator(".plot canvas").count())
        context.close()


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_serious_stands_in_anybodys_way(browser: Any, tmp_path: Path, just_now: None, width: int) -> None:
    axe = needed("axe_playwright_python.sync_playwright")
    path = tmp_path / "weighbridge.db"
    write(path, calls())
    set_mark(path, "v1.4")
    writer = state_at(str(path))
    now = writer.now()
    assert writer.change_alert(None, AlertState("errors of the shop", "critical", now, "critical", "me", now, 0))
    writer.close()
    with served(asgi_application(path)) as url:
        context = browser.new_context(base_url=url, viewport={"width": width, "height": 900}, color_scheme="dark")
        page: Page = context.new_page()
        page.goto(f"/transactions?app=shop&mark={int(conftest.NOW - AGO)}&paused=yes")
        page.get_by_label("Before and after the mark").wait_for()
        assert page.get_by_role("status").get_by_role("listitem").count() == 1
        found = axe.Axe().run(page).response["violations"]
        wide = page.locator("html").evaluate("root => root.scrollWidth")
        context.close()
    assert [one["id"] for one in found if one["impact"] in {"serious", "critical"}] == []
    assert wide <= width
