"""Add the middleware to Starlette's list, as the first, so that it measures the others too.

Run ``python examples/starlette_app.py [port]`` and try the addresses that it prints.
"""

from __future__ import annotations

import sys

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from weighbridge.middleware import ASGITransactionMiddleware


async def user(request: Request) -> PlainTextResponse:
    """Counted as ``WebTransaction/Route/GET /users/{number}``, whoever the user is."""
    return PlainTextResponse(f"user {request.path_params['number']}")


async def broken(request: Request) -> PlainTextResponse:
    """Counted as a failed request, with the class of its exception."""
    raise RuntimeError("the cellar is flooded")


app = Starlette(
    routes=[Route("/users/{number:int}", user), Route("/broken", broken)],
    middleware=[Middleware(ASGITransactionMiddleware)],
)

if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8000
    print(f"Try http://127.0.0.1:{port}/users/7 and /broken, then run: weighbridge report", flush=True)
    uvicorn.run(app, port=port, log_level="warning")
