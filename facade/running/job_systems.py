"""The job systems: what they are built from measures every task, as the one line of `weighbridge.jobs` would."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any, Final

from weighbridge.transactions.log import capture_internal_exception

from .applications import replace

__all__ = ["apscheduler", "arq", "celery", "django", "dramatiq", "huey", "procrastinate", "rq", "taskiq"]


def celery(module: ModuleType) -> None:
    """Each application is measured when it is made."""
    _after_init(module.Celery, lambda app: _jobs("celery").measure(app))


def huey(module: ModuleType) -> None:
    """Each instance is measured when it is made."""
    _after_init(module.Huey, lambda instance: _jobs("huey").measure(instance))


def apscheduler(module: ModuleType) -> None:
    """Each scheduler is measured when it is made."""
    _after_init(module.BaseScheduler, lambda scheduler: _jobs("apscheduler").measure(scheduler))


def dramatiq(module: ModuleType) -> None:
    """Each broker gets the middleware when it is made."""
    _after_init(module.Broker, lambda broker: broker.add_middleware(_jobs("dramatiq").Measured()))


def taskiq(module: ModuleType) -> None:
    """Each broker gets the middleware when it is made."""

    def measure(broker: Any) -> None:
        imported = not getattr(sys.modules["taskiq"].__spec__, "_initializing", False)
        if imported:  # a broker that is made before that only stands in for the program's
            broker.add_middlewares(_jobs("taskiq").Measured())

    _after_init(module.AsyncBroker, measure)


def rq(module: ModuleType) -> None:
    """Its two worker classes are replaced by those that are derived from them, for its command and for subclasses."""
    jobs = _jobs("rq")
    for name in ("Worker", "SimpleWorker"):
        measured = getattr(jobs, name)
        for home in (module, sys.modules["rq.worker"]):
            setattr(home, name, measured)


def arq(module: ModuleType) -> None:
    """Each worker measures the functions that it is given."""

    def measured(arguments: dict[str, Any]) -> None:
        timeout = arguments.get("job_timeout", 300)
        seconds = timeout.total_seconds() if hasattr(timeout, "total_seconds") else timeout
        for name in ("functions", "cron_jobs"):
            if arguments.get(name):
                arguments[name] = _jobs("arq").measured(arguments[name], timeout=seconds)

    _change_arguments(module.Worker, measured)


def procrastinate(module: ModuleType) -> None:
    """Each application gets the middleware among the defaults of its worker."""

    def measured(arguments: dict[str, Any]) -> None:
        arguments["worker_defaults"] = _jobs("procrastinate").measured(**(arguments.get("worker_defaults") or {}))

    _change_arguments(module.App, measured)


_APP: Final = "weighbridge.jobs.django"


def django(module: ModuleType) -> None:
    """Our app is among the installed ones."""

    def populate(original: Any) -> Any:
        def populate(self: Any, installed_apps: Any = None) -> Any:
            if installed_apps is not None and not any(str(app).startswith(_APP) for app in installed_apps):
                installed_apps = [*installed_apps, _APP]
            return original(self, installed_apps)

        return populate

    replace(module.Apps, "populate", populate)


def _jobs(name: str) -> Any:
    return import_module(f"weighbridge.jobs.{name}")


def _after_init(kind: type, measure: Callable[[Any], object]) -> None:
    """Measure each object of a class when it has been made. Never raises, nor keeps the object from being made."""

    def init(original: Any) -> Any:
        def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
            original(self, *args, **kwargs)
            try:
                measure(self)
            except Exception:
                capture_internal_exception("weighbridge run")

        return __init__

    replace(kind, "__init__", init)


def _change_arguments(kind: type, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the keyword arguments that objects of a class are made with."""

    def init(original: Any) -> Any:
        def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
            changed = dict(kwargs)
            try:
                change(changed)
            except Exception:
                changed = kwargs
                capture_internal_exception("weighbridge run")
            original(self, *args, **changed)

        return __init__

    replace(kind, "__init__", init)
