"""Django under ASGI: the same line in ``MIDDLEWARE``; views may be async, and so may their streams.

Run ``python examples/django_asgi.py [port]`` and try the addresses that it prints.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator

import uvicorn
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import path

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1", "localhost"],
    MIDDLEWARE=["weighbridge.middleware.DjangoTransactionMiddleware"],
    ROOT_URLCONF=__name__,
)


async def user(request: HttpRequest, number: int) -> HttpResponse:
    """Counted as ``WebTransaction/Route/GET /users/<int:number>/``."""
    await asyncio.sleep(0.01)
    return HttpResponse(f"user {number}")


async def ticks(request: HttpRequest) -> StreamingHttpResponse:
    """Lasts until its last line is sent."""
    return StreamingHttpResponse(_ticks(), content_type="text/plain")


async def _ticks() -> AsyncIterator[str]:
    for number in range(5):
        await asyncio.sleep(0.02)
        yield f"tick {number}\n"


urlpatterns = [path("users/<int:number>/", user), path("ticks/", ticks)]
application = get_asgi_application()

if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8000
    print(f"Try http://127.0.0.1:{port}/users/7/ and /ticks/, then run: weighbridge report", flush=True)
    uvicorn.run(application, port=port, lifespan="off", log_level="warning")
