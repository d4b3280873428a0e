"""Flask."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from wsgiref.util import shift_path_info

import flask
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from .async_programs import ASYNC
from .bodies import FILE, STATUSES, STREAMS, endless, media_type
from .front import ANSWERED, COPIED, JOINED, wsgi_answering, wsgi_front, wsgi_inside
from .hooks import HOOKS, at
from .jobs import Broken, Taken, job
from .measuring import measured_wsgi
from .sync_programs import SYNC

app = flask.Flask(__name__)
app.config["PROPAGATE_EXCEPTIONS"] = False
mounted = flask.Flask("mounted")
propagating = flask.Flask("propagating")
propagating.config["PROPAGATE_EXCEPTIONS"] = True
prefixed = flask.Blueprint("prefixed", __name__, url_prefix="/prefixed")


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


def _stream(name: str) -> Callable[[], flask.Response]:
    return lambda: flask.Response(STREAMS[name](flask.request.environ), mimetype=media_type(name))


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


@propagating.get(ANSWERED)
def _answered() -> str:
    raise Taken


@app.get("/items/<int:number>")
def _item(number: int) -> str:
    return str(number)


@mounted.get("/here")
@prefixed.get("/here")
def _here() -> str:
    return "done"


@app.before_request
def _before() -> None:
    at("before", flask.request.path, flask.request.environ)


@app.after_request
def _after_request(response: flask.Response) -> flask.Response:
    at("after", flask.request.path, flask.request.environ)
    return response


@app.teardown_request
def _teardown(exception: BaseException | None) -> None:
    at("teardown", flask.request.path, flask.request.environ)


for _name, _program in SYNC.items():
    _add(f"/sync/{_name}", _sync(_program))
for _name, _coroutine in ASYNC.items():
    _add(f"/async/{_name}", _async(_coroutine))
for _code in STATUSES:
    _add(f"/status/{_code}", _status(_code))
for _name in STREAMS:
    _add(f"/stream/{_name}", _stream(_name))
for _moment in HOOKS:
    _add(f"/hook/{_moment}", lambda: "done")
_add("/raise", _raise)
_add("/upload", _upload, ("POST",))
_add("/after", _after)
_add("/file", lambda: flask.send_file(FILE))
_add("/endless", lambda: flask.Response(endless(flask.request.environ)))
app.register_blueprint(prefixed)

_add(COPIED, lambda: "done")
_add(JOINED, lambda: "done")


def _tenants(environ: Any, start_response: Any) -> Any:
    """An application for whatever the next part of the path is."""
    shift_path_info(environ)
    return mounted(environ, start_response)


def _served(environ: Any, start_response: Any) -> Any:
    served = propagating if environ["PATH_INFO"] == ANSWERED else app
    return served(environ, start_response)


measured = measured_wsgi(
    wsgi_inside(wsgi_answering(DispatcherMiddleware(_served, {"/mounted": mounted, "/tenants": _tenants})))
)
application = wsgi_front(measured)
