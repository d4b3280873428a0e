"""The page of jobs: how tasks run, how long they wait in which queue, how they end, and who does what now."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.console import conftest
from tests.console.conftest import NOW, Ask, asking, charts_drawn, needed, served
from weighbridge.console import Console, asgi_application
from weighbridge.transactions.recording.histogram import add_durations
from weighbridge.transactions.recording.snapshot import (
    EnqueuedCount,
    Instance,
    MinuteRow,
    RunningTransaction,
    Series,
    Snapshot,
)
from weighbridge.transactions.recording.totals import Totals, nanoseconds
from weighbridge.transactions.schedules import Schedule
from weighbridge.transactions.store.engines import state_at
from weighbridge.transactions.store.results import Mark
from weighbridge.transactions.store.sqlite.writer import StoreWriter

if TYPE_CHECKING:
    from playwright.sync_api import Page

SEND = Series("shop", "background", "Celery", "shop.tasks.send_letter")
BUILD = Series("shop", "background", "Celery", "shop.tasks.build_invoices")
SWEEP = Series("shop", "background", "Celery", "shop.tasks.sweep")
VISIT = Series("shop", "web", "Route", "GET /")
MINUTES = 25
SCHEDULES = (
    Schedule("shop", "Celery", "Celery", "shop.tasks.sweep", "* * * * *", "UTC"),
    Schedule("shop", "code", "Function", "shop.jobs:nightly", "*/30 * * * *", "UTC", 300),
)


def totals_of(durations: list[float], waits: list[float], outcomes: Mapping[str, int]) -> Totals:
    """The totals of some runs, which ended as given and all else successfully."""
    nanos, waited = [nanoseconds(one) for one in durations], [nanoseconds(one) for one in waits]
    totals = Totals(len(nanos), sum(nanos), min(nanos), max(nanos), succeeded=len(nanos) - sum(outcomes.values()))
    for outcome, count in outcomes.items():
        setattr(totals, outcome, count)
    totals.queued, totals.queue_total, totals.queue_maximum = len(waited), sum(waited), max(waited, default=0)
    add_durations(durations, totals.histogram)
    add_durations(waits, totals.queue_histogram)
    return totals


def backed_up(minute: int) -> float:
    """Seconds that tasks waited: for a while, letters were faster written than sent."""
    return 0.2 + max(0, 60 - 8 * abs(minute - 12))


def rows(now: float) -> Iterator[MinuteRow]:
    """25 minutes of three tasks in two queues, and of a page."""
    for number in range(MINUTES):
        minute = int(now) - 60 * (MINUTES - number)
        letters = totals_of([0.1, 0.2, 0.3, 1.2], [backed_up(number)] * 4, {"retried": 1} if number % 3 else {})
        yield MinuteRow(SEND, minute, letters, "mail")
        ended = {"failed": 1, "timed_out": number % 2, "killed": number % 5 == 0}
        yield MinuteRow(BUILD, minute, totals_of([4.0, 6.0, 9.0], [0.5, 0.7, 1.0], ended), "default")
        yield MinuteRow(SWEEP, minute, totals_of([0.02], [], {"cancelled": number == 3, "rejected": number == 4}))
        yield MinuteRow(VISIT, minute, totals_of([0.05], [], {}))


def write(path: Path, now: float) -> None:
    busy = (RunningTransaction(BUILD, now - 300), RunningTransaction(SEND, now - 2), RunningTransaction(VISIT, now - 1))
    quiet, page = (MinuteRow(one, int(now) - 60, totals_of([0.1], [], {})) for one in (SWEEP, VISIT))
    reports: list[tuple[float, tuple[MinuteRow, ...], tuple[RunningTransaction, ...], tuple[Schedule, ...]]] = [
        (now - 3600, (), (), SCHEDULES), (now - 1, tuple(rows(now)), busy, ()), (now - 1, (quiet,), (), ()),
        (now - 1, (page,), (), ()),
    ]  # fmt: skip
    minute, cart = int(now) - 60, VISIT._replace(application="cart", group="Uri", name="/pay")
    enqueued = (
        EnqueuedCount(SEND, minute, VISIT, 40), EnqueuedCount(SEND, minute, BUILD, 5),
        EnqueuedCount(BUILD, minute, cart, 7), EnqueuedCount(BUILD, minute, None, 2),
    )  # fmt: skip
    for pid, (taken, some, is_open, known) in enumerate(reports, 16):
        writer = StoreWriter(str(path))
        instance = Instance(str(pid), "host", pid, now - 3700, "celery")
        writer.write(
            Snapshot(instance, 1, taken, some, running=is_open, schedules=known, enqueued=enqueued if is_open else ())
        )
        writer.close()


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "weighbridge.db"
    write(path, NOW)
    return path


def told(ask: Ask, address: str) -> Any:
    response = ask(address)
    assert response.status == 200, response.body
    return json.loads(response.body)


def test_all_jobs_of_an_application_together(ask: Ask) -> None:
    page = told(ask, "/api/jobs?app=shop")
    figures = page["figures"]
    assert (figures["calls"], figures["retried"], figures["failed"]) == (8 * MINUTES + 1, 16, MINUTES)
    assert (figures["timed_out"], figures["killed"], figures["errors"]) == (12, 5, MINUTES + 17)
    assert (figures["cancelled"], figures["rejected"], figures["queued"]) == (1, 1, 7 * MINUTES)
    assert 60 <= figures["queue_p99_seconds"] <= figures["queue_maximum_seconds"] == 60.2
    assert figures["queue_median_seconds"] == pytest.approx(0.7, rel=0.02)
    assert sum(bucket["figures"]["calls"] for bucket in page["timeline"]["buckets"]) == 8 * MINUTES + 1


def test_the_longest_wait_comes_first(ask: Ask) -> None:
    queues = told(ask, "/api/jobs?app=shop")["queues"]
    assert [(one["queue"], one["figures"]["calls"]) for one in queues] == [
        ("mail", 4 * MINUTES),
        ("default", 3 * MINUTES),
    ]


def test_a_page_says_by_what_tasks_were_enqueued(ask: Ask) -> None:
    found = [(one["task"]["name"], one["by"], one["count"]) for one in told(ask, "/api/jobs?app=shop")["enqueued"]]
    assert [(task, by and by["name"], count) for task, by, count in found] == [
        (SEND.name, "GET /", 40), (BUILD.name, "/pay", 7), (SEND.name, BUILD.name, 5), (BUILD.name, None, 2),
    ]  # fmt: skip
    page = ask("/jobs?app=shop").body.decode().partition("Enqueued by")[2].partition("</section>")[0]
    assert page.count("<tr data-key") == 4
    assert re.findall(r"app=(\w+)&(?:amp;)?group=(?:Route|Uri)&", page) == ["shop", "cart"]
    assert "others" in page
    address = f"transaction?app=shop&kind=background&group=Celery&name={BUILD.name}"
    of_task = told(ask, f"/api/{address}")["enqueued"]
    assert [(one["by"] and one["by"]["name"], one["count"]) for one in of_task] == [("/pay", 7), (None, 2)]
    assert "Enqueued by" in ask(f"/{address}").body.decode()
    visit = "transaction?app=shop&kind=web&group=Route&name=GET+/"
    assert told(ask, f"/api/{visit}")["enqueued"] == []
    assert "Enqueued by" not in ask(f"/{visit}").body.decode()


def test_the_figures_of_one_queue_are_those_of_its_tasks(ask: Ask) -> None:
    page = told(ask, "/api/jobs?app=shop&queue=default")
    assert (page["queue"], page["figures"]["calls"], page["figures"]["retried"]) == ("default", 3 * MINUTES, 0)
    assert sum(bucket["figures"]["failed"] for bucket in page["timeline"]["buckets"]) == MINUTES
    assert told(ask, "/api/jobs?app=shop&queue=none+such")["figures"]["calls"] == 0


@pytest.mark.parametrize(
    ("sort", "first"),
    [
        ("time", BUILD),
        ("throughput", SEND),
        ("queue-wait", SEND),
        ("queue-p95", SEND),
        ("retried", SEND),
        ("error_rate", BUILD),
    ],
)
def test_tasks_can_be_sorted_by_what_jobs_are_about(ask: Ask, sort: str, first: Series) -> None:
    page = told(ask, f"/api/jobs?app=shop&sort={sort}")
    assert [page["known"], len(page["lines"])] == [3, 3]
    assert page["lines"][0]["series"]["name"] == first.name


def test_what_runs_now_and_who_does_it(ask: Ask) -> None:
    page = told(ask, "/api/jobs?app=shop")
    assert [(one["series"]["name"], one["started"]) for one in page["running"]] == [
        (BUILD.name, NOW - 300),
        (SEND.name, NOW - 2),
    ]
    done = {
        worker["instance"]["pid"]: [one["series"]["name"] for one in worker["running"]] for worker in page["workers"]
    }
    assert done == {17: [BUILD.name, SEND.name, VISIT.name], 18: []}  # the third serves the web


def test_what_was_due_and_did_not_run_is_missed(ask: Ask) -> None:
    page = told(ask, "/api/jobs?app=shop")
    found = {one["schedule"]["name"]: one for one in page["schedules"]}
    assert found["shop.jobs:nightly"]["missed"] == 2
    assert found["shop.jobs:nightly"]["last_run"] is None
    assert 30 <= found["shop.tasks.sweep"]["missed"] <= 36  # it ran in 25 of 60 minutes, and once more
    assert NOW < found["shop.tasks.sweep"]["next"] <= NOW + 60


def test_the_page_shows_it(ask: Ask) -> None:
    page = ask("/jobs?app=shop").body.decode()
    for words in (
        "Time in the queue",
        "Failures and retries",
        "Outcomes",
        "mail",
        "timed out",
        "open for",
        "for 5 min",
    ):
        assert words.casefold() in page.casefold(), words
    assert "all queues" not in page
    assert "all queues" in ask("/jobs?app=shop&queue=mail").body.decode()


def test_a_task_has_its_time_in_the_queue_and_its_outcomes(ask: Ask) -> None:
    page = ask("/transaction?app=shop&kind=background&group=Celery&name=shop.tasks.send_letter").body.decode()
    assert 'data-title="Time in the queue"' in page
    assert 'data-title="Outcomes"' in page
    assert 'data-title="Time in the queue"' not in ask("/transaction?app=shop&group=Route&name=GET+/").body.decode()


def test_outcomes_that_never_occurred_have_no_line(ask: Ask) -> None:
    chart = (
        ask("/jobs?app=shop&queue=mail").body.decode().partition('data-title="Outcomes"')[2].partition("</figure>")[0]
    )
    assert "retried" in chart
    assert "killed" not in chart


def test_an_application_without_jobs_says_so(tmp_path: Path) -> None:
    conftest.write(tmp_path / "other.db", [conftest.Call(conftest.ITEM, 0.1)])
    console = Console(tmp_path / "other.db", clock=lambda: NOW)
    assert "No jobs in this time" in asking(console)("/jobs?app=shop").body.decode()
    console.close()


# ---- In a browser.


pytestmark = pytest.mark.application_blocks


@pytest.fixture
def jobs_url(tmp_path: Path) -> Iterator[str]:
    path = tmp_path / "jobs.db"
    write(path, time.time() // 60 * 60)
    with served(asgi_application(path)) as address:
        yield address


@pytest.fixture
def open_page(browser: Any, jobs_url: str) -> Iterator[Callable[..., Page]]:
    """Open a page in a window of a width, light or dark."""
    contexts = []

    def open_(address: str, width: int = 1280, scheme: str = "light") -> Page:
        context = browser.new_context(base_url=jobs_url, viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        context.set_default_timeout(conftest.LATENCY)
        page: Page = context.new_page()
        page.goto(address)
        return page

    yield open_
    for context in contexts:
        context.close()


def test_from_all_queues_to_one_and_to_a_task(open_page: Callable[..., Page]) -> None:
    page = open_page("/jobs?app=shop")
    charts_drawn(page, 5)
    page.get_by_role("link", name="mail").click()
    page.wait_for_url("**queue=mail**")
    charts_drawn(page, 5)
    page.get_by_label("Time", exact=True).select_option("1h")
    page.wait_for_url("**range=1h**")
    assert "queue=mail" in page.url
    page.get_by_role("link", name="Wait p95").click()
    page.wait_for_url("**sort=queue-p95**")
    page.get_by_role("link", name="all queues").click()
    page.get_by_role("rowheader", name=SEND.name).get_by_role("link").click()
    page.get_by_role("heading", name=SEND.name).wait_for()
    charts_drawn(page, 5)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1024])
def test_nothing_serious_stands_in_anybodys_way(open_page: Callable[..., Page], width: int, scheme: str) -> None:
    axe = needed("axe_playwright_python.sync_playwright")
    page = open_page("/jobs?app=shop", width, scheme)
    charts_drawn(page, 5)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    found = axe.Axe().run(page).response["violations"]
    serious = [one for one in found if one["impact"] in {"serious", "critical"}]
    assert not serious, [(one["id"], [node["html"][:200] for node in one["nodes"][:3]]) for one in serious]


@pytest.mark.parametrize(("queue", "throughput", "letters"), [("", "8.00/min", True), ("mail", "4.00/min", False)])
def test_what_has_changed_since_a_mark(ask: Ask, store: Path, queue: str, throughput: str, letters: bool) -> None:
    mark = int(NOW) - 600
    writer = state_at(str(store))
    assert writer.add_mark(Mark("shop", mark, "manual", "more workers"))
    writer.close()
    page = ask(f"/jobs?app=shop&kind=web&range=1h&mark={mark}&queue={queue}").body.decode()
    table = page.partition("Since more workers")[2].partition("</section>")[0]
    assert f'<td class="number">{throughput}</td>' in table
    assert "Time in the queue" in table
    assert "Apdex" not in table
    assert ("send_<wbr>letter" in table) is letters
