"""Schedules and workers in the store of each engine."""

from __future__ import annotations

from dataclasses import replace

from weighbridge.transactions.recording.snapshot import Series
from weighbridge.transactions.schedules import Schedule
from weighbridge.transactions.store.results import Selection
from weighbridge.transactions.store.statistics import Window

BOTH_ENGINES = True
HOUR = 3600
JOB = Series("shop", "background", "Celery", "sweep")
HOURLY = Schedule("shop", "Celery", "Celery", "sweep", "0 * * * *", "UTC", 300)


def test_schedules_are_kept_once_with_what_was_said_last(make, writer, read) -> None:
    other = replace(make.instance, id="two")
    writer.write(make.snapshot(schedules=(HOURLY, HOURLY._replace(application="stock"))))
    writer.write(replace(make.snapshot(schedules=(HOURLY._replace(within=900),)), instance=other, sequence=1))
    with read() as reader:
        now = make.now + HOUR
        found = reader.schedules(Window(make.now, now), now)
        assert [one.schedule for one in found] == [HOURLY._replace(within=900), HOURLY._replace(application="stock")]
        assert [one.schedule.application for one in reader.schedules(Window(make.now, now), now, "stock")] == ["stock"]


def test_a_run_of_the_task_is_one_of_the_schedule(make, writer, read) -> None:
    due = (make.now // HOUR + 1) * HOUR
    row = replace(make.row([1.0], series=JOB), minute=int(due))
    writer.write(make.snapshot(schedules=(HOURLY,)))
    writer.write(make.snapshot(row, taken=due + 60))
    with read() as reader:
        (one,) = reader.schedules(Window(make.now + 60, due + 3 * HOUR), due + 2 * HOUR + 301, "shop")
    assert (one.missed, one.last_missed, one.next) == (2, due + 2 * HOUR, due + 3 * HOUR)
    assert one.last_run is not None
    assert due < one.last_run <= due + 60


def test_workers_are_the_processes_that_report_jobs_of_an_application(make, writer, read) -> None:
    web = make.row([1.0], series=JOB._replace(kind="web"))
    for number, row in enumerate((make.row([1.0], series=JOB), web)):
        snapshot = make.snapshot(row)
        writer.write(replace(snapshot, instance=replace(make.instance, id=f"{number}"), sequence=1))
    with read() as reader:
        assert [one.id for one in reader.workers("shop", make.now)] == ["0"]
        assert reader.workers("stock", make.now) == []
        assert [one.id for one in reader.reporters("shop", "web")] == ["1"]
        assert len(reader.reporters("stock", "web")) == 2  # as of a store that does not tell


def test_the_last_process_of_an_application_is_told_once_all_of_them_are_gone(make, writer, read) -> None:
    web, application = make.row([1.0], series=JOB._replace(kind="web")), Selection("shop", "web")
    for number, taken in enumerate((make.now, make.now + 60, make.now + 30)):
        snapshot = make.snapshot(web, taken=taken)
        writer.write(replace(snapshot, instance=replace(make.instance, id=f"{number}"), sequence=1))
    with read() as reader:
        assert reader.last_gone(application, make.now + 90) is None
        last = reader.last_gone(application, make.now + 600)
        assert last is not None
        assert (last.id, last.seen) == ("1", make.now + 60)
        assert reader.last_gone(application._replace(host="elsewhere"), make.now + 600) is None
        assert reader.last_gone(Selection("shop", "background"), make.now + 600) is None
