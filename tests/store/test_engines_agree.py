"""The same snapshots give the same answers whatever keeps them, to the last digit: in reports, exports and pages."""

from __future__ import annotations

import json
import random
import shlex
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from weighbridge.cli.commands import weighbridge
from weighbridge.console.application import Console
from weighbridge.console.http import Request
from weighbridge.reporting.json_csv import as_csv, as_json
from weighbridge.reporting.report import SORTS, read_report
from weighbridge.transactions.model.tracebacks import Raised, Stack
from weighbridge.transactions.recording.snapshot import ErrorGroup, GroupCount, Sample, SampleError, Snapshot
from weighbridge.transactions.store.engines import state_at
from weighbridge.transactions.store.reader import AlertState, Mark, Selection, StoreReader, Window
from weighbridge.transactions.store.state import StateWriter

from ..clusters import Cluster
from .conftest import NOW, FileEngine, Maker, ServerEngine

HOUR = 3600
PAGES = ("summary", "transactions", "errors", "applications", "running", "hosts", "custom", "marks", "alerts")


@contextmanager
def told_the_same(folder: Path, cluster: Cluster, begin: float) -> Iterator[tuple[str, str]]:
    """A file and a server that were told the same by three processes on two hosts, from a moment on."""
    file, server = FileEngine(folder), ServerEngine(cluster)
    writers = [file.writer(), server.writer()]
    try:
        for snapshot in snapshots(begin):
            for writer in writers:
                writer.write(snapshot)
        writers[0].close()
        for path in (file.path, server.path):
            with closing(state_at(path)) as state:
                say(state, begin)
        yield file.path, server.path
    finally:
        server.close()


@pytest.fixture
def paths(tmp_path, cluster) -> Iterator[tuple[str, str]]:
    with told_the_same(tmp_path, cluster, NOW) as paths:
        yield paths


def snapshots(begin: float) -> Iterator[Snapshot]:
    """Some hours, with odd durations, failures, samples, losses and what is open."""
    choose = random.Random(11)
    makers = [Maker(f"process {number}") for number in range(3)]
    for turn in range(24):
        for number, make in enumerate(makers):
            now = begin + 700.0 * turn + number
            rows = []
            for _ in range(3):
                series = choose.choice([make.page, make.job])._replace(name=f"name {choose.randrange(5)}")
                durations = [choose.expovariate(3) + 1e-7 for _ in range(choose.randint(1, 9))]
                failed = choose.choice([0, 1])
                rows.append(
                    make.row(
                        durations, series, now - choose.choice([0, 60, 5000]), failed=failed,
                        succeeded=len(durations) - failed, statuses={200: len(durations)}, queued=1, queue_total=1 / 3,
                        queue="mail" if series.kind == "background" else "",
                    )
                )  # fmt: skip
            groups = [group(choose.randrange(4), turn > 12) for _ in range(3)]
            one = make.snapshot(
                *rows, taken=now, errors=(make.error(f"error {choose.randrange(3)}", minute=now),),
                groups=tuple(GroupCount(rows[0].series, rows[0].minute, one, choose.randint(1, 5)) for one in groups),
                samples=(make.sample(choose.random(), now), with_errors(make, choose.random(), now, groups)),
                lost={"names": choose.randrange(2)}, running=(make.running(now - 30),), ran=now - begin,
            )  # fmt: skip
            version = "1.5" if turn > 12 else "1.4"
            yield replace(one, instance=replace(one.instance, host=f"host {number % 2}", version=version))


def group(number: int, is_new: bool) -> ErrorGroup:
    """One of some groups, of which two are new in the later version, and one is expected."""
    name = f"{'new' if is_new and number < 2 else 'old'} {number}"
    return ErrorGroup(
        f"shop:Broken {name}", "shop:Broken", f"order {number} of {name}", "shop.py:7 in pay", number == 3
    )


def with_errors(make: Maker, duration: float, now: float, groups: list[ErrorGroup]) -> Sample:
    """A sample with errors, of which the first has a traceback."""
    stack = Stack(Raised("shop:Broken", "", "", (), 0, (), 0))
    stack.digest, stack.text = groups[0].key, json.dumps({"type": "shop:Broken", "frames": [], "omitted": 2})
    errors = tuple(SampleError(one, None if place else stack) for place, one in enumerate(groups))
    noticed = tuple(make.noticed(one.message) for one in groups)
    return replace(make.sample(duration, now, reason="failed", failed=True, errors=noticed), errors=errors)


def say(state: StateWriter, begin: float) -> None:
    """Marks and alerts in every state."""
    assert state.add_mark(Mark("shop", int(begin) + 3600, "manual", "sale"))
    assert state.add_mark(Mark("", int(begin) + 7200, "manual", "all of us"))
    for name, kind, told in (("a", "critical", "ok"), ("b", "warning", "warning"), ("c", "ok", "ok"),
                             ("d", "pending", "ok")):  # fmt: skip
        alert = AlertState(name, kind, begin + 9e3, told, "somebody", begin + 5 * HOUR, 3)  # type: ignore[arg-type]
        drawn = Mark("shop", int(begin) + 9000, "alert", name)
        assert state.change_alert(None, alert, drawn if alert.is_on else None)
        assert not state.change_alert(None, alert)


