"""The whole journey in a real browser: no error, no other host, by keyboard alone, dark and light, and accessible."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.util import shift_path_info

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from tests.console import conftest
from tests.console.conftest import CALLS, EXPORT, GONE, PAYLOAD, Call, charts_drawn, needed, served
from tests.waiting import eventually
from weighbridge.console import asgi_application, wsgi_application
from weighbridge.reporting import formats

if TYPE_CHECKING:
    from playwright.sync_api import Page

# Playwright's synchronous interface runs the tests inside an event loop of its own, and they make stores there.
pytestmark = [pytest.mark.application_blocks, pytest.mark.usefixtures("just_now")]

HOSTILE = {"app": "hostile", "group": f"g{PAYLOAD}", "name": PAYLOAD}


def asgi_mounted(path: Path) -> AbstractContextManager[str]:
    return served(Starlette(routes=[Mount("/apm", asgi_application(path))]))


class ThreadingServer(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class QuietHandler(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def wsgi_mounted(path: Path) -> Iterator[str]:
    console = wsgi_application(path)

    def shop(environ: Any, start_response: Any) -> Any:
        if environ["PATH_INFO"].startswith("/apm/"):
            shift_path_info(environ)
            return console(environ, start_response)
        start_response("404 Not Found", [("Content-Length", "0")])
        return [b""]

    with make_server("127.0.0.1", 0, shop, ThreadingServer, QuietHandler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def names(page: Page) -> list[str]:
    return page.locator("table.figures .name").all_inner_texts()


def test_from_the_list_to_what_is_wrong(page: Page) -> None:
    page.goto("/")
    page.get_by_role("link", name="shop", exact=True).first.click()
    page.get_by_role("heading", name="shop").wait_for()
    web = [call for call in CALLS if call.series.kind == "web"]
    average = formats.duration(sum(call.duration for call in web) / len(web))
    assert page.locator(".tiles .value").first.inner_text() == average
    charts_drawn(page, 5)
    page.get_by_role("link", name="Non-web").click()
    page.wait_for_url("**kind=background**")
    charts_drawn(page, 3)
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


def test_the_span_can_be_chosen(page: Page) -> None:
    page.goto("/summary?app=shop")
    page.get_by_label("Time", exact=True).select_option("7d")
    page.wait_for_url("**range=7d**")
    page.locator("details.free summary").click()
    page.locator("details.free button").click()
    page.wait_for_url("**since=**")
    assert "range=7d" in page.url  # which is where "Live" leads back to


def test_dragging_over_a_chart_zooms_into_that_time(page: Page) -> None:
    page.goto("/summary?app=shop")
    box = page.locator(".plot .u-over").first.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20, steps=5)
    page.mouse.up()
    page.wait_for_url("**since=**")
    since, until = (float(parse_qs(urlsplit(page.url).query)[name][0]) for name in ("since", "until"))
    assert 300 < until - since < 600  # a quarter of half an hour


def test_pointing_at_a_chart_shows_its_figures_and_moves_nothing(page: Page) -> None:
    page.goto("/transactions?app=shop")
    chart = page.locator(".plot .u-over").first
    before = chart.bounding_box()
    chart.hover()
    values = page.locator(".legend .value").all_inner_texts()
    assert [value.endswith("s/min") for value in values] == [True] * 3
    assert chart.bounding_box() == before


def test_the_refresh_can_be_chosen_paused_and_resumed(page: Page) -> None:
    page.goto("/summary?app=shop")
    page.get_by_label("Refresh").select_option("60")
    page.wait_for_url("**refresh=60**")
    body = page.locator("body")
    assert body.get_attribute("data-refresh") == "60"
    page.get_by_role("link", name="Pause").click()
    page.wait_for_url("**paused=yes**")
    assert body.get_attribute("data-refresh") is None
    page.get_by_role("link", name="Transactions", exact=True).click()
    page.get_by_role("link", name="Resume").click()  # it is paused on the other pages, too
    page.wait_for_url("**/transactions**refresh=60")
    assert body.get_attribute("data-refresh") == "60"


def test_a_sample_can_be_opened_and_its_address_handed_on(page: Page) -> None:
    page.goto("/transaction?app=shop&group=Route&name=GET+/export.csv")
    page.get_by_role("link", name=re.compile("^sample")).first.click()
    page.wait_for_url("**/sample?**sample=**")
    page.locator("#mark-sample text").wait_for()
    slowest = formats.duration(max(call.duration for call in CALLS if call.series == EXPORT and not call.failed))
    assert page.locator(".tiles .value").first.inner_text() == slowest
    page.goto(page.url)
    assert page.locator(".tiles .value").first.inner_text() == slowest
    page.get_by_role("link", name=EXPORT.name).click()
    page.get_by_role("heading", name=EXPORT.name).wait_for()


def test_errors_are_charted_by_class(page: Page) -> None:
    page.goto("/errors?app=shop")
    assert "OutOfStock" in page.get_by_role("img", name="Errors by class").get_attribute("data-chart")
    page.get_by_role("link", name="OutOfStock").first.click()
    page.wait_for_url("**search=shop**OutOfStock**")
    page.get_by_role("img", name="Errors by class").locator("canvas").wait_for()


def test_times_are_those_of_the_viewers_zone(browser: Any, url: str) -> None:
    context = browser.new_context(base_url=url, timezone_id="Asia/Tokyo")
    page = context.new_page()
    page.goto("/summary?app=shop")
    shown = page.locator("footer time").first
    utc = datetime.fromisoformat((shown.get_attribute("datetime") or "").replace("Z", "+00:00"))
    clock = f"{utc.astimezone(timezone(timedelta(hours=9))):%H:%M}"
    assert clock in shown.inner_text()
    assert page.locator("footer .zone").inner_text() == "Asia/Tokyo"
    assert page.locator("input[name=since]").input_value().endswith(clock)
    page.locator("details.free summary").click()
    page.locator("details.free button").click()
    page.wait_for_url("**since=**")
    since = float(parse_qs(urlsplit(page.url).query)["since"][0])
    assert since == pytest.approx(utc.timestamp(), abs=60)
    context.close()


@pytest.fixture
def month(tmp_path: Path) -> Iterator[str]:
    """The page on the calls of more than a month."""
    path = tmp_path / "month.db"
    conftest.write(path, [Call(EXPORT, 0.1, age=age) for age in range(60, 40 * 86400, 7200)])
    with served(asgi_application(path)) as address:
        yield address


@pytest.mark.parametrize(
    ("zone", "note"),
    [("Asia/Tokyo", "days of Asia/Tokyo"), ("Asia/Kolkata", "days from 00:30 to 00:30, Asia/(Kolkata|Calcutta)")],
)
def test_days_and_what_is_compared_go_by_the_viewers_clock(browser: Any, month: str, zone: str, note: str) -> None:
    context = browser.new_context(base_url=month, timezone_id=zone)
    page = context.new_page()
    for query in ("compare=week", "range=30d"):
        page.goto(f"/summary?app=shop&{query}")
        page.wait_for_url(re.compile(f"tz=Asia(%2F|/)({zone.partition('/')[2]}|Calcutta)"))  # its name in some browsers
    page.get_by_text(re.compile(note)).first.wait_for()
    chart = json.loads(page.locator(".plot").first.get_attribute("data-chart") or "")
    assert 240 <= len(chart["x"]) <= 242
    hours = page.evaluate(f"{chart['x']}.map(start => new Date(start * 1000).getHours())")
    assert set(hours) == set(range(0, 24, 3))
    context.close()


def test_a_viewer_whose_clock_is_the_servers_need_not_name_it(browser: Any, month: str) -> None:
    context = browser.new_context(base_url=month, timezone_id="UTC")
    page = context.new_page()
    page.goto("/summary?app=shop&range=30d&compare=week")
    page.locator(".plot canvas").first.wait_for()
    assert "tz=" not in page.url
    context.close()


def test_it_keeps_itself_up_to_date(page: Page) -> None:
    page.goto("/summary?app=shop")
    page.evaluate("document.querySelector('.tiles .value').textContent = 'old'")
    page.evaluate("refresh()")
    eventually(lambda: page.locator(".tiles .value").first.inner_text() != "old")
    charts_drawn(page, 5)


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
    page.locator("table.figures .name a").first.focus()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="GET /items/{id}").wait_for()


def test_every_shortcut_of_the_list_works(page: Page) -> None:
    page.goto("/applications")
    page.keyboard.press("?")
    shortcuts = page.get_by_role("dialog", name="Keyboard shortcuts")
    shortcuts.wait_for()
    page.keyboard.press("1")  # nothing but the list is reached
    page.keyboard.press("Escape")
    shortcuts.wait_for(state="hidden")
    pages = "summary transactions samples errors jobs applications running custom".split()
    for key, title in enumerate(pages, 1):
        page.keyboard.press(str(key))
        page.wait_for_url(f"**/{title}?*")
    page.goto("/transactions?app=shop")
    page.keyboard.press("w")
    page.wait_for_url("**kind=background**")
    page.keyboard.press("w")
    page.wait_for_url("**/transactions?app=shop")
    page.keyboard.press("p")
    page.wait_for_url("**paused=yes**")
    page.keyboard.press("/")
    page.keyboard.type("w1t")  # typed, and no shortcut
    assert page.get_by_label("Search").input_value() == "w1t"
    page.locator("h1").click()
    before = page.locator("html").get_attribute("data-theme")
    page.keyboard.press("t")
    assert page.locator("html").get_attribute("data-theme") != before
    page.evaluate("document.querySelector('h1').textContent = 'old'")
    page.keyboard.press("r")
    page.get_by_role("heading", name="shop").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_has_the_focus_is_seen(page: Page, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    page.goto("/transaction?app=shop&group=Route&name=GET+/export.csv")
    seen = set()
    for _ in range(80):
        page.keyboard.press("Tab")
        outline, tag = page.evaluate(
            "(() => { const style = getComputedStyle(document.activeElement);"
            " return [style.outlineStyle + style.outlineWidth, document.activeElement.tagName]; })()"
        )
        if tag == "BODY":
            break
        assert outline not in {"none0px", "none3px", "auto0px"}, tag
        seen.add(tag)
    assert {"A", "BUTTON", "SELECT", "INPUT", "SUMMARY"} <= seen


def test_a_store_that_is_not_there_yet_is_shown_as_soon_as_it_is(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "later.db"
    with served(asgi_application(path)) as address:
        page = browser.new_page()
        page.goto(f"{address}/summary?app=shop")
        page.get_by_role("heading", name="Nothing has been recorded yet").wait_for()
        conftest.write(path, CALLS[:5])
        page.evaluate("refresh()")
        page.get_by_role("heading", name="shop").wait_for()
        page.close()


MOUNTED = {"ASGI": asgi_mounted, "WSGI": wsgi_mounted}


@pytest.mark.parametrize("middleware", MOUNTED)
def test_mounted_below_a_prefix_it_leads_nowhere_else(browser: Any, tmp_path: Path, middleware: str) -> None:
    path = tmp_path / "weighbridge.db"
    conftest.write(path, CALLS)
    with MOUNTED[middleware](path) as address:
        page = browser.new_page()
        paths: set[str] = set()
        said: list[str] = []
        page.on("request", lambda request: paths.add(urlsplit(request.url).path))
        page.on("console", lambda message: said.append(message.text))
        page.goto(f"{address}/apm/")
        page.get_by_role("link", name="Transactions", exact=True).click()
        page.get_by_label("Sort by").select_option("throughput")
        page.wait_for_url("**sort=throughput**")
        page.locator("table.figures .name a").first.click()
        page.locator(".plot canvas").first.wait_for()
        page.evaluate("refresh()")
        page.close()
    assert said == []
    assert {path for path in paths if not path.startswith("/apm/")} == set()
    assert {"/apm/transactions", "/apm/transaction", "/apm/static/page.js"} <= paths


ADDRESSES = {
    "applications": "/applications",
    "summary": "/summary?app=shop&compare=day",
    "non-web": "/summary?app=shop&kind=background",
    "transactions": "/transactions?app=shop",
    "transaction": "/transaction?app=shop&group=Route&name=GET+/export.csv",
    "errors": "/errors?app=shop",
    "jobs": "/jobs?app=shop",
    "running": "/running",
    "samples": "/samples?app=shop",
    "custom": "/custom?app=shop",
    "sample": "/sample?app=shop&group=Route&name=GET+/export.csv&sample={sample}",
    "gone": GONE[0],
    "paused": "/summary?app=shop&paused=yes",
    "no errors": "/errors?app=shop&kind=background&search=no+such+error",
    "empty": "/summary?app=shop&since=1000&until=2000",
    "unknown": GONE[1],
    "hostile": "/summary?app=hostile",
    "hostile errors": "/errors?app=hostile",
    "hostile transactions": "/transactions?app=hostile",
    "hostile transaction": f"/transaction?{urlencode(HOSTILE)}",
    "hostile sample": f"/sample?{urlencode(HOSTILE)}&sample={{sample}}",
    "api": "/api",
}


def visit(page: Page, name: str) -> None:
    """Open one of them; the number of a sample is asked for first."""
    address = ADDRESSES[name]
    if "{sample}" in address:
        told = page.request.get(address.partition("&sample=")[0].replace("/sample", "/api/transaction")).json()
        address = address.format(sample=(told["slowest"] or told["failed"])[0]["id"])
    page.goto(address)


def test_hostile_text_is_shown_as_it_is(page: Page) -> None:
    for name in ADDRESSES:
        if name.startswith("hostile "):
            visit(page, name)
            assert PAYLOAD in page.locator("main").inner_text()
    visit(page, "hostile transactions")
    assert PAYLOAD in page.locator(".legend").inner_text()
    page.get_by_role("button", name="as a table").click()
    assert PAYLOAD in page.locator(".chart-table").inner_text()  # which is made by a script


@pytest.mark.parametrize("name", ADDRESSES)
def test_nothing_serious_stands_in_anybodys_way_at_any_width(page: Page, name: str) -> None:
    visit(page, name)
    for width in (1280, 1024, 2560, 390):
        page.set_viewport_size({"width": width, "height": 900})
        if width == 390 and page.locator("#controls").count():
            page.locator("#controls").click()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert serious_findings(page) == []


@pytest.mark.parametrize("name", ADDRESSES)
def test_nothing_serious_stands_in_anybodys_way_in_the_dark(page: Page, name: str) -> None:
    page.emulate_media(color_scheme="dark")
    visit(page, name)
    assert serious_findings(page) == []


def serious_findings(page: Page) -> list[Any]:
    """What axe finds that bars somebody from the page."""
    axe = needed("axe_playwright_python.sync_playwright")
    found = axe.Axe().run(page).response["violations"]
    serious = [one for one in found if one["impact"] in {"serious", "critical"}]
    return [(one["id"], [node["html"][:200] for node in one["nodes"][:3]]) for one in serious]
