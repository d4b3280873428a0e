"""Quart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import quart

from .async_programs import ASYNC
from .bodies import ASYNC_STREAMS, FILE, STATUSES, STREAMS, async_endless, media_type
from .front import ANSWERED, COPIED, JOINED, asgi_front, asgi_inside
from .hooks import HOOKS, at_async
from .jobs import Broken, Taken, coroutine_job
from .measuring import measured_asgi
from .sync_programs import SYNC

app = quart.Quart(__name__)
app.config["PROPAGATE_EXCEPTIONS"] = False
app.config["RESPONSE_TIMEOUT"] = None
prefixed = quart.Blueprint("prefixed", __name__, url_prefix="/prefixed")


def _scope() -> Any:
    return quart.request.scope


def _sync(program: Callable[[Any], object]) -> Callable[[], str]:
    def view() -> str:
        program(_scope())
        return "done"

    return view


def _async(program: Callable[[Any], Any]) -> Callable[[], Any]:
    async def view() -> str:
        await program(_scope())
        return "done"

    return view


def _status(status: int) -> Callable[[], Any]:
    async def view() -> quart.Response:
        return quart.Response("", status=status)

    return view


def _stream(name: str, streams: Any) -> Callable[[], Any]:
    async def view() -> quart.Response:
        return quart.Response(streams[name](_scope()), mimetype=media_type(name))

    return view


def _add(path: str, view: Callable[[], Any], methods: tuple[str, ...] = ("GET",)) -> None:
    app.add_url_rule(path, path.replace(".", "_"), view, methods=methods)


async def _raise() -> str:
    raise Broken


async def _answered() -> str:
    raise Taken


@app.errorhandler(Taken)
async def _answer(error: Taken) -> tuple[str, int]:
    return "taken", 409


async def _upload() -> str:
    return str(len(await quart.request.get_data()))


async def _after() -> str:
    app.add_background_task(coroutine_job, _scope())
    return "done"


async def _endless() -> quart.Response:
    return quart.Response(async_endless(_scope()))


async def _file() -> quart.Response:
    return await quart.send_file(FILE)


async def _done() -> str:
    return "done"


@app.get("/items/<int:number>")
async def _item(number: int) -> str:
    return str(number)


@prefixed.get("/here")
async def _here() -> str:
    return "done"


@app.before_request
async def _before() -> None:
    await at_async("before", quart.request.path, _scope())


@app.after_request
async def _after_request(response: quart.Response) -> quart.Response:
    await at_async("after", quart.request.path, _scope())
    return response


for _name, _program in SYNC.items():
    _add(f"/sync/{_name}", _sync(_program))
for _name, _coroutine in ASYNC.items():
    _add(f"/async/{_name}", _async(_coroutine))
for _code in STATUSES:
    _add(f"/status/{_code}", _status(_code))
for _name in STREAMS:
    _add(f"/stream/{_name}", _stream(_name, STREAMS))
for _name in ASYNC_STREAMS:
    _add(f"/async-stream/{_name}", _stream(_name, ASYNC_STREAMS))
for _path in (*(f"/hook/{moment}" for moment in HOOKS), COPIED, JOINED):
    _add(_path, _done)
_add("/raise", _raise)
_add(ANSWERED, _answered)
_add("/upload", _upload, ("POST",))
_add("/after", _after)
_add("/file", _file)
_add("/endless", _endless)
app.register_blueprint(prefixed)

application = asgi_front(measured_asgi(asgi_inside(app)))