def same(answers: list[str], *paths: str) -> None:
    """But for the name and the size of the store, which are its own."""
    file, server = (_told(answer, path) for answer, path in zip(answers, paths, strict=True))
    assert file == server


def _told(answer: str, path: str) -> Any:
    found = json.loads(answer)
    _without(found)
    return found


def _without(found: Any) -> None:
    if isinstance(found, dict):
        for name in ("path", "size", "owner", "version", "clock_difference", "server_time", "id"):
            found.pop(name, None)
    for part in found.values() if isinstance(found, dict) else found if isinstance(found, list) else ():
        _without(part)


def test_reports_exports_and_pages_agree(paths) -> None:
    window = Window(NOW - 2 * HOUR, NOW + 6 * HOUR)
    with StoreReader.open(paths[0]) as file, StoreReader.open(paths[1]) as server:
        for by in ("name", "host", "version", "queue"):
            for sort in SORTS:
                reports = [read_report(reader, window, Selection(), sort, by) for reader in (file, server)]
                assert as_csv(reports[0]) == as_csv(reports[1])
                same([as_json(report) for report in reports], *paths)
    clock = NOW + 5 * HOUR
    file_page, server_page = (Console(path, clock=lambda: clock) for path in paths)
    with closing(file_page), closing(server_page):
        for page in PAGES:
            for query in ("app=shop&range=6h", "app=shop&kind=background&range=30m&compare=day", "app=shop&range=7d"):
                asked = Request("GET", f"/api/{page}", query=query, host="localhost")
                answers = [console.respond(asked) for console in (file_page, server_page)]
                assert [answer.status for answer in answers] == [200, 200], (page, query)
                same([answer.body.decode() for answer in answers], *paths)
        chosen = ("status=5xx", "search=a&order=latest", "error_class=any", "min_duration=0.1&max_duration=1m")
        for query in (*chosen, "attribute=customer=17", "error_class=KeyError&host=host+1", "search=nobody&kind=web"):
            asked = Request("GET", "/api/samples", query=f"app=shop&range=6h&{query}", host="localhost")
            answers = [console.respond(asked) for console in (file_page, server_page)]
            assert [answer.status for answer in answers] == [200, 200], query
            same([answer.body.decode() for answer in answers], *paths)
        told = file_page.respond(Request("GET", "/api/errors", query="app=shop&range=6h", host="localhost")).body
        numbers = [one["group"]["id"] for one in json.loads(told)["groups"]]
        assert len(numbers) > 3
        for page in ("summary", "samples", "errors", "running", *(f"error?error={number}" for number in numbers)):
            for part in ("", "host=host+1", "version=1.4", "host=unknown", f"mark={NOW + 3600:.0f}"):
                name, _, more = page.partition("?")
                query = f"app=shop&range=6h&{part}&{more}"
                asked = Request("GET", f"/api/{name}", query=query, host="localhost", client="127.0.0.1")
                answers = [console.respond(asked) for console in (file_page, server_page)]
                assert [answer.status for answer in answers] == [200, 200], (page, part)
                if name == "error" and part == "version=1.4":
                    assert json.loads(answers[0].body)["traceback"] is not None
                same([answer.body.decode() for answer in answers], *paths)


COMMANDS = (
    *(f"report --since {since} --by {by}" for since in ("30m", "12h") for by in ("name", "host", "version", "queue")),
    *(f"report --since 6h --sort {sort}" for sort in SORTS),
    *(f"report --since {since} {form}" for since in ("20m", "7d") for form in ("--json", "--csv")),
    "report --since 6h --app shop --type web",
    "report --since 6h --errors",
    "report --since 6h --errors --json",
    "top --count 1 --since 6h",
    "top --count 1 --since 6h --by host",
    "check --since 6h --p95 1ms,10s --error-rate 1%,90% --average 1s --throughput 1 --apdex 0.99,0.1",
    "check --since 6h --missing 1m,1h --queue-wait 1ms,1h --transaction WebTransaction/Route/name\\ 1",
)


def test_all_that_commands_print_agrees(tmp_path, cluster, monkeypatch) -> None:
    """Judged by the clock of the test: a server judges by its own what is to be rolled up, so that is near it."""
    now = time.time()
    begin = now // 60 * 60 - 24 * 700
    monkeypatch.setattr(time, "time", lambda: now)
    with told_the_same(tmp_path, cluster, begin) as paths:
        for command in COMMANDS:
            file, server = (printed(command, path) for path in paths)
            assert file == server, command
            words = ("name ", "host ", "1.4", "mail", "shop:Broken", "%")
            assert any(word in file for word in words), (command, file)


def printed(command: str, store: str) -> str:
    """What a command prints, with its exit status; without what is the store's own."""
    result = CliRunner().invoke(weighbridge, [*shlex.split(command), "--store", store])
    assert "Traceback" not in result.output, result.output
    shown = [line for line in result.stdout.splitlines() if "postgresql://" not in line and store not in line]
    if command.endswith("--json"):
        return f"{result.exit_code} {_told(result.stdout, store)}"
    return "\n".join((f"{result.exit_code}", *shown))
