"""The page under a hand that points, selects and scrolls, with many names, and on a phone."""

from __future__ import annotations

import contextlib
import json
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.console.conftest import EXPORT, ITEM, JOB, SEARCH, Call, asking, charts_drawn, served, write
from weighbridge.console import Console, asgi_application
from weighbridge.transactions.recording.snapshot import Series

if TYPE_CHECKING:
    from playwright.sync_api import Page

# Playwright's synchronous interface runs the tests inside an event loop of its own, and they make stores there.
pytestmark = [pytest.mark.application_blocks, pytest.mark.usefixtures("just_now")]

WATCH_SHIFTS = """() => {
    window.shifts = [];
    new PerformanceObserver((list) => list.getEntries().forEach(({ value, sources }) => {
        const moved = sources.map(({ node }) => node).filter((node) => node instanceof Element);
        shifts.push([value, ...moved.map((element) => element.outerHTML.slice(0, 80))]);
    })).observe({ type: "layout-shift" });
}"""
"""Of what has moved, elements are told: a number that gets another digit moves nothing but its own first one."""


@pytest.fixture
def more(tmp_path: Path, url: str) -> Any:
    """Writes more calls into the store that the page shows."""
    numbers = iter(range(100))

    def write_more(*calls: Call) -> None:
        write(tmp_path / "weighbridge.db", calls, key=f"more {next(numbers)}")

    return write_more


@pytest.fixture
def settled(page: Page) -> Any:
    """Opens an address, and waits until nothing moves any more."""

    def open_page(address: str, charts: int = 1) -> Page:
        page.goto(address)
        page.locator(".plot canvas").nth(charts - 1).wait_for(state="attached")
        page.wait_for_timeout(300)
        page.evaluate(WATCH_SHIFTS)
        return page

    return open_page


def shifts(page: Page) -> list[list[Any]]:
    """What has moved, with the score that browsers give it."""
    page.wait_for_timeout(100)
    return [one for one in page.evaluate("shifts") if len(one) > 1 or one[0] >= 0.0005]


# ---- Nothing is taken away by a refresh.


def test_a_refresh_replaces_figures_and_nothing_else(settled: Any, more: Any) -> None:
    page = settled("/transactions?app=shop")
    row = page.locator("tr", has_text="GET /search")
    row.evaluate("row => { row.mine = true; document.querySelector('.plot canvas').mine = true; }")
    before = row.inner_text()
    more(*[Call(SEARCH, 0.9, age=70)] * 10)
    page.evaluate("refresh()")
    assert row.inner_text() != before
    assert row.evaluate("row => row.mine")
    assert page.evaluate("document.querySelector('.plot canvas').mine")
    assert shifts(page) == []


@pytest.mark.parametrize(
    ("width", "address"),
    [
        (1280, "/transaction?app=shop&group=Route&name=GET+/search&compare=day"),
        (1280, "/errors?app=shop"),
        (1280, "/jobs?app=shop"),
        (390, "/summary?app=shop"),
        (390, "/transactions?app=shop"),
    ],
)
def test_a_refresh_moves_nothing(page: Page, settled: Any, more: Any, width: int, address: str) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    settled(address)
    more(*[Call(one, 0.2, age=70) for one in (SEARCH, ITEM, JOB) for _ in range(20)])
    page.evaluate("refresh()")
    page.locator(".plot .u-over").first.hover()
    assert shifts(page) == []


def test_rows_change_places_with_what_is_theirs(settled: Any, more: Any) -> None:
    page = settled("/transactions?app=shop")
    first = page.locator("tbody tr").first
    assert "GET /export.csv" in first.inner_text()
    page.locator("tr", has_text="GET /items").evaluate("row => { row.mine = true; }")
    more(*[Call(ITEM, 60.0, age=70)] * 10)
    page.evaluate("refresh()")
    assert "GET /items" in first.inner_text()
    assert first.evaluate("row => row.mine")
    more(Call(Series("shop", "web", "Route", "GET /new"), 9000.0, age=70))
    page.evaluate("refresh()")
    assert "GET /new" in first.inner_text()
    assert page.locator("tbody tr").count() == 4


