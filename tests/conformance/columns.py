"""The ways to run the cases: an application of each framework on a real server."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal

from .rows import Row

Command = Callable[[str, int], list[str]]
"""Of an application as ``module:name`` and a port."""


@dataclass(frozen=True, eq=False)
class Server:
    """How a server is started and stopped."""

    name: str
    needs: tuple[str, ...]
    """Modules, or ``bin/<program>``, without which it cannot be had here."""
    command: Command
    stop: signal.Signals = signal.SIGTERM
    keeps_alive: bool = True
    loop: Literal["asyncio", "trio"] = "asyncio"


def _is_here(name: str) -> bool:
    if name.startswith("bin/"):
        return _program(name.removeprefix("bin/")).exists()
    return find_spec(name) is not None


def _program(name: str) -> Path:
    return Path(sys.executable).parent / name


def _module(*arguments: str) -> Command:
    return lambda application, port: [
        sys.executable, "-m", *(part.format(application=application, port=port) for part in arguments)
    ]  # fmt: skip


def _gunicorn(*options: str) -> Command:
    return _module("gunicorn", "--bind", "127.0.0.1:{port}", "--graceful-timeout", "5", *options, "{application}")


def _uwsgi(*options: str) -> Command:
    return lambda application, port: [
        str(_program("uwsgi")), "--http-socket", f"127.0.0.1:{port}", "--module", application, "--master",
        "--die-on-term", "--need-app", "--disable-logging", "--worker-reload-mercy", "5", *options,
    ]  # fmt: skip


def _uvicorn(*options: str) -> Command:
    return _module("uvicorn", "--port", "{port}", "--log-level", "warning", *options, "{application}")


def _hypercorn(*options: str) -> Command:
    return _module("hypercorn", "--bind", "127.0.0.1:{port}", *options, "{application}")


def _granian(interface: str) -> Command:
    return _module(
        "granian", "--interface", interface, "--port", "{port}", "--log-level", "warning", "{application}"
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Column:
    """A framework's application on a server."""

    framework: str
    application: str
    server: Server
    interface: Literal["wsgi", "asgi"]
    naming: Literal["route", "path"] = "route"
    lacks: frozenset[str] = frozenset()
    """What the framework has not: ``coroutines``, ``methods`` (routing by method), ``head``, or a row's path."""
    route: str = "Route/{method} {path}"
    impossible: Mapping[str, str] = field(default_factory=dict)
    """Why a row's path cannot be as the row says here."""
    route_first: bool = False
    """Whether it finds a route by the path alone, and then looks at the method."""
    representative: bool = False

    @property
    def name(self) -> str:
        """As the table shows it."""
        return f"{self.framework} on {self.server.name}"

    def missing(self) -> str | None:
        """What is not installed here."""
        framework = () if self.framework.startswith("bare") else (self.framework.split()[0].rstrip(",").lower(),)
        absent = [name for name in (*framework, *self.server.needs) if not _is_here(name)]
        return f"no {', '.join(absent)} here" if absent else None

    def offers(self, row: Row) -> bool:
        """Whether the case exists here at all."""
        if row.needs & self.lacks or row.path in self.lacks:
            return False
        if row.manner in ("keep alive", "pipelined") and not self.server.keeps_alive:
            return False
        if "asyncio" in row.needs and self.server.loop != "asyncio":
            return False
        return "asgi" not in row.needs or self.interface == "asgi"

    def expected(self, row: Row) -> dict[str, int]:
        """The transactions that the row asks for, as they are named here."""
        wanted = row.wsgi if row.wsgi is not None and self.interface == "wsgi" else row.expected
        name = self._name(row)
        paths = {
            "{web}": f"WebTransaction/{name}",
            "{other}": f"OtherTransaction/{name}",
            "{job}": f"OtherTransaction/Function/{row.job}",
        }
        return {paths.get(path, path): count for path, count in wanted.items()}

    def _name(self, row: Row) -> str:
        if self.naming == "path":
            return f"Uri{row.path}"
        if row.routed or (row.status == 405 and self.route_first):
            return self.route.format(method=row.method, path=row.path)
        return f"StatusCode/{row.status}"


