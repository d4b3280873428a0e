"""One shop in each WSGI framework: the same pages, written as each framework has it."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

import bottle
import flask
from werkzeug.exceptions import ImATeapot

from .noted import FILE, Oops, job, lines, note

__all__ = ["APPS"]

PLAIN = [("Content-Type", "text/plain")]


class Chunks:
    """A body with all that the protocol knows."""

    def __init__(self, parts: Iterable[bytes]) -> None:
        self.parts = iter(parts)

    def __iter__(self) -> Chunks:
        note("iter")
        return self

    def __next__(self) -> bytes:
        note("next")
        return next(self.parts)

    def close(self) -> None:
        note("close")


def bare(environ: Any, start: Any) -> Any:
    """An application without a framework."""
    query = parse_qs(environ["QUERY_STRING"])
    page = BARE.get(environ["PATH_INFO"])
    if page is None:
        start("404 Not Found", PLAIN)
        return ()
    return page(environ, start, query)


def bare_plain(environ: Any, start: Any, query: Any) -> Any:
    start("200 OK", [*PLAIN, ("Content-Length", "5")])
    return [b"hello"]


def bare_echo(environ: Any, start: Any, query: Any) -> Any:
    length = -1 if environ.get("wsgi.input_terminated") else int(environ.get("CONTENT_LENGTH") or 0)
    start("200 OK", PLAIN)
    return iter([environ["wsgi.input"].read(length)])


def bare_stream(environ: Any, start: Any, query: Any) -> Any:
    write = start("200 OK", PLAIN)
    write(b"written\n")
    return Chunks(lines(int(query.get("parts", ["3"])[0]), "fail" in query))


def bare_broken(environ: Any, start: Any, query: Any) -> Any:
    start("200 OK", PLAIN)
    raise Oops("nothing there")


def bare_replaced(environ: Any, start: Any, query: Any) -> Any:
    start("200 OK", PLAIN)
    try:
        raise Oops("nothing there")
    except Oops:
        start("500 Oops", PLAIN, sys.exc_info())
    return [b"sorry"]


def bare_closed(environ: Any, start: Any, query: Any) -> Any:
    start("503 Closed", PLAIN)
    return (b"closed",)


def bare_empty(environ: Any, start: Any, query: Any) -> Any:
    start("204 No Content", [])
    return []


def bare_file(environ: Any, start: Any, query: Any) -> Any:
    start("200 OK", PLAIN)
    return environ["wsgi.file_wrapper"](io.BytesIO(b"bytes of a file"), 4)


def bare_job(environ: Any, start: Any, query: Any) -> Any:
    start("200 OK", PLAIN)
    return [job("done").encode()]


def bare_headers(environ: Any, start: Any, query: Any) -> Any:
    start("200 Fine so far", [*PLAIN, ("X-Twice", "1"), ("X-Twice", "2"), ("X-Seen", environ["HTTP_X_GIVEN"])])
    return [b"headers"]


BARE: dict[str, Callable[..., Any]] = {
    "/plain": bare_plain,
    "/echo": bare_echo,
    "/stream": bare_stream,
    "/broken": bare_broken,
    "/refused": bare_replaced,
    "/closed": bare_closed,
    "/empty": bare_empty,
    "/file": bare_file,
    "/job": bare_job,
    "/headers": bare_headers,
}


def flask_app() -> flask.Flask:
    app = flask.Flask("shop", static_folder=None)
    app.before_request(lambda: note("before_request"))
    app.teardown_request(lambda exception: note(f"teardown_request {type(exception).__name__}"))

    @app.after_request
    def after(response: flask.Response) -> flask.Response:
        note(f"after_request {response.status}")
        return response

    app.add_url_rule("/plain", view_func=lambda: "hello", endpoint="plain", methods=["GET", "POST"])
    app.add_url_rule("/stra\u00dfe/<int:number>", view_func=lambda number: f"number {number}", endpoint="street")
    app.add_url_rule("/echo", view_func=lambda: flask.request.get_data(), endpoint="echo", methods=["POST"])
    app.add_url_rule("/stream", view_func=flask_stream)
    app.add_url_rule("/empty", view_func=lambda: ("", 204), endpoint="empty")
    app.add_url_rule("/unchanged", view_func=lambda: ("", 304), endpoint="unchanged")
    app.add_url_rule("/missing", view_func=lambda: flask.abort(404), endpoint="missing")
    app.add_url_rule("/refused", view_func=flask_refused)
    app.add_url_rule("/broken", view_func=flask_broken)
    app.add_url_rule("/closed", view_func=lambda: ("closed", 503), endpoint="closed")
    app.add_url_rule("/moved", view_func=lambda: flask.redirect("/plain"), endpoint="moved")
    app.add_url_rule("/folder/", view_func=lambda: "folder", endpoint="folder")
    app.add_url_rule("/cookies", view_func=flask_cookies)
    app.add_url_rule("/headers", view_func=flask_headers)
    app.add_url_rule("/file", view_func=lambda: flask.send_file(FILE, conditional=True), endpoint="file")
    app.add_url_rule("/job", view_func=lambda: job("done"), endpoint="job")
    app.add_url_rule("/later", view_func=flask_later)
    return app


def flask_stream() -> flask.Response:
    parts = flask.request.args.get("parts", 3, int)
    return flask.Response(flask.stream_with_context(lines(parts, "fail" in flask.request.args)))


def flask_refused() -> None:
    raise ImATeapot


def flask_broken() -> None:
    raise Oops("nothing there")


def flask_cookies() -> flask.Response:
    response = flask.Response(repr(sorted(flask.request.cookies.items())))
    response.set_cookie("c", "3", httponly=True)
    response.delete_cookie("a")
    return response


def flask_headers() -> tuple[str, int, list[tuple[str, str]]]:
    return "headers", 200, [("X-Twice", "1"), ("X-Twice", "2"), ("X-Seen", flask.request.headers["X-Given"])]


def flask_later() -> flask.Response:
    response = flask.Response("sent")
    response.call_on_close(lambda: job("later"))
    return response


def bottle_app() -> bottle.Bottle:
    app = bottle.Bottle()
    request, response = bottle.request, bottle.response
    app.add_hook("before_request", lambda: note("before_request"))
    app.add_hook("after_request", lambda: note("after_request"))

    def stream() -> Any:
        return lines(int(request.query.get("parts", 3)), "fail" in request.query)

    def broken() -> None:
        raise Oops("nothing there")

    def refused() -> None:
        raise bottle.HTTPError(418, "a teapot")

    def cookies() -> str:
        response.set_cookie("c", "3", httponly=True)
        response.delete_cookie("a")
        return repr(sorted(request.cookies.items()))

    def headers() -> str:
        response.add_header("X-Twice", "1")
        response.add_header("X-Twice", "2")
        return str(request.headers.get("X-Given"))

    app.route("/plain", ["GET", "POST"], lambda: "hello")
    app.route("/stra\u00dfe/<number:int>", "GET", lambda number: f"number {number}")
    app.route("/echo", "POST", lambda: request.body.read())
    app.route("/stream", "GET", stream)
    app.route("/empty", "GET", lambda: bottle.HTTPResponse(status=204))
    app.route("/unchanged", "GET", lambda: bottle.HTTPResponse(status=304))
    app.route("/missing", "GET", lambda: bottle.abort(404, "no such book"))
    app.route("/refused", "GET", refused)
    app.route("/broken", "GET", broken)
    app.route("/closed", "GET", lambda: bottle.HTTPResponse("closed", 503))
    app.route("/moved", "GET", lambda: bottle.redirect("/plain"))
    app.route("/cookies", "GET", cookies)
    app.route("/headers", "GET", headers)
    app.route("/file", "GET", lambda: bottle.static_file(FILE.name, str(FILE.parent)))
    app.route("/job", "GET", lambda: job("done"))
    return app


APPS: dict[str, Callable[[], Any]] = {"bare": lambda: bare, "Flask": flask_app, "Bottle": bottle_app}
