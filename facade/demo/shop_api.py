"""The bookshop's API: a FastAPI application behind the ASGI middleware, served by uvicorn."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from fastapi import BackgroundTasks, FastAPI
from fastapi.responses import StreamingResponse

from weighbridge import background_task, set_background_task
from weighbridge.middleware import ASGITransactionMiddleware

if TYPE_CHECKING:
    from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, Scope

__all__ = ["api", "application"]

KEYS: Final[dict[str, dict[str, Any]]] = {
    "/ready": {"newrelic.enabled": False},
    "/internal/sync": {"newrelic.set_background_task": True},
    "/partners/prices": {"newrelic.app_name": "Bookshop partners"},
}
"""Per-request keys by path, as a component in front of the application would set them."""

_errands: set[asyncio.Task[None]] = set()


@asynccontextmanager
async def _lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Wait for running errands before the server stops."""
    yield
    await asyncio.gather(*_errands)


api: Final = FastAPI(lifespan=_lifespan)
_measured = ASGITransactionMiddleware(api)


async def application(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    """Set the per-request keys and call the measured API; this is the application that uvicorn serves."""
    if scope["type"] == "http":
        scope.update(KEYS.get(scope["path"], {}))  # type: ignore[typeddict-item]
    await _measured(scope, receive, send)


@api.get("/ready")
async def ready() -> str:
    """Answer readiness probes; ``newrelic.enabled`` keeps them out of the figures."""
    return "ready"


@api.get("/prices/{isbn}")
async def price(isbn: str) -> dict[str, str]:
    """Answer under one name, whichever the book."""
    return {"isbn": isbn, "price": "12.50"}


@api.get("/recommendations")
async def recommendations() -> list[str]:
    """Take long enough to be noticed."""
    await asyncio.sleep(0.15)
    return ["Emma", "Persuasion"]


@api.get("/reviews")
async def reviews() -> None:
    """Fail with an exception, for which Starlette responds with status 500."""
    raise LookupError("no reviews service")


@api.get("/feed")
async def feed() -> StreamingResponse:
    """Stream: the request lasts until the last piece is sent."""
    return StreamingResponse(_pieces(), media_type="text/plain")


async def _pieces() -> AsyncIterator[str]:
    for number in range(10):
        await asyncio.sleep(0.002)
        yield f"{number}\n"


@api.get("/internal/sync")
async def internal_sync() -> str:
    """Be called by a machine: its requests are marked as background by a key."""
    return "in step"


@api.get("/partners/prices")
async def partner_prices() -> dict[str, str]:
    """Report to another application, chosen by a key."""
    return {"Emma": "11.00"}


@api.get("/invoices/build")
def build_invoices() -> int:
    """Call a background task in a worker thread: the whole request counts as that task."""
    return render_invoices()


@background_task
def render_invoices() -> int:
    """Take some time in the thread of a sync endpoint."""
    time.sleep(0.05)
    return 12


@api.get("/nightly")
async def nightly() -> str:
    """Turn the request into a background transaction, which keeps name and route."""
    set_background_task(True)
    return "done"


@api.post("/orders")
async def order() -> dict[str, bool]:
    """Start an errand that nobody waits for: request and errand are counted separately."""
    errand = asyncio.create_task(send_confirmation())
    _errands.add(errand)
    errand.add_done_callback(_errands.discard)
    return {"accepted": True}


@background_task
async def send_confirmation() -> None:
    """Outlive the request that started it."""
    await asyncio.sleep(0.03)


@api.post("/newsletter")
async def newsletter(later: BackgroundTasks) -> str:
    """Leave work for after the response, which is a transaction of its own."""
    later.add_task(subscribe)
    return "thank you"


@background_task
async def subscribe() -> None:
    """Run after the response has been sent."""
    await asyncio.sleep(0.01)
