"""Bottle."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import bottle

from .bodies import FILE, STATUSES, STREAMS, endless, media_type
from .closing import Closing
from .front import ANSWERED, COPIED, JOINED, wsgi_answering, wsgi_front, wsgi_inside
from .hooks import HOOKS, at
from .jobs import Broken, Taken, job
from .measuring import measured_wsgi
from .sync_programs import SYNC

app = bottle.Bottle()
mounted = bottle.Bottle()
propagating = bottle.Bottle(catchall=False)


def _sync(program: Callable[[Any], object]) -> str:
    program(bottle.request.environ)
    return "done"


def _status(status: int) -> bottle.HTTPResponse:
    return bottle.HTTPResponse(status=status)


def _stream(name: str) -> Iterator[bytes]:
    bottle.response.content_type = media_type(name)
    return STREAMS[name](bottle.request.environ)


def _raise() -> str:
    raise Broken


def _answered() -> str:
    raise Taken


def _upload() -> str:
    return str(len(bottle.request.body.read()))


def _hook(moment: Any) -> None:
    at(moment, bottle.request.path, bottle.request.environ)


for _name, _program in SYNC.items():
    app.route(f"/sync/{_name}", "GET", partial(_sync, _program))
for _code in STATUSES:
    app.route(f"/status/{_code}", "GET", partial(_status, _code))
for _name in STREAMS:
    app.route(f"/stream/{_name}", "GET", partial(_stream, _name))
for _moment in HOOKS:
    app.route(f"/hook/{_moment}", "GET", lambda: "done")
app.route([COPIED, JOINED], "GET", lambda: "done")
app.route("/raise", "GET", _raise)
app.route("/upload", "POST", _upload)
app.route("/after", "GET", lambda: Closing(partial(job, bottle.request.environ)))
app.route("/file", "GET", lambda: bottle.static_file(FILE.name, FILE.parent))
app.route("/items/<number:int>", "GET", lambda number: str(number))
app.route("/endless", "GET", lambda: endless(bottle.request.environ))
app.add_hook("before_request", partial(_hook, "before"))
app.add_hook("after_request", partial(_hook, "after"))
mounted.route("/here", "GET", lambda: "done")
app.mount("/mounted", mounted)
propagating.route(ANSWERED, "GET", _answered)


def _served(environ: Any, start_response: Any) -> Any:
    served = propagating if environ["PATH_INFO"] == ANSWERED else app
    return served(environ, start_response)


application = wsgi_front(measured_wsgi(wsgi_inside(wsgi_answering(_served))))