def test_selected_text_survives_a_refresh(settled: Any, more: Any) -> None:
    page = settled("/transactions?app=shop")
    page.evaluate(
        "() => { const name = document.querySelector('tbody .name a'); const range = document.createRange();"
        " range.selectNodeContents(name); getSelection().removeAllRanges(); getSelection().addRange(range); }"
    )
    selected = page.evaluate("getSelection().toString()")
    assert selected == "Route/GET /export.csv"
    more(*[Call(ITEM, 60.0, age=70)] * 10)  # its row moves down
    page.evaluate("refresh()")
    assert page.evaluate("getSelection().toString()") == selected


def test_selected_figures_of_a_charts_table_survive_a_refresh(settled: Any, more: Any) -> None:
    page = settled("/summary?app=shop", 5)
    page.get_by_role("button", name="Throughput as a table").click()
    page.evaluate("getSelection().selectAllChildren(document.querySelector('.chart-table tbody tr:nth-child(9) th'))")
    selected = page.evaluate("getSelection().toString()")
    assert re.fullmatch("[0-9]{2}:[0-9]{2}", selected)
    more(*[Call(EXPORT, 0.1, age=60 * minute) for minute in range(1, 26) for _ in range(500)])
    page.evaluate("refresh()")
    assert page.evaluate("getSelection().toString()") == selected


def test_a_selected_message_survives_where_it_is_expected_elsewhere(settled: Any, more: Any) -> None:
    for expected in (True, False):
        more(Call(EXPORT, 0.1, True, 70, "SoldOut", expected=expected))
    page = settled("/transaction?app=shop&group=Route&name=GET+/export.csv", 5)
    message = "[...document.querySelectorAll('.message')].find((cell) => cell.textContent === 'SoldOut')"
    page.evaluate(f"getSelection().selectAllChildren({message})")
    for _ in range(2):
        more(Call(EXPORT, 0.1, True, 70, "SoldOut"))
        page.evaluate("refresh()")
        assert page.evaluate("getSelection().toString()") == "SoldOut"


def test_a_late_answer_does_not_take_the_place_of_a_newer_one(settled: Any, more: Any) -> None:
    page = settled("/summary?app=shop", 5)
    late: list[Any] = []
    page.route("**/summary*", lambda route: late.append((route, route.fetch())) if not late else route.continue_())
    page.evaluate("void refresh()")
    eventually_asked(page, late)
    more(*[Call(EXPORT, 0.1, age=70)] * 1000)
    page.evaluate("refresh()")
    calls = page.locator(".tiles .note", has_text="calls").first
    newer = calls.inner_text()
    assert newer.startswith("1,")
    with contextlib.suppress(Exception):  # the browser has given it up
        late[0][0].fulfill(response=late[0][1])
    page.wait_for_timeout(300)
    assert calls.inner_text() == newer


def test_a_server_that_takes_long_is_asked_once_at_a_time(settled: Any) -> None:
    page = settled("/summary?app=shop", 5)
    asked: list[Any] = []
    page.route("**/summary*", lambda route: asked.append(route))
    for _ in range(3):
        page.evaluate("refreshed = 0; refreshWhenDue()")
        eventually_asked(page, asked)
    assert len(asked) == 1
    asked.pop().continue_()
    for _ in range(100):
        page.evaluate("refreshed = 0; refreshWhenDue()")
        page.wait_for_timeout(50)
        if asked:
            break
    asked.pop().continue_()


def test_who_must_give_the_token_anew_is_told_so(browser: Any, tmp_path: Path) -> None:
    write(tmp_path / "weighbridge.db", [Call(EXPORT, 0.1, age=70)])
    with served(asgi_application(tmp_path / "weighbridge.db", token="0123456789abcdef")) as address:
        context = browser.new_context(base_url=address)
        page = context.new_page()
        page.goto("/summary?app=shop")
        page.get_by_label("asks for the token").fill("0123456789abcdef")
        page.get_by_role("button", name="Open").click()
        page.wait_for_url("**/summary?app=shop")
        page.locator("main .tiles").wait_for()
        context.clear_cookies()
        page.evaluate("refresh()")
        told = page.evaluate("getComputedStyle(document.querySelector('footer'), '::before').content")
        assert "asks for its token again" in told
        context.close()


