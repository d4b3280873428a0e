"""For how long a page that refreshes itself keeps a real browser from answering its user."""

from __future__ import annotations

import shutil
from collections.abc import Iterable

from .first_paint import FLAGS

__all__ = ["longest_tasks"]

_WATCH = """
() => {
    window.tasks = [];
    new PerformanceObserver(list => list.getEntries().forEach(({ duration }) => tasks.push(duration)))
        .observe({ type: 'longtask' });
}
"""


def longest_tasks(url: str, addresses: Iterable[str], refreshes: int) -> dict[str, list[float]] | None:
    """Milliseconds of the longest task of each refresh; ``None`` without a browser.

    Browsers tell only tasks of at least 50 ms: 0 stands for all that are shorter.
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
        for address in addresses:
            page.goto(f"{url}{address}")
            page.wait_for_timeout(1000)
            page.evaluate(_WATCH)
            found[address] = []
            for _ in range(refreshes):
                page.evaluate("refresh()")
                page.wait_for_timeout(300)
                found[address].append(max(page.evaluate("tasks.splice(0)"), default=0.0))
        browser.close()
    return found
