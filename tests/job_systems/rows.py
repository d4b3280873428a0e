"""The systems that are tried, what each is given to do, and what must be counted of it."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Final, Literal

from packaging.requirements import Requirement

__all__ = ["PROGRAMS", "ROWS", "Counts", "Row"]

PROGRAMS: Final = Path(__file__).parent / "programs"

Broker = Literal["redis", "rabbitmq", "postgresql", "none"]
Counts = Mapping[str, Mapping[str, int]]
"""How often each outcome is expected, by the name of the task."""


@dataclass(frozen=True, eq=False)
class Row:
    """A system with one kind of worker."""

    name: str
    group: str
    program: str
    worker: tuple[str, ...]
    """The command that starts its worker; none where the program is the worker."""
    expected: Counts
    queue: str | None = None
    """The queue of the plain tasks, as it must be counted."""
    needs: tuple[str, ...] = ()
    requires: str = ""
    """A release that it needs besides."""
    broker: Broker = "redis"
    send: str = "send"
    send_many: str = "send_many"
    eager: str = "eager"
    """What runs a task at once inside a request; empty where the system cannot."""
    seconds_to_settle: float = 0.0
    """How long it takes to put a job away that has returned, if it cuts that off when it is told to stop."""
    is_settled: Callable[[str], bool] = lambda broker: True
    """Whether it has put its jobs away, and hears that it is told to stop; asked with the place of its broker."""
    prepare: bool = False
    """Whether the program has something to prepare."""
    environ: tuple[tuple[str, str], ...] = ()
    """What its processes need in their environment."""
    has_queue_time: bool = True
    has_header: bool = False
    """Whether its messages carry by what they were enqueued."""
    stuck: str = ""
    """What runs until its process is killed, where the store has to find that out; empty where a parent tells."""
    send_stuck: str = "send_stuck"
    reasons: Mapping[str, str] = field(default_factory=dict)
    """Why a column is blank."""
    yearly: str | None = None
    """What the system says is due on the first of January, at three o'clock."""
    scheduler: tuple[str, ...] = ()
    """The command that starts what knows of that, where it is not the worker."""
    await_scheduler: str = ""
    """What returns once the scheduler is known to the worker."""

    def missing(self) -> str | None:
        """What it needs and is not here."""
        absent = [name for name in self.needs if importlib.util.find_spec(name) is None]
        if not absent and self.requires:
            wanted = Requirement(self.requires)
            absent = [] if wanted.specifier.contains(version(wanted.name)) else [self.requires]
        return f"needs {', '.join(absent)}" if absent else None

    def tried(self) -> set[str]:
        """The columns that are tried."""
        ends = {outcome.replace("_", " ") for outcomes in self.expected.values() for outcome in outcomes}
        more = {
            "killed": self.stuck,
            "queue": self.queue,
            "queue time": self.has_queue_time,
            "enqueued by": self.has_header,
            "once if decorated": any("decorated" in name for name in self.expected),
            "part of a request": self.eager,
            "ended children": self.worker,
            "missed": self.yearly,
        }
        return {"name"} | ends | {column for column, there in more.items() if there}

    def total(self) -> int:
        """How many runs are expected."""
        return sum(sum(outcomes.values()) for outcomes in self.expected.values())


NO_SUCH_END: Final = "the system knows no such end"
NOT_FROM_OUTSIDE: Final = "what runs in a thread cannot be stopped"
AS_SOLO: Final = "as Celery's solo pool: it is the store that counts it"
AS_OTHERS: Final = "as the row above: it is the store that counts it"
BEAT: Final = "as Celery's solo pool: beat is the same for all"
NO_TIME: Final = "the system does not tell a worker when a task was enqueued"
NO_HEADER: Final = "the system carries no header"
NO_QUEUES: Final = "the system has no queues"
NOT_AT_ONCE: Final = "the system runs nothing at once"
NO_SCHEDULES: Final = "the system has no schedules"
NO_WORKER: Final = "the program itself is the worker"


def _blank(reason: str, *columns: str) -> dict[str, str]:
    return dict.fromkeys(columns, reason)


