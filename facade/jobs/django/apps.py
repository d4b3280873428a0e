"""The application: connects to the signals of the task systems that the project uses."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from django.apps import AppConfig, apps
from django.conf import settings

__all__ = ["BackgroundWorkConfig"]


class BackgroundWorkConfig(AppConfig):
    """Measures tasks."""

    name = "weighbridge.jobs.django"
    label = "weighbridge_jobs"

    def ready(self) -> None:
        """Connect."""
        from weighbridge.jobs.django import tasks  # noqa: PLC0415  models must be ready
        from weighbridge.jobs.django.commands import wrap_commands  # noqa: PLC0415  as above

        wrap_commands()
        for module in _signal_modules():
            tasks.connect(module)
        if apps.is_installed("django_q"):
            from weighbridge.jobs.django import django_q2  # noqa: PLC0415  as above

            django_q2.connect()


def _signal_modules() -> list[ModuleType]:
    """Return the modules of signals of Django's own tasks and of ``django-tasks``, where these are there."""
    names = ["django.tasks.signals"]
    if apps.is_installed("django_tasks") or hasattr(settings, "TASKS"):
        names.append("django_tasks.signals")
    found = []
    for name in names:
        try:
            found.append(import_module(name))
        except ModuleNotFoundError:
            continue
    return found
