"""Django Channels: HTTP consumers for what is asynchronous, and Django for the rest."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

from channels.generic.http import AsyncHttpConsumer
from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application
from django.urls import path, re_path

from .async_programs import ASYNC
from .bodies import ASYNC_STREAMS, async_endless, media_type
from .django_views import configure
from .front import ANSWERED, COPIED, JOINED, Answering, asgi_front, asgi_inside
from .jobs import Broken, Keys, Taken
from .measuring import BY_RUN, DJANGO, measured_asgi

configure(*DJANGO)

if BY_RUN:
    from channels.routing import URLRouter
else:
    from weighbridge.middleware.channels import URLRouter  # Django has to know its settings


class Program(AsyncHttpConsumer):
    """Runs one of the programs."""

    program: Callable[[Keys], Any] | None = None

    async def handle(self, body: bytes) -> None:
        """Answer when it is done."""
        if self.program is not None:
            await type(self).program(self.scope)  # type: ignore[misc]
        await self.send_response(200, b"done")


class Stream(AsyncHttpConsumer):
    """Sends a body bit by bit."""

    made: Callable[[Keys], AsyncIterator[bytes]]
    kind = "text/plain"

    async def handle(self, body: bytes) -> None:
        """Answer chunk by chunk."""
        await self.send_headers(headers=[(b"content-type", self.kind.encode())])
        async for chunk in type(self).made(self.scope):
            await self.send_body(chunk, more_body=True)
        await self.send_body(b"")


class Failing(AsyncHttpConsumer):
    """Fails."""

    exception: type[Exception]

    async def handle(self, body: bytes) -> None:
        """Do not answer."""
        raise self.exception


def _consumer(base: type[AsyncHttpConsumer], **attributes: Any) -> Any:
    functions = {name: staticmethod(value) if callable(value) else value for name, value in attributes.items()}
    return type("Consumer", (base,), functions).as_asgi()


ROUTES = [
    *(path(f"async/{name}", _consumer(Program, program=program)) for name, program in ASYNC.items()),
    *(
        path(f"async-stream/{name}", _consumer(Stream, made=made, kind=media_type(name)))
        for name, made in ASYNC_STREAMS.items()
    ),
    *(path(one.lstrip("/"), _consumer(Program)) for one in (COPIED, JOINED, "/items/<int:number>")),
    path("raise", _consumer(Failing, exception=Broken)),
    path(ANSWERED.lstrip("/"), _consumer(Failing, exception=Taken)),
    path("endless", _consumer(Stream, made=async_endless)),
    path("prefixed/", URLRouter([path("here", _consumer(Program))])),
    re_path(r"", get_asgi_application()),
]

application = asgi_front(measured_asgi(asgi_inside(Answering(ProtocolTypeRouter({"http": URLRouter(ROUTES)})))))
