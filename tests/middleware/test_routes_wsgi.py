"""What WSGI requests are called: the raw path, what the framework routed to, or a name that was given."""

from __future__ import annotations

import sys
from typing import Any

import bottle
import flask
import pytest
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.wrappers import Request, Response

from weighbridge import FinishedTransaction, background_task, notice_error, set_transaction_name
from weighbridge.middleware import WSGITransactionMiddleware

from .store_helpers import rows
from .wsgi_helpers import attempt, get, hello

Ended = list[FinishedTransaction]


def paths(ended: Ended) -> list[str]:
    return [transaction.path for transaction in ended]


# The raw path


@pytest.mark.parametrize(
    ("mount", "path", "name"),
    [
        ("", "/", "/"),
        ("", "", "/"),
        ("/shop", "", "/shop"),
        ("/shop", "/", "/shop/"),
        ("/shop", "/books", "/shop/books"),
        ("", "/books/7", "/books/7"),
        ("", "/b\xc3\xbccher/\xe2\x82\xac", "/bücher/€"),
        ("", "/broken/\xff", "/broken/\N{REPLACEMENT CHARACTER}"),
        ("", "//twice", "//twice"),
    ],
)
def test_a_raw_path(mount: str, path: str, name: str, ended: Ended) -> None:
    get(WSGITransactionMiddleware(hello), path, SCRIPT_NAME=mount, QUERY_STRING="page=2")
    (only,) = ended
    assert (only.group, only.name) == ("Uri", name)
    assert only.path == f"WebTransaction/Uri{'' if name.startswith('/') else '/'}{name}"
    assert only.attributes["request.path"] == (name if mount or path else "")


def test_a_missing_path_is_recorded_as_the_root(ended: Ended) -> None:
    from .wsgi_helpers import Server, request

    environ = request()
    del environ["PATH_INFO"]
    del environ["SCRIPT_NAME"]
    Server().run(WSGITransactionMiddleware(hello), environ)
    assert paths(ended) == ["WebTransaction/Uri/"]


def test_a_long_path_is_cut(ended: Ended) -> None:
    get(WSGITransactionMiddleware(hello), "/" + "x" * 5000)
    assert len(ended[0].name) == 255


def test_the_same_path_below_two_mounts_is_counted_apart(ended: Ended) -> None:
    middleware = WSGITransactionMiddleware(hello, application="mounts")
    for mount in ("/a", "/b", "/b"):
        get(middleware, "/x", SCRIPT_NAME=mount)
    calls = {row.series.name: row.statistics.calls for row in rows() if row.series.application == "mounts"}
    assert calls == {"/a/x": 1, "/b/x": 2}


# The middleware's name


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"name": "site"}, "WebTransaction/Function/site"),
        ({"name": "site", "group": "Python/Shop"}, "WebTransaction/Python/Shop/site"),
        ({"group": "Python/Shop"}, "WebTransaction/Uri/books"),
        ({"name": ""}, "WebTransaction/Uri/books"),
        ({"name": b"site"}, "WebTransaction/Function/site"),
        ({"name": 7}, "WebTransaction/Uri/books"),
    ],
)
def test_the_name_that_the_middleware_was_given(options: Any, path: str, ended: Ended) -> None:
    get(WSGITransactionMiddleware(hello, **options))
    assert paths(ended) == [path]


def naming(*arguments: Any) -> Any:
    def app(environ: Any, start: Any) -> Any:
        set_transaction_name(*arguments)
        return hello(environ, start)

    return app


@pytest.mark.parametrize("options", [{}, {"name": "site"}])
def test_a_name_set_by_the_application_is_above_the_middlewares(options: Any, ended: Ended) -> None:
    get(WSGITransactionMiddleware(naming("mine"), **options))
    assert paths(ended) == ["WebTransaction/Function/mine"]


def test_a_name_of_a_low_priority_is_below_the_middlewares_and_the_path(ended: Ended) -> None:
    app = naming("mine", "Python/Shop", 0)
    get(WSGITransactionMiddleware(app))
    get(WSGITransactionMiddleware(app, name="site"))
    assert paths(ended) == ["WebTransaction/Uri/books", "WebTransaction/Function/site"]


def test_an_inner_middleware_adds_its_name_and_no_transaction(ended: Ended) -> None:
    inner = WSGITransactionMiddleware(hello, application="inner", name="inner")
    get(WSGITransactionMiddleware(inner, application="outer", name="outer"))
    assert [(t.path, t.application) for t in ended] == [("WebTransaction/Function/inner", "outer")]


