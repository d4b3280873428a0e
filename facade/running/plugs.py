"""All that is replaced at run time, and when: the modules whose import is watched."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Final, NamedTuple

from weighbridge.transactions.host_exceptions import pass_on
from weighbridge.transactions.log import capture_internal_exception, log_once

from . import frameworks, job_systems, servers

__all__ = ["PLUGS", "Plug", "plugs_markdown"]

_MISSING: Final = "weighbridge run does not know this %s, and measures nothing by it: %s"


class Plug(NamedTuple):
    """What is done when a module has been imported."""

    install: Callable[[ModuleType], None]
    replaced: str
    """What of the module is replaced."""
    purpose: str
    """What for."""

    def apply(self, module: ModuleType) -> None:
        """Install it. Never raises: a release that looks different is not measured by this plug."""
        try:
            self.install(module)
        except AttributeError as missing:  # also a module of the program's own that has the name
            pass_on(missing)
            log_once(("plug", module.__name__), _MISSING, module.__name__, missing)
        except Exception:
            capture_internal_exception(f"weighbridge run, {module.__name__}")


_MIDDLEWARE: Final = "the middleware around the application"
_ALONE: Final = "the middleware around each application, under a server that is not listed here"
_JOBS: Final = "what `weighbridge.jobs` measures its jobs by"
_PLUG: Final = "the plug for its routes and exceptions"

PLUGS: Final = {
    # servers
    "cheroot.wsgi": Plug(servers.cheroot, "`Server.__init__`", _MIDDLEWARE),
    "daphne.server": Plug(servers.daphne, "`Server.__init__`", _MIDDLEWARE),
    "gevent.pywsgi": Plug(servers.gevent, "`WSGIServer.__init__`", _MIDDLEWARE),
    "granian.asgi": Plug(servers.granian_asgi, "`LifespanProtocol.__init__`, `_callback_wrapper`", _MIDDLEWARE),
    "granian.wsgi": Plug(servers.granian_wsgi, "`_callback_wrapper`", _MIDDLEWARE),
    "gunicorn.app.base": Plug(servers.gunicorn, "`BaseApplication.wsgi`", _MIDDLEWARE),
    "hypercorn.app_wrappers": Plug(servers.hypercorn, "`ASGIWrapper.__init__`, `WSGIWrapper.__init__`", _MIDDLEWARE),
    "uvicorn.config": Plug(servers.uvicorn, "`Config.load`", _MIDDLEWARE),
    "waitress.server": Plug(servers.waitress, "`create_server`", _MIDDLEWARE),
    "werkzeug.serving": Plug(servers.werkzeug, "`BaseWSGIServer.__init__`", _MIDDLEWARE),
    "wsgiref.simple_server": Plug(servers.wsgiref, "`WSGIServer.set_app`", _MIDDLEWARE),
    # frameworks
    "bottle": Plug(frameworks.bottle, "`Bottle.__call__`", _ALONE),
    "channels.routing": Plug(frameworks.channels, "`URLRouter`", "a router that tells its routes"),
    "connexion.apps.abstract": Plug(frameworks.connexion, "`AbstractApp.__init__`", _PLUG),
    "django.core.handlers.base": Plug(
        frameworks.django, "`BaseHandler.load_middleware`", "`DjangoTransactionMiddleware` in front of the list"
    ),
    "falcon.app": Plug(frameworks.falcon, "`App.__init__`, `App.add_error_handler`, `App.__call__`", _PLUG),
    "falcon.asgi.app": Plug(frameworks.falcon, "`App.__init__`, `App.add_error_handler`, `App.__call__`", _PLUG),
    "flask": Plug(frameworks.flask, "`Flask.__call__`", _ALONE),
    "pyramid.config": Plug(frameworks.pyramid, "`Configurator.make_wsgi_app`", _PLUG),
    "pyramid.router": Plug(frameworks.pyramid_router, "`Router.__call__`", _ALONE),
    "quart": Plug(frameworks.quart, "`Quart.__call__`", _ALONE),
    "sanic.app": Plug(frameworks.sanic, "`Sanic.__init__`", _PLUG),
    "starlette.applications": Plug(frameworks.starlette, "`Starlette.__call__`", _ALONE),
    # job systems
    "apscheduler.schedulers.base": Plug(job_systems.apscheduler, "`BaseScheduler.__init__`", _JOBS),
    "arq.worker": Plug(job_systems.arq, "`Worker.__init__`", _JOBS),
    "celery.app.base": Plug(job_systems.celery, "`Celery.__init__`", _JOBS),
    "django.apps.registry": Plug(
        job_systems.django, "`Apps.populate`", "`weighbridge.jobs.django` behind the project's applications"
    ),
    "dramatiq.broker": Plug(job_systems.dramatiq, "`Broker.__init__`", _JOBS),
    "huey.api": Plug(job_systems.huey, "`Huey.__init__`", _JOBS),
    "procrastinate.app": Plug(job_systems.procrastinate, "`App.__init__`", _JOBS),
    "rq.queue": Plug(job_systems.rq_queue, "`Queue.create_job`", "what says which transaction enqueues a job"),
    "rq.worker": Plug(job_systems.rq, "`BaseWorker.__init__`", _JOBS),
    "taskiq": Plug(job_systems.taskiq, "`AsyncBroker.__init__`", _JOBS),
}
"""By the name of the module."""


def plugs_markdown() -> str:
    """Return the table of all that is replaced, as the documentation shows it."""
    rows = (f"| `{name}` | {plug.replaced} | {plug.purpose} |" for name, plug in PLUGS.items())
    return "\n".join(("| module | replaced | by, or for |", "| --- | --- | --- |", *rows))
