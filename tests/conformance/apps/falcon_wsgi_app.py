"""Falcon, for WSGI."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import falcon

from .bodies import FILE, STATUSES, STREAMS, endless, media_type
from .closing import Closing
from .front import ANSWERED, COPIED, JOINED, wsgi_front, wsgi_inside
from .hooks import HOOKS, at
from .jobs import Broken, Taken, job
from .measuring import instrument, measured_wsgi
from .sync_programs import SYNC

Answer = Callable[[falcon.Request, falcon.Response], object]


class Get:
    """A resource that answers GET, and HEAD by what `head` adds."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def on_get(self, req: falcon.Request, resp: falcon.Response, **parameters: object) -> None:
        """The answer."""
        resp.text = "done"
        self._answer(req, resp)

    on_head = on_get


class Upload:
    """A resource that answers POST."""

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """The size of what was sent."""
        resp.text = str(len(req.bounded_stream.read()))


class Hooks:
    """Falcon's middleware."""

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Before the resource."""
        at("before", req.path, req.env)

    def process_response(self, req: falcon.Request, resp: falcon.Response, resource: object, succeeded: bool) -> None:
        """After it."""
        at("after", req.path, req.env)


def _sync(program: Callable[[Any], object]) -> Answer:
    return lambda req, resp: program(req.env)


def _status(status: int) -> Answer:
    def answer(req: falcon.Request, resp: falcon.Response) -> None:
        resp.status, resp.text = f"{status} {falcon.http_status_to_code(status)}", None

    return answer


def _stream(name: str) -> Answer:
    def answer(req: falcon.Request, resp: falcon.Response) -> None:
        resp.text, resp.content_type, resp.stream = None, media_type(name), STREAMS[name](req.env)

    return answer


def _raise(req: falcon.Request, resp: falcon.Response) -> None:
    raise Broken


def _answered(req: falcon.Request, resp: falcon.Response) -> None:
    raise Taken


def _answer(req: falcon.Request, resp: falcon.Response, error: Exception, parameters: object) -> None:
    resp.status, resp.text = falcon.HTTP_409, "taken"


def _after(req: falcon.Request, resp: falcon.Response) -> None:
    resp.text, resp.stream = None, Closing(partial(job, req.env))


def _file(req: falcon.Request, resp: falcon.Response) -> None:
    resp.text, resp.stream = None, FILE.open("rb")


def _endless(req: falcon.Request, resp: falcon.Response) -> None:
    resp.text, resp.stream = None, endless(req.env)


def _nothing(req: falcon.Request, resp: falcon.Response) -> None:
    """It is done already."""


app = falcon.App()
app.add_middleware(Hooks())
for _name, _program in SYNC.items():
    app.add_route(f"/sync/{_name}", Get(_sync(_program)))
for _code in STATUSES:
    app.add_route(f"/status/{_code}", Get(_status(_code)))
for _name in STREAMS:
    app.add_route(f"/stream/{_name}", Get(_stream(_name)))
for _path in (*(f"/hook/{moment}" for moment in HOOKS), COPIED, JOINED, "/items/{number:int}"):
    app.add_route(_path, Get(_nothing))
app.add_route("/raise", Get(_raise))
app.add_route(ANSWERED, Get(_answered))
app.add_error_handler(Taken, _answer)
app.add_route("/upload", Upload())
app.add_route("/after", Get(_after))
app.add_route("/file", Get(_file))
app.add_route("/endless", Get(_endless))
instrument("falcon", app)

application = wsgi_front(measured_wsgi(wsgi_inside(app)))
