"""The ways to run the cases: an application of each framework on a real server."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from weighbridge.transactions.model.http_methods import METHODS, OTHER_METHOD

from . import servers
from .editions import CURRENT, OLDEST, Edition
from .row import Row
from .servers import Server


@dataclass(frozen=True, eq=False)
class Framework:
    """An application that answers all paths of `take_rows`, as far as the framework has what they need."""

    name: str
    application: str
    interface: Literal["wsgi", "asgi"]
    features: frozenset[str]
    needs: tuple[str, ...] = ()
    """Distributions."""
    named_by: Literal["route", "path"] = "route"
    written: Mapping[str, str] = field(default_factory=dict)
    """How it writes the routes of paths, where that differs."""
    route_first: bool = False
    """Whether it finds a route by the path alone, and then looks at the method."""


@dataclass(frozen=True, eq=False)
class Column:
    """A framework's application on a server."""

    framework: Framework
    server: Server
    edition: Edition = CURRENT
    representative: bool = False
    by_run: bool = False
    """Whether `weighbridge run` measures it from outside, and nothing is set by hand."""

    @property
    def name(self) -> str:
        """As the table shows it."""
        return f"{self.framework.name} on {self.server.name}" + (", by `run`" if self.by_run else "")

    @property
    def prefix(self) -> tuple[str, ...]:
        """What stands in front of the server's command."""
        return (self.edition.python, "-m", "weighbridge", "run", "--") if self.by_run else ()

    @property
    def features(self) -> frozenset[str]:
        """All that rows may need."""
        return self.framework.features | self.server.features | {self.framework.interface}

    def missing(self) -> str | None:
        """What is not installed here."""
        if self.edition.programs is None:
            return "no environment with the oldest releases here: CONFORMANCE_OLDEST names it"
        absent = self.edition.missing((*self.framework.needs, *self.server.needs))
        return f"no {', '.join(absent)} here" if absent else None

    def offers(self, row: Row) -> bool:
        """Whether the case exists here at all."""
        is_off = "off" in self.server.features
        return row.needs <= self.features and is_off == ("off" in row.needs) and row.since <= sys.version_info[:2]

    def expected(self, row: Row) -> dict[str, int]:
        """The transactions that the row asks for, as they are named here."""
        wanted = row.wsgi if row.wsgi is not None and self.framework.interface == "wsgi" else row.expected
        name = self._name(row)
        paths = {
            "{web}": f"WebTransaction/{name}",
            "{other}": f"OtherTransaction/{name}",
            "{linked}": f"linked WebTransaction/{name}",
            "{job}": f"OtherTransaction/Function/{row.job}",
            "{fresh}": f"fresh OtherTransaction/Function/{row.job}",
        }
        return {paths.get(path, path): count for path, count in wanted.items()}

    def _name(self, row: Row) -> str:
        if self.framework.named_by == "path":
            return f"Uri{self.server.prefix}{row.path}"
        if row.routed or (row.status == 405 and self.framework.route_first):
            method = row.method if row.method in METHODS else OTHER_METHOD
            return f"Route/{method} {self.framework.written.get(row.path, row.path)}"
        return f"StatusCode/{row.status}"


def _features(text: str) -> frozenset[str]:
    return frozenset(text.split(", "))


