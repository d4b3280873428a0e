"""The bookshop's web pages: a Flask application behind the WSGI middleware, served by gunicorn."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from flask import Flask, Response

from weighbridge import background_task
from weighbridge.demo.traffic import NEW, OLD
from weighbridge.middleware import WSGITransactionMiddleware

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

__all__ = ["application", "shop"]

shop: Final = Flask(__name__)

_VERSION: Final = os.environ.get("WEIGHBRIDGE_VERSION", NEW)

KEYS: Final[dict[str, dict[str, Any]]] = {
    "/ready": {"newrelic.enabled": False},
    "/cron/cleanup": {"newrelic.set_background_task": True},
    "/partners/stock": {"newrelic.app_name": "Bookshop partners"},
}
"""Per-request keys by path, as a front server would set them."""

_measured = WSGITransactionMiddleware(shop)


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Set the per-request keys and call the measured shop; this is the application that gunicorn serves."""
    environ.update(KEYS.get(environ.get("PATH_INFO", ""), {}))
    return _measured(environ, start_response)


@shop.get("/ready")
def ready() -> str:
    """Answer readiness probes; ``newrelic.enabled`` keeps them out of the figures."""
    return "ready"


@shop.get("/")
def front_page() -> str:
    """Answer at once."""
    return "<h1>Books</h1>"


@shop.get("/books/<int:number>")
def book(number: int) -> str:
    """Answer under one name, whichever the book."""
    time.sleep(0.002)
    return f"<h1>Book {number}</h1>"


@shop.get("/search")
def search() -> str:
    """Take long enough to be noticed, and longer since version 1.4."""
    time.sleep(0.08 if _VERSION == OLD else 0.2)
    return "<p>42 books</p>"


@shop.get("/checkout")
def checkout() -> str:
    """Fail with an exception, for which Flask responds with status 500."""
    raise RuntimeError("the payment service does not answer")


@shop.get("/wishlist")
def wishlist() -> str:
    """Fail since version 1.4."""
    return f"<p>{len(_wishes('reader'))} wishes</p>"


def _wishes(reader: str) -> list[str]:
    wishes = {"reader": ["Emma"]} if _VERSION == OLD else {}
    return wishes[reader]


@shop.get("/stock")
def stock() -> tuple[str, int]:
    """Fail without an exception."""
    return "the warehouse is closed", 503


@shop.get("/catalogue.csv")
def catalogue() -> Response:
    """Stream: the request lasts until the last line is sent."""
    return Response(_lines(), mimetype="text/csv")


def _lines() -> Iterator[str]:
    for number in range(20):
        time.sleep(0.001)
        yield f"{number},Book {number}\n"


@shop.get("/cron/cleanup")
def cleanup() -> str:
    """Be called by a scheduler: its requests are marked as background by a key."""
    time.sleep(0.01)
    return "cleaned up"


@shop.get("/partners/stock")
def partners_stock() -> str:
    """Report to another application, chosen by a key."""
    return "12 in stock"


@shop.get("/sales/rebuild")
def sales() -> str:
    """Call a background task: the whole request counts as that task."""
    return f"{rebuild_sales()} rows"


@background_task
def rebuild_sales() -> int:
    """Take some time; nobody waits for it in a browser."""
    time.sleep(0.12)
    return 365
