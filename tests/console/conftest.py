"""A store made from raw calls that the tests keep for themselves, and the page on it, in a browser too."""

from __future__ import annotations

import importlib
import os
import random
import re
import shutil
import socket
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import httpx
import pytest
import uvicorn

from weighbridge.console import Console, Request, Response, asgi_application
from weighbridge.transactions.model.finished import FinishedTransaction, NoticedError
from weighbridge.transactions.recording.histogram import add_durations
from weighbridge.transactions.recording.snapshot import (
    ErrorCount,
    Instance,
    MinuteRow,
    RunningTransaction,
    Sample,
    Series,
    Snapshot,
)
from weighbridge.transactions.recording.totals import Totals, nanoseconds
from weighbridge.transactions.store.sqlite.writer import StoreWriter

from ..waiting import eventually

if TYPE_CHECKING:
    from playwright.sync_api import Page

NOW = 1_790_000_040.0  # the start of a minute
T = 0.5
PAYLOAD = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{7*7}}{% raw %}=1+1"


class Call(NamedTuple):
    """One finished transaction."""

    series: Series
    duration: float
    failed: bool = False
    age: float = 90.0
    """Seconds since it ended."""
    error: str = ""
    attributes: dict[str, Any] = {}
    expected: bool = False
    linked: tuple[str, ...] = ()


def row(series: Series, minute: int, calls: Sequence[Call]) -> MinuteRow:
    histogram: dict[int, int] = {}
    durations = [call.duration for call in calls]
    add_durations(durations, histogram)
    web = series.kind == "web"
    judged = calls if web else []
    statuses = {200: sum(not call.failed for call in judged), 500: sum(call.failed for call in judged)}
    total, failed = sum(map(nanoseconds, durations)), sum(call.failed for call in calls)
    totals = Totals(
        len(calls), total, nanoseconds(min(durations)), nanoseconds(max(durations)), len(calls) - failed, failed,
        satisfied=sum(not call.failed and call.duration <= T for call in judged),
        tolerating=sum(not call.failed and T < call.duration <= 4 * T for call in judged),
        frustrated=sum(call.failed or call.duration > 4 * T for call in judged),
        apdex_t=T if web else None, histogram=histogram,
        response_starts=len(calls) if web else 0, response_start_total=total // 2 if web else 0,
        statuses={status: number for status, number in statuses.items() if number},
    )  # fmt: skip
    return MinuteRow(series, minute, totals)


def sample(call: Call) -> Sample:
    series, web = call.series, call.series.kind == "web"
    errors = (NoticedError(f"shop:{call.error}", call.error, call.expected),) if call.error else ()
    finished = FinishedTransaction(
        series.application, call.linked, series.kind, "WebTransaction" if web else "OtherTransaction", series.group,
        series.name, NOW - call.age - call.duration, call.duration, errors, call.failed, None,
        500 if call.failed else 200, False, call.attributes,
    )  # fmt: skip
    return Sample(series, "failed" if call.failed else "slow", finished)


