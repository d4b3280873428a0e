"""Makes the screenshots of the README: ``python docs/screenshots.py --minutes 10``.

Runs ``weighbridge demo --keep`` for some minutes and looks at each page in
chromium. Needs the extra ``demo``, playwright and a chromium.
"""

from __future__ import annotations

import argparse
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Final

from playwright.sync_api import Browser, sync_playwright

FOLDER: Final = Path(__file__).parent / "screenshots"
FLAGS: Final = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
PAGES: Final = MappingProxyType(
    {
        "applications": "/applications?",
        "summary": "/summary?app=Bookshop",
        "non-web": "/summary?app=Bookshop+worker&kind=background",
        "transactions": "/transactions?app=Bookshop+API",
        "transaction": "/transaction?app=Bookshop&group=Route&name=GET+/catalogue.csv",
        "errors": "/errors?app=Bookshop",
        "running": "/running?",
    }
)


@contextmanager
def demo() -> Iterator[str]:
    """The demo with its page; gives the address."""
    command = [sys.executable, "-m", "weighbridge.cli", "demo", "--keep", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own command
    try:
        assert process.stdout
        found = re.search(r"http://[^/]+", process.stdout.readline())
        assert found, "the demo does not serve"
        yield found[0]
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


def shoot(browser: Browser, url: str, since: float, scheme: str) -> None:
    """One picture of each page."""
    context = browser.new_context(viewport={"width": 1360, "height": 860}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    for name, address in PAGES.items():
        page.goto(f"{url}{address}&since={since:.0f}&refresh=off")
        page.wait_for_timeout(300)
        page.screenshot(path=FOLDER / f"{name}-{scheme}.png")
    context.close()


def main() -> None:
    """Run the demo, then look at it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    options = parser.parse_args()
    FOLDER.mkdir(exist_ok=True)
    with demo() as url, sync_playwright() as playwright:
        since = time.time() // 60 * 60 + 60
        time.sleep(options.minutes * 60)
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(FLAGS))
        for scheme in ("light", "dark"):
            shoot(browser, url, since, scheme)
        browser.close()


if __name__ == "__main__":
    main()
