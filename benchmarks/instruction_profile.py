"""Where a request's instructions are: by function of the interpreter, over those of the bare application.

    python benchmarks/instruction_profile.py --entry-point wsgi asgi

Nearly all of them are the interpreter's own. What differs between versions of
Python shows here: run it with each of them.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))  # a safe path does not have it

from measuring.callgrind import VALGRIND, by_function
from measuring.environments import versions_of
from measuring.subjects import HERE
from measuring.tables import show, table
from measuring.workers import Job

_ENTRY_POINTS = ["wsgi", "asgi", "task"]


def main() -> None:
    """Measure and show."""
    options = _options()
    if VALGRIND is None:
        sys.exit("valgrind is not installed: it counts the instructions")
    columns = {
        (entry_point, subject): _over_bare(entry_point, subject)
        for entry_point in options.entry_point
        for subject in options.only
    }
    show(_table(columns, options.most), [versions_of("weighbridge")], options.into, "instruction-profile")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entry-point", choices=_ENTRY_POINTS, nargs="*", default=["wsgi", "asgi"])
    parser.add_argument("--only", choices=HERE, nargs="*", default=["floor", "weighbridge"])
    parser.add_argument("--most", type=int, default=12, help="how many functions are shown")
    parser.add_argument("--into", type=Path, metavar="FILE", help="put the table between the marks in that file")
    return parser.parse_args()


def _over_bare(entry_point: str, subject: str) -> dict[str, float]:
    bare, found = by_function(Job("bare", entry_point)), by_function(Job(subject, entry_point))
    return {name: found.get(name, 0) - bare.get(name, 0) for name in {*bare, *found}}


def _table(columns: dict[tuple[str, str], dict[str, float]], most: int) -> str:
    dearest = max(columns.values(), key=lambda column: sum(column.values()))
    names = sorted(dearest, key=dearest.__getitem__, reverse=True)[:most]
    rows = [[f"`{name}`", *(f"{column.get(name, 0):.0f}" for column in columns.values())] for name in names]
    whole = ["all", *(f"{sum(column.values()):.0f}" for column in columns.values())]
    return table(["function", *map(", ".join, columns)], [whole, *rows])


if __name__ == "__main__":
    main()
