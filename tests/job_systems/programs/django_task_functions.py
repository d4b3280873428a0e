"""Tasks of ``django-tasks``."""

from __future__ import annotations

from django_tasks import task
from telling import tell

from weighbridge import background_task


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
