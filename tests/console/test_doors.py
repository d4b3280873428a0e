"""The doors: mounted in other applications, ASGI and WSGI, and measured by nobody."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from tests.console.conftest import served
from weighbridge.console import asgi_application, wsgi_application
from weighbridge.middleware import ASGITransactionMiddleware, WSGITransactionMiddleware
from weighbridge.testing import capture_transactions


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


def test_it_is_compressed_and_small(client: httpx.Client) -> None:
    size = 0
    for address in ("summary", "static/page.js", "static/page.css", "static/uplot.js", "static/uplot.css"):
        answer = client.get(f"/apm/{address}", headers={"accept-encoding": "gzip"})
        assert answer.headers["content-encoding"] == "gzip"
        size += int(answer.headers["content-length"])
    assert size < 200_000


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
def test_the_wsgi_door_keeps_to_the_rules(store: Path, path: str) -> None:
    status, headers, body = call(validator(wsgi_application(store)), path, SCRIPT_NAME="/apm")
    assert int(headers["Content-Length"]) == len(body)
    assert status.split()[0] == {"/": "303", "/nowhere": "404"}.get(path, "200")


def test_a_long_post_is_not_read(client: httpx.Client) -> None:
    assert client.post("/apm/login", content=b"x" * 100_000).status_code == 401