def test_an_inner_middleware_without_a_name_changes_nothing(ended: Ended) -> None:
    get(WSGITransactionMiddleware(WSGITransactionMiddleware(hello), name="outer"))
    assert paths(ended) == ["WebTransaction/Function/outer"]


# Flask


def shop() -> flask.Flask:
    app = flask.Flask("shop")
    admin = flask.Blueprint("admin", "admin", url_prefix="/admin")

    @app.route("/")
    def home() -> str:
        return "home"

    @app.route("/books/<int:number>", methods=["GET", "POST"])
    def book(number: int) -> str:
        return str(number)

    @admin.route("/users/<name>")
    def user(name: str) -> str:
        return name

    @app.route("/named")
    def named() -> str:
        set_transaction_name("mine")
        return "named"

    @app.route("/job")
    @background_task(name="job")
    def job() -> str:
        return "job"

    @app.route("/broken")
    def broken() -> str:
        raise LookupError("shelf")

    @app.route("/gone")
    def gone() -> str:
        flask.abort(410)

    @app.route("/stream")
    def stream() -> Any:
        return flask.Response(iter([b"one", b"two"]))

    app.register_blueprint(admin)
    return app


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/", "WebTransaction/Route/GET /"),
        ("GET", "/books/7", "WebTransaction/Route/GET /books/<int:number>"),
        ("POST", "/books/7", "WebTransaction/Route/POST /books/<int:number>"),
        ("GET", "/admin/users/ann", "WebTransaction/Route/GET /admin/users/<name>"),
        ("GET", "/stream", "WebTransaction/Route/GET /stream"),
        ("GET", "/gone", "WebTransaction/Route/GET /gone"),
        ("GET", "/named", "WebTransaction/Function/mine"),
        ("GET", "/job", "OtherTransaction/Function/job"),
        ("GET", "/nowhere", "WebTransaction/StatusCode/404"),
        ("DELETE", "/books/7", "WebTransaction/StatusCode/405"),
        ("GET", "/broken", "WebTransaction/Route/GET /broken"),
    ],
)
def test_flask(method: str, path: str, expected: str, ended: Ended) -> None:
    app = shop()
    app.wsgi_app = WSGITransactionMiddleware(app.wsgi_app)  # type: ignore[method-assign]
    get(app, path, REQUEST_METHOD=method)
    assert paths(ended) == [expected]


def test_flask_turning_an_exception_into_a_500_page(ended: Ended) -> None:
    get(WSGITransactionMiddleware(shop()), "/broken")
    (only,) = ended
    assert (only.status, only.failed) == (500, True)
    assert [(error.type, error.message) for error in only.errors] == [("builtins:LookupError", "shelf")]


def test_flask_letting_an_exception_escape(ended: Ended) -> None:
    app = shop()
    app.config["PROPAGATE_EXCEPTIONS"] = True
    attempt(WSGITransactionMiddleware(app), "/broken")
    (only,) = ended
    assert (only.path, only.status) == ("WebTransaction/Route/GET /broken", 500)
    assert len(only.errors) == 1


def test_flask_with_a_handler_for_the_exception_has_no_error(ended: Ended) -> None:
    app = shop()
    app.register_error_handler(LookupError, lambda error: ("no such shelf", 404))
    get(WSGITransactionMiddleware(app), "/broken")
    (only,) = ended
    assert (only.path, only.status, only.errors) == ("WebTransaction/Route/GET /broken", 404, ())


