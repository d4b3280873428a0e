"""Tasks of Django 6, or of ``django-tasks`` where Django is older."""

from __future__ import annotations

from telling import hang, tell

from weighbridge import background_task

try:
    from django.tasks import task
except ModuleNotFoundError:
    from django_tasks import task


@task(queue_name="high")
def plain(number: int) -> None:
    tell()


def decorated() -> None:
    tell()


async def decorated_coroutine() -> None:
    tell()


decorated = task(background_task(decorated))  # type: ignore[assignment]
decorated_coroutine = task(background_task(decorated_coroutine))  # type: ignore[assignment]


@task
def bad() -> None:
    raise LookupError("no such book")


@task
def stuck() -> None:
    hang()
