"""Tasks of Procrastinate."""

from __future__ import annotations

import os
import sys

import procrastinate
import psycopg
from procrastinate.exceptions import JobAborted
from telling import hang, run, tell

import weighbridge.jobs.procrastinate
from weighbridge import background_task

app = procrastinate.App(
    connector=procrastinate.PsycopgConnector(conninfo=os.environ["POSTGRESQL"]),
    import_paths=["procrastinate_jobs"],
    worker_defaults=weighbridge.jobs.procrastinate.measured(concurrency=2),
)


@app.task(queue="high")
def plain(number: int) -> None:
    tell()


@app.periodic(cron="0 3 1 1 *")
@app.task
def yearly(timestamp: int) -> None:
    """Told of by Procrastinate."""


@app.task
@background_task
def decorated() -> None:
    tell()


@app.task
@background_task
async def decorated_coroutine() -> None:
    tell()


@app.task
def bad() -> None:
    raise LookupError("no such book")


@app.task(retry=2)
def gives_up() -> None:
    raise ConnectionError("no connection")


@app.task(pass_context=True)
async def aborts(context: object) -> None:
    raise JobAborted


@app.task
def stuck() -> None:
    hang()


async def send_stuck() -> None:
    async with app.open_async():
        await stuck.defer_async()


async def prepare() -> None:
    with psycopg.connect(os.environ["POSTGRESQL"], autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    async with app.open_async():
        await app.schema_manager.apply_schema_async()


async def send() -> None:
    async with app.open_async():
        for number in range(5):
            await plain.defer_async(number=number)
        await plain.configure(schedule_in={"seconds": 1}).defer_async(number=6)
        for task in (decorated, decorated_coroutine, bad, gives_up, aborts):
            await task.defer_async()


async def send_many() -> None:
    async with app.open_async():
        for number in range(20):
            await plain.defer_async(number=number)


if __name__ == "__main__":
    import procrastinate_jobs

    run(getattr(procrastinate_jobs, sys.argv[1]))
