"""For how long a page that refreshes itself keeps a real browser from answering its user."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .first_paint import FLAGS

if TYPE_CHECKING:
    from playwright.sync_api import CDPSession, Page

__all__ = ["longest_tasks"]

_TASKS = {"RunTask", "ThreadControllerImpl::RunTask"}


def longest_tasks(url: str, addresses: Iterable[str], refreshes: int) -> dict[str, list[float]] | None:
    """Milliseconds of CPU of the longest task of each refresh; ``None`` without a browser.

    The browser's trace has them of every task, script, layout and painting alike. How long a task lasts by the clock
    tells how busy the machine is: the browser has to wait for its turn like everybody else.
    """
    chromium = shutil.which("chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    if chromium is None:
        return None
    found: dict[str, list[float]] = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        session = page.context.new_cdp_session(page)
        for address in addresses:
            page.goto(f"{url}{address}")
            page.wait_for_timeout(1000)
            found[address] = [_longest(page, session) for _ in range(refreshes)]
        browser.close()
    return found


def _longest(page: Page, session: CDPSession) -> float:
    """Trace one refresh, and what it makes the browser lay out and paint."""
    events: list[Mapping[str, Any]] = []
    ended: list[Mapping[str, Any]] = []

    def collect(some: Mapping[str, Any]) -> None:
        events.extend(some["value"])

    def end(how: Mapping[str, Any]) -> None:
        ended.append(how)

    session.on("Tracing.dataCollected", collect)
    session.once("Tracing.tracingComplete", end)
    session.send("Tracing.start", {"categories": "toplevel", "transferMode": "ReportEvents"})
    page.evaluate("refresh()")
    page.wait_for_timeout(300)
    session.send("Tracing.end")
    while not ended:
        page.wait_for_timeout(20)
    session.remove_listener("Tracing.dataCollected", collect)
    return max(_tasks_of_page(events), default=0.0)


def _tasks_of_page(events: Sequence[Mapping[str, Any]]) -> list[float]:
    """The tasks of the busiest thread that runs a page: others are kept in reserve."""
    mains = {
        (event["pid"], event["tid"])
        for event in events
        if event["name"] == "thread_name" and event["args"]["name"] == "CrRendererMain"
    }
    tasks: dict[tuple[int, int], list[float]] = defaultdict(list)
    for event in events:
        if event["name"] in _TASKS and event["ph"] == "X" and (event["pid"], event["tid"]) in mains:
            tasks[event["pid"], event["tid"]].append(event.get("tdur", 0) / 1e3)
    return max(tasks.values(), key=sum, default=[])