FLASK: Final = Framework(
    "Flask",
    "apps.flask_app:application",
    "wsgi",
    _features("coroutines, router, methods, head, before, after, teardown, prefixes, mounts, tenants, copies"),
    ("flask",),
    written={"/items/7": "/items/<int:number>", "/tenants/acme/here": "/{mount}/here"},
)
FLASK_UNAIDED: Final = replace(FLASK, application="apps.flask_app:measured")
"""Nothing in front of it sets keys: that is left to the server."""
BOTTLE: Final = Framework(
    "Bottle",
    "apps.bottle_app:application",
    "wsgi",
    _features("router, methods, head, before, after, mounts, copies"),
    ("bottle",),
    written={"/items/7": "/items/<number:int>"},
)
BARE_WSGI: Final = Framework("bare WSGI", "apps.bare_wsgi:application", "wsgi", _features("bare"), named_by="path")
DJANGO_WSGI: Final = Framework(
    "Django",
    "apps.django_app:wsgi",
    "wsgi",
    _features("coroutines, router, methods, head, before, after, prefixes, copies"),
    ("django",),
    written={"/items/7": "/items/<int:number>"},
    route_first=True,
)
DJANGO: Final = replace(DJANGO_WSGI, application="apps.django_app:asgi", interface="asgi")
_WITHOUT: Final = "Django without our middleware in its list"
_TWICE: Final = "Django measured twice, behind sync middleware"
STARLETTE: Final = Framework(
    "Starlette",
    "apps.starlette_app:application",
    "asgi",
    _features("coroutines, router, methods, head, before, after, prefixes, mounts, tenants, copies, async after"),
    ("starlette",),
    written={"/items/7": "/items/{number}", "/tenants/acme/here": "/tenants/{tenant}/here"},
    route_first=True,
)
FASTAPI: Final = Framework(
    "FastAPI",
    "apps.fastapi_app:application",
    "asgi",
    _features(
        "coroutines, router, methods, before, after, dependencies, prefixes, mounts, tenants, copies, async after"
    ),
    ("fastapi",),
    written={"/items/7": "/items/{number}", "/tenants/acme/here": "/tenants/{tenant}/here"},
    route_first=True,
)
LITESTAR: Final = Framework(
    "Litestar",
    "apps.litestar_app:application",
    "asgi",
    _features("coroutines, router, methods, before, prefixes, mounts, copies, async after"),
    ("litestar",),
    written={"/items/7": "/items/{number}", "/mounted/here": "/mounted"},
)
BARE: Final = Framework(
    "bare ASGI",
    "apps.bare_asgi:application",
    "asgi",
    _features("bare, coroutines, head, async after"),
    named_by="path",
)
ROUTER: Final = replace(
    STARLETTE,
    name="Starlette's router",
    application="apps.starlette_app:router",
)
API_ROUTER: Final = replace(FASTAPI, name="FastAPI's router", application="apps.fastapi_app:router")
QUART: Final = Framework(
    "Quart",
    "apps.quart_app:application",
    "asgi",
    _features("coroutines, router, methods, head, before, after, prefixes, copies"),
    ("quart",),
    written={"/items/7": "/items/<int:number>"},
)
FALCON_WSGI: Final = Framework(
    "Falcon",
    "apps.falcon_wsgi_app:application",
    "wsgi",
    _features("router, methods, head, before, after, copies"),
    ("falcon",),
    written={"/items/7": "/items/{number:int}"},
    route_first=True,
)
FALCON: Final = replace(
    FALCON_WSGI,
    application="apps.falcon_asgi_app:application",
    interface="asgi",
    features=_features("coroutines, router, methods, head, before, after, copies, async after"),
)
PYRAMID: Final = Framework(
    "Pyramid",
    "apps.pyramid_app:application",
    "wsgi",
    _features("router, head, before, after, prefixes, copies"),
    ("pyramid",),
    written={"/items/7": "/items/{number}"},
)
SANIC: Final = Framework(
    "Sanic",
    "apps.sanic_app:application",
    "asgi",
    _features("coroutines, router, methods, before, after, prefixes, copies, async after"),
    ("sanic",),
    written={"/items/7": "/items/<number:int>"},
)
CONNEXION: Final = Framework(
    "Connexion",
    "apps.connexion_app:application",
    "asgi",
    _features("coroutines, router, methods, prefixes, copies, async after"),
    ("connexion",),
    written={"/items/7": "/items/{number}"},
    route_first=True,
)
CHANNELS: Final = Framework(
    "Channels and Django",
    "apps.channels_app:application",
    "asgi",
    _features("coroutines, router, methods, prefixes, copies"),
    ("channels", "django"),
    written={"/items/7": "/items/<int:number>"},
    route_first=True,
)
BEHIND: Final = replace(STARLETTE, name="Starlette behind BaseHTTPMiddleware", application="apps.starlette_app:behind")
FASTAPI_BEHIND: Final = replace(
    FASTAPI, name='FastAPI behind `@app.middleware("http")`', application="apps.fastapi_app:behind"
)
DEPENDING: Final = replace(FASTAPI, name="FastAPI, in a dependency", application="apps.fastapi_app:depending")


def _of(framework: Framework, *on: Server) -> tuple[Column, ...]:
    return tuple(Column(framework, server) for server in on)


def _representative(framework: Framework, server: Server) -> Column:
    return Column(framework, server, representative=True)


_CURRENT: Final = (
    _representative(FLASK, servers.GUNICORN),
    *_of(FLASK, servers.GEVENT, servers.GTHREAD, servers.PRELOAD, servers.WAITRESS, servers.WSGIREF),
    *_of(FLASK, servers.UWSGI, servers.UWSGI_THREADS, servers.GRANIAN_WSGI),
    *_of(FLASK, servers.GUNICORN_OUTER, servers.UWSGI_OUTER, servers.WSGIREF_IN_JOB, servers.GUNICORN_OFF),
    *_of(FLASK_UNAIDED, servers.NGINX),
    *_of(BOTTLE, servers.GUNICORN, servers.WAITRESS, servers.UWSGI_OUTER),
    *_of(DJANGO_WSGI, servers.GTHREAD, servers.UWSGI_THREADS, servers.GUNICORN_OUTER, servers.GUNICORN_OFF),
    *_of(replace(DJANGO_WSGI, name=_WITHOUT, application="apps.django_behind_middleware:wsgi"), servers.GTHREAD),
    *_of(replace(DJANGO_WSGI, name=_TWICE, application="apps.django_measured_twice:wsgi"), servers.GTHREAD),
    _representative(BARE_WSGI, servers.GTHREAD),
    *_of(BARE_WSGI, servers.GEVENT, servers.UWSGI, servers.GUNICORN_OUTER),
    _representative(STARLETTE, servers.UVICORN),
    *_of(STARLETTE, servers.UVLOOP, servers.WORKERS, servers.GUNICORN_UVICORN, servers.HYPERCORN),
    *_of(STARLETTE, servers.HYPERCORN_TRIO, servers.GRANIAN, servers.DAPHNE, servers.UVICORN_OUTER),
    *_of(STARLETTE, servers.HYPERCORN_OUTER, servers.UVICORN_IN_JOB, servers.UVICORN_OFF),
    *_of(BEHIND, servers.UVICORN),
    *_of(STARLETTE, servers.GUNICORN_ASGI),
    *_of(FASTAPI, servers.UVICORN, servers.HYPERCORN, servers.UVICORN_OUTER),
    *_of(FASTAPI_BEHIND, servers.UVICORN),
    *_of(DEPENDING, servers.UVICORN),
    *_of(LITESTAR, servers.UVICORN, servers.GRANIAN, servers.HYPERCORN_TRIO),
    *_of(DJANGO, servers.UVICORN, servers.DAPHNE, servers.GUNICORN_UVICORN, servers.DAPHNE_OUTER),
    *_of(replace(DJANGO, name=_WITHOUT, application="apps.django_behind_middleware:asgi"), servers.UVICORN),
    *_of(replace(DJANGO, name=_TWICE, application="apps.django_measured_twice:asgi"), servers.UVICORN),
    *_of(ROUTER, servers.UVICORN),
    *_of(API_ROUTER, servers.UVICORN),
    *_of(QUART, servers.UVICORN, servers.HYPERCORN),
    *_of(FALCON_WSGI, servers.GTHREAD),
    *_of(FALCON, servers.UVICORN),
    *_of(PYRAMID, servers.GTHREAD),
    *_of(SANIC, servers.UVICORN),
    *_of(CONNEXION, servers.UVICORN),
    *_of(CHANNELS, servers.UVICORN, servers.DAPHNE),
    _representative(BARE, servers.UVICORN),
    *_of(BARE, servers.HYPERCORN, servers.HYPERCORN_TRIO, servers.GRANIAN),
)