def _python(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", *arguments)


# Celery

_QUIET: Final = ("--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "WARNING")


def _celery(*options: str) -> tuple[str, ...]:
    return _python("celery", "-A", "celery_jobs", "worker", *_QUIET, *options)


_CELERY: Final[Counts] = {
    "celery_jobs.plain": {"succeeded": 5, "cancelled": 1},
    "celery_jobs.shared": {"succeeded": 1},
    "celery_jobs.of_own_class": {"succeeded": 1},
    "celery_jobs.calls": {"succeeded": 1},
    "celery_jobs.decorated": {"succeeded": 1},
    "celery_jobs.bad": {"failed": 1},
    "celery_jobs.gives_up": {"retried": 2, "failed": 1},
    "celery_jobs.again": {"retried": 2, "succeeded": 1},
    "celery_jobs.rejects": {"rejected": 1},
    "celery_jobs.throws": {"rejected": 1},
    "celery_jobs.ignores": {"cancelled": 1},
}
_CELERY_PROCESSES: Final[Counts] = {
    **_CELERY,
    "celery_jobs.too_slow": {"timed_out": 1},
    "celery_jobs.far_too_slow": {"timed_out": 1},
    "celery_jobs.dies": {"killed": 1},
    "celery_jobs.exits": {"killed": 1},
    "celery_jobs.stopped": {"cancelled": 1},
}


_RABBITMQ: Final[Counts] = {
    **_CELERY_PROCESSES,
    "celery_jobs.plain": {"succeeded": 5},  # nothing that expires is sent: RabbitMQ may drop it itself
}
_BEAT: Final = _python("celery", "-A", "celery_jobs", "beat", "--loglevel", "WARNING", "--schedule", "beat")


def _celery_row(
    pool: str,
    *options: str,
    processes: bool = False,
    needs: tuple[str, ...] = (),
    broker: Broker = "redis",
    beat: bool = False,
    environ: tuple[tuple[str, str], ...] = (),
) -> Row:
    return Row(
        f"Celery, {pool}",
        "Celery",
        "celery_jobs",
        _celery(*options),
        _RABBITMQ if broker == "rabbitmq" else _CELERY_PROCESSES if processes else _CELERY,
        queue="celery",
        needs=("celery", *needs),
        broker=broker,
        environ=environ,
        has_header=True,
        send="send_to_processes" if processes else "send",
        stuck="celery_jobs.stopped" if beat else "",
        reasons={
            **({} if beat else _blank(BEAT, "missed")),
            **({} if processes else _blank(NOT_FROM_OUTSIDE, "timed out")),
            **({} if processes or beat else _blank(AS_SOLO, "killed")),
        },
        yearly="celery_jobs.yearly" if beat else None,
        scheduler=_BEAT if beat else (),
    )


# RQ

_RQ: Final[Counts] = {
    "rq_jobs.plain": {"succeeded": 5},
    "rq_jobs.decorated": {"succeeded": 1},
    "rq_jobs.bad": {"retried": 1, "failed": 2},
    "rq_jobs.asks_again": {"retried": 1, "succeeded": 1},
    "rq_jobs.again": {"retried": 1, "succeeded": 1},
    "rq_jobs.too_slow": {"timed_out": 1},
}
_RQ_PROCESSES: Final[Counts] = {**_RQ, "rq_jobs.dies": {"killed": 1}, "rq_jobs.stopped": {"cancelled": 1}}


def _rq_is_settled(broker: str) -> bool:
    from redis import Redis
    from rq import Queue

    from ..workers.redis_helpers import is_idle

    with Redis.from_url(broker) as redis:
        return is_idle(Queue("high", connection=redis))


def _rq_row(worker: str, processes: bool) -> Row:
    return Row(
        f"RQ, {worker}",
        "RQ",
        "rq_jobs",
        _python("rq.cli", "worker", "high", "--worker-class", f"weighbridge.jobs.rq.{worker}"),
        _RQ_PROCESSES if processes else _RQ,
        queue="high",
        needs=("rq",),
        has_header=True,
        send="send_to_processes" if processes else "send",
        stuck="" if processes else "rq_jobs.too_slow",
        reasons=_blank(NO_SUCH_END, "rejected") | ({} if processes else _blank(NOT_FROM_OUTSIDE, "cancelled")),
        yearly="rq_jobs.yearly",
        scheduler=_python("rq.cli", "cron", "rq_jobs"),
        await_scheduler="await_scheduler",
        is_settled=_rq_is_settled,
    )


# Dramatiq

_DRAMATIQ: Final[Counts] = {
    "plain": {"succeeded": 5},
    "decorated": {"succeeded": 1},
    "decorated_coroutine": {"succeeded": 1},
    "bad": {"failed": 1},
    "gives_up": {"retried": 1, "failed": 1},
    "asks_too_often": {"retried": 1, "failed": 1},
    "throws": {"rejected": 1},
    "skipped": {"cancelled": 1},
    "too_slow": {"timed_out": 1},
}

# Huey

_HUEY: Final[Counts] = {
    "huey_jobs.plain": {"succeeded": 6},
    "huey_jobs.decorated": {"succeeded": 1},
    "huey_jobs.bad": {"failed": 1},
    "huey_jobs.gives_up": {"retried": 2, "failed": 1},
    "huey_jobs.again": {"retried": 1, "succeeded": 1},
    "huey_jobs.cancels": {"cancelled": 1},
    "huey_jobs.locked": {"succeeded": 1, "rejected": 1},
    "huey_jobs.revoked": {"cancelled": 1},
}


def _huey_row(kind: str, expected: Counts, send: str) -> Row:
    return Row(
        f"Huey, {kind}",
        "Huey",
        "huey_jobs",
        _python("huey.bin.huey_consumer", "huey_jobs.huey", "-w", "2", "-k", kind),
        expected,
        queue="high",
        needs=("huey",),
        send=send,
        has_queue_time=False,
        stuck="huey_jobs.stuck" if kind == "thread" else "",
        reasons={
            **_blank(NO_TIME, "queue time"),
            **_blank(NO_HEADER, "enqueued by"),
            **(_blank(NOT_FROM_OUTSIDE, "timed out") if kind == "thread" else _blank(AS_OTHERS, "killed")),
        },
        yearly="huey_jobs.yearly",
    )


# APScheduler

_APSCHEDULER: Final[Counts] = {
    "plain": {"succeeded": 5},
    "decorated": {"succeeded": 1},
    "bad": {"failed": 1},
    "long": {"succeeded": 1, "rejected": 1},
    "missed": {"cancelled": 1},
}


def _apscheduler_row(kind: str, expected: Counts) -> Row:
    return Row(
        f"APScheduler, {kind}",
        "APScheduler",
        "apscheduler_jobs",
        (),
        expected,
        needs=("apscheduler",),
        broker="none",
        send=kind,
        eager="",
        stuck="stuck" if kind == "threads" else "",
        reasons={
            **_blank(NO_SUCH_END, "retried", "timed out"),
            **_blank(NO_QUEUES, "queue"),
            **_blank(NOT_AT_ONCE, "part of a request"),
            **_blank(NO_WORKER, "ended children"),
            **_blank(NO_HEADER, "enqueued by"),
            **({} if kind == "threads" else _blank(AS_OTHERS, "killed")),
        },
        yearly="yearly",
    )


# Django


def _django_row(name: str, django: str) -> Row:
    return Row(
        name,
        "Django",
        "django_jobs",
        _python("django", "db_worker", "--queue-name", "*", "--interval", "0.2", "--settings", "django_settings"),
        {
            "django_task_functions.plain": {"succeeded": 5},
            "django_task_functions.decorated": {"succeeded": 1},
            "django_task_functions.decorated_coroutine": {"succeeded": 1},
            "django_task_functions.bad": {"failed": 1},
        },
        queue="high",
        needs=("django_tasks_db",),
        requires=django,
        prepare=True,
        send="send_tasks",
        send_many="send_many_tasks",
        eager="eager_task",
        stuck="django_task_functions.stuck",
        send_stuck="send_stuck_task",
        reasons={
            **_blank(NO_SUCH_END, "retried", "rejected", "cancelled", "timed out"),
            **_blank(NO_SCHEDULES, "missed"),
            **_blank(NO_HEADER, "enqueued by"),
        },
    )


ROWS: Final = (
    _celery_row("prefork", "--concurrency", "3", processes=True),
    _celery_row("prefork, children for 3 tasks", "--concurrency", "3", "--max-tasks-per-child", "3", processes=True),
    _celery_row("threads", "--pool", "threads", "--concurrency", "3"),
    _celery_row("gevent", "--pool", "gevent", "--concurrency", "3", needs=("gevent",)),
    _celery_row(
        "eventlet",
        *("--pool", "eventlet", "--concurrency", "3"),
        needs=("eventlet",),
        environ=(("EVENTLET_NO_GREENDNS", "yes"),),  # else it patches dnspython, which may import trio, which fails
    ),
    _celery_row("solo", "--pool", "solo", beat=True),
    _celery_row("prefork, RabbitMQ", "--concurrency", "3", processes=True, broker="rabbitmq"),
    _rq_row("Worker", processes=True),
    _rq_row("SimpleWorker", processes=False),
    Row(
        "Dramatiq",
        "Dramatiq",
        "dramatiq_jobs",
        _python("dramatiq", "dramatiq_jobs", "--processes", "2", "--threads", "2"),
        _DRAMATIQ,
        queue="high",
        needs=("dramatiq",),
        has_header=True,
        eager="",
        stuck="stuck",
        reasons=_blank(NOT_AT_ONCE, "part of a request") | _blank(NO_SCHEDULES, "missed"),
    ),
    _huey_row("thread", _HUEY, "send"),
    _huey_row("process", {**_HUEY, "huey_jobs.too_slow": {"timed_out": 1}}, "send_to_processes"),
    _apscheduler_row("threads", _APSCHEDULER),
    _apscheduler_row("processes", _APSCHEDULER),
    _apscheduler_row("loop", {**_APSCHEDULER, "coroutine": {"succeeded": 1}}),
    Row(
        "arq",
        "arq",
        "arq_jobs",
        _python("arq", "arq_jobs.WorkerSettings"),
        {
            "plain": {"succeeded": 5},
            "decorated": {"succeeded": 1},
            "bad": {"failed": 1},
            "again": {"retried": 2, "succeeded": 1},
            "too_slow": {"timed_out": 1},
            "stopped": {"cancelled": 1},
            "cron:tidy": {"succeeded": 1},
        },
        queue="arq:queue",
        seconds_to_settle=1.0,
        needs=("arq",),
        stuck="stopped",
        reasons=_blank(NO_SUCH_END, "rejected")
        | _blank(NOT_AT_ONCE, "part of a request")
        | _blank(NO_HEADER, "enqueued by"),
        yearly="cron:tidy",
        eager="",
    ),
    Row(
        "Taskiq",
        "Taskiq",
        "taskiq_jobs",
        _python("taskiq", "worker", "taskiq_jobs:broker", "--workers", "2"),
        {
            "taskiq_jobs:plain": {"succeeded": 5},
            "taskiq_jobs:decorated": {"succeeded": 1},
            "taskiq_jobs:decorated_function": {"succeeded": 1},
            "taskiq_jobs:bad": {"failed": 1},
            "taskiq_jobs:gives_up": {"retried": 2, "failed": 1},
            "taskiq_jobs:without_result": {"succeeded": 1},
            "taskiq_jobs:rejects": {"rejected": 1},
            "taskiq_jobs:too_slow": {"timed_out": 1},
        },
        queue="high",
        needs=("taskiq", "taskiq_redis"),
        has_header=True,
        stuck="taskiq_jobs:stuck",
        reasons=_blank(NO_SUCH_END, "cancelled"),
        yearly="taskiq_jobs:yearly",
    ),
    Row(
        "Procrastinate",
        "Procrastinate",
        "procrastinate_jobs",
        _python("procrastinate", "--app", "procrastinate_jobs.app", "worker"),
        {
            "procrastinate_jobs.plain": {"succeeded": 6},
            "procrastinate_jobs.decorated": {"succeeded": 1},
            "procrastinate_jobs.decorated_coroutine": {"succeeded": 1},
            "procrastinate_jobs.bad": {"failed": 1},
            "procrastinate_jobs.gives_up": {"retried": 2, "failed": 1},
            "procrastinate_jobs.aborts": {"cancelled": 1},
        },
        queue="high",
        needs=("procrastinate",),
        broker="postgresql",
        prepare=True,
        stuck="procrastinate_jobs.stuck",
        reasons={
            **_blank(NO_SUCH_END, "rejected", "timed out"),
            **_blank(NO_TIME, "queue time"),
            **_blank(NO_HEADER, "enqueued by"),
            **_blank(NOT_AT_ONCE, "part of a request"),
        },
        yearly="procrastinate_jobs.yearly",
        has_queue_time=False,
        eager="",
    ),
    _django_row("django-tasks", "django<6"),
    _django_row("Django tasks", "django>=6"),
    Row(
        "django-q2",
        "Django",
        "django_jobs",
        _python("django", "qcluster", "--settings", "django_settings"),
        {
            "django_jobs.plain": {"succeeded": 5},
            "django_jobs.decorated": {"succeeded": 1},
            "django_jobs.bad": {"failed": 1},
            "django_jobs.too_slow": {"timed_out": 1},
        },
        queue="high",
        needs=("django_q",),
        has_header=True,
        prepare=True,
        stuck="django_jobs.too_slow",
        reasons=_blank(NO_SUCH_END, "retried", "rejected", "cancelled"),
        yearly="django_jobs.yearly",
    ),
)
