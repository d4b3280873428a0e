"""A wrapper of the agent's kind passes for the application that it wraps."""

from __future__ import annotations

import copy
import inspect
import os
import pickle
import subprocess
import sys
import types
import urllib.request
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from uvicorn.config import Config

from weighbridge import (
    ASGIApplicationWrapper,
    FinishedTransaction,
    WSGIApplicationWrapper,
    asgi_application,
    callable_name,
    wrap_wsgi_application,
    wsgi_application,
)

from .asgi_helpers import PLAIN as ASGI_PLAIN
from .wsgi_helpers import PLAIN, get, hello

Ended = list[FinishedTransaction]


def flask_app() -> Flask:
    app = Flask("shop")
    app.add_url_rule("/books", "books", lambda: "books")
    return app


def starlette_app() -> Starlette:
    return Starlette(routes=[Route("/books", lambda request: PlainTextResponse("books"))])


WRAPPED: dict[str, tuple[Callable[[Any], Any], Callable[[], Any]]] = {
    "Flask": (WSGIApplicationWrapper, flask_app),
    "Flask, decorated": (wsgi_application(), flask_app),
    "Flask, without parentheses": (wsgi_application, flask_app),
    "Starlette": (ASGIApplicationWrapper, starlette_app),
    "Starlette, decorated": (asgi_application(), starlette_app),
    "Starlette, without parentheses": (asgi_application, starlette_app),
}


@pytest.fixture(params=WRAPPED)
def pair(request: pytest.FixtureRequest) -> tuple[Any, Any]:
    """An application, and the same one wrapped."""
    wrap, make = WRAPPED[request.param]
    app = make()
    return app, wrap(app)


def test_it_has_the_class_of_the_application(pair: tuple[Any, Any]) -> None:
    app, wrapped = pair
    assert isinstance(wrapped, type(app))
    assert wrapped.__class__ is type(app)
    assert not isinstance(wrapped, str)


def test_type_and_repr_tell_the_truth(pair: tuple[Any, Any]) -> None:
    app, wrapped = pair
    assert type(wrapped) in (WSGIApplicationWrapper, ASGIApplicationWrapper)
    assert isinstance(wrapped, type(wrapped))
    assert repr(wrapped) == f"<{type(wrapped).__name__} around {app!r}>"


def test_attributes_are_those_of_the_application(pair: tuple[Any, Any]) -> None:
    app, wrapped = pair
    wrapped.debug = True
    assert app.debug is True
    wrapped.extension = "one"
    assert app.extension == wrapped.extension == "one"
    app.extension = "two"
    assert wrapped.extension == "two"
    del wrapped.extension
    for one in (app, wrapped):
        with pytest.raises(AttributeError, match="extension"):
            one.extension  # noqa: B018
        with pytest.raises(AttributeError, match="extension"):
            del one.extension
    assert vars(wrapped) is vars(app)
    assert set(dir(app)) <= set(dir(wrapped))
    assert (wrapped.__doc__, wrapped.__module__) == (app.__doc__, app.__module__)
    assert callable_name(wrapped) == callable_name(app)
    assert inspect.signature(wrapped) == inspect.signature(app)


def test_it_is_equal_to_the_application(pair: tuple[Any, Any]) -> None:
    """So that what is kept by application is found by either."""
    app, wrapped = pair
    assert wrapped == app
    assert app == wrapped
    assert wrapped == type(wrapped)(app)
    assert wrapped != "shop"
    engines = weakref.WeakKeyDictionary({wrapped: "engine"})
    assert engines[app] == "engine"


def wsgi_function(environ: Any, start: Any) -> Any:
    """Serves a request."""
    return hello(environ, start)


@asgi_application(name="by name")
async def asgi_function(scope: Any, receive: Any, send: Any) -> None:
    """Serves a request."""
    await send({"type": "http.response.start", "status": 200, "headers": ASGI_PLAIN})
    await send({"type": "http.response.body", "body": b"hello"})


decorated = wsgi_application(wsgi_function)


def test_a_function_stays_one() -> None:
    assert inspect.isfunction(decorated)
    assert inspect.iscoroutinefunction(asgi_function)
    assert (decorated.__name__, decorated.__doc__) == ("wsgi_function", "Serves a request.")
    assert inspect.unwrap(decorated) is wsgi_function


