"""From the error rate to the line of code: groups of errors, their pages and tracebacks, of what a program raised."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import httpx
import pytest

from weighbridge.console import Console, asgi_application, wsgi_application

from .conftest import LATENCY, asking, bytes_loaded, needed, served

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.application_blocks

SHOP = """
import json, os
import weighbridge
from weighbridge.middleware import WSGITransactionMiddleware

def find(number):
    raise KeyError(f"order {number * 7919} <b>of</b> user u{number}")

def pay(number):
    if os.environ["WEIGHBRIDGE_VERSION"] == "1.4" and number % 5 == 0:
        try:
            json.loads("{" * number)
        except ValueError as error:
            raise RuntimeError(f"card {number} refused") from error

def application(environ, start_response):
    number = environ["number"]
    weighbridge.add_custom_attribute("user", f"u{number}")
    weighbridge.set_transaction_name("orders", "Shop")
    if number % 9 == 0:
        find(number)
    pay(number)
    start_response("503 Busy" if number % 25 == 7 else "200 OK", [])
    return [b"x"]

measured = WSGITransactionMiddleware(application)
for number in range(1, 101):
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/orders", "wsgi.url_scheme": "http", "number": number}
    try:
        list(measured(environ, lambda *_: None))
    except Exception:
        pass
weighbridge.flush()
"""
AN_HOUR_EARLIER = """
UPDATE totals SET start = start - 3600; UPDATE error_group_count SET start = start - 3600;
UPDATE error_count SET start = start - 3600; UPDATE sample SET ended = ended - 3600;
UPDATE resolution SET complete_until = complete_until - 7200 WHERE span > 60;
UPDATE level SET complete_until = complete_until - 7200 WHERE span > 60;
UPDATE error_group SET first_seen = first_seen - 3600, seen = seen - 3600; UPDATE mark SET moment = moment - 3600;
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two versions of a shop have reported, the first of them an hour ago."""
    folder = tmp_path_factory.mktemp("shop")
    path = folder / "weighbridge.db"
    (folder / "shop.py").write_text(SHOP)
    for version in ("1.3", "1.4"):
        settings = {"STORE": str(path), "VERSION": version, "APP_NAME": "shop"}
        env = {**os.environ, **{f"WEIGHBRIDGE_{name}": value for name, value in settings.items()}}
        env.pop("PYTHONSAFEPATH", None)
        subprocess.run([sys.executable, "shop.py"], cwd=folder, env=env, check=True)
        if version == "1.3":
            with closing(sqlite3.connect(path)) as connection, connection:
                connection.executescript(AN_HOUR_EARLIER)
    return path


@pytest.fixture
def console(store: Path) -> Iterator[Console]:
    opened = Console(store)
    yield opened
    opened.close()


HERE: dict[str, Any] = {"client": "127.0.0.1"}


def told(console: Console, path: str, **more: Any) -> Any:
    page, _, query = path.partition("?")
    response = asking(console)(f"/api/{page}?{query}&app=shop&range=3h", **more)
    assert response.status == 200, response.body
    return json.loads(response.body)


def of_class(console: Console, name: str) -> dict[str, Any]:
    (one,) = [one for one in told(console, "errors")["groups"] if one["group"]["type"].endswith(name)]
    found: dict[str, Any] = one
    return found


def test_each_place_is_one_line(console: Console) -> None:
    groups = {one["group"]["type"]: one for one in told(console, "errors")["groups"]}
    assert {name: one["count"] for name, one in groups.items()} == {
        "builtins:KeyError": 22,
        "builtins:RuntimeError": 18,
        "503 (no exception)": 8,
    }
    assert {name: one["new_since"] for name, one in groups.items()} == {
        "builtins:KeyError": "",
        "builtins:RuntimeError": "1.4",
        "503 (no exception)": "",
    }
    assert groups["builtins:RuntimeError"]["group"]["frame"].startswith("shop.py:")
    assert groups["builtins:RuntimeError"]["group"]["frame"].endswith("in pay")


def test_failures_without_an_exception_are_shown_wherever_errors_are(console: Console) -> None:
    counts = {"builtins:KeyError": 22, "builtins:RuntimeError": 18, "503 (no exception)": 8}
    classes = told(console, "errors")["over_time"]["classes"]
    assert {one["type"]: sum(one["counts"]) for one in classes} == counts
    assert {one["group"]["type"]: one["count"] for one in told(console, "summary")["groups"]} == counts
    page = asking(console)("/summary?app=shop&range=3h").body.decode()
    card = page.partition("<h2>Errors")[2].partition("</section>")[0]
    assert "/error?" in card
    assert [part.partition("<")[0] for part in card.split('<td class="number">')[1:]] == ["22", "18", "8"]
    assert "503 (no exception)" in card


def test_the_first_view_of_a_group_is_small(console: Console, store: Path) -> None:
    number = of_class(console, "RuntimeError")["group"]["id"]
    with served(asgi_application(store)) as url, httpx.Client(base_url=url, trust_env=False) as client:
        view = client.get(f"/error?app=shop&range=3h&error={number}")
        assert view.status_code == 200
        assert bytes_loaded(client, view) < 200_000


def test_a_group_has_trend_transactions_samples_and_traceback(console: Console) -> None:
    number = of_class(console, "RuntimeError")["group"]["id"]
    one = told(console, f"error?error={number}", **HERE)
    assert one["count"] == sum(one["over_time"]["counts"][str(number)]) == 18
    assert [line["name"] for line in one["by_series"]] == ["orders"]
    assert one["samples"][0]["transaction"]["errors"][0]["type"] == "builtins:RuntimeError"
    traceback = one["traceback"]
    assert [frame["function"] for frame in traceback["frames"]] == ["application", "pay"]
    assert traceback["frames"][-1]["source"].startswith("raise RuntimeError(")
    (cause,) = traceback["others"]
    assert (cause["relation"], cause["type"]) == ("cause", "json.decoder:JSONDecodeError")
    assert [frame["own"] for frame in cause["frames"]] == [True, False, False, False]


@pytest.mark.parametrize(
    ("token", "more", "shown"),
    [
        (None, {"client": "127.0.0.1"}, True),
        (None, {"client": "::1"}, True),
        (None, {"client": "::ffff:127.0.0.1"}, True),
        (None, {"client": "10.0.0.7"}, False),
        (None, {"client": ""}, False),
        (None, {"client": "127.0.0.1", "host": "shop.example"}, False),
        (None, {"client": "127.0.0.1", "forwarded": True}, False),
        ("0123456789abcdef", {"client": "10.0.0.7", "authorization": "Bearer 0123456789abcdef"}, True),
    ],
)
def test_who_sees_tracebacks(store: Path, token: str | None, more: dict[str, Any], shown: bool) -> None:
    console = Console(store, token, hosts=["shop.example", "localhost"])
    number = of_class_with(console, "KeyError", more)
    one = told(console, f"error?error={number}", **more)
    sample = one["samples"][0]
    names = urlencode({"group": "Shop", "name": "orders", "sample": sample["id"], "app": "shop", "range": "3h"})
    found = json.loads(asking(console)(f"/api/sample?{names}", **more).body)
    assert [one["tracebacks_shown"], found["tracebacks_shown"]] == [shown, shown]
    assert [one["traceback"] is not None, found["errors"][0]["traceback"] is not None] == [shown, shown]
    page = asking(console)(f"/sample?{names}", **more).body.decode()
    assert ("shop.py&#34;, line" in page) is shown
    console.close()


def of_class_with(console: Console, name: str, more: dict[str, Any]) -> int:
    return next(
        one["group"]["id"] for one in told(console, "errors", **more)["groups"] if one["group"]["type"].endswith(name)
    )


def test_an_adapter_says_who_asks(store: Path, console: Console) -> None:
    number = of_class(console, "KeyError")["group"]["id"]
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/api/error", "HTTP_HOST": "localhost", "wsgi.input": None}
    application: Any = wsgi_application(store)
    for more, shown in (({"REMOTE_ADDR": "127.0.0.1"}, True), ({"REMOTE_ADDR": "192.0.2.1"}, False),
                        ({"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "192.0.2.1"}, False)):  # fmt: skip
        asked = {**environ, **more, "QUERY_STRING": f"app=shop&range=3h&error={number}"}
        (body,) = application(asked, lambda *_: lambda _: None)
        assert (json.loads(body)["traceback"] is not None) is shown


@pytest.mark.parametrize(
    ("query", "status", "word"),
    [("app=shop", 400, "which error"), ("app=shop&error=x", 400, "error"), ("app=shop&error=9999", 404, "not kept")],
)
def test_a_group_that_is_not_there(console: Console, query: str, status: int, word: str) -> None:
    response = asking(console)(f"/api/error?{query}")
    assert response.status == status
    assert word in json.loads(response.body)["error"]


@pytest.fixture
def page(browser: Any, store: Path) -> Iterator[Page]:
    with served(asgi_application(store)) as url:
        context = browser.new_context(base_url=url, viewport={"width": 1280, "height": 900})
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        context.set_default_timeout(LATENCY)
        said: list[str] = []
        opened = context.new_page()
        opened.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
        opened.on("pageerror", lambda error: said.append(str(error)))
        yield opened
        context.close()
        assert said == []


def test_from_the_error_rate_to_the_line_and_the_sample(page: Page) -> None:
    page.goto("/errors?app=shop&range=3h&paused=yes")
    row = page.locator(".groups tr", has_text="RuntimeError")
    assert "new since 1.4" in row.inner_text()
    assert page.get_by_role("region", name="Error groups").locator("tbody tr").count() == 3
    row.get_by_role("link", name="RuntimeError").click()
    own = page.locator(".frames.own").first
    assert "in pay" in own.inner_text()
    folded = page.locator(".folded").first
    assert not folded.locator("ol").is_visible()
    folded.locator("summary").click()
    assert "raw_decode" in folded.inner_text()
    page.get_by_role("button", name="Copy").click()
    page.get_by_role("button", name="Copied").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("Traceback (most recent call last):")
    assert "in pay\n    raise RuntimeError(" in copied
    page.get_by_role("link", name=re.compile("^sample ")).first.click()
    page.get_by_text("Traceback").first.wait_for()
    assert "refused" in page.locator("ul.errors").first.inner_text()
    assert "user" in page.locator("dl.attributes").inner_text()


@pytest.mark.parametrize("address", ["/errors?app=shop&range=3h", "/error?app=shop&range=3h&error=1"])
def test_nothing_serious_stands_in_anybodys_way(page: Page, address: str) -> None:
    axe = needed("axe_playwright_python.sync_playwright")
    page.goto(f"{address}&paused=yes")
    found = axe.Axe().run(page).response["violations"]
    assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []
