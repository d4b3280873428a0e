"""A client decides nothing about the names of Django's requests, however Django is measured."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

import pytest
from channels.generic.http import AsyncHttpConsumer
from channels.routing import ProtocolTypeRouter
from channels.sessions import CookieMiddleware
from django.core.handlers.asgi import ASGIHandler
from django.test import override_settings
from django.urls import path, re_path
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from weighbridge import FinishedTransaction
from weighbridge.middleware import django_routes
from weighbridge.middleware.channels import URLRouter
from weighbridge.testing import capture_transactions
from weighbridge.transactions.model.http_methods import METHODS, OTHER_METHOD

from . import site
from .helpers import ASGI, WSGI, Side

Ended = list[FinishedTransaction]


def names(ended: Ended) -> list[str]:
    return [transaction.path.removeprefix("WebTransaction/") for transaction in ended]


# Made-up methods, and copies in front


@pytest.mark.filterwarnings("ignore:Unknown REQUEST_METHOD")
@pytest.mark.parametrize("behind", [False, True])
def test_a_made_up_method_is_other(side: Side, behind: bool, ended: Ended) -> None:
    served = side(side.middleware) if behind else side()
    for number in range(3):
        served.get("/users/7/", **{"REQUEST_METHOD" if side is WSGI else "method": f"FOO{number}"})
    assert names(ended) == ["Route/_OTHER /users/<int:number>/"] * 3
    assert ended[0].attributes["request.method"] == "FOO0"


PLAIN = ["django.middleware.common.CommonMiddleware"]


@pytest.mark.parametrize("middleware", [[site.OURS, *PLAIN], PLAIN])
def test_django_behind_a_copy(side: Side, middleware: list[str], ended: Ended) -> None:
    def copying(app: Any) -> Any:
        if side is WSGI:
            return lambda environ, start_response: app(dict(environ), start_response)
        return lambda scope, receive, send: app(dict(scope), receive, send)

    with override_settings(MIDDLEWARE=middleware):
        served = side(lambda app: side.middleware(copying(app)))
        for url in ("/users/7/", "/users/8/", "/nowhere/", "/other/"):
            served.get(url)
    assert names(ended) == ["Route/GET /users/<int:number>/"] * 2 + ["StatusCode/404"] * 2


def test_a_mount_that_is_a_tenants_is_not_shown(side: Side, ended: Ended) -> None:
    def by_tenant(app: Any) -> Any:
        def dispatch(environ: Any, start_response: Any) -> Any:
            tenant, _, rest = environ["PATH_INFO"].lstrip("/").partition("/")
            return app({**environ, "SCRIPT_NAME": f"/{tenant}", "PATH_INFO": f"/{rest}"}, start_response)

        async def dispatch_async(scope: Any, receive: Any, send: Any) -> None:
            tenant = scope["path"].split("/")[1]
            await app({**scope, "root_path": f"/{tenant}"}, receive, send)

        return dispatch if side is WSGI else dispatch_async

    for middleware in (PLAIN, [site.OURS, *PLAIN]):
        with override_settings(MIDDLEWARE=middleware):
            served = side(lambda app: side.middleware(by_tenant(app)))
            for tenant in ("acme", "hooli", "umbrella"):
                served.get(f"/{tenant}/users/7/")
    assert names(ended) == ["Route/GET /{mount}/users/<int:number>/"] * 6


def test_a_forced_mount_without_our_middleware(side: Side, ended: Ended) -> None:
    with override_settings(FORCE_SCRIPT_NAME="/forced", MIDDLEWARE=PLAIN):
        side(side.middleware).get("/forced/users/7/" if side is ASGI else "/users/7/")
    assert names(ended) == ["Route/GET /users/<int:number>/"]


class Foreign:
    """A route with letters that WSGI carries as Latin-1."""

    urlpatterns = [path("bücher/<int:number>/", site.user)]


def test_a_route_that_is_not_ascii_is_looked_up(side: Side, ended: Ended) -> None:
    url = "/bücher/7/".encode().decode("latin-1") if side is WSGI else "/bücher/7/"
    with override_settings(MIDDLEWARE=PLAIN, ROOT_URLCONF=Foreign):
        side(side.middleware).get(url)
    assert names(ended) == ["Route/GET /bücher/<int:number>/"]


# Whatever a client sends

_PART = st.sampled_from(
    ["users", "7", "async", "shop", "books", "emma", "articles", "1999", "stream", "", "..", "<int:n>"]
)
_TEXT = st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0?"), max_size=20)
_ROUTED = st.sampled_from(["/users/7/", "/users/8/", "/shop/books/x/", "/articles/2001/", "/", "/users/7"])
_PATH = _ROUTED | st.lists(_PART | _TEXT, max_size=5).map(lambda parts: "/" + "/".join(parts))
_METHOD = (
    st.just("GET")
    | st.sampled_from([*METHODS, "PURGE", "get"])
    | st.text("AZaz09!#$%&'*+-.^_`|~", min_size=1, max_size=12)
)
_HOST = st.sampled_from(["testserver", "a.example", "[::1]", "..", "a b"]) | _TEXT
_CLIENTS = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
_ROUTES = {str(pattern.pattern) for pattern in site.Urls.urlpatterns} | {"shop/books/<slug:title>/"}


def is_written(name: str) -> bool:
    """Whether a name follows from the site's routes; what a view names itself is not asked for."""
    group, _, rest = name.partition("/")
    method, _, route = rest.partition(" /")
    if group == "StatusCode":
        return re.fullmatch("[1-5][0-9]{2}", rest) is not None
    return group == "Route" and method in {*METHODS, OTHER_METHOD} and route in _ROUTES


