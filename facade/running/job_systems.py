"""The job systems: where each of them makes what `weighbridge.jobs` measures."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any

from weighbridge.transactions.log import capture_internal_exception

from .applications import replace

__all__ = ["apscheduler", "arq", "celery", "django", "dramatiq", "huey", "procrastinate", "rq", "rq_queue", "taskiq"]


def celery(module: ModuleType) -> None:
    """Each application is measured when it is made."""
    _after_init(module.Celery, lambda app: _jobs("celery").measure(app))


def rq(module: ModuleType) -> None:
    """Each worker gets the methods of the measured one, whatever its class."""
    _after_init(module.BaseWorker, _turn_into_measured)


def rq_queue(module: ModuleType) -> None:
    """Each job is stamped when it is made."""

    def create(original: Any) -> Any:
        def create_job(self: Any, *args: Any, **kwargs: Any) -> Any:
            job = original(self, *args, **kwargs)
            try:
                return _jobs("rq").stamped(job)
            except Exception:
                capture_internal_exception("weighbridge run, rq")
                return job

        return create_job

    replace(module.Queue, "create_job", create)


def _turn_into_measured(worker: Any) -> None:
    mixin = _jobs("rq").MeasuredJobs
    kind = type(worker)
    if not issubclass(kind, mixin):
        named = {"__module__": kind.__module__, "__qualname__": kind.__qualname__}
        worker.__class__ = type(kind.__name__, (mixin, kind), named)


def dramatiq(module: ModuleType) -> None:
    """Each broker gets the middleware behind those that it begins with."""
    _after_init(module.Broker, lambda broker: broker.add_middleware(_jobs("dramatiq").Measured()))


def huey(module: ModuleType) -> None:
    """Each instance is measured when it is made."""
    _after_init(module.Huey, lambda instance: _jobs("huey").measure(instance))


def apscheduler(module: ModuleType) -> None:
    """Each scheduler is measured when it is made."""
    _after_init(module.BaseScheduler, lambda scheduler: _jobs("apscheduler").measure(scheduler))


def arq(module: ModuleType) -> None:
    """The worker gets its functions and cron jobs measured."""

    def init(original: Any) -> Any:
        def __init__(self: Any, functions: Any = (), *args: Any, **kwargs: Any) -> None:  # noqa: N807
            timeout = kwargs.get("job_timeout", 300)
            functions = _arq_measured(functions, timeout)
            if kwargs.get("cron_jobs"):
                kwargs["cron_jobs"] = _arq_measured(kwargs["cron_jobs"], timeout)
            original(self, functions, *args, **kwargs)

        return __init__

    replace(module.Worker, "__init__", init)


def _arq_measured(functions: Any, timeout: Any) -> Any:
    try:
        return _jobs("arq").measured(functions, getattr(timeout, "total_seconds", lambda: timeout)())
    except Exception:
        capture_internal_exception("weighbridge run, arq")
        return functions


def taskiq(module: ModuleType) -> None:
    """Each broker gets the middleware when it is made, but for the one that Taskiq itself makes at its import."""
    _after_init(module.AsyncBroker, lambda broker: broker.add_middlewares(_jobs("taskiq").Measured()))


def procrastinate(module: ModuleType) -> None:
    """Each application gets the defaults of its workers."""

    def init(original: Any) -> Any:
        def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
            try:
                kwargs["worker_defaults"] = _jobs("procrastinate").measured(**kwargs.get("worker_defaults") or {})
            except Exception:
                capture_internal_exception("weighbridge run, procrastinate")
            original(self, *args, **kwargs)

        return __init__

    replace(module.App, "__init__", init)


def django(module: ModuleType) -> None:
    """The project's applications get ours behind them; the states of its migrations do not."""

    def populate(original: Any) -> Any:
        def populate(self: Any, installed_apps: Any = None) -> Any:
            return original(self, _with_ours(installed_apps) if self is module.apps else installed_apps)

        return populate

    replace(module.Apps, "populate", populate)


def _with_ours(installed: Any) -> Any:
    ours = "weighbridge.jobs.django"
    if not installed or any(str(name).startswith(ours) for name in installed):
        return installed
    return [*installed, ours]


def _after_init(kind: type, measure: Any) -> None:
    def init(original: Any) -> Any:
        def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
            original(self, *args, **kwargs)
            try:
                measure(self)
            except Exception:
                capture_internal_exception("weighbridge run")

        return __init__

    replace(kind, "__init__", init)


def _jobs(system: str) -> Any:
    return import_module(f"weighbridge.jobs.{system}")
