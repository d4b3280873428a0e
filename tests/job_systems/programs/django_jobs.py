"""Functions that ``django-q2`` runs, and what is to be run of both kinds of tasks."""

from __future__ import annotations

import os
import sys
import time
from datetime import datetime, timezone
from pathlib import Path

from telling import run, show_request, tell

from weighbridge import background_task


def plain(number: int) -> None:
    tell()


@background_task
def decorated() -> None:
    tell()


def bad() -> None:
    raise LookupError("no such book")


def too_slow() -> None:
    time.sleep(600)


def yearly() -> None:
    """Told of by the table of schedules."""


def prepare() -> None:
    from django.apps import apps
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    if apps.is_installed("django_q"):
        from django_q.models import Schedule

        due = datetime(datetime.now(timezone.utc).year + 1, 1, 1, 3, tzinfo=timezone.utc)
        Schedule.objects.create(func="django_jobs.yearly", schedule_type=Schedule.YEARLY, next_run=due)


def send() -> None:
    from django_q.tasks import async_task

    for number in range(5):
        async_task("django_jobs.plain", number, cluster="high")
    for name in ("decorated", "bad"):
        async_task(f"django_jobs.{name}")
    async_task("django_jobs.too_slow", timeout=1)


def send_stuck() -> None:
    from django_q.tasks import async_task

    async_task("django_jobs.too_slow")


def send_many() -> None:
    from django_q.tasks import async_task

    for number in range(20):
        async_task("django_jobs.plain", number, cluster="high")


def eager() -> None:
    from django_q.tasks import async_task

    show_request(lambda: async_task("django_jobs.plain", 1, sync=True))


def send_tasks() -> None:
    import django_task_functions as tasks

    for number in range(5):
        tasks.plain.enqueue(number)
    for task in (tasks.decorated, tasks.decorated_coroutine, tasks.bad):
        task.enqueue()


def send_many_tasks() -> None:
    import django_task_functions as tasks

    for number in range(20):
        tasks.plain.enqueue(number)


def send_stuck_task() -> None:
    import django_task_functions as tasks

    tasks.stuck.enqueue()


def eager_task() -> None:
    import django_task_functions as tasks

    show_request(lambda: tasks.plain.using(backend="immediate").enqueue(1))


if __name__ == "__main__":
    import django

    os.environ["DJANGO_SETTINGS_MODULE"] = "django_settings"
    sys.path.insert(0, str(Path(__file__).parent))
    django.setup()
    run(globals()[sys.argv[1]])
