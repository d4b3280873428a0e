"""The servers, and how each of them is started and stopped."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, NamedTuple

from .editions import Edition, system_program


class Start(NamedTuple):
    """What a server is started with."""

    application: str
    """As ``module:name``."""
    port: int
    edition: Edition
    folder: Path
    """For files of its own."""


Command = Callable[[Start], list[str]]


@dataclass(frozen=True, eq=False)
class Server:
    """How a server is started and stopped, and what it offers."""

    name: str
    needs: tuple[str, ...]
    """Distributions, or ``bin/<program>`` of the system, without which it cannot be had here."""
    command: Command
    features: frozenset[str] = frozenset()
    stop: signal.Signals = signal.SIGTERM
    settings: Mapping[str, str] = field(default_factory=dict)
    """Environment variables."""
    prefix: str = ""
    """What stands in front of every path."""


def _module(*arguments: str) -> Command:
    return lambda start: [
        start.edition.python, "-m",
        *(part.format(application=start.application, port=start.port) for part in arguments),
    ]  # fmt: skip


def _gunicorn(*options: str) -> Command:
    return _module("gunicorn", "--bind", "127.0.0.1:{port}", "--graceful-timeout", "5", *options, "{application}")


def _uwsgi(*options: str) -> Command:
    """As an HTTP server, which adds what its options say."""
    return lambda start: _uwsgi_at(start, "--http-socket", f"127.0.0.1:{start.port}", *options)


def _uwsgi_at(start: Start, *options: str) -> list[str]:
    """SIGTERM lets requests end: with ``--die-on-term`` it kills, and no cleanup of Python's runs in a busy worker."""
    plain = ["--module", start.application] if "--mount" not in options else []
    given = (option.format(application=start.application) for option in options)
    return [
        start.edition.program("uwsgi"), "--master", "--need-app", "--disable-logging",
        "--hook-master-start", "unix_signal:15 gracefully_kill_them_all", "--worker-reload-mercy", "5",
        "--catch-exceptions", *plain, *given,
    ]  # fmt: skip


_NGINX: Final = """
pid {folder}/nginx.pid;
error_log stderr;
daemon off;
{user}
events {{}}
http {{
    access_log off;
    client_max_body_size 8m;
    client_body_temp_path {folder}/body;
    fastcgi_temp_path {folder}/fastcgi;
    proxy_temp_path {folder}/proxy;
    scgi_temp_path {folder}/scgi;
    uwsgi_temp_path {folder}/uwsgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            uwsgi_pass unix:{folder}/uwsgi.sock;
            uwsgi_buffering off;
            include /etc/nginx/uwsgi_params;
            {keys}
        }}
    }}
}}
"""
_KEYS: Final = (
    "app_name",
    "set_background_task",
    "enabled",
    "ignore_transaction",
    "suppress_apdex_metric",
    "suppress_transaction_trace",
    "capture_request_params",
)


def _nginx(start: Start) -> list[str]:
    """nginx, which sets the keys by `uwsgi_param`, in front of uWSGI; uWSGI starts and stops it."""
    keys = "\n".join(f"uwsgi_param newrelic.{key} $http_x_newrelic_{key} if_not_empty;" for key in _KEYS)
    user = "user root;" if start.folder.owner() == "root" else ""
    configuration = start.folder / "nginx.conf"
    configuration.write_text(_NGINX.format(folder=start.folder, port=start.port, keys=keys, user=user))
    attached = f"{system_program('nginx')} -c {configuration}"
    return _uwsgi_at(start, "--socket", f"{start.folder}/uwsgi.sock", "--threads", "4", "--attach-daemon", attached)


def _uvicorn(*options: str) -> Command:
    return _module("uvicorn", "--port", "{port}", "--log-level", "warning", *options, "{application}")


def _hypercorn(*options: str) -> Command:
    return _module("hypercorn", "--bind", "127.0.0.1:{port}", *options, "{application}")


def _granian(interface: str) -> Command:
    return _module("granian", "--interface", interface, "--port", "{port}", "--log-level", "warning", "{application}")


def _in_job(server: str) -> Command:
    return _module("apps.server_in_job", server, "{application}", "{port}")


# Not so wsgiref, which makes a response of status 500 of Ctrl-C where that meets a request.
_LOOP: Final = frozenset({"asyncio", "graceful"})
_ALIVE: Final = _LOOP | {"keep alive"}
_OUTER: Final = "/outer"
_OFF: Final = {"WEIGHBRIDGE_ENABLED": "false"}