def test_without_a_script_there_are_no_empty_charts(browser: Any, url: str) -> None:
    context = browser.new_context(base_url=url, java_script_enabled=False)
    page = context.new_page()
    page.goto("/summary?app=shop")
    assert page.locator(".tiles").is_visible()
    assert not page.locator(".chart").first.is_visible()
    assert page.locator("main > noscript > p").is_visible()
    context.close()


def test_on_paper_the_figures_are_left(page: Page) -> None:
    page.goto("/summary?app=shop")
    charts_drawn(page, 5)
    page.emulate_media(media="print", color_scheme="dark")
    assert page.locator(".tiles").is_visible()
    assert not page.locator(".bar").is_visible()
    assert page.evaluate("getComputedStyle(document.body).printColorAdjust") == "exact"


def test_lines_are_told_apart_in_the_colours_of_the_system(page: Page) -> None:
    page.emulate_media(forced_colors="active")
    page.goto("/summary?app=shop")
    charts_drawn(page, 5)
    colours = page.evaluate(
        "[...document.querySelectorAll('.main .marker')].map((one) => getComputedStyle(one).backgroundColor)"
    )
    assert len(set(colours)) == len(colours) == 4


def eventually_asked(page: Page, asked: list[Any]) -> None:
    for _ in range(100):
        page.wait_for_timeout(50)
        if asked:
            return


def test_who_goes_back_sees_what_was_chosen_there(page: Page) -> None:
    page.goto("/transactions?app=shop&range=1h")
    page.select_option("#sort", "p95")
    page.wait_for_url("**sort=p95")
    page.select_option("#range", "3h")
    page.wait_for_url("**range=3h**")
    for sort in ("p95", "time"):
        page.go_back()
        charts_drawn(page, 1)
        assert [page.input_value(one) for one in ("#range", "#sort")] == ["1h", sort]


def test_scrolling_focus_and_what_is_open_survive_a_refresh(settled: Any, more: Any) -> None:
    page = settled("/summary?app=shop", 5)
    page.locator("details[data-key] summary").first.click()
    page.locator("details[data-key] summary").first.focus()
    page.evaluate("scrollTo(0, 300)")
    more(Call(EXPORT, 0.1, age=70))
    page.evaluate("refresh()")
    assert page.evaluate("scrollY") == 300
    assert page.locator("details[data-key]").first.get_attribute("open") is not None
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"


def test_pointing_survives_a_refresh(settled: Any, more: Any) -> None:
    page = settled("/summary?app=shop", 5)
    page.locator(".plot .u-over").first.hover()
    values = page.locator(".legend").first.locator(".value")
    before = values.all_inner_texts()
    assert all("ms" in value or " s" in value for value in before)
    more(*[Call(EXPORT, 30.0, age=60 * minute) for minute in range(1, 26) for _ in range(9)])
    page.evaluate("refresh()")
    assert values.all_inner_texts() != before
    assert all(values.all_inner_texts())
    assert page.locator(".plot .u-cursor-x").first.bounding_box()
    assert shifts(page) == []


def test_pointing_survives_a_refresh_that_brings_other_lines(settled: Any, more: Any) -> None:
    page = settled("/transactions?app=shop")
    page.locator(".plot .u-over").hover()
    lines, values = page.locator(".legend .line"), page.locator(".legend .value")
    before = lines.all_inner_texts()
    more(*[Call(ITEM, 60.0, age=60 * minute) for minute in range(1, 26)] * 9)
    page.evaluate("refresh()")
    assert lines.all_inner_texts() != before
    page.wait_for_timeout(100)
    assert all(values.all_inner_texts())


def test_the_moments_to_choose_from_are_those_that_are_shown(page: Page) -> None:
    page.goto("/summary?app=shop")
    charts_drawn(page, 5)
    until = page.get_by_label("to", exact=True)
    first = until.input_value()
    page.evaluate("document.querySelectorAll('[data-epoch]').forEach((one) => { one.dataset.epoch -= -3600; })")
    page.locator(".free summary").click()
    page.wait_for_timeout(100)
    later = until.input_value()
    assert later > first
    until.fill(first)
    for _ in range(2):
        page.locator(".free summary").click()
    page.wait_for_timeout(100)
    assert until.input_value() == first