def write(path: Path, calls: Sequence[Call], running: Sequence[RunningTransaction] = (), key: str = "one") -> None:
    minutes: dict[tuple[Series, int], list[Call]] = defaultdict(list)
    for call in calls:
        minutes[call.series, int((NOW - call.age) // 60 * 60)].append(call)
    errors = [
        ErrorCount(call.series, int((NOW - call.age) // 60 * 60), f"shop:{call.error}", call.error, call.expected, 1)
        for call in calls
        if call.error
    ]
    told = [sample(call) for call in sorted(calls, key=lambda call: -call.duration)[:20]]
    told += [sample(call) for call in calls if call.failed][:20]
    writer = StoreWriter(str(path))
    instance = Instance(key, "host", 17, NOW - 3600, "shop")
    rows = tuple(row(series, minute, some) for (series, minute), some in minutes.items())
    writer.write(Snapshot(instance, 1, NOW - 5, rows, tuple(errors), tuple(told), {"transactions": 3}, tuple(running)))
    writer.close()


SEARCH = Series("shop", "web", "Route", "GET /search")
ITEM = Series("shop", "web", "Route", "GET /items/{id}")
EXPORT = Series("shop", "web", "Route", "GET /export.csv")
JOB = Series("shop", "background", "Function", "shop.jobs:rebuild")
SERIES = (SEARCH, ITEM, EXPORT, JOB)


def _calls() -> list[Call]:
    chance = random.Random(5)
    speeds = {SEARCH: -1.0, ITEM: -4.0, EXPORT: 0.8, JOB: 1.0}
    return [
        Call(series, chance.lognormvariate(speeds[series], 0.5), failed, 60 + 60 * chance.randrange(25),
             "OutOfStock" if failed else "", {"customer": 17})
        for series in SERIES
        for failed in (chance.random() < 0.07 for _ in range(60 if series is EXPORT else 200))
    ]  # fmt: skip


CALLS = _calls()


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "weighbridge.db"
    write(path, CALLS, [RunningTransaction(JOB, NOW - 7200)])
    return path


Ask = Callable[..., Response]


@pytest.fixture
def ask(store: Path) -> Iterator[Ask]:
    """Ask the page on the store for an address, as a browser on this machine does."""
    console = Console(store, clock=lambda: NOW)
    yield asking(console)
    console.close()


def asking(console: Console) -> Ask:
    def ask(address: str, method: str = "GET", **more: Any) -> Response:
        path, _, query = address.partition("?")
        return console.respond(Request(method, path, query=query, **{"host": "localhost:8610", **more}))

    return ask


@contextmanager
def served(application: Any) -> Iterator[str]:
    """Serve an application on a free port of the loopback interface; gives its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(application, log_level="warning", access_log=False, ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            eventually(lambda: server.started)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


# ---- In a browser.


REQUIRED = os.environ.get("BROWSER_TESTS") == "required"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
LATENCY = 60_000
GONE = ("/sample?app=shop&group=Route&name=GET+/export.csv&sample=9999", "/summary?app=nobody")
"""Addresses that are answered by 404."""


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


def bytes_loaded(client: httpx.Client, view: httpx.Response) -> int:
    """How many bytes a browser loads for a page, with all that belongs to it, compressed."""
    parts = re.findall(r'(?:href|src)="(/static/[^"]+)"', view.text)
    assert len(parts) >= 6
    answers = [client.get(address, headers={"accept-encoding": "gzip"}) for address in (str(view.url), *parts)]
    return sum(int(answer.headers["content-length"]) for answer in answers)


def charts_drawn(page: Page, number: int) -> None:
    """Wait until so many charts have been drawn, one after the other."""
    # Asked from here: the page's policy lets no text be evaluated in it while it waits.
    eventually(lambda: page.locator(".plot canvas").count() == number)


@pytest.fixture
def just_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """All calls are as if they had ended just now."""
    monkeypatch.setattr(sys.modules[__name__], "NOW", time.time() // 60 * 60)


@pytest.fixture
def url(tmp_path: Path, just_now: None) -> Iterator[str]:
    """The page on the calls, and on one that means harm."""
    path = tmp_path / "weighbridge.db"
    hostile = Call(
        Series("hostile", "web", f"g{PAYLOAD}", PAYLOAD), 0.3, True, error=PAYLOAD, attributes={PAYLOAD: PAYLOAD}
    )
    write(path, [hostile, *CALLS])
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
    opened.on("console", lambda message: said.append(f"{message.type}: {message.text} {message.location['url']}"))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.on("dialog", lambda dialog: (said.append(f"dialog {dialog.message}"), dialog.dismiss()))
    opened.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    yield opened
    context.close()
    assert [one for one in said if not one.endswith(GONE)] == []  # those are 404s, and meant to be
    assert hosts == {urlsplit(url).netloc}
