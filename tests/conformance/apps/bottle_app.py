"""Bottle."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import bottle

from weighbridge.middleware import WSGITransactionMiddleware

from .front import wsgi_front
from .programs import STATUSES, SYNC, Broken, chunks_with_job, endless, job

app = bottle.Bottle()


class _Closing:
    """A body that has something to do when the server closes it."""

    def __init__(self, at_close: Callable[[], object]) -> None:
        self._chunks = iter([b"done"])
        self.close = at_close

    def __iter__(self) -> Iterator[bytes]:
        return self._chunks


def _sync(program: Callable[[Any], object]) -> str:
    program(bottle.request.environ)
    return "done"


def _status(status: int) -> bottle.HTTPResponse:
    return bottle.HTTPResponse(status=status)


def _raise() -> str:
    raise Broken


def _upload() -> str:
    return str(len(bottle.request.body.read()))


for _name, _program in SYNC.items():
    app.route(f"/sync/{_name}", "GET", partial(_sync, _program))
for _code in STATUSES:
    app.route(f"/status/{_code}", "GET", partial(_status, _code))
app.route("/raise", "GET", _raise)
app.route("/upload", "POST", _upload)
app.route("/after", "GET", lambda: _Closing(partial(job, bottle.request.environ)))
app.route("/stream", "GET", lambda: chunks_with_job(bottle.request.environ))
app.route("/endless", "GET", endless)

application = wsgi_front(WSGITransactionMiddleware(app))
