"""When a real browser shows something of a page that it has never seen."""

from __future__ import annotations

import shutil
from collections.abc import Iterable

__all__ = ["FLAGS", "first_paints"]

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
_PAINTED = """
() => new Promise(resolve => new PerformanceObserver(list => {
    for (const entry of list.getEntriesByName('first-contentful-paint')) resolve(entry.startTime);
}).observe({type: 'paint', buffered: true}))
"""


def first_paints(url: str, addresses: Iterable[str], rounds: int) -> dict[str, list[float]] | None:
    """Milliseconds from the start of the navigation to the first content, nothing cached; ``None`` without a browser.

    The first of all visits, in which the browser itself warms up, does not count.
    """
    chromium = shutil.which("chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    if chromium is None:
        return None
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)

        def visit(address: str) -> float:
            with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
                page = context.new_page()
                page.goto(f"{url}{address}")
                return float(page.evaluate(_PAINTED))

        asked = list(addresses)
        visit(asked[0])
        found: dict[str, list[float]] = {address: [] for address in asked}
        for _ in range(rounds):
            for address in asked:
                found[address].append(visit(address))
        browser.close()
    return found