GUNICORN: Final = Server("gunicorn sync", ("gunicorn",), _gunicorn(), _LOOP)
GTHREAD: Final = Server("gunicorn gthread", ("gunicorn",), _gunicorn("-k", "gthread", "--threads", "4"), _ALIVE)
GEVENT: Final = Server("gunicorn gevent", ("gunicorn", "gevent"), _gunicorn("-k", "gevent"), _ALIVE | {"gevent"})
PRELOAD: Final = Server("gunicorn preload, 3 workers", ("gunicorn",), _gunicorn("--preload", "-w", "3"), _LOOP)
GUNICORN_OUTER: Final = Server(
    "gunicorn with `SCRIPT_NAME`", ("gunicorn",), _gunicorn(), _LOOP, settings={"SCRIPT_NAME": _OUTER}, prefix=_OUTER
)
GUNICORN_OFF: Final = Server("gunicorn, off", ("gunicorn",), _gunicorn(), _LOOP | {"off"}, settings=_OFF)
# Both leave a terminated process to the system, which runs no cleanup of Python's.
WAITRESS: Final = Server(
    "waitress",
    ("waitress",),
    _module("waitress", "--listen=127.0.0.1:{port}", "{application}"),
    _ALIVE,
    stop=signal.SIGINT,
)
WSGIREF: Final = Server(
    "wsgiref", (), _module("apps.wsgiref_server", "{application}", "{port}"), _LOOP - {"graceful"}, stop=signal.SIGINT
)
WSGIREF_IN_JOB: Final = Server(
    "wsgiref run by a background task", (), _in_job("wsgiref"), _LOOP - {"graceful"}, stop=signal.SIGINT
)
UWSGI: Final = Server("uWSGI", ("uwsgi",), _uwsgi(), _LOOP)
UWSGI_THREADS: Final = Server(
    "uWSGI, 2 processes of 2 threads",
    ("uwsgi",),
    _uwsgi("--processes", "2", "--threads", "2"),
    _LOOP - {"graceful"},  # a worker with a busy thread may end without Python's cleanup
)
UWSGI_OUTER: Final = Server(
    "uWSGI with `mount`",
    ("uwsgi",),
    _uwsgi("--mount", f"{_OUTER}={{application}}", "--manage-script-name"),
    _LOOP,
    prefix=_OUTER,
)
NGINX: Final = Server("nginx and uWSGI, keys by `uwsgi_param`", ("uwsgi", "bin/nginx"), _nginx, _ALIVE - {"graceful"})
GRANIAN_WSGI: Final = Server("granian", ("granian",), _granian("wsgi"), _ALIVE)

GUNICORN_ASGI: Final = Server(
    "gunicorn asgi",
    ("gunicorn", "h2"),
    _gunicorn("-k", "asgi", "--http-protocols", "h2,h1", "--http2-cleartext", "both"),
    _ALIVE | {"HTTP/2"},
)
UVICORN: Final = Server("uvicorn asyncio", ("uvicorn",), _uvicorn("--loop", "asyncio"), _ALIVE)
UVLOOP: Final = Server("uvicorn uvloop", ("uvicorn", "uvloop"), _uvicorn("--loop", "uvloop"), _ALIVE)
WORKERS: Final = Server("uvicorn, 2 workers", ("uvicorn",), _uvicorn("--workers", "2"), _ALIVE)
UVICORN_OUTER: Final = Server("uvicorn with `root_path`", ("uvicorn",), _uvicorn("--root-path", _OUTER), _ALIVE)
UVICORN_OFF: Final = Server("uvicorn, off", ("uvicorn",), _uvicorn(), _ALIVE | {"off"}, settings=_OFF)
UVICORN_IN_JOB: Final = Server("uvicorn run by a background task", ("uvicorn",), _in_job("uvicorn"), _ALIVE)
GUNICORN_UVICORN: Final = Server(
    "gunicorn, 2 uvicorn workers",
    ("gunicorn", "uvicorn-worker"),
    _gunicorn("-k", "uvicorn_worker.UvicornWorker", "-w", "2"),
    _ALIVE,
)
HYPERCORN: Final = Server(
    "hypercorn asyncio", ("hypercorn",), _hypercorn("-k", "asyncio"), _ALIVE | {"HTTP/2", "trailers"}
)
HYPERCORN_TRIO: Final = Server(
    "hypercorn trio",
    ("hypercorn", "trio"),
    _hypercorn("-k", "trio"),
    frozenset({"trio", "graceful", "keep alive", "HTTP/2", "trailers"}),
)
HYPERCORN_OUTER: Final = Server(
    "hypercorn with `root_path`",
    ("hypercorn",),
    _hypercorn("-k", "asyncio", "--root-path", _OUTER),
    _ALIVE,
    prefix=_OUTER,
)
GRANIAN: Final = Server("granian", ("granian",), _granian("asgi"), _ALIVE)
GRANIAN_1: Final = replace(GRANIAN, features=_ALIVE - {"graceful"})
"""Its first releases never stop while a request runs."""
DAPHNE: Final = Server("daphne", ("daphne",), _module("daphne", "--port", "{port}", "{application}"), _ALIVE)
DAPHNE_OUTER: Final = Server(
    "daphne with `root_path`",
    ("daphne",),
    _module("daphne", "--port", "{port}", "--root-path", _OUTER, "{application}"),
    _ALIVE,
    prefix=_OUTER,
)
