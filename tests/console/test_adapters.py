"""The middleware: mounted in other applications, ASGI and WSGI, and measured by nobody."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from tests.console.conftest import NOW, Call, bytes_loaded, served, write
from weighbridge.console import asgi_application, wsgi_application
from weighbridge.console.application import PAGES
from weighbridge.middleware import ASGITransactionMiddleware, WSGITransactionMiddleware
from weighbridge.testing import capture_transactions
from weighbridge.transactions.recording.snapshot import Series


@pytest.fixture
def client(store: Path) -> Any:
    shop = Starlette(routes=[Mount("/apm", asgi_application(store))])
    with served(ASGITransactionMiddleware(shop)) as url, httpx.Client(base_url=url, trust_env=False) as client:
        yield client


def test_mounted_its_links_lead_to_itself(client: httpx.Client) -> None:
    page = client.get("/apm/summary?app=shop&range=30d")
    assert page.status_code == 200
    assert 'href="/apm/transactions?' in page.text
    assert 'src="/apm/static/page.js?' in page.text
    assert client.get("/apm/static/page.js").headers["content-type"] == "text/javascript; charset=utf-8"
    assert client.get("/apm/").headers["location"].startswith("/apm/")


MANY = [Series("shop", "web", "Route", f"GET /a/rather/long/path/number/{number}/{{id}}") for number in range(200)]
OF_ONE = "group=Route&name=" + quote(MANY[0].name)


@pytest.fixture
def big(tmp_path: Path) -> Iterator[httpx.Client]:
    """The page on 200 names, each with all that can be shown of it."""
    chance, minutes = random.Random(1), range(60, 1800, 60)
    calls = [
        Call(series, chance.lognormvariate(-3, 1), minute % 300 == 0, minute, f"Error{minute}" * (minute % 300 == 0))
        for series in MANY
        for minute in minutes
    ]
    write(tmp_path / "big.db", calls)
    application = asgi_application(tmp_path / "big.db")
    with served(application) as url, httpx.Client(base_url=url, trust_env=False) as client:
        yield client


def test_every_first_view_is_small(big: httpx.Client) -> None:
    told = big.get(f"/api/transaction?app=shop&since={NOW - 1800}&until={NOW}&{OF_ONE}").json()
    sample = told["failed"][0]["id"]
    for page in PAGES.keys() - {"error"}:  # for that there is a test where there are groups
        of_one = f"&{OF_ONE}&sample={sample}" if page in {"transaction", "sample"} else ""
        view = big.get(f"/{page}?app=shop&since={NOW - 1800}&until={NOW}{of_one}")
        assert view.status_code == 200, page
        assert bytes_loaded(big, view) < 200_000, page


def test_it_does_not_measure_itself(client: httpx.Client, store: Path) -> None:
    with capture_transactions() as found:
        client.get("/apm/summary")
        call(WSGITransactionMiddleware(wsgi_application(store)), "/summary")
    assert found == []


def call(application: Any, path: str, **more: str) -> tuple[str, dict[str, str], bytes]:
    environ: dict[str, Any] = {"PATH_INFO": path, "HTTP_HOST": "localhost", "QUERY_STRING": "", **more}
    setup_testing_defaults(environ)
    told: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        told.extend((status, dict(headers)))
        return lambda _: None

    body = application(environ, start_response)
    try:
        return told[0], told[1], b"".join(body)
    finally:
        getattr(body, "close", lambda: None)()


@pytest.mark.parametrize("path", ["/summary", "/api/summary", "/", "/nowhere", "/static/page.css", "/transactions.csv"])
def test_the_wsgi_middleware_keeps_to_the_rules(store: Path, path: str) -> None:
    status, headers, body = call(validator(wsgi_application(store)), path, SCRIPT_NAME="/apm")
    assert int(headers["content-length"]) == len(body)
    assert status.split()[0] == {"/": "303", "/nowhere": "404"}.get(path, "200")


def test_a_long_post_is_not_read(client: httpx.Client) -> None:
    assert client.post("/apm/login", content=b"x" * 100_000).status_code == 401
