"""Makes the screenshots of README and documentation: ``python docs/screenshots.py --minutes 15``.

Runs ``weighbridge demo --keep`` for some minutes, looks at each page in chromium,
and writes ``docs/screenshots/``. Needs the extra ``demo``, the group ``tests`` and a
chromium; with the font Inter installed (Debian: ``fonts-inter``) it looks its best.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from playwright.sync_api import Browser, sync_playwright

if TYPE_CHECKING:
    from playwright.sync_api import ViewportSize

FOLDER: Final = Path(__file__).parent / "screenshots"
FLAGS: Final = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
SIZE: Final[ViewportSize] = {"width": 1280, "height": 800}
TALL: Final[ViewportSize] = {"width": 1280, "height": 1090}
ONE: Final = "/transaction?app=Bookshop&group=Route&name=GET+/search&t=0.06"
PAGES: Final = MappingProxyType(
    {
        "summary": "/summary?app=Bookshop",
        "non-web": "/summary?app=Bookshop+worker&kind=background",
        "transactions": "/transactions?app=Bookshop",
        "transaction": ONE,
        "sample": ONE,
        "samples": "/samples?app=Bookshop",
        "errors": "/errors?app=Bookshop",
        "applications": "/applications?",
        "running": "/running?",
        "jobs": "/jobs?app=Bookshop+worker",
    }
)
DARK: Final = ("summary", "transaction")


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
        process.terminate()
        process.wait(30)


def shoot(browser: Browser, url: str, since: float, scheme: str, only: Sequence[str]) -> None:
    """One picture of each page, or of some; in the dark of fewer."""
    context = browser.new_context(viewport=SIZE, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    for name in PAGES if scheme == "light" else DARK:
        if only and name not in only:
            continue
        page.set_viewport_size(TALL if name in {"transaction", "jobs"} else SIZE)
        page.goto(f"{url}{PAGES[name]}&since={since:.0f}")
        if name == "sample":
            page.get_by_role("link", name=re.compile("^sample")).first.click()
        page.wait_for_timeout(500)
        page.screenshot(path=FOLDER / f"{name}{'' if scheme == 'light' else '-dark'}.png")
    context.close()


def main() -> None:
    """Run the demo, then look at it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--only", choices=PAGES, nargs="*", default=(), help="pages; all by default")
    options = parser.parse_args()
    FOLDER.mkdir(exist_ok=True)
    with demo() as url, sync_playwright() as playwright:
        since = time.time() // 60 * 60 + 60
        time.sleep(options.minutes * 60)
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(FLAGS))
        for scheme in ("light", "dark"):
            shoot(browser, url, since, scheme, options.only)
        browser.close()


if __name__ == "__main__":
    main()
