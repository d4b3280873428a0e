"""One shop in each ASGI framework: the same pages, written as each framework has it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs

import fastapi
import litestar
from litestar.background_tasks import BackgroundTask as LitestarTask
from litestar.exceptions import ImproperlyConfiguredException, NotFoundException
from litestar.response import File, Redirect, Response, Stream
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, RedirectResponse, StreamingResponse
from starlette.responses import Response as StarletteResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from .noted import FILE, Oops, job, lines_async, note

__all__ = ["APPS", "Stack"]

Stack = Sequence[Callable[[Any], Any]]
"""What stands in front of the application, the outermost first."""

PLAIN = [(b"content-type", b"text/plain")]


# Without a framework


async def bare(scope: Any, receive: Any, send: Any) -> None:
    kind = scope["type"]
    if kind == "http":
        await BARE.get(scope["path"], bare_nowhere)(scope, receive, send)
    elif kind == "lifespan":
        for answer in ("startup", "shutdown"):
            note((await receive())["type"])
            await send({"type": f"lifespan.{answer}.complete"})
    else:
        note((await receive())["type"])
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["text"]})
        note(message["type"])


async def answer(send: Any, status: int = 200, body: bytes = b"", headers: Any = PLAIN) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def bare_nowhere(scope: Any, receive: Any, send: Any) -> None:
    await answer(send, 404)


async def bare_plain(scope: Any, receive: Any, send: Any) -> None:
    await answer(send, body=b"hello")


async def bare_echo(scope: Any, receive: Any, send: Any) -> None:
    """Sends each part back as it comes, and nothing more to a client that has gone."""
    await send({"type": "http.response.start", "status": 200, "headers": iter(PLAIN)})
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            note("gone")
            return
        more = message.get("more_body", False)
        await send({"type": "http.response.body", "body": message.get("body", b""), "more_body": more})


async def bare_stream(scope: Any, receive: Any, send: Any) -> None:
    query = parse_qs(scope["query_string"].decode())
    await send({"type": "http.response.start", "status": 200})
    async for line in lines_async(int(query.get("parts", ["3"])[0]), "fail" in query):
        await send({"type": "http.response.body", "body": line, "more_body": True})
    await send({"type": "http.response.body"})


async def bare_broken(scope: Any, receive: Any, send: Any) -> None:
    raise Oops("nothing there")


async def bare_refused(scope: Any, receive: Any, send: Any) -> None:
    """An error page, and the exception after it."""
    await answer(send, 500, b"sorry")
    raise Oops("nothing there")


async def bare_closed(scope: Any, receive: Any, send: Any) -> None:
    await answer(send, 503, b"closed")


async def bare_file(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.pathsend", "path": str(FILE)})


async def bare_job(scope: Any, receive: Any, send: Any) -> None:
    await answer(send, body=job("done").encode())


async def bare_later(scope: Any, receive: Any, send: Any) -> None:
    await answer(send, body=b"sent")
    job("later")
    raise Oops("nothing left")


async def bare_trailers(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": PLAIN, "trailers": True})
    await send({"type": "http.response.body", "body": b"data"})
    await send({"type": "http.response.trailers", "headers": [(b"x-sum", b"1")], "more_trailers": True})
    await send({"type": "http.response.trailers", "headers": [(b"x-sum", b"2")]})


BARE: dict[str, Callable[[Any, Any, Any], Awaitable[None]]] = {
    "/plain": bare_plain,
    "/echo": bare_echo,
    "/stream": bare_stream,
    "/broken": bare_broken,
    "/refused": bare_refused,
    "/closed": bare_closed,
    "/file": bare_file,
    "/job": bare_job,
    "/later": bare_later,
    "/trailers": bare_trailers,
}


def bare_app(stack: Stack) -> Any:
    app: Any = bare
    for middleware in reversed(stack):
        app = middleware(app)
    return app


# Starlette, and FastAPI with what is its own


async def plain(request: Request) -> StarletteResponse:
    return PlainTextResponse("hello")


def street(request: Request) -> StarletteResponse:
    return PlainTextResponse(f"number {request.path_params['number']}")


async def echo(request: Request) -> StarletteResponse:
    return StarletteResponse(await request.body())


async def stream(request: Request) -> StarletteResponse:
    parts = int(request.query_params.get("parts", "3"))
    return StreamingResponse(lines_async(parts, "fail" in request.query_params))


async def missing(request: Request) -> StarletteResponse:
    raise HTTPException(404, "no such book")


async def refused(request: Request) -> StarletteResponse:
    raise HTTPException(418, "a teapot", {"x-pot": "tea"})


async def broken(request: Request) -> StarletteResponse:
    raise Oops("nothing there")


async def cookies(request: Request) -> StarletteResponse:
    response = PlainTextResponse(repr(sorted(request.cookies.items())))
    response.set_cookie("c", "3", httponly=True)
    response.delete_cookie("a")
    return response


async def headers(request: Request) -> StarletteResponse:
    response = PlainTextResponse("headers", headers={"x-seen": ",".join(request.headers.getlist("x-given"))})
    response.headers.append("x-twice", "1")
    response.headers.append("x-twice", "2")
    return response


async def later(request: Request) -> StarletteResponse:
    return PlainTextResponse("sent", background=BackgroundTask(job, "later"))


async def websocket(socket: WebSocket) -> None:
    await socket.accept()
    async for text in socket.iter_text():
        await socket.send_text(text)
    note("websocket ends")


@asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[None]:
    note("startup")
    yield
    note("shutdown")


ROUTES = [
    Route("/plain", plain, methods=["GET", "POST"]),
    Route("/stra\u00dfe/{number:int}", street),
    Route("/echo", echo, methods=["POST"]),
    Route("/stream", stream),
    Route("/empty", lambda request: StarletteResponse(status_code=204)),
    Route("/unchanged", lambda request: StarletteResponse(status_code=304)),
    Route("/missing", missing),
    Route("/refused", refused),
    Route("/broken", broken),
    Route("/closed", lambda request: PlainTextResponse("closed", 503)),
    Route("/moved", lambda request: RedirectResponse("/plain")),
    Route("/folder/", plain),
    Route("/cookies", cookies),
    Route("/headers", headers),
    Route("/file", lambda request: FileResponse(FILE)),
    Route("/job", lambda request: PlainTextResponse(job("done"))),
    Route("/later", later),
    WebSocketRoute("/socket", websocket),
]


def starlette_app(stack: Stack) -> Starlette:
    return Starlette(routes=ROUTES, lifespan=lifespan, middleware=[Middleware(part) for part in stack])


def fastapi_app(stack: Stack) -> fastapi.FastAPI:
    app = fastapi.FastAPI(lifespan=lifespan, routes=list(ROUTES[3:]), openapi_url=None)

    async def of_request() -> AsyncIterator[str]:
        note("dependency begins")
        yield "hello"
        note("dependency ends")

    @app.get("/plain")
    @app.post("/plain")
    def plain(greeting: str = fastapi.Depends(of_request)) -> str:
        return greeting

    @app.get("/stra\u00dfe/{number}")
    async def street(number: int, tasks: fastapi.BackgroundTasks) -> dict[str, int]:
        tasks.add_task(note, "background")
        return {"number": number}

    @app.post("/echo")
    async def echo(body: bytes = fastapi.Body(media_type="application/octet-stream")) -> Any:
        return StarletteResponse(body)

    for part in reversed(stack):
        app.add_middleware(part)  # type: ignore[arg-type]
    return app


# Litestar

LitestarRequest = litestar.Request[Any, Any, Any]


def litestar_app(stack: Stack) -> Any:
    app: Any = litestar.Litestar(
        [
            litestar_plain, litestar_street, litestar_echo, litestar_stream, litestar_empty, litestar_missing,
            litestar_refused, litestar_broken, litestar_closed, litestar_moved, litestar_headers, litestar_file,
            litestar_job, litestar_later, litestar_socket,
        ],
        lifespan=[lifespan],
        logging_config=None,
        openapi_config=None,
    )  # fmt: skip
    for middleware in reversed(stack):
        app = middleware(app)
    return app


@litestar.route("/plain", http_method=["GET", "POST"])
async def litestar_plain() -> str:
    return "hello"


@litestar.get("/stra\u00dfe/{number:int}", sync_to_thread=True)
def litestar_street(request: LitestarRequest) -> dict[str, int]:
    return {"number": request.path_params["number"]}


@litestar.post("/echo")
async def litestar_echo(request: LitestarRequest) -> Response[bytes]:
    return Response(await request.body())


@litestar.get("/stream")
async def litestar_stream(request: LitestarRequest) -> Stream:
    return Stream(lines_async(int(request.query_params.get("parts", "3")), "fail" in request.query_params))


@litestar.get("/empty", status_code=204)
async def litestar_empty() -> None: ...


@litestar.get("/missing")
async def litestar_missing() -> None:
    raise NotFoundException("no such book")


@litestar.get("/refused")
async def litestar_refused() -> None:
    raise ImproperlyConfiguredException("a teapot")


@litestar.get("/broken")
async def litestar_broken() -> None:
    raise Oops("nothing there")


@litestar.get("/closed", status_code=503)
async def litestar_closed() -> str:
    return "closed"


@litestar.get("/moved")
async def litestar_moved() -> Redirect:
    return Redirect("/plain")


@litestar.get("/headers")
async def litestar_headers(request: LitestarRequest) -> Response[str]:
    return Response(request.headers["x-given"], headers={"x-seen": "yes"})


@litestar.get("/file")
async def litestar_file() -> File:
    return File(FILE, etag=None)


@litestar.get("/job", sync_to_thread=True)
def litestar_job() -> str:
    return job("done")


@litestar.get("/later")
async def litestar_later() -> Response[str]:
    return Response("sent", background=LitestarTask(asyncio.to_thread, job, "later"))


@litestar.websocket_listener("/socket")
async def litestar_socket(data: str) -> str:
    return data


APPS: dict[str, Callable[[Stack], Any]] = {
    "bare": bare_app,
    "Starlette": starlette_app,
    "FastAPI": fastapi_app,
    "Litestar": litestar_app,
}
