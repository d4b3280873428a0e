"""Thin adapters that serve the page, or what stands beside it, by ASGI (as a Starlette application) and by WSGI."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request as StarletteRequest
from starlette.responses import Response as StarletteResponse
from starlette.routing import Route

from weighbridge import ignore_transaction
from weighbridge.transactions.model.numbers import whole_number

from .application import Console
from .http import LARGEST_BODY, Request, Responder

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["adapted_to_asgi", "adapted_to_wsgi", "asgi_application", "wsgi_application"]

_FORWARDED = (
    *("cf-connecting-ip", "forwarded", "true-client-ip", "via", "x-client-ip", "x-forwarded-for", "x-forwarded-host"),
    *("x-forwarded-proto", "x-forwarded-server", "x-real-ip"),
)
"""Headers by which a proxy says that a request came from elsewhere."""
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_REASONS = {
    200: "OK", 303: "See Other", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 405: "Method Not Allowed",
    421: "Misdirected Request", 503: "Service Unavailable",
}  # fmt: skip


def asgi_application(
    store: str | os.PathLike[str], token: str | None = None, hosts: Iterable[str] = (), log_link: str | None = None
) -> Starlette:
    """Return the page as a Starlette application, to be served or mounted; see `Console` for the arguments.

    Without a token it answers to loopback names only, unless ``hosts`` has others.
    """
    return adapted_to_asgi(Console(store, token, hosts, log_link=log_link))


def adapted_to_asgi(responder: Responder) -> Starlette:
    """Return an ASGI application that passes requests on, each in a thread of its own."""

    async def answer(request: StarletteRequest) -> StarletteResponse:
        ignore_transaction()
        response = await run_in_threadpool(responder.respond, await _from_starlette(request))
        found = StarletteResponse(response.body, response.status)
        found.raw_headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers]
        return found

    return Starlette(
        routes=[Route("/{path:path}", answer, methods=_METHODS)],
        middleware=[Middleware(GZipMiddleware, minimum_size=1000, compresslevel=5)],
        lifespan=_closing(responder),
    )


def wsgi_application(
    store: str | os.PathLike[str], token: str | None = None, hosts: Iterable[str] = (), log_link: str | None = None
) -> WSGIApplication:
    """Return the page as a WSGI application, to be served or mounted; see `Console` for the arguments."""
    return adapted_to_wsgi(Console(store, token, hosts, log_link=log_link))


def adapted_to_wsgi(responder: Responder) -> WSGIApplication:
    """Return a WSGI application that passes requests on."""

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        ignore_transaction()
        response = responder.respond(_from_environ(environ))
        start_response(f"{response.status} {_REASONS[response.status]}", list(response.headers))
        return [response.body]

    return application


async def _from_starlette(request: StarletteRequest) -> Request:
    headers = request.headers
    return Request(
        method=request.method,
        path=f"/{request.path_params['path'].lstrip('/')}",
        root=request.scope.get("root_path", "").rstrip("/"),
        query=request.url.query,
        host=headers.get("host", ""),
        cookie=headers.get("cookie", ""),
        authorization=headers.get("authorization", ""),
        accept=headers.get("accept", ""),
        secure=request.url.scheme == "https",
        client=request.client.host if request.client else "",
        forwarded=any(name in headers for name in _FORWARDED),
        body=await _body(request),
    )


async def _body(request: StarletteRequest) -> bytes:
    """Return the body of a POST, of which no more is read than a form with a token needs."""
    body = b""
    if request.method == "POST":
        async for chunk in request.stream():
            body += chunk
            if len(body) > LARGEST_BODY:
                return b""
    return body


def _from_environ(environ: WSGIEnvironment) -> Request:
    method = environ.get("REQUEST_METHOD", "GET")
    length = whole_number(environ.get("CONTENT_LENGTH") or "0") or 0
    fits = method == "POST" and length <= LARGEST_BODY
    return Request(
        method=method,
        path=environ.get("PATH_INFO", "").encode("latin-1", "replace").decode("utf-8", "replace") or "/",
        root=environ.get("SCRIPT_NAME", "").rstrip("/"),
        query=environ.get("QUERY_STRING", ""),
        host=environ.get("HTTP_HOST", ""),
        cookie=environ.get("HTTP_COOKIE", ""),
        authorization=environ.get("HTTP_AUTHORIZATION", ""),
        accept=environ.get("HTTP_ACCEPT", ""),
        secure=environ.get("wsgi.url_scheme") == "https",
        client=environ.get("REMOTE_ADDR", ""),
        forwarded=any(f"HTTP_{name.upper().replace('-', '_')}" in environ for name in _FORWARDED),
        body=environ["wsgi.input"].read(length) if fits else b"",
    )


def _closing(responder: Responder) -> Callable[[Any], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        yield
        responder.close()

    return lifespan