@pytest.mark.parametrize("measured", ["by our middleware", "by a door", "by a door alone"])
@_CLIENTS
@given(method=_METHOD, url=_PATH, host=_HOST, prefix=_TEXT)
def test_no_client_makes_names(side: Side, measured: str, method: str, url: str, host: str, prefix: str) -> None:
    more: dict[str, Any] = {"REQUEST_METHOD": method, "HTTP_HOST": host, "HTTP_X_FORWARDED_PREFIX": prefix}
    if side is ASGI:
        headers = [(b"host", host.encode("latin-1")), (b"x-forwarded-prefix", prefix.encode("latin-1"))]
        more = {"method": method, "headers": headers}
    middleware = PLAIN if measured == "by a door alone" else [site.OURS, *PLAIN]
    django_routes._named_by_middleware = False
    with override_settings(MIDDLEWARE=middleware, ALLOWED_HOSTS=["testserver"]), capture_transactions() as ended:
        served = side() if measured == "by our middleware" else side(side.middleware)
        with suppress(Exception):
            served.start(url, False, **more).body.close() if side is WSGI else served.get(url, **more)
    made = names(list(ended))
    assert all(map(is_written, made)), made
    assert len(made) == 1 or not made


# Channels


class Consumer(AsyncHttpConsumer):
    async def handle(self, body: bytes) -> None:
        self.scope["newrelic.suppress_apdex_metric"] = "yes"  # in the copy that it was given
        await self.send_response(200, b"live")


class Failing(AsyncHttpConsumer):
    async def handle(self, body: bytes) -> None:
        raise LookupError("shelf")


def channels_application() -> Any:
    inner = URLRouter([path("deep/<int:number>", Consumer.as_asgi()), path("other/", Consumer.as_asgi())])
    return ProtocolTypeRouter(
        {
            "http": CookieMiddleware(
                URLRouter(
                    [
                        path("live/<int:number>", Consumer.as_asgi()),
                        re_path(r"^old/(?P<year>[0-9]{4})$", Consumer.as_asgi()),
                        path("broken/<slug:name>", Failing.as_asgi()),
                        path("in/<slug:tenant>/", inner),
                        path("wrapped/<slug:tenant>/", CookieMiddleware(inner)),
                        re_path(r"^site/", ASGIHandler()),
                        re_path(r"", ASGIHandler()),
                    ]
                )
            )
        }
    )


CHANNELS = {
    "/live/7": "Route/GET /live/<int:number>",
    "/old/1999": "Route/GET /^old/(?P<year>[0-9]{4})$",
    "/broken/any": "Route/GET /broken/<slug:name>",
    "/in/acme/deep/7": "Route/GET /in/<slug:tenant>/deep/<int:number>",
    "/in/acme/other/": "Route/GET /in/<slug:tenant>/other/",
    "/users/7/": "Route/GET /users/<int:number>/",
    "/nowhere": "StatusCode/404",
}


@pytest.mark.parametrize("url", CHANNELS)
def test_channels(url: str, ended: Ended) -> None:
    served = ASGI(lambda app: ASGI.middleware(channels_application()))
    with suppress(LookupError):
        served.get(url)
    assert names(ended) == [CHANNELS[url]]
    assert ended[0].failed == url.startswith("/broken")
    assert (ended[0].apdex is None) == url.startswith(("/live", "/old", "/in"))


_LIVE = st.sampled_from([*CHANNELS, "/live/8", "/in/hooli/deep/8", "/wrapped/acme/other/", "/site/x"]) | _PATH


@_CLIENTS
@given(method=_METHOD, url=_LIVE, host=_HOST)
def test_no_client_makes_names_with_channels(method: str, url: str, host: str) -> None:
    known = {name.partition(" ")[2] for name in CHANNELS.values()} | {f"/{route}" for route in _ROUTES}
    known |= {f"/wrapped/<slug:tenant>{route}" for route in ("/deep/<int:number>", "/other/")}
    with override_settings(ALLOWED_HOSTS=["testserver"]), capture_transactions() as ended:
        served = ASGI(lambda app: ASGI.middleware(channels_application()))
        with suppress(Exception):
            served.get(url, method=method, headers=[(b"host", host.encode("latin-1"))])
    (made,) = names(list(ended))
    asked, _, route = made.partition(" ")
    status = re.fullmatch("StatusCode/[1-5][0-9]{2}", made)
    assert status or (asked in {f"Route/{one}" for one in (*METHODS, OTHER_METHOD)} and route in known), made


def test_channels_finding_nothing(ended: Ended) -> None:
    """It raises, and so the server answers 500."""
    served = ASGI(lambda app: ASGI.middleware(URLRouter([path("live/<int:number>", Consumer.as_asgi())])))
    for url in ("/nowhere", "/other"):
        with suppress(ValueError):
            served.get(url)
    assert names(ended) == ["StatusCode/500", "StatusCode/500"]


def test_channels_below_a_root_path(ended: Ended) -> None:
    served = ASGI(lambda app: ASGI.middleware(channels_application()))
    served.get("/shop/live/7", root_path="/shop")
    assert names(ended) == ["Route/GET /live/<int:number>"]