def test_flask_loaded_after_the_middleware_was_made(ended: Ended, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first 500 page makes up for it."""
    middleware = WSGITransactionMiddleware(lambda environ, start: app(environ, start))
    app = shop()
    get(middleware, "/broken")
    assert ended[0].failed


def test_flask_mounted_below_a_dispatcher(ended: Ended) -> None:
    middleware = WSGITransactionMiddleware(DispatcherMiddleware(hello, {"/v1": shop()}))
    get(middleware, "/v1/books/7")
    get(middleware, "/other")
    assert paths(ended) == ["WebTransaction/Route/GET /v1/books/<int:number>", "WebTransaction/Uri/other"]


def test_flask_with_the_servers_own_mount_point(ended: Ended) -> None:
    """What was in SCRIPT_NAME when the request reached us is no part of the route."""
    get(WSGITransactionMiddleware(shop()), "/books/7", SCRIPT_NAME="/site")
    assert paths(ended) == ["WebTransaction/Route/GET /books/<int:number>"]


@pytest.mark.parametrize("taken", range(4))
def test_flask_behind_something_that_takes_keys_away(taken: int, ended: Ended) -> None:
    app = shop()
    keys = [f"HTTP_X_{number}" for number in range(taken)]

    def without(environ: Any, start: Any) -> Any:
        for key in keys:
            del environ[key]
        return app(environ, start)

    get(WSGITransactionMiddleware(without), "/books/7", **dict.fromkeys(keys, "evil"))
    assert paths(ended) == ["WebTransaction/Route/GET /books/<int:number>"]


def test_a_name_of_the_middleware_is_above_a_route(ended: Ended) -> None:
    get(WSGITransactionMiddleware(shop(), name="site"), "/books/7")
    assert paths(ended) == ["WebTransaction/Function/site"]


def test_werkzeug_without_a_router_goes_by_the_path(ended: Ended) -> None:
    @Request.application
    def app(request: Request) -> Response:
        return Response("hello")

    get(WSGITransactionMiddleware(app))
    assert paths(ended) == ["WebTransaction/Uri/books"]


# Bottle


def library(catchall: bool = True) -> bottle.Bottle:
    app = bottle.Bottle()
    app.config["catchall"] = catchall
    inner = bottle.Bottle()
    app.route("/books/<number:int>", callback=lambda number: str(number))
    app.route("/books/<number:int>", "POST", callback=lambda number: str(number))

    @app.route("/broken")
    def broken() -> str:
        raise LookupError("shelf")

    @inner.route("/users/<name>")
    def user(name: str) -> str:
        return name

    app.mount("/admin/", inner)
    with pytest.deprecated_call():  # as Bottle 0.12 mounts
        app.mount("/old", staff())
    return app


def staff() -> bottle.Bottle:
    app = bottle.Bottle()
    app.route("/users/<name>", callback=lambda name: name)
    return app


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/books/7", "WebTransaction/Route/GET /books/<number:int>"),
        ("POST", "/books/7", "WebTransaction/Route/POST /books/<number:int>"),
        ("GET", "/admin/users/ann", "WebTransaction/Route/GET /admin/users/<name>"),
        ("GET", "/old/users/ann", "WebTransaction/Route/GET /old/users/<name>"),
        ("GET", "/nowhere", "WebTransaction/StatusCode/404"),
        ("GET", "/old/nowhere", "WebTransaction/StatusCode/404"),
        ("PUT", "/books/7", "WebTransaction/StatusCode/405"),
        ("GET", "/broken", "WebTransaction/Route/GET /broken"),
    ],
)
def test_bottle(method: str, path: str, expected: str, ended: Ended, capsys: pytest.CaptureFixture[str]) -> None:
    get(WSGITransactionMiddleware(library()), path, REQUEST_METHOD=method)
    assert paths(ended) == [expected]
    assert ended[0].failed == (path == "/broken")


def test_bottle_letting_an_exception_escape(ended: Ended) -> None:
    attempt(WSGITransactionMiddleware(library(catchall=False)), "/broken")
    (only,) = ended
    assert (only.path, only.status) == ("WebTransaction/Route/GET /broken", 500)
    assert [error.type for error in only.errors] == ["builtins:LookupError"]


def test_an_error_that_was_handled_can_be_noticed(ended: Ended) -> None:
    def app(environ: Any, start: Any) -> Any:
        try:
            raise LookupError("shelf")
        except LookupError:
            notice_error()
            notice_error(sys.exc_info())
        return hello(environ, start)

    get(WSGITransactionMiddleware(app))
    (only,) = ended
    assert (only.failed, only.status, len(only.errors), only.apdex) == (True, 200, 1, "frustrated")


def test_an_application_that_a_view_calls_by_itself_names_nothing(ended: list[FinishedTransaction]) -> None:
    outer, inner = flask.Flask("outer"), flask.Flask("inner")

    @inner.get("/fails")
    def fails() -> str:
        raise LookupError

    @outer.get("/batch/<int:number>")
    def batch(number: int) -> str:
        return str(inner.test_client().get("/fails").status_code)

    get(WSGITransactionMiddleware(outer), "/batch/1")
    assert [(t.name, t.status, t.failed) for t in ended] == [("GET /batch/<int:number>", 200, False)]
