"""Every job system in one line: what is sent to a real worker is what is counted."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

import weighbridge

from ..recording.conftest import Stored
from .driver import MANY, Counted, Runner, counted, enqueuers, missed_in_a_year, queues, running
from .rows import ROWS, Row
from .table import COLUMNS, PAGE, cells_of, outcomes

REQUIRED = os.environ.get("JOB_SYSTEMS") == "required"
"""Whether all systems must be there; else those that are not are skipped."""

Runners = Callable[[Row], Runner]
rows = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)


@pytest.fixture(autouse=True)
def _needs(request: pytest.FixtureRequest) -> None:
    row: Row | None = request.node.callspec.params.get("row") if hasattr(request.node, "callspec") else None
    missing = None if row is None else row.missing()
    if missing and not REQUIRED:
        pytest.skip(missing)
    assert not missing


@rows
def test_what_is_sent_is_counted(row: Row, runner: Runners, stored: Stored, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the last run, by name and outcome; a decorated task is one transaction a run."""
    monkeypatch.setenv("WEIGHBRIDGE_FLUSH_INTERVAL", "0.5")  # a process that is killed has written what came before
    driver = runner(row)
    driver.work_on(row.send, stored, row.total())
    found = counted(stored, row.group)
    note_outcomes(row, found)
    assert {name: dict(one.outcomes) for name, one in found.items()} == row.expected
    note_enqueuers(row, {name: sent_of(one) for name, one in found.items()}, enqueuers(stored))
    assert_all_have_waited(row, found)
    assert_what_is_killed_has_waited_until_it_began(driver, found)
    if not row.worker:
        assert_what_is_due(row, stored)


def assert_all_have_waited(row: Row, found: dict[str, Counted]) -> None:
    """Each run has waited in its queue, however it ended, as far as the system knows."""
    if row.has_queue_time:
        told = {name: (one.queued, sum(one.outcomes.values())) for name, one in found.items()}
        outcomes[row, "queue time"] = all(queued == runs for queued, runs in told.values())
        assert outcomes[row, "queue time"], told


def assert_what_is_killed_has_waited_until_it_began(driver: Runner, found: dict[str, Counted]) -> None:
    """And not until its end, when its parent tells of it."""
    longest = driver.seconds_in_queue("dies")
    if longest is not None:
        ((_, dies),) = ((name, one) for name, one in found.items() if name.endswith("dies"))
        assert 0 < dies.longest_wait < longest + 1


def note_outcomes(row: Row, found: dict[str, Counted]) -> None:
    """Fill the row's cells."""
    right = {name: name in found and dict(found[name].outcomes) == wanted for name, wanted in row.expected.items()}
    outcomes[row, "name"] = found.keys() == row.expected.keys()
    for name, wanted in row.expected.items():
        for outcome in wanted:
            column = outcome.replace("_", " ")
            outcomes[row, column] = outcomes.get((row, column), True) and right[name]
        if "decorated" in name:
            outcomes[row, "once if decorated"] = outcomes.get((row, "once if decorated"), True) and right[name]


def sent_of(one: Counted) -> int:
    """How many tasks were sent: each ends once, and begins once more whenever it is to be tried again."""
    return sum(one.outcomes.values()) - one.outcomes.get("retried", 0)


def note_enqueuers(row: Row, sent: dict[str, int], told: dict[str, dict[str, int]]) -> None:
    """Fill the row's cell: all that was sent was enqueued by one request."""
    expected = {name: {"order": number} for name, number in sent.items()} if row.has_header else {}
    if row.has_header:
        outcomes[row, "enqueued by"] = outcomes.get((row, "enqueued by"), True) and told == expected
    assert told == expected


@rows
def test_who_is_told_to_stop_loses_nothing(row: Row, runner: Runners, stored: Stored) -> None:
    """Nor do children that are replaced; each run has waited, in a queue with a name, as far as the system knows."""
    if not row.worker:
        pytest.skip("the program is the worker")
    runner(row).work_on_many()
    (plain,) = (one for name, one in counted(stored, row.group).items() if name.endswith("plain"))
    outcomes[row, "ended children"] = plain.outcomes == {"succeeded": MANY}
    assert plain.outcomes == {"succeeded": MANY}
    note_enqueuers(
        row, {name: MANY for name in counted(stored, row.group) if name.endswith("plain")}, enqueuers(stored)
    )
    if row.queue is not None:
        outcomes[row, "queue"] = queues(stored).keys() == {row.queue}
    assert queues(stored).keys() == ({row.queue} - {None})
    if row.has_queue_time:
        outcomes[row, "queue time"] = outcomes.get((row, "queue time"), True) and plain.queued == MANY
    assert plain.queued == (MANY if row.has_queue_time else 0)
    assert_what_is_due(row, stored)


def assert_what_is_due(row: Row, stored: Stored) -> None:
    """What is due once a year is known, and missed where nobody runs it."""
    missed = missed_in_a_year(stored).get(row.yearly or "")
    if row.yearly is not None:
        outcomes[row, "missed"] = missed == 1
        assert missed == 1


@rows
def test_a_task_whose_process_is_killed_is_counted_by_the_next_report(
    row: Row, runner: Runners, stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no parent tells of it: the task was open, and its process is gone."""
    if not row.stuck:
        pytest.skip("its parent tells of it, or it is tried with another row")
    monkeypatch.setenv("WEIGHBRIDGE_FLUSH_INTERVAL", "0.5")
    runner(row).kill_while_working(stored)
    assert running(stored) == []
    assert row.stuck not in counted(stored, row.group)
    with weighbridge.BackgroundTask(name="another"):
        pass
    assert weighbridge.flush()
    outcomes[row, "killed"] = dict(counted(stored, row.group)[row.stuck].outcomes) == {"killed": 1}
    assert outcomes[row, "killed"]


@rows
def test_what_runs_at_once_is_a_part_of_the_request(row: Row, runner: Runners) -> None:
    if not row.eager:
        pytest.skip("it runs nothing at once")
    alone = runner(row).run(row.eager) == "['WebTransaction/Function/request']"
    outcomes[row, "part of a request"] = alone
    assert alone


@pytest.mark.parametrize("system", ROWS, ids=lambda row: f"table: {row.name}")
def test_every_cell_of_the_table_is_tried_or_has_a_reason(system: Row) -> None:
    """As it stands in the documentation, where that is at hand."""
    assert system.tried().isdisjoint(system.reasons)
    assert system.tried() | system.reasons.keys() == set(COLUMNS)
    if PAGE.exists():
        told = cells_of(PAGE.read_text("utf-8"), system.name)
        assert {column for column, cell in told.items() if cell == "✓"} == system.tried()
