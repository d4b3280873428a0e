"""Runs the suites of frameworks and servers twice, without and with weighbridge in front of every application.

    python tests/suites/run.py                    all of them
    python tests/suites/run.py flask starlette    some
    python tests/suites/run.py --keep DIR flask   their sources stay in that folder for the next time

Every test has to end with weighbridge as it ends without it, and every request
has to be in the store. Tests that end in another way are run again by
themselves, without and with: some are moody, or bear no company. The sources
are those of the installed releases, and come from the package index.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent))  # a safe path does not have it
sys.path.insert(1, str(Path(__file__).resolve().parents[1]))

import processes
from runs import Run, children_wrapped, run
from sources import source
from suite import SUITES, Suite

_AGAIN = 2
"""How often tests that end differently are run again."""


class Compared(NamedTuple):
    """A suite without and with weighbridge."""

    suite: Suite
    bare: Run
    measured: Run
    different: dict[str, tuple[str, str]]
    """Tests that ended differently, each time that they were run."""
    said: str = ""
    """What they said last."""


def main() -> None:
    """Compare, show, and exit with 1 where something is different."""
    options = _options()
    processes.keep()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with _folder(options.keep) as folder, children_wrapped():
        found = [compared(suite, source(suite.name, folder)) for suite in options.suites or SUITES.values()]
    print(table(found), flush=True)
    complaints = [problem for one in found for problem in problems(one)]
    print(*complaints, sep="\n")
    sys.exit(bool(complaints))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suites", nargs="*", type=_suite, metavar="NAME", help=f"by default {', '.join(SUITES)}")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="where the sources stay, and are looked for")
    return parser.parse_args()


def _suite(name: str) -> Suite:
    if name not in SUITES:
        raise argparse.ArgumentTypeError(f"no suite {name!r}; there are {', '.join(SUITES)}")
    return SUITES[name]


@contextmanager
def _folder(kept: Path | None) -> Iterator[Path]:
    if kept:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept.resolve()
    else:
        with tempfile.TemporaryDirectory(prefix="suites-") as folder:
            yield Path(folder)


def compared(suite: Suite, root: Path) -> Compared:
    """Run a suite without and with weighbridge.

    Args:
        suite: which.
        root: where its sdist is.
    """
    bare, measured = (run(suite, root, measured=measured) for measured in (False, True))
    different, said = _different(suite, bare, measured), measured.last_words
    for _ in range(_AGAIN):
        if different:
            again = [run(suite, root, measured=measured, only=tuple(different)) for measured in (False, True)]
            different = {test: how for test, how in _different(suite, *again).items() if test in different}
            said = again[1].last_words
    return Compared(suite, bare, measured, different, said)


def _different(suite: Suite, bare: Run, measured: Run) -> dict[str, tuple[str, str]]:
    """By test, how it ended without and with weighbridge, where that is not the same."""
    tests = sorted(bare.outcomes.keys() | measured.outcomes.keys())
    ends = {test: (bare.outcomes.get(test, "absent"), measured.outcomes.get(test, "absent")) for test in tests}
    return {
        test: (without, with_us)
        for test, (without, with_us) in ends.items()
        if without != with_us and not test.startswith(suite.looking)
    }


def problems(found: Compared) -> Iterator[str]:
    """What weighbridge has changed, or has not seen."""
    name, measured = found.suite.name, found.measured
    for one in (found.bare, measured):
        if one.ended not in {0, 1}:  # 1: some tests fail, as they may without us
            yield f"{name}: the tests {one.mode} ended with {one.ended}: {one.last_words}"
    for test, (without, with_us) in found.different.items():
        yield f"{name}: {test} {without} without weighbridge, {with_us} with it"
    if found.different:
        yield found.said
    if measured.asked != measured.recorded + measured.unfinished:
        yield f"{name}: {measured.asked} requests, {measured.recorded} recorded, {measured.unfinished} unfinished"
    if not measured.asked:
        yield f"{name}: no request came by weighbridge"


def table(found: list[Compared]) -> str:
    """A line for each suite."""
    passed = ["passed without", "passed with", "different"]
    head = ["suite", "tests", *passed, "requests", "recorded", "unfinished", "seconds"]
    rows = [head, *(_row(one) for one in found)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)


def _row(found: Compared) -> list[str]:
    bare, measured = found.bare, found.measured
    statistics = (
        *(len(bare.outcomes), bare.passed, measured.passed, len(found.different)),
        *(measured.asked, measured.recorded, measured.unfinished, round(bare.seconds + measured.seconds)),
    )
    return [f"{found.suite.name} {version(found.suite.name)}", *map(str, statistics)]


if __name__ == "__main__":
    main()