def test_an_end_before_the_beginning_is_said_beside_it(page: Page) -> None:
    page.goto("/summary?app=shop")
    charts_drawn(page, 5)
    page.locator(".free summary").click()
    since, until = page.get_by_label("From", exact=True), page.get_by_label("to", exact=True)
    for wrong, begin, end in ((until, "2026-01-02", "2026-01-01"), (since, "2999-01-01", "2999-01-02")):
        since.fill(f"{begin}T08:00")
        until.fill(f"{end}T08:00")
        page.get_by_role("button", name="Show", exact=True).last.click()
        assert "must" in wrong.evaluate("one => one.validationMessage")
        assert "since=" not in page.url
    since.fill("2026-01-01T07:00")
    until.fill("2026-01-01T08:00")
    page.get_by_role("button", name="Show", exact=True).last.click()
    page.wait_for_url("**since=**")


def test_nothing_leads_to_the_time_before_1970(page: Page) -> None:
    page.goto("/summary?app=shop&since=60&until=180")
    assert page.get_by_role("link", name="Live").count() == 1
    assert page.get_by_role("link", name="Earlier").count() == 0


def test_lines_of_long_names_can_all_be_switched_off(page: Page, more: Any) -> None:
    names = [f"GET /{number}/".ljust(255, "x") for number in range(5)]
    more(*[Call(Series("long", "web", "Route", name), 0.1, age=60 * age) for name in names for age in (2, 3, 4)])
    page.goto("/transactions?app=long")
    charts_drawn(page, 1)
    buttons = page.locator(".legend .line")
    for number in range(5):
        buttons.nth(number).click()
    page.reload()
    charts_drawn(page, 1)
    assert [one.get_attribute("aria-pressed") for one in buttons.all()] == ["false"] * 5


def test_a_search_that_is_being_typed_survives_a_refresh(settled: Any, more: Any) -> None:
    page = settled("/transactions?app=shop")
    page.get_by_label("Search").focus()
    page.keyboard.type("expo")
    more(Call(EXPORT, 0.1, age=70))
    page.evaluate("refresh()")
    page.keyboard.type("rt")
    assert page.get_by_label("Search").input_value() == "export"


# ---- Order.


def names(page: Page) -> list[str]:
    return page.locator("table.figures tbody .name").all_inner_texts()


@pytest.fixture
def many(more: Any) -> None:
    """An application of 250 names, which were twice as fast half an hour ago."""
    series = [Series("many", "web", "Route", f"GET /api/v2/tenants/{{tenant}}/resources_{n:03}") for n in range(250)]
    calls = [Call(one, 0.001 * n, age=age) for n, one in enumerate(series, 1) for age in (60, 120)]
    more(*calls, *(Call(one, 0.0005 * n, age=2400) for n, one in enumerate(series, 1)))


@pytest.mark.parametrize(
    "title",
    ["Transaction", "Share", "Total", "Calls", "Throughput", "Average", "p95", "Change", "Errors", "Apdex", "Min",
     "Median", "p99", "Max"],
)  # fmt: skip
def test_every_column_sorts_both_ways(page: Page, title: str) -> None:
    page.goto("/transactions?app=shop")
    place = page.locator("thead th").all_inner_texts()
    column = next(index for index, words in enumerate(place) if words.startswith(title))
    shown = []
    for _ in range(2):
        before = page.url
        page.locator("thead th").nth(column).get_by_role("link").click()
        page.wait_for_url(lambda address, before=before: address != before)
        shown.append(page.locator("tbody tr").evaluate_all(f"rows => rows.map(row => row.cells[{column}].innerText)"))
    if title == "Transaction":
        assert shown[0] == sorted(shown[0])
    elif title not in {"Share", "Calls"}:  # for those the column of the same order tells
        values = [[float(re.sub(r"[,*]", "", cell)) for cell in cells if cell != "-"] for cells in shown]
        assert values[0] in (sorted(values[0]), sorted(values[0], reverse=True))
        assert page.locator("th[aria-sort]").count() == 1
    assert shown[0] == shown[1][::-1] or len(set(shown[0])) < 3


