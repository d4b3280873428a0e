"""Cells that something outside makes impossible, and what that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from .columns import Column
from .editions import CURRENT, OLDEST, Edition
from .row import Mode, Row


@dataclass(frozen=True)
class Limit:
    """Some cells, and why they cannot be as the row says."""

    reason: str
    paths: tuple[str, ...]
    column: str = ""
    """A part of the names of the columns."""
    edition: Edition = CURRENT
    interface: str = "asgi"
    mode: Mode = "once"

    def holds(self, column: Column, row: Row) -> bool:
        """Whether it holds for this cell."""
        return (
            row.path in self.paths
            and row.mode == self.mode
            and self.column in column.name
            and self.edition is column.edition
            and self.interface == column.framework.interface
        )


_GREENLETS: Final = (
    "gevent's threads are greenlets of one thread: asyncio and asgiref want one event loop in it at most"
)

LIMITS: Final = (
    Limit(
        _GREENLETS,
        ("/async/asyncio_run_in_thread", "/async/async_to_sync_in_thread"),
        "Flask on gunicorn gevent",
        interface="wsgi",
    ),
    Limit(
        _GREENLETS,
        ("/async/asyncio_run_in_thread", "/async/async_to_sync_in_thread"),
        "Flask on gunicorn gevent",
        OLDEST,
        interface="wsgi",
    ),
    Limit(
        "the view sets the key in `request.META`, of which only our middleware knows; in `request.scope` it is seen",
        ("/sync/key_background", "/sync/key_ignore", "/async/async_key", "/stream/key", "/async-stream/key"),
        "Django without our middleware",
    ),
    Limit(
        "`close()` runs when the request is over, in the background task that runs the server in the same thread",
        ("/after",),
        "wsgiref run by a background task",
        interface="wsgi",
    ),
    Limit(
        "anyio 3.6 starts it with `run_coroutine_threadsafe`: it looks like a task of the user's",
        ("/async/anyio_back",),
        edition=OLDEST,
    ),
    Limit(
        "trio 0.22 runs it as a callback of its loop, not in the task that waits",
        ("/async/anyio_back_sync",),
        "trio",
        OLDEST,
    ),
    Limit("gunicorn 20.1 answers the first one only", ("/sync/plain",), "gthread", OLDEST, "wsgi", "pipelined"),
    Limit(
        "Starlette 0.26 sends the last byte when the background task is done",
        ("/after", "/after-async"),
        "BaseHTTPMiddleware",
        OLDEST,
    ),
    Limit(
        "neither does Django 4.2 look whether the client is there, nor does uvicorn 0.17 tell",
        ("/endless",),
        "Django on uvicorn",
        OLDEST,
        mode="leave",
    ),
    *(
        Limit(
            f"{name} does not ask whether the client is there while it streams",
            ("/endless",),
            f"{column} on uvicorn",
            edition,
            mode="leave",
        )
        for name, column in (("Falcon", "Falcon"), ("Sanic", "Sanic"), ("Channels", "Channels and Django"))
        for edition in (CURRENT, OLDEST)
    ),
    Limit(
        "Channels 4.0 drops the exceptions of its HTTP consumers: nobody can answer them",
        ("/answered",),
        "Channels and Django",
        OLDEST,
    ),
    Limit(
        "Channels 4.0 drops the exceptions of its HTTP consumers: the response has no end, as if the client had left",
        ("/async-stream/broken",),
        "Channels and Django",
        OLDEST,
        mode="broken",
    ),
    Limit("hypercorn 0.14 has no trailers", ("/trailers",), "hypercorn", OLDEST, mode="HTTP/2"),
)


def limit(column: Column, row: Row) -> str | None:
    """Why the case cannot be as the row says in this column, where it cannot."""
    return next((one.reason for one in LIMITS if one.holds(column, row)), None)