GUNICORN: Final = Server("gunicorn sync", ("gunicorn",), _gunicorn(), keeps_alive=False)
GTHREAD: Final = Server("gunicorn gthread", ("gunicorn",), _gunicorn("-k", "gthread", "--threads", "4"))
GEVENT: Final = Server("gunicorn gevent", ("gunicorn", "gevent"), _gunicorn("-k", "gevent"))
PRELOAD: Final = Server(
    "gunicorn preload, 3 workers", ("gunicorn",), _gunicorn("--preload", "-w", "3"), keeps_alive=False
)
# Both leave a terminated process to the system, which runs no cleanup of Python's.
WAITRESS: Final = Server(
    "waitress", ("waitress",), _module("waitress", "--listen=127.0.0.1:{port}", "{application}"), signal.SIGINT
)
WSGIREF: Final = Server("wsgiref", (), _module("apps.wsgiref_server", "{application}", "{port}"), signal.SIGINT, False)
UWSGI: Final = Server("uWSGI", ("bin/uwsgi",), _uwsgi(), keeps_alive=False)
UWSGI_THREADS: Final = Server(
    "uWSGI, 2 processes of 2 threads", ("bin/uwsgi",), _uwsgi("--processes", "2", "--threads", "2"), keeps_alive=False
)
GRANIAN_WSGI: Final = Server("granian", ("granian",), _granian("wsgi"))

UVICORN: Final = Server("uvicorn asyncio", ("uvicorn",), _uvicorn("--loop", "asyncio"))
UVLOOP: Final = Server("uvicorn uvloop", ("uvicorn", "uvloop"), _uvicorn("--loop", "uvloop"))
WORKERS: Final = Server("uvicorn, 2 workers", ("uvicorn",), _uvicorn("--workers", "2"))
HYPERCORN: Final = Server("hypercorn asyncio", ("hypercorn",), _hypercorn("-k", "asyncio"))
HYPERCORN_TRIO: Final = Server("hypercorn trio", ("hypercorn", "trio"), _hypercorn("-k", "trio"), loop="trio")
GRANIAN: Final = Server("granian", ("granian",), _granian("asgi"))
DAPHNE: Final = Server("daphne", ("daphne",), _module("daphne", "--port", "{port}", "{application}"))


_APPS: Final = "apps.{}".format
_NO_COROUTINES: Final = frozenset({"coroutines", "methods", "head"})


def _flask(server: Server, representative: bool = False) -> Column:
    return Column("Flask", _APPS("flask_app:application"), server, "wsgi", representative=representative)


def _bare_wsgi(server: Server, representative: bool = False) -> Column:
    lacks = _NO_COROUTINES
    return Column(
        "bare WSGI", _APPS("bare_wsgi:application"), server, "wsgi", "path", lacks, representative=representative
    )


def _starlette(server: Server, representative: bool = False) -> Column:
    return Column(
        "Starlette", _APPS("starlette_app:application"), server, "asgi", route_first=True, representative=representative
    )


def _bare_asgi(server: Server, representative: bool = False) -> Column:
    lacks = frozenset({"methods"})
    return Column(
        "bare ASGI", _APPS("bare_asgi:application"), server, "asgi", "path", lacks, representative=representative
    )


COLUMNS: Final = (
    _flask(GUNICORN, representative=True),
    *(_flask(server) for server in (GEVENT, GTHREAD, PRELOAD, WAITRESS, WSGIREF, UWSGI, UWSGI_THREADS, GRANIAN_WSGI)),
    Column("Bottle", _APPS("bottle_app:application"), GUNICORN, "wsgi", lacks=frozenset({"coroutines"})),
    Column("Django", _APPS("django_app:wsgi"), GTHREAD, "wsgi", route="Route/{method} {path}", route_first=True),
    _bare_wsgi(GTHREAD, representative=True),
    _bare_wsgi(GEVENT),
    _starlette(UVICORN, representative=True),
    *(_starlette(server) for server in (UVLOOP, WORKERS, HYPERCORN, HYPERCORN_TRIO, GRANIAN, DAPHNE)),
    Column("Starlette behind BaseHTTPMiddleware", _APPS("starlette_app:behind"), UVICORN, "asgi", route_first=True),
    Column("FastAPI", _APPS("fastapi_app:application"), UVICORN, "asgi", lacks=frozenset({"head"}), route_first=True),
    Column(
        "FastAPI, in a dependency",
        _APPS("fastapi_app:depending"),
        UVICORN,
        "asgi",
        lacks=frozenset({"head"}),
        route_first=True,
    ),
    Column("Litestar", _APPS("litestar_app:application"), UVICORN, "asgi", lacks=frozenset({"head"})),
    Column("Django", _APPS("django_app:asgi"), UVICORN, "asgi", route_first=True),
    Column("Django", _APPS("django_app:asgi"), DAPHNE, "asgi", route_first=True),
    _bare_asgi(UVICORN, representative=True),
    _bare_asgi(HYPERCORN_TRIO),
    _bare_asgi(GRANIAN),
)