def test_a_refresh_of_a_hundred_rows_changes_few_nodes_and_lays_out_once(page: Page, many: None, more: Any) -> None:
    page.goto("/transactions?app=many")
    charts_drawn(page, 1)
    name = "GET /api/v2/tenants/{tenant}/resources_240"
    row = page.locator("tr", has_text="resources_240")
    before = row.inner_text()
    page.evaluate(
        "() => { window.changes = 0; new MutationObserver((records) => { changes += records.length; })"
        ".observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true }); }"
    )
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")

    def layouts() -> float:
        metrics = session.send("Performance.getMetrics")["metrics"]
        return next(one["value"] for one in metrics if one["name"] == "LayoutCount")

    laid_out = layouts()
    more(Call(Series("many", "web", "Route", name), 0.241, age=70))
    page.evaluate("refresh()")
    assert layouts() - laid_out <= 4  # none is forced by the script for each row
    assert row.inner_text() != before
    assert page.evaluate("changes") < 1000  # of 4 000 nodes: shares and rates of all change, and little else


def test_a_page_has_a_hundred_rows(page: Page, many: None) -> None:
    page.goto("/transactions?app=many&sort=name")
    seen = []
    for shown in ("1 to 100 of 250", "101 to 200 of 250", "201 to 250 of 250"):
        assert page.locator(".pager .note").first.inner_text() == shown
        seen += names(page)
        if len(seen) < 250:
            page.get_by_role("link", name="Next page").first.click()
            page.wait_for_url(f"**page={len(seen) // 100 + 1}**")
    assert len(set(seen)) == 250
    assert seen == sorted(seen)
    page.get_by_label("Search").fill("resources_24")
    page.get_by_label("Search").press("Enter")
    page.wait_for_url("**search=**")
    assert len(names(page)) == 10


def test_the_order_by_a_percentile_says_whom_it_ranks(page: Page, many: None) -> None:
    page.goto("/transactions?app=many&sort=p95")
    page.get_by_text("Ranked by this column are the 200 with the highest average").wait_for()
    assert "resources_249" in names(page)[0]
    page.goto("/transactions?app=many&sort=p95&reverse=yes")
    page.get_by_text("Ranked by this column are the 200 with the lowest average").wait_for()
    assert "resources_000" in names(page)[0]
    page.goto("/transactions?app=many&sort=change")
    assert page.get_by_text("Ranked by this column").count() == 0
    assert set(page.locator("tbody td[data-label^=Change]").all_inner_texts()) == {"+100"}


def test_a_rare_call_is_ranked_by_its_percentile_before_many_quick_ones(page: Page, more: Any) -> None:
    busy = [Series("busy", "web", "Route", f"GET /busy/{n}") for n in range(201)]
    more(*[Call(one, 0.2, age=70) for one in busy for _ in range(20)])
    more(Call(Series("busy", "web", "Route", "GET /rare"), 3.0, age=70))
    page.goto("/transactions?app=busy&sort=p95")
    assert names(page)[0] == "Route/GET /rare"


def test_the_head_of_the_table_stays_in_sight(page: Page, many: None) -> None:
    for width in (1024, 1280, 2560):
        page.set_viewport_size({"width": width, "height": 700})
        page.goto("/transactions?app=many")
        page.wait_for_timeout(200)
        page.evaluate("scrollTo(0, 2000)")
        page.wait_for_timeout(100)
        head, bar = page.locator("thead th").first.bounding_box(), page.locator(".bar").bounding_box()
        assert head
        assert bar
        assert head["y"] == pytest.approx(bar["y"] + bar["height"], abs=1)


def test_who_goes_back_by_keyboard_sees_what_has_the_focus(page: Page, many: None) -> None:
    page.goto("/transactions?app=shop")
    charts_drawn(page, 1)
    page.get_by_role("link", name="JSON").focus()
    for _ in range(60):
        page.keyboard.press("Shift+Tab")
        assert page.evaluate(
            "() => { const focused = document.activeElement, { left, top } = focused.getBoundingClientRect();"
            " const above = document.elementFromPoint(left + 8, top + 4).closest('.bar, thead');"
            " return !above || above.contains(focused); }"
        )


