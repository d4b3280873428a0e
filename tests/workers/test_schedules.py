"""Schedules: what decorators and job systems declare is in the store, with the runs that were missed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from apscheduler.schedulers.background import BackgroundScheduler  # type: ignore[import-untyped]

from weighbridge import scheduled
from weighbridge.jobs.apscheduler import measure
from weighbridge.transactions.recording.snapshot import Instance, MinuteRow, RunningTransaction, Series, Snapshot
from weighbridge.transactions.recording.totals import Totals
from weighbridge.transactions.schedules import Schedule
from weighbridge.transactions.store.reader import StoreReader, StoreUnreadable, Window
from weighbridge.transactions.store.sqlite.writer import StoreWriter

from .helpers import eventually

EVERYTHING = """
import huey, weighbridge
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from weighbridge.jobs import apscheduler, huey as measured_huey

@weighbridge.background_task(name="nightly", group="Python/Jobs")
@weighbridge.scheduled("0 3 * * *", timezone="Europe/Berlin", within=900)
def under():
    pass

@weighbridge.scheduled("0  4 * * 1-5")
@weighbridge.background_task
def over():
    pass

tasks = measured_huey.measure(huey.MemoryHuey(immediate=True))

@tasks.periodic_task(huey.crontab(minute="*/20", day_of_week="1-5"), name="tidy")
def tidy():
    pass

tidy()

scheduler = apscheduler.measure(BackgroundScheduler(timezone="UTC"))
scheduler.add_job(print, "interval", minutes=5, name="pulse")
scheduler.start()
scheduler.add_job(print, "cron", day_of_week="mon,sun", hour=6, name="weekly")
scheduler.add_job(print, "cron", hour=1, name="changed", id="changed")
scheduler.modify_job("changed", trigger=CronTrigger(hour=2, timezone="UTC"))
scheduler.add_job(print, "cron", hour=1, name="gone", id="gone")
scheduler.remove_job("gone")
under()
scheduler.shutdown()
weighbridge.flush()
"""
BEAT = """
from celery import Celery
from celery.schedules import crontab
import weighbridge.jobs.celery

app = Celery("shop", broker="memory://")
app.conf.beat_schedule = {
    "pulse": {"task": "pulse", "schedule": 30.0},
    "nightly": {"task": "nightly", "schedule": crontab(minute="0,30", hour=3, day_of_week="mon-fri")},
}
app.conf.timezone = "Europe/Berlin"
weighbridge.jobs.celery.measure(app)
"""


def declared(store: Path) -> set[tuple[str, str, str, str, int | None]]:
    now = time.time()
    with StoreReader(store) as reader:
        found = [one.schedule for one in reader.schedules(Window(now - 60, now), now, "shop")]
    return {(one.group, one.name, one.rule, one.zone, one.within) for one in found}


def is_written(store: Path) -> bool:
    try:
        return bool(declared(store))
    except StoreUnreadable:
        return False


def environment(folder: Path) -> dict[str, str]:
    own = {"PYTHONPATH": str(folder), "WEIGHBRIDGE_STORE": str(folder / "store.db"), "WEIGHBRIDGE_APP_NAME": "shop"}
    return {**os.environ, **own, "WEIGHBRIDGE_FLUSH_INTERVAL": "0.2"}


def test_decorators_and_libraries_say_when_tasks_are_due(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(EVERYTHING)
    subprocess.run([sys.executable, tmp_path / "program.py"], env=environment(tmp_path), check=True)
    assert declared(tmp_path / "store.db") == {
        ("Python/Jobs", "nightly", "0 3 * * *", "Europe/Berlin", 900),
        ("Function", "__main__:over", "0 4 * * 1-5", "", None),
        ("Huey", "__main__.tidy", "0,20,40 * * * 1,2,3,4,5", "UTC", None),
        ("APScheduler", "pulse", "every 300", "", None),
        ("APScheduler", "weekly", "0 6 * * mon,sun", "UTC", None),
        ("APScheduler", "changed", "0 2 * * *", "UTC", None),
    }


def test_a_job_that_is_added_is_asked_for_alone() -> None:
    """A program may add thousands while the scheduler runs, each in a thread of its own."""

    class Counting(BackgroundScheduler):  # type: ignore[misc]
        asked = 0

        def get_jobs(self, *args: object, **kwargs: object) -> object:
            self.asked += 1
            return super().get_jobs(*args, **kwargs)

    scheduler = measure(Counting(timezone="UTC"))
    scheduler.start(paused=True)
    for number in range(50):
        scheduler.add_job(print, "interval", minutes=5, name=f"pulse {number}")
    scheduler.shutdown()
    assert scheduler.asked == 1


def test_a_task_may_use_what_is_defined_below_it() -> None:
    @scheduled("0 3 * * *")
    def task() -> str:
        return later()

    def later() -> str:
        return "done"

    assert task() == "done"


def test_what_is_missed_after_an_endless_time_is_refused() -> None:
    with pytest.raises(ValueError, match="within=inf"):
        scheduled("0 3 * * *", within=float("inf"))


def test_beat_says_when_tasks_are_due(tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text(BEAT)
    command = [sys.executable, "-m", "celery", "-A", "tasks", "beat", "--schedule", str(tmp_path / "beat")]
    with subprocess.Popen(command, env=environment(tmp_path), cwd=tmp_path) as beat:
        try:
            eventually(lambda: is_written(tmp_path / "store.db"))
        finally:
            beat.send_signal(signal.SIGTERM)
    assert declared(tmp_path / "store.db") == {
        ("Celery", "pulse", "every 30", "", None),
        ("Celery", "nightly", "0,30 3 * * mon-fri", "Europe/Berlin", None),
        ("Celery", "celery.backend_cleanup", "0 4 * * *", "Europe/Berlin", None),  # Celery's own
    }


ARQ = """
import weighbridge
from arq.cron import cron
from weighbridge.jobs import arq