_BY_RUN: Final = (
    _representative(FLASK, servers.GUNICORN),
    *_of(FLASK, servers.GEVENT, servers.GTHREAD, servers.PRELOAD, servers.WAITRESS, servers.WSGIREF),
    *_of(FLASK, servers.UWSGI, servers.UWSGI_THREADS, servers.GRANIAN_WSGI, servers.GUNICORN_OUTER),
    *_of(BOTTLE, servers.GUNICORN),
    *_of(DJANGO_WSGI, servers.GTHREAD, servers.UWSGI_THREADS),
    *_of(BARE_WSGI, servers.GTHREAD, servers.UWSGI),
    _representative(STARLETTE, servers.UVICORN),
    *_of(STARLETTE, servers.UVLOOP, servers.WORKERS, servers.GUNICORN_UVICORN, servers.GUNICORN_ASGI),
    *_of(STARLETTE, servers.HYPERCORN, servers.HYPERCORN_TRIO, servers.GRANIAN, servers.DAPHNE),
    *_of(FASTAPI, servers.UVICORN),
    *_of(LITESTAR, servers.UVICORN),
    *_of(DJANGO, servers.UVICORN, servers.DAPHNE),
    *_of(QUART, servers.HYPERCORN),
    *_of(FALCON_WSGI, servers.GTHREAD),
    *_of(FALCON, servers.UVICORN),
    *_of(PYRAMID, servers.GTHREAD),
    *_of(SANIC, servers.UVICORN),
    *_of(CONNEXION, servers.UVICORN),
    *_of(CHANNELS, servers.UVICORN),
    *_of(BARE, servers.UVICORN),
)

_OLDEST: Final = (
    *_of(FLASK, servers.GUNICORN, servers.GTHREAD, servers.GEVENT, servers.PRELOAD, servers.WAITRESS),
    *_of(FLASK, servers.UWSGI, servers.UWSGI_THREADS, servers.GUNICORN_OUTER),
    *_of(BOTTLE, servers.GUNICORN),
    *_of(DJANGO_WSGI, servers.GTHREAD, servers.UWSGI),
    *_of(BARE_WSGI, servers.GTHREAD),
    *_of(STARLETTE, servers.UVICORN, servers.UVLOOP, servers.HYPERCORN, servers.HYPERCORN_TRIO),
    *_of(STARLETTE, servers.GRANIAN_1, servers.UVICORN_OUTER),
    *_of(BEHIND, servers.UVICORN),
    *_of(FASTAPI, servers.UVICORN),
    *_of(DEPENDING, servers.UVICORN),
    *_of(LITESTAR, servers.UVICORN),
    *_of(DJANGO, servers.UVICORN, servers.DAPHNE),
    *_of(ROUTER, servers.UVICORN),
    *_of(API_ROUTER, servers.UVICORN),
    *_of(QUART, servers.UVICORN),
    *_of(FALCON_WSGI, servers.GTHREAD),
    *_of(FALCON, servers.UVICORN),
    *_of(PYRAMID, servers.GTHREAD),
    *_of(SANIC, servers.UVICORN),
    *_of(CHANNELS, servers.UVICORN),
    *_of(BARE, servers.UVICORN, servers.HYPERCORN_TRIO),
)


def _oldest(columns: Iterable[Column]) -> tuple[Column, ...]:
    return tuple(replace(column, edition=OLDEST) for column in columns)


COLUMNS: Final = (*_CURRENT, *(replace(column, by_run=True) for column in _BY_RUN), *_oldest(_OLDEST))