def test_apdex_is_seen_at_1024_pixels(page: Page, many: None) -> None:
    page.set_viewport_size({"width": 1024, "height": 700})
    page.goto("/transactions?app=many")
    box = page.locator("thead th", has_text="Apdex").bounding_box()
    assert box
    assert box["x"] + box["width"] <= 1024
    assert page.evaluate("document.documentElement.scrollWidth") <= 1024


@pytest.mark.parametrize("address", ["/summary?app=shop&compare=day", "/transactions?app=shop", "/jobs?app=shop"])
def test_the_controls_have_one_line_at_1024_pixels(page: Page, address: str) -> None:
    page.set_viewport_size({"width": 1024, "height": 700})
    page.goto(address)
    assert page.locator(".bar").evaluate("bar => bar.offsetHeight") < 60


def test_the_share_is_drawn_relative_to_the_largest(page: Page) -> None:
    page.goto("/transactions?app=shop")
    shares = page.locator("tbody meter").evaluate_all("all => all.map(one => one.value / one.max)")
    assert shares[0] == 1
    assert shares == sorted(shares, reverse=True)
    begins = page.locator("tbody meter").evaluate_all("all => all.map(one => one.getBoundingClientRect().x)")
    assert len(set(begins)) == 1


# ---- Charts.


def test_pointing_at_any_chart_moves_nothing(settled: Any) -> None:
    for address in ("/summary?app=shop&compare=day", "/transactions?app=shop", "/errors?app=shop"):
        page = settled(address)
        height = page.evaluate("document.documentElement.scrollHeight")
        for chart in page.locator(".plot .u-over").all():
            chart.hover()
        assert shifts(page) == []
        assert page.evaluate("document.documentElement.scrollHeight") == height


def test_the_cross_hair_stands_on_a_point(settled: Any) -> None:
    page = settled("/summary?app=shop", 5)
    box = page.locator(".plot .u-over").first.bounding_box()
    assert box
    places = set()
    for step in range(40):
        page.mouse.move(box["x"] + 200 + step, box["y"] + 30)
        places.add(page.locator(".plot .u-cursor-x").first.evaluate("line => getComputedStyle(line).transform"))
    assert len(places) <= 4  # of 26 minutes over some 700 pixels


def test_lines_are_switched_off_by_keyboard_and_in_the_address(settled: Any) -> None:
    page = settled("/summary?app=shop", 5)
    button = page.get_by_role("button", name="p99")
    button.focus()
    page.keyboard.press("Enter")
    assert button.get_attribute("aria-pressed") == "false"
    assert parse_qs(urlsplit(page.url).query)["hide"] == ["p99"]
    page.evaluate("refresh()")
    assert button.get_attribute("aria-pressed") == "false"
    page.reload()
    charts_drawn(page, 5)
    assert button.get_attribute("aria-pressed") == "false"
    button.click()
    assert "hide" not in page.url
    assert button.get_attribute("aria-pressed") == "true"


def test_long_names_are_told_apart_in_the_legend(page: Page, many: None) -> None:
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        page.goto("/transactions?app=many")
        box = page.locator(".legend").bounding_box()
        assert box
        for label in page.locator(".legend .label").all():
            assert label.evaluate("one => one.scrollWidth - one.clientWidth") <= 0
            end = label.bounding_box()
            assert end
            assert end["x"] + end["width"] <= box["x"] + box["width"]
    labels = page.locator(".legend .label").all_text_contents()
    assert len({label[-12:] for label in labels}) == 5


def test_figures_beside_an_axis_have_no_superfluous_decimals(page: Page) -> None:
    page.goto("/summary?app=shop")
    figures = "([unit, values]) => figuresOf(units[unit], values)"
    assert page.evaluate(figures, ["duration", [0, 0.02, 0.04]]) == ["0 ms", "20 ms", "40 ms"]
    assert page.evaluate(figures, ["duration", [0, 0.0025, 0.005]]) == ["0 ms", "2.5 ms", "5.0 ms"]
    assert page.evaluate(figures, ["share", [0, 0.1, None]]) == ["0 %", "10 %", ""]
    assert page.evaluate(figures, ["count", [0, 1000, 2000]]) == ["0", "1,000", "2,000"]


