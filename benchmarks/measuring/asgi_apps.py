"""The ASGI applications that stand behind the subjects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .subjects import Subject

__all__ = ["ASGI_APPS"]

_PAGE = b"<p>Hello, this is the page that was asked for.</p>"
_HEADERS = [(b"content-type", b"text/html"), (b"content-length", str(len(_PAGE)).encode())]

_App = Callable[..., Any]


async def _plain(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": list(_HEADERS)})
    await send({"type": "http.response.body", "body": _PAGE})


async def _streaming(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(100):
        await send({"type": "http.response.body", "body": _PAGE, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _raising(scope: Any, receive: Any, send: Any) -> None:
    raise LookupError("no such page")


def _reclassifying(subject: Subject) -> _App:
    @subject.task
    def job() -> None:
        pass

    async def app(scope: Any, receive: Any, send: Any) -> None:
        job()
        await _plain(scope, receive, send)

    return app


def _fastapi(subject: Subject) -> _App:
    from fastapi import FastAPI
    from fastapi.responses import PlainTextResponse

    app = FastAPI()

    @app.get("/hello")
    async def hello() -> PlainTextResponse:
        return PlainTextResponse(_PAGE)

    return app


def _always(app: _App) -> Callable[[Subject], _App]:
    return lambda subject: app


ASGI_APPS: dict[str, Callable[[Subject], _App]] = {
    "plain": _always(_plain),
    "keys": _always(_plain),
    "reclassify": _reclassifying,
    "raises": _always(_raising),
    "stream": _always(_streaming),
    "framework": _fastapi,
}
"""By what is special about them; those who call background tasks get the subject's."""
