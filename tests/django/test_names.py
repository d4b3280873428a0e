"""What requests to Django are called: by their route, else by their status, never by their path."""

from __future__ import annotations

import pytest
from django import VERSION
from django.test import override_settings

from weighbridge import FinishedTransaction

from . import site
from .helpers import ASGI, WSGI, Side

Ended = list[FinishedTransaction]

ROUTES = {
    "/": "WebTransaction/Route/GET /",
    "/users/7/": "WebTransaction/Route/GET /users/<int:number>/",
    "/async/7/": "WebTransaction/Route/GET /async/<int:number>/",
    "/shop/books/emma/": "WebTransaction/Route/GET /shop/books/<slug:title>/",
    "/articles/1999/": "WebTransaction/Route/GET /^articles/(?P<number>[0-9]{4})/$",
    "/missing/": "WebTransaction/Route/GET /missing/",
    "/forbidden/": "WebTransaction/Route/GET /forbidden/",
    "/post-only/": "WebTransaction/Route/GET /post-only/",
    "/nowhere/": "WebTransaction/StatusCode/404",
    "/users/7": "WebTransaction/StatusCode/301",
    "/named/": "WebTransaction/Python/Site/by hand",
}


@pytest.mark.parametrize("url", ROUTES)
def test_a_request_is_called_by_its_route(side: Side, ended: Ended, url: str) -> None:
    side().get(url)
    assert [transaction.path for transaction in ended] == [ROUTES[url]]


@pytest.mark.parametrize("url", ROUTES)
def test_it_is_called_the_same_where_a_middleware_in_front_measures_it(side: Side, ended: Ended, url: str) -> None:
    side(side.middleware).get(url)
    assert [transaction.path for transaction in ended] == [ROUTES[url]]


@pytest.mark.parametrize("url", ["/users/7/", "/async/7/"])
def test_the_route_is_known_while_the_view_runs(side: Side, ended: Ended, url: str) -> None:
    side().get(url)
    assert [ROUTES[url]] == site.seen


def test_a_middleware_that_answers_itself_is_a_request_without_a_route(side: Side, ended: Ended) -> None:
    with override_settings(MIDDLEWARE=[site.OURS, f"{site.__name__}.maintenance"]):
        side().get("/users/7/")
    assert [transaction.path for transaction in ended] == ["WebTransaction/StatusCode/503"]


def test_so_it_is_in_front_of_ours_where_a_middleware_measures(side: Side, ended: Ended) -> None:
    with override_settings(MIDDLEWARE=[f"{site.__name__}.maintenance", site.OURS]):
        side(side.middleware).get("/users/7/")
    assert [transaction.path for transaction in ended] == ["WebTransaction/StatusCode/503"]


def test_only_mounts_behind_the_middleware_stand_in_front_of_the_route(ended: Ended) -> None:
    def mounted_by_us(environ, start_response):  # type: ignore[no-untyped-def]
        environ["SCRIPT_NAME"] += "/site"
        return WSGI().app(environ, start_response)

    WSGI(lambda app: WSGI.middleware(mounted_by_us)).get("/users/7/", SCRIPT_NAME="/proxied")
    WSGI().get("/users/7/", SCRIPT_NAME="/proxied")
    assert [transaction.path for transaction in ended] == [
        "WebTransaction/Route/GET /site/users/<int:number>/",
        "WebTransaction/Route/GET /users/<int:number>/",
    ]


def test_the_same_of_root_path(ended: Ended) -> None:
    async def mounted_by_us(scope, receive, send):  # type: ignore[no-untyped-def]
        root = scope["root_path"] + "/site"
        await ASGI().app({**scope, "root_path": root}, receive, send)

    ASGI(lambda app: ASGI.middleware(mounted_by_us)).get("/proxied/site/users/7/", root_path="/proxied")
    assert ended[0].path == "WebTransaction/Route/GET /site/users/<int:number>/"


def test_a_mount_point_by_setting_does_not_count(side: Side, ended: Ended) -> None:
    with override_settings(FORCE_SCRIPT_NAME="/forced"):
        url = "/forced/users/7/" if side is ASGI and VERSION >= (5,) else "/users/7/"
        side(side.middleware).get(url)
        side().get(url)
    assert {transaction.path for transaction in ended} == {"WebTransaction/Route/GET /users/<int:number>/"}


def test_a_path_is_kept_as_text(ended: Ended) -> None:
    WSGI().get("/nowhere/caf\u00c3\u00a9/", SCRIPT_NAME="/site")
    assert ended[0].attributes["request.path"] == "/site/nowhere/café/"


class TestWithoutOurMiddleware:
    """The handler behind a middleware: the route is looked up, and a log line recommends the middleware."""

    PLAIN = ["django.middleware.common.CommonMiddleware"]

    @pytest.mark.parametrize("url", ROUTES)
    def test_the_route_is_looked_up(self, side: Side, ended: Ended, url: str) -> None:
        with override_settings(MIDDLEWARE=self.PLAIN):
            side(side.middleware).get(url)
        assert [transaction.path for transaction in ended] == [ROUTES[url]]

    def test_that_is_said_once(self, side: Side, ended: Ended, caplog: pytest.LogCaptureFixture) -> None:
        with override_settings(MIDDLEWARE=self.PLAIN):
            served = side(side.middleware)
            served.get("/users/7/")
            served.get("/users/8/")
        assert len([line for line in caplog.messages if site.OURS in line]) == 1

    def test_where_it_was_mounted_stands_in_front(self, ended: Ended) -> None:
        def mounted_by_us(environ, start_response):  # type: ignore[no-untyped-def]
            environ["SCRIPT_NAME"] = "/site"
            return WSGI().app(environ, start_response)

        with override_settings(MIDDLEWARE=self.PLAIN):
            WSGI(lambda app: WSGI.middleware(mounted_by_us)).get("/users/7/")
        assert ended[0].path == "WebTransaction/Route/GET /site/users/<int:number>/"

    def test_it_is_looked_up_where_a_middleware_had_it_routed(self, ended: Ended) -> None:
        with override_settings(MIDDLEWARE=[f"{site.__name__}.other_urls"]):
            WSGI(WSGI.middleware).get("/partners/7/")
        assert ended[0].path == "WebTransaction/Route/GET /partners/<int:number>/"

    def test_django_itself_measures_nothing(self, side: Side, ended: Ended) -> None:
        with override_settings(MIDDLEWARE=self.PLAIN):
            side().get("/users/7/")
        assert ended == []