def test_what_is_compared_is_dashed_in_the_legend_too(page: Page) -> None:
    page.goto("/summary?app=shop&compare=day")
    marker = page.get_by_role("button", name="average before").locator(".marker")
    assert "repeating" in marker.evaluate("one => getComputedStyle(one).backgroundImage")
    other = page.get_by_role("button", name="median").locator(".marker")
    assert other.evaluate("one => getComputedStyle(one).backgroundImage") == "none"


def test_behind_each_chart_there_is_a_table(settled: Any, more: Any) -> None:
    page = settled("/summary?app=shop", 5)
    buttons = page.get_by_role("button", name=re.compile("as a table$"))
    assert buttons.count() == 5
    page.get_by_role("button", name="Throughput as a table").press("Enter")
    table = page.get_by_role("region", name="Throughput, as a table").get_by_role("table")
    cells = table.get_by_role("cell").all_inner_texts()
    chart = page.evaluate("JSON.parse(document.querySelector('.plot[data-title=Throughput]').dataset.chart)")
    assert len(cells) == len(chart["x"])
    assert all(cell.endswith("/min") for cell in cells)
    more(*[Call(EXPORT, 0.1, age=60 * minute) for minute in range(1, 26) for _ in range(500)])
    page.evaluate("refresh()")
    assert table.get_by_role("cell").all_inner_texts() != cells
    assert shifts(page) == []


@pytest.mark.parametrize("end", ["above", "beside"])
def test_a_drag_may_end_outside_of_the_chart(settled: Any, end: str) -> None:
    page = settled("/summary?app=shop", 5)
    box = page.locator(".plot .u-over").first.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 50, steps=4)
    page.mouse.move(
        *(
            (box["x"] + box["width"] * 0.9, box["y"] - 40)
            if end == "above"
            else (box["x"] + box["width"] + 60, box["y"] + 50)
        ),
        steps=4,
    )
    page.mouse.up()
    page.wait_for_url("**since=**")


def test_a_slip_of_the_hand_over_a_chart_does_not_stop_the_refresh(settled: Any, more: Any) -> None:
    more(Call(EXPORT, 0.1, age=43000))
    page = settled("/summary?app=shop&range=12h", 5)
    box = page.locator(".plot .u-over").first.bounding_box()
    assert box
    page.mouse.move(box["x"] + 200, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 205, box["y"] + 50, steps=5)
    assert page.evaluate("Boolean(busy())")
    page.mouse.up()
    assert not page.evaluate("Boolean(busy())")


def test_the_shortest_time_that_is_zoomed_into_has_a_line(settled: Any) -> None:
    page = settled("/summary?app=shop&range=15m", 5)
    box = page.locator(".plot .u-over").first.bounding_box()
    assert box
    page.mouse.move(box["x"] + 200, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 200 + box["width"] / 14, box["y"] + 50, steps=4)
    page.mouse.up()
    page.wait_for_url("**since=**")
    charts_drawn(page, 5)


@pytest.mark.parametrize(
    ("length", "least", "most", "step"),
    [
        ("5m", 4, 6, 60),
        ("15m", 14, 16, 60),
        ("12h", 239, 241, 180),
        ("24h", 286, 289, 300),
        ("3d", 215, 218, 1200),
        ("7d", 166, 169, 3600),
        ("14d", 167, 170, 7200),
        ("30d", 239, 242, 10800),
    ],
)
def test_charts_have_enough_points(tmp_path: Path, length: str, least: int, most: int, step: int) -> None:
    ages = (*range(60, 7200, 60), *range(60, 40 * 86400, 7200))
    write(tmp_path / "long.db", [Call(EXPORT, 0.1, age=age) for age in ages])
    ask = asking(Console(tmp_path / "long.db"))
    found = json.loads(ask(f"/api/summary?app=shop&tz=UTC&range={length}").body)["timeline"]
    assert found["step"] == step
    assert least <= len(found["buckets"]) <= most


