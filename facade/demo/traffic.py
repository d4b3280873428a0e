"""The traffic that the demo sends to the bookshop, and how each request or job must be counted."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from weighbridge.transactions.model.finished import Kind

__all__ = [
    "API",
    "NEW",
    "OLD",
    "PARTNERS",
    "POSTED",
    "QUICK",
    "SLOW",
    "TRAFFIC",
    "WATCH",
    "WEB",
    "WORKER",
    "Counted",
    "Service",
    "Traffic",
    "by_release",
    "plan",
]

Service = Literal["web", "api", "post", "worker"]

WEB: Final = "Bookshop"
API: Final = "Bookshop API"
WORKER: Final = "Bookshop worker"
PARTNERS: Final = "Bookshop partners"

OLD: Final = "1.3"
NEW: Final = "1.4"
"""The versions of the web pages: the newer one is slower in one of them and fails in another."""


@dataclass(frozen=True)
class Counted:
    """One transaction that must be in the store."""

    application: str
    kind: Kind
    group: str
    name: str
    failed: bool = False


@dataclass(frozen=True)
class Traffic:
    """One kind of request or job."""

    title: str
    service: Service
    what: str
    """Method and path of a request (``{}`` stands for a number), or the name of a job."""
    share: int
    """How often it is sent, relative to the other kinds."""
    counted: tuple[Counted, ...]
    status: int = 200
    """HTTP status of the answer."""
    release: str = ""
    """The version of the web pages to which alone it is sent; empty: to both."""


def _route(application: str, route: str, *, failed: bool = False) -> tuple[Counted, ...]:
    return (Counted(application, "web", "Route", route, failed),)


def _chore(application: str, route: str) -> tuple[Counted, ...]:
    return (Counted(application, "background", "Route", route),)


def _lost(application: str) -> tuple[Counted, ...]:
    return (Counted(application, "web", "StatusCode", "404"),)


def _task(application: str, function: str, *, failed: bool = False) -> tuple[Counted, ...]:
    return (Counted(application, "background", "Function", f"weighbridge.demo.{function}", failed),)


def _nightly(name: str) -> tuple[Counted, ...]:
    return (Counted(WORKER, "background", "Python/Nightly", name),)


def _posted(name: str, *, failed: bool = False, runs: int = 1) -> tuple[Counted, ...]:
    return (Counted(WORKER, "background", "Celery", name, failed),) * runs


_ORDER: Final = _route(API, "POST /orders") + _task(API, "shop_api:send_confirmation")
_SUBSCRIPTION: Final = _route(API, "POST /newsletter") + _task(API, "shop_api:subscribe")

TRAFFIC: Final = (
    Traffic("a plain page", "web", "GET /", 14, _route(WEB, "GET /")),
    Traffic("a route with a parameter", "web", "GET /books/{}", 12, _route(WEB, "GET /books/<int:number>")),
    Traffic("a slow page", "web", "GET /search", 6, _route(WEB, "GET /search")),
    Traffic("a page that raises", "web", "GET /checkout", 3, _route(WEB, "GET /checkout", failed=True), 500),
    Traffic("a page that works in version 1.3", "web", "GET /wishlist", 3, _route(WEB, "GET /wishlist"), release=OLD),
    Traffic("and fails in version 1.4", "web", "GET /wishlist", 2, _route(WEB, "GET /wishlist", failed=True), 500, NEW),
    Traffic("a 503 without an exception", "web", "GET /stock", 2, _route(WEB, "GET /stock", failed=True), 503),
    Traffic("pages that are not there", "web", "GET /wp-admin/{}", 2, _lost(WEB), 404),
    Traffic("a streamed body", "web", "GET /catalogue.csv", 3, _route(WEB, "GET /catalogue.csv")),
    Traffic("set_background_task in environ", "web", "GET /cron/cleanup", 3, _chore(WEB, "GET /cron/cleanup")),
    Traffic("app_name in environ", "web", "GET /partners/stock", 3, _route(PARTNERS, "GET /partners/stock")),
    Traffic("a handler that calls a task", "web", "GET /sales/rebuild", 2, _task(WEB, "shop_web:rebuild_sales")),
    Traffic("a route with a parameter", "api", "GET /prices/{}", 14, _route(API, "GET /prices/{isbn}")),
    Traffic("a slow endpoint", "api", "GET /recommendations", 5, _route(API, "GET /recommendations")),
    Traffic("an endpoint that raises", "api", "GET /reviews", 2, _route(API, "GET /reviews", failed=True), 500),
    Traffic("paths that are not there", "api", "GET /v0/{}", 2, _lost(API), 404),
    Traffic("a streamed response", "api", "GET /feed", 3, _route(API, "GET /feed")),
    Traffic("set_background_task in scope", "api", "GET /internal/sync", 2, _chore(API, "GET /internal/sync")),
    Traffic("app_name in scope", "api", "GET /partners/prices", 2, _route(PARTNERS, "GET /partners/prices")),
    Traffic("set_background_task() in the handler", "api", "GET /nightly", 2, _chore(API, "GET /nightly")),
    Traffic(
        "a sync endpoint that calls a task", "api", "GET /invoices/build", 2, _task(API, "shop_api:render_invoices")
    ),
    Traffic("a fire-and-forget task", "api", "POST /orders", 4, _ORDER),
    Traffic("a task after the response", "api", "POST /newsletter", 2, _SUBSCRIPTION),
    Traffic("a decorated function", "worker", "newsletter", 4, _task(WORKER, "jobs:send_newsletter")),
    Traffic("a job with a name and group of its own", "worker", "catalogue", 2, _nightly("import catalogue")),
    Traffic("a job that raises", "worker", "cards", 2, _task(WORKER, "jobs:charge_cards", failed=True)),
    Traffic("a coroutine", "worker", "rates", 2, _task(WORKER, "jobs:fetch_exchange_rates")),
    Traffic("a generator", "worker", "labels", 2, _task(WORKER, "jobs:print_labels")),
    Traffic("a with block", "worker", "inventory", 2, _nightly("inventory")),
    Traffic("a Celery task", "worker", "letter", 5, _posted("send_letter")),
    Traffic("a Celery task that is retried", "worker", "books", 2, _posted("send_books", runs=2)),
    Traffic("a Celery task that fails", "worker", "label", 1, _posted("print_label", failed=True)),
)
"""Every kind of traffic; each is sent at least once."""

WATCH: Final = Traffic("a task that never ends", "worker", "watch", 0, ())
"""For a bookshop that stays open; it is never counted, but is shown as running."""
SLOW: Final = Traffic("letters take longer than they may", "worker", "slow", 0, ())
QUICK: Final = Traffic("letters are quick again", "worker", "quick", 0, ())
"""Between the two the queue of letters backs up; they are not counted either."""
POSTED: Final = Traffic("all that was posted is done", "worker", "post", 0, ())


def plan(requests: int, seed: int) -> list[Traffic]:
    """Choose what is sent, and in which order: each kind once, then by share; the same seed gives the same plan.

    If ``requests`` is less than the number of kinds, each kind is still sent once.
    """
    chance = random.Random(seed)
    surplus = max(0, requests - len(TRAFFIC))
    chosen = list(TRAFFIC) + chance.choices(TRAFFIC, [traffic.share for traffic in TRAFFIC], k=surplus)
    chance.shuffle(chosen)
    return chosen


def by_release(sent: Sequence[Traffic]) -> tuple[list[Traffic], list[Traffic]]:
    """Divide what is sent into what the older version of the web pages gets, and the newer one: a half each, about."""
    halves: dict[str, list[Traffic]] = {OLD: [], NEW: []}
    for number, traffic in enumerate(sent):
        halves[traffic.release or (OLD if 2 * number < len(sent) else NEW)].append(traffic)
    return halves[OLD], halves[NEW]