def test_copies_and_pickles() -> None:
    assert pickle.loads(pickle.dumps(asgi_function)) is asgi_function
    again = pickle.loads(pickle.dumps(WSGIApplicationWrapper(wsgi_function, "shop;all", "books", "Pages")))
    assert type(again) is WSGIApplicationWrapper
    assert again.__wrapped__ is wsgi_function
    assert copy.copy(decorated) is copy.deepcopy(decorated) is decorated


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda app: pickle.loads(pickle.dumps(app))])
def test_a_copy_is_a_wrapper_of_a_copy(copied: Any, ended: Ended) -> None:
    wrapped = WSGIApplicationWrapper(Site(), "shop", "books", "Pages")
    again = copied(wrapped)
    again.greeting = b"from the copy"
    assert type(again) is WSGIApplicationWrapper
    assert ("chunk", b"hello") in get(wrapped).seen
    assert ("chunk", b"from the copy") in get(again).seen
    assert [transaction.path for transaction in ended] == ["WebTransaction/Pages/books"] * 2


class Site:
    greeting = b"hello"

    def __call__(self, environ: Any, start: Any) -> Any:
        start("200 OK", PLAIN)
        return [self.greeting]

    @wsgi_application(name="method")
    def method(self, environ: Any, start: Any) -> Any:
        return self(environ, start)

    @wsgi_application(name="classmethod")
    @classmethod
    def of_the_class(cls, environ: Any, start: Any) -> Any:
        return cls()(environ, start)

    @wsgi_application
    @staticmethod
    def static(environ: Any, start: Any) -> Any:
        return hello(environ, start)


def test_methods_bind_as_they_do(ended: Ended) -> None:
    site = Site()
    for app in (site.method, site.of_the_class, Site.of_the_class, site.static, Site.static):
        assert [event for event in get(app).seen if event[0] == "chunk"] == [("chunk", b"hello")]
    assert [transaction.name for transaction in ended] == ["method", "classmethod", "classmethod", "/books", "/books"]
    assert isinstance(site.method, types.MethodType)
    assert site.method == site.method
    assert site.method.__self__ is site


def test_by_path_a_framework_is_measured(ended: Ended) -> None:
    module = types.ModuleType("a_framework")
    module.Framework = type("Framework", (Flask,), {})  # type: ignore[attr-defined]
    wrap_wsgi_application(module, "Framework.wsgi_app")
    app = module.Framework("shop")  # type: ignore[attr-defined]
    assert app.test_client().get("/").status_code == 404
    assert len(ended) == 1


# ASGI 2: the middleware is called in another way than what is behind it


def double(scope: Any) -> Any:
    return lambda receive, send: asgi_function.__wrapped__(scope, receive, send)


class Double:
    def __init__(self, scope: Any) -> None:
        self.scope = scope

    async def __call__(self, receive: Any, send: Any) -> None:
        await asgi_function.__wrapped__(self.scope, receive, send)


@pytest.mark.parametrize("app", [double, Double, starlette_app(), asgi_function.__wrapped__])
def test_a_server_calls_it_as_the_middleware_is_called(app: Any, ended: Ended) -> None:
    wrapped = ASGIApplicationWrapper(app)
    config = Config(wrapped, log_config=None)
    config.load()
    assert config.interface == "asgi3"
    assert TestClient(wrapped).get("/books").status_code == 200
    assert len(ended) == 1


# Flask's own command

SHOP = """
from flask import Flask
from weighbridge import agent

app = Flask(__name__)

@app.get("/debug")
def debug():
    return str(app.debug)

app = agent.WSGIApplicationWrapper(app)
"""


@pytest.fixture
def flask(tmp_path: Path) -> list[str]:
    (tmp_path / "shop.py").write_text(SHOP, encoding="utf-8")
    return [sys.executable, "-m", "flask", "--app", str(tmp_path / "shop.py")]


def test_flask_routes_finds_the_application(flask: list[str]) -> None:
    done = subprocess.run([*flask, "routes"], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert "/debug" in done.stdout


@contextmanager
def running(command: list[str]) -> Iterator[str]:
    """Serve as long as the block lasts; gives the address that the server says."""
    environ = {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environ)
    try:
        assert process.stdout is not None
        address = next(line for line in process.stdout if "Running on http" in line)
        yield address.split("Running on ")[1].strip()
    finally:
        process.kill()
        process.communicate()


def test_flask_run_reaches_the_application(flask: list[str]) -> None:
    with (
        running([*flask, "run", "--debug", "--no-reload", "--port", "0"]) as address,
        urllib.request.urlopen(f"{address}/debug", timeout=300) as answer,
    ):
        assert answer.read() == b"True"