def test_there_are_steps_back_and_forth_and_a_way_to_the_present(page: Page) -> None:
    page.goto("/summary?app=shop&range=15m")
    now = time.time()
    page.get_by_role("link", name="Earlier").click()
    page.wait_for_url("**until=**")
    since, until = chosen(page)
    assert until - since == 900
    assert until == pytest.approx(now - 900, abs=120)
    assert page.locator(".segments .shown").inner_text() == " to ".join(
        time.strftime("%H:%M", time.gmtime(moment)) for moment in (since, until)
    )
    page.get_by_role("link", name="Earlier").click()
    page.wait_for_url(f"**since={since - 900:.0f}**")
    page.keyboard.press("]")
    page.wait_for_url(f"**since={since:.0f}**")
    page.get_by_role("link", name="Later").click()
    page.wait_for_url(lambda url: f"since={since:.0f}" not in url)
    assert chosen(page)[1] == pytest.approx(now, abs=120)
    page.get_by_role("link", name="Live").click()
    page.wait_for_url(re.compile("range=15m$"))


def chosen(page: Page) -> tuple[float, float]:
    query = parse_qs(urlsplit(page.url).query)
    return float(query["since"][0]), float(query["until"][0])


# ---- A phone.


@pytest.fixture
def phone(page: Page) -> Page:
    page.set_viewport_size({"width": 390, "height": 844})
    return page


def test_rows_are_cards_on_a_phone(phone: Page, many: None) -> None:
    phone.goto("/transactions?app=many")
    card, name = phone.locator("tbody tr").first, phone.locator("tbody .name").first
    outer, inner = card.bounding_box(), name.bounding_box()
    assert outer
    assert inner
    assert inner["width"] == pytest.approx(outer["width"], abs=1)
    words = card.locator("td:visible").evaluate_all("all => all.map(one => getComputedStyle(one, '::before').content)")
    assert [word.strip('"').partition(",")[0] for word in words] == [
        "Share", "Total", "Throughput", "Average", "p95", "Change", "Errors", "Apdex"
    ]  # fmt: skip
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_controls_are_behind_one_button_on_a_phone(phone: Page) -> None:
    phone.goto("/summary?app=shop")
    controls = phone.get_by_label("Refresh")
    assert not controls.is_visible()
    assert phone.get_by_label("Application").is_visible()
    phone.locator("#controls").click()
    assert controls.is_visible()
    phone.evaluate("refresh()")
    assert controls.is_visible()
    phone.get_by_label("Time", exact=True).select_option("15m")
    phone.wait_for_url("**range=15m**")
    assert phone.locator("#controls").inner_text() == "last 15 minutes"


def test_the_page_that_is_shown_is_seen_among_all_on_a_phone(phone: Page) -> None:
    for address in ("/summary?app=shop", "/custom?app=shop"):
        phone.goto(address)
        nav, current = phone.locator("nav").bounding_box(), phone.locator("nav [aria-current]").bounding_box()
        assert nav
        assert current
        assert nav["x"] <= current["x"]
        assert current["x"] + current["width"] <= nav["x"] + nav["width"]
        assert phone.evaluate("scrollY") == 0


def test_no_word_is_broken_on_a_phone(phone: Page, many: None) -> None:
    phone.goto("/transactions?app=many")
    broken = phone.locator("tbody .name a").first.evaluate(
        """link => {
            const lines = [];
            const walker = document.createTreeWalker(link, NodeFilter.SHOW_TEXT);
            while (walker.nextNode()) {
                const range = document.createRange();
                range.selectNodeContents(walker.currentNode);
                const broken = range.getClientRects().length > 1 && !walker.currentNode.data.includes(" ");
                if (broken) lines.push(range.toString());
            }
            return lines;
        }"""
    )
    assert broken == []


def test_without_a_script_the_controls_are_all_there(browser: Any, url: str) -> None:
    context = browser.new_context(base_url=url, java_script_enabled=False, viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto("/transactions?app=shop")
    assert page.get_by_label("Refresh").is_visible()
    assert len(names(page)) == 3
    page.get_by_role("link", name="Earlier").click()
    assert "until=" in page.url
    context.close()
