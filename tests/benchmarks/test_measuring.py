"""The benchmarks measure what they say: what was served was recorded, and intervals are those of the textbook."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from measuring.callgrind import VALGRIND
from measuring.intervals import interval
from measuring.rounds import timed_together
from measuring.subjects import REQUIREMENTS
from measuring.system_calls import STRACE, system_calls
from measuring.tables import kilo, put_into, table
from measuring.workers import Job, NotRecording, Worker, require_recorded

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.mark.parametrize(
    ("middleware", "case"),
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
def test_what_is_served_is_recorded(middleware: str, case: str) -> None:
    with Worker(Job("weighbridge", middleware, case)) as worker:
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
    for middleware in ("wsgi", "asgi", "task"):
        with Worker(Job("weighbridge", middleware)) as worker:
            worker.serve(700)
            assert worker.garbage(2000) == 0, middleware


@pytest.mark.bench
@pytest.mark.skipif(STRACE is None, reason="strace is not installed")
@pytest.mark.parametrize("middleware", ["wsgi", "asgi", "task"])
def test_a_plain_request_makes_no_system_call(middleware: str) -> None:
    """What there is of them is the background's, woken once for some hundreds of requests, and new memory."""
    assert system_calls(Job("weighbridge", middleware)) < 0.05


@pytest.mark.skipif(STRACE is None, reason="strace is not installed")
def test_system_calls_are_seen() -> None:
    """One for each call of a function that asks who its parent is."""
    assert 0.9 < system_calls(Job("bare", "task", "asks"), 500) < 1.1


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


def rows(text: str) -> list[list[str]]:
    """The cells of a table, the head and what is below it left out."""
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| ")][2:]


def run(script: str, *arguments: str) -> list[list[str]]:
    """The table that it prints."""
    command = [sys.executable, BENCHMARKS / script, *arguments]
    return rows(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_real_servers_are_loaded_and_judged() -> None:
    found = run("sockets.py", "--rounds", "2", "--requests", "40")
    assert [(row[0], row[6]) for row in found] == [
        ("gunicorn, floor", ""),
        ("gunicorn, weighbridge", "too few rounds"),
        ("uvicorn, floor", ""),
        ("uvicorn, weighbridge", "too few rounds"),
    ]


@pytest.mark.bench
@pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="what runs once a request misses the caches of a server: see docs/costs.md",
)
@pytest.mark.parametrize("server", ["gunicorn", "uvicorn"])
def test_a_real_server_loses_no_more_than_is_allowed(server: str) -> None:
    (row,) = run("sockets.py", "--rounds", "20", "--requests", "1000", "--server", server, "--only", "weighbridge")
    assert row[6] == "yes"


@pytest.mark.bench
@pytest.mark.skipif(VALGRIND is None, reason="valgrind is not installed")
def test_what_a_real_server_does_and_misses_is_shown() -> None:
    bare, floor = run("server_profile.py", "--server", "uvicorn", "--only", "floor", "--requests", "200")
    assert (bare[0], floor[0]) == ("uvicorn, bare", "uvicorn, floor")
    assert all(re.fullmatch(r"\d+(\.\d)? k", cell) for cell in bare[1:])
    assert re.fullmatch(r"\+\d+\.\d k, \+\d+\.\d%", floor[1])


@pytest.mark.bench
@pytest.mark.skipif(VALGRIND is None, reason="valgrind is not installed")
def test_where_the_instructions_are_is_shown() -> None:
    whole, *functions = run("instruction_profile.py", "--entry-point", "task", "--only", "floor", "--most", "3")
    assert whole[0] == "all"
    assert 0 < sum(int(cell) for _, cell in functions) <= int(whole[1])
    assert "`_PyEval_EvalFrameDefault`" in [name for name, _ in functions]


def test_an_import_loads_nothing_heavy() -> None:
    (row,) = run("start.py", "--only", "weighbridge", "--rounds", "1")
    assert (row[0], row[-1]) == ("`weighbridge`", "")


def test_the_readme_shows_the_table_that_the_harness_made() -> None:
    """With its date, the versions, and the command by which it was put there."""
    page = (Path(__file__).resolve().parents[2] / "README.md").read_text("utf-8")
    made = page.partition("<!-- overhead -->\n")[2].partition("\n<!-- /overhead -->")[0]
    assert made.startswith("|  | WSGI request | ASGI request | decorated call |\n")
    subjects = {name for name, *_ in rows(made)}
    assert {"floor", "weighbridge", "prometheus"} <= subjects <= set(REQUIREMENTS)
    cells = [cell for _, *row in rows(made) for cell in row]
    assert all(re.fullmatch(r"\d[\d. ]* k · [\d.]+× · [\d.]+ µs", cell) for cell in cells)  # noqa: RUF001
    said = made.splitlines()[-1]
    assert re.match(r"20\d\d-\d\d-\d\d, .*CPython 3\.\d+\.\d+, weighbridge [\d.]+, prometheus-client [\d.]+", said)
    assert re.search(r"; made by `python benchmarks/overhead\.py .*--into \S*README\.md`\.$", said)