async def sweep(ctx):
    pass

arq.measured([cron(sweep, weekday={0, 6}, hour=5, minute={0, 30})])
with weighbridge.BackgroundTask(name="first"):
    pass
weighbridge.flush()
"""


def test_cron_jobs_of_arq_are_schedules(tmp_path: Path) -> None:
    pytest.importorskip("arq")
    (tmp_path / "program.py").write_text(ARQ)
    subprocess.run([sys.executable, tmp_path / "program.py"], env=environment(tmp_path), check=True)
    # Its weekdays begin with Monday.
    assert declared(tmp_path / "store.db") == {("arq", "cron:sweep", "0,30 5 * * 0,1", "UTC", None)}


NOW = 1_790_000_040.0
JOB = Series("shop", "background", "Function", "job")
HOURLY = Schedule("shop", "code", "Function", "job", "0 * * * *", "UTC")
DUE = NOW // 3600 * 3600


def ran(minute: float, **outcomes: int) -> MinuteRow:
    return MinuteRow(JOB, int(minute) // 60 * 60, Totals(1, 10**9, 10**9, 10**9, **outcomes))


def write(path: Path, sequence: int, taken: float, *rows: MinuteRow, known: tuple[Schedule, ...] = ()) -> None:
    writer = StoreWriter(str(path))
    open_now = (RunningTransaction(JOB, DUE + 2),) if not rows and not known else ()
    writer.write(
        Snapshot(Instance("one", "", 0, DUE - 9000, "x"), sequence, taken, rows, running=open_now, schedules=known)
    )
    writer.close()


def missed(path: Path) -> tuple[int, float | None, float | None, float | None]:
    with StoreReader.open(path) as reader:
        (one,) = reader.schedules(Window(DUE - 6 * 3600, NOW), NOW, "shop")
    return one.missed, one.last_missed, one.last_run, one.next


def test_what_was_due_since_it_is_known_and_did_not_begin_is_missed(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    write(path, 1, DUE - 3 * 3600 - 60, known=(HOURLY,))
    write(path, 2, DUE - 2 * 3600, ran(DUE - 3 * 3600, succeeded=1))
    write(path, 3, DUE - 2 * 3600 + 1, ran(DUE - 2 * 3600, cancelled=1))  # as a library says of one that it skipped
    assert missed(path) == (3, DUE, DUE - 3 * 3600 + 60, DUE + 3600)
    write(path, 4, NOW, ran(DUE, failed=1))  # a run that failed has begun
    assert missed(path) == (2, DUE - 3600, DUE + 60, DUE + 3600)


def test_a_run_that_is_open_is_not_missed(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    write(path, 1, DUE - 60, known=(HOURLY,))
    assert missed(path)[0] == 1
    write(path, 2, NOW - 1)
    assert missed(path)[0] == 0


def test_what_a_job_system_no_longer_reports_is_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    beat = HOURLY._replace(source="Celery")
    write(path, 1, DUE - 4 * 3600, known=(beat, beat._replace(rule="5 * * * *"), HOURLY))
    write(path, 2, NOW, known=(beat,))
    with StoreReader.open(path) as reader:
        found = [one.schedule for one in reader.schedules(Window(DUE, NOW), NOW)]
    assert set(found) == {beat, HOURLY}  # of decorators each process knows only those that it has imported


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"cron": "often"}, "scheduled\\('often'\\): a cron expression of five fields"),
        ({"cron": "0 25 * * *"}, "scheduled\\('0 25 \\* \\* \\*'\\)"),
        ({"cron": "* * * * *", "within": 0}, "within=0\\): a positive number of seconds"),
        ({"cron": "* * * * *", "timezone": "Berlin"}, "timezone='Berlin'\\): a name such as 'Europe/Berlin'"),
    ],
)
def test_an_argument_that_makes_no_sense_is_named(arguments: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        scheduled(**arguments)  # type: ignore[arg-type]
