"""The benchmarks measure what they say: what was served was recorded, and intervals are those of the textbook."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from measuring.intervals import interval
from measuring.rounds import timed_together
from measuring.system_calls import STRACE, system_calls
from measuring.tables import kilo, put_into, table
from measuring.workers import Job, NotRecording, Worker, require_recorded


@pytest.mark.parametrize(
    ("door", "case"),
    [
        ("wsgi", "plain"),
        ("wsgi", "list"),
        ("wsgi", "keys"),
        ("wsgi", "reclassify"),
        ("wsgi", "raises"),
        ("wsgi", "stream"),
        ("wsgi", "framework"),
        ("asgi", "plain"),
        ("asgi", "raises"),
        ("asgi", "stream"),
        ("asgi", "framework"),
        ("task", "plain"),
        ("task", "raises"),
        ("task", "wrapped"),
    ],
)
def test_what_is_served_is_recorded(door: str, case: str) -> None:
    with Worker(Job("weighbridge", door, case)) as worker:
        times = worker.serve(700)
        assert worker.recorded() == 700
    assert 0 < times["thread"] <= times["process"]


@pytest.mark.parametrize("recorded", [None, 0, 99, 101])
def test_who_has_not_recorded_what_it_served_is_not_measured(recorded: int | None) -> None:
    require_recorded(Job("weighbridge", "wsgi"), 100, 100)
    with pytest.raises(NotRecording, match=f"served 100, recorded {recorded}"):
        require_recorded(Job("weighbridge", "wsgi"), 100, recorded)


def test_those_who_record_nothing_are_known() -> None:
    for subject in ("bare", "passthrough", "floor"):
        with Worker(Job(subject, "wsgi")) as worker:
            worker.serve(10)
            require_recorded(worker.job, 10, worker.recorded())


def test_what_several_processes_and_threads_serve_is_in_one_store() -> None:
    times = timed_together(Job("weighbridge", "wsgi", threads=4), processes=2, rounds=1)
    assert times.process > 0


def test_a_plain_request_leaves_nothing_to_the_cyclic_collector() -> None:
    for door in ("wsgi", "asgi", "task"):
        with Worker(Job("weighbridge", door)) as worker:
            worker.serve(700)
            assert worker.garbage(2000) == 0, door


@pytest.mark.skipif(STRACE is None, reason="strace is not installed")
@pytest.mark.parametrize("door", ["wsgi", "asgi", "task"])
def test_a_plain_request_makes_no_system_call(door: str) -> None:
    """What there is of them is the background's, woken once for some hundreds of requests, and new memory."""
    assert system_calls(Job("weighbridge", door)) < 0.05


@pytest.mark.skipif(STRACE is None, reason="strace is not installed")
def test_system_calls_are_seen() -> None:
    """One for each call of a function that asks who its parent is."""
    assert 1 <= system_calls(Job("bare", "task", "asks"), 500) < 1.05


def test_the_interval_is_given_by_the_order_of_the_figures() -> None:
    assert interval(range(1, 25)) == (7, 12.5, 18)
    assert interval(range(1, 7)) == (1, 3.5, 6)


def test_tables_and_numbers() -> None:
    assert [kilo(712), kilo(7_312), kilo(538_600), kilo(2_113_900)] == ["0.7 k", "7.3 k", "539 k", "2 114 k"]
    assert table(["", "a"], [["x", "1"]]) == "|  | a |\n| --- | --- |\n| x | 1 |"


def test_a_table_is_put_between_its_marks(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text("before\n<!-- start -->\nold\n<!-- /start -->\nafter\n")
    put_into(page, "start", "new")
    assert page.read_text() == "before\n<!-- start -->\nnew\n<!-- /start -->\nafter\n"
    with pytest.raises(ValueError, match="no <!-- memory -->"):
        put_into(page, "memory", "new")
