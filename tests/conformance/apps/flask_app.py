"""Flask."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import flask

from weighbridge.middleware import WSGITransactionMiddleware

from .front import wsgi_front
from .programs import ASYNC, STATUSES, SYNC, Broken, chunks_with_job, endless, job

app = flask.Flask(__name__)
app.config["PROPAGATE_EXCEPTIONS"] = False


def _sync(program: Callable[[Any], object]) -> Callable[[], str]:
    def view() -> str:
        program(flask.request.environ)
        return "done"

    return view


def _async(program: Callable[[Any], Any]) -> Callable[[], Any]:
    async def view() -> str:
        await program(flask.request.environ)
        return "done"

    return view


def _status(status: int) -> Callable[[], flask.Response]:
    return lambda: flask.Response(status=status)


def _add(path: str, view: Callable[[], Any], methods: tuple[str, ...] = ("GET",)) -> None:
    app.add_url_rule(path, path.replace(".", "_"), view, methods=methods)


def _raise() -> str:
    raise Broken


def _upload() -> str:
    return str(len(flask.request.get_data()))


def _after() -> flask.Response:
    response = flask.Response("done")
    response.call_on_close(partial(job, flask.request.environ))
    return response


for _name, _program in SYNC.items():
    _add(f"/sync/{_name}", _sync(_program))
for _name, _coroutine in ASYNC.items():
    _add(f"/async/{_name}", _async(_coroutine))
for _code in STATUSES:
    _add(f"/status/{_code}", _status(_code))
_add("/raise", _raise)
_add("/upload", _upload, ("POST",))
_add("/after", _after)
_add("/stream", lambda: flask.Response(chunks_with_job(flask.request.environ)))
_add("/endless", lambda: flask.Response(endless()))


application = wsgi_front(WSGITransactionMiddleware(app.wsgi_app))
