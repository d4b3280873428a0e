"""What a request pays for being measured: weighbridge, its peers, and the floor below which nobody can go.

    python benchmarks/overhead.py                     plain requests to all subjects, a good half hour
    python benchmarks/overhead.py --cases             other requests, to the floor and weighbridge; likewise
    python benchmarks/overhead.py --together          weighbridge in many threads and processes
    python benchmarks/overhead.py --instructions --only floor,weighbridge --entry-point wsgi

Figures are per request and over the bare application: instructions under
valgrind's callgrind, all threads included, and CPU time, in interleaved rounds.
Subjects that need a library get an environment of their own, in a cache folder.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))  # a safe path does not have it

from measuring.callgrind import VALGRIND
from measuring.costs import Cost, measured
from measuring.entry_points import CASES, ENTRY_POINTS
from measuring.environments import versions_of
from measuring.ratios import record
from measuring.rounds import timed_together
from measuring.subjects import REQUIREMENTS
from measuring.tables import kilo, show, table
from measuring.workers import Job

_OURS = ["floor", "weighbridge"]
_ONLY_AT = {"list": "wsgi", "wrapped": "task"}
_FOR_TESTS = {"asks"}
_NOT_FOR_TASKS = {"keys", "reclassify", "stream", "framework", "names-100", "names-50000"}

_MANY = (1, 8, 64)

_Costs = dict[Job, Cost]


def main() -> None:
    """Measure what was asked for."""
    options = _options()
    counting = options.instructions or not options.time
    rounds = options.rounds if options.time or not options.instructions else 0
    if counting and VALGRIND is None:
        sys.exit("valgrind is not installed; --time measures without it")
    if options.together:
        _show("together", _together(options.rounds), ["weighbridge"], options)
    elif options.case or options.cases:
        costs = _measure(_cases(options), counting, rounds)
        _show("cases", _table_of_cases(costs), _subjects_of(costs), options)
    else:
        costs = _measure(_subjects(options), counting, rounds)
        _show("overhead", _table(costs, options), options.only, options)
        if options.record:
            record(
                {
                    job.entry_point: cost.ratio
                    for job, cost in costs.items()
                    if job.subject == "weighbridge" and cost.ratio
                }
            )


def _show(mark: str, made: str, subjects: Iterable[str], options: argparse.Namespace) -> None:
    show(made, map(versions_of, subjects), options.into, mark)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instructions", action="store_true", help="count instructions only")
    parser.add_argument("--time", action="store_true", help="measure CPU time only")
    parser.add_argument("--only", type=_names, default=list(REQUIREMENTS)[1:], metavar="SUBJECT,SUBJECT")
    parser.add_argument("--entry-point", choices=ENTRY_POINTS, action="append", help="by default all")
    parser.add_argument("--case", choices=CASES, action="append", help="other requests than a plain one")
    parser.add_argument("--cases", action="store_true", help="all other requests; floor and weighbridge, if not --only")
    parser.add_argument("--together", action="store_true", help="weighbridge in many threads and processes")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--record", action="store_true", help="keep weighbridge's ratios for the regression check")
    parser.add_argument("--into", type=Path, metavar="FILE", help="put the table between its marks in that file")
    options = parser.parse_args()
    options.entry_point = options.entry_point or list(ENTRY_POINTS)
    return options


def _names(text: str) -> list[str]:
    names = text.split(",")
    unknown = set(names) - set(REQUIREMENTS)
    if unknown:
        raise argparse.ArgumentTypeError(f"no such subject: {', '.join(unknown)}; there are {', '.join(REQUIREMENTS)}")
    return names


def _subjects(options: argparse.Namespace) -> Iterator[list[Job]]:
    """All subjects at a middleware."""
    for entry_point in options.entry_point:
        yield [Job(subject, entry_point) for subject in options.only]


def _cases(options: argparse.Namespace) -> Iterator[list[Job]]:
    """A case at a middleware."""
    everybody = options.only == list(REQUIREMENTS)[1:]
    for case in options.case or [case for case in CASES if case not in _FOR_TESTS]:
        for entry_point in options.entry_point:
            if _ONLY_AT.get(case, entry_point) == entry_point and not (
                entry_point == "task" and case in _NOT_FOR_TASKS
            ):
                yield [Job(subject, entry_point, case) for subject in (_OURS if everybody else options.only)]


def _measure(groups: Iterator[list[Job]], counting: bool, rounds: int) -> _Costs:
    costs: _Costs = {}
    for jobs in groups:
        for job, cost in measured(jobs, counting, rounds).items():
            print(f"{job.entry_point} {job.case:11} {job.subject:13} {cost}", flush=True)
            costs[job] = cost
    return costs


_ENTRY_POINTS = {"wsgi": "WSGI request", "asgi": "ASGI request", "task": "decorated call"}


def _table(costs: _Costs, options: argparse.Namespace) -> str:
    rows = (
        [subject, *(_cell(costs[Job(subject, entry_point)]) for entry_point in options.entry_point)]
        for subject in options.only
    )
    return table(["", *(_ENTRY_POINTS[entry_point] for entry_point in options.entry_point)], rows)


def _table_of_cases(costs: _Costs) -> str:
    places = dict.fromkeys((job.entry_point, job.case) for job in costs)
    subjects = _subjects_of(costs)
    rows = (
        [_ENTRY_POINTS[entry_point], case, *(_cell(costs[Job(subject, entry_point, case)]) for subject in subjects)]
        for entry_point, case in places
    )
    return table(["", "case", *subjects], rows)


def _subjects_of(costs: _Costs) -> list[str]:
    return list(dict.fromkeys(job.subject for job in costs))


def _cell(cost: Cost) -> str:
    said = []
    if cost.instructions is not None:
        said.append(f"{kilo(cost.instructions)} · {cost.ratio:.3g}×")  # noqa: RUF001
    if cost.times is not None:
        said.append(f"{cost.times.process:.3g} µs")
    return " · ".join(said)


def _together(rounds: int) -> str:
    """CPU time per request, that of the bare application included."""
    found = {
        f"{count} threads": timed_together(Job("weighbridge", "wsgi", threads=count), 1, rounds) for count in _MANY
    }
    for count in (1, 4):
        found[f"{count} processes on one store"] = timed_together(Job("weighbridge", "wsgi"), count, rounds)
    rows = ([name, f"{times.process:.2f} µs"] for name, times in found.items())
    return table(["WSGI requests in", "CPU a request, the application included"], rows)


if __name__ == "__main__":
    main()
