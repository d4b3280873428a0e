"""Add the middleware to FastAPI; async and sync endpoints are measured alike.

Run ``python examples/fastapi_app.py [port]`` and try the addresses that it prints.
"""

from __future__ import annotations

import sys
import time

import uvicorn
from fastapi import BackgroundTasks, FastAPI

from weighbridge import background_task
from weighbridge.middleware import ASGITransactionMiddleware

app = FastAPI()
# With a handler for `Exception`, wrap the application instead: `served = ASGITransactionMiddleware(app)`.
app.add_middleware(ASGITransactionMiddleware)  # the one added last is outermost: add it after the others


@app.get("/users/{number}")
async def user(number: int) -> dict[str, int]:
    """Counted as ``WebTransaction/Route/GET /users/{number}``."""
    return {"user": number}


@app.post("/users/{number}/welcome")
def welcome(number: int, tasks: BackgroundTasks) -> dict[str, str]:
    """Counted as a web transaction; the letter is written after it, as a transaction of its own."""
    tasks.add_task(write_letter, number)
    return {"letter": "on its way"}


@background_task
def write_letter(number: int) -> None:
    """Counted as ``OtherTransaction/Function/<module>:write_letter``."""
    time.sleep(0.05)


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8000
    print(f"Try http://127.0.0.1:{port}/users/7, or POST /users/7/welcome, then run: weighbridge report", flush=True)
    uvicorn.run(app, port=port, log_level="warning")
