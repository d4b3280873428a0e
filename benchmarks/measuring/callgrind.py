"""Instructions, as valgrind's callgrind counts them: the same figure again on the same machine.

One process serves blocks of N and of 2 N requests in turns; what N requests
cost is the difference, in which neither the start nor the write at the end of a
block is. All threads count. All that was served has to have been recorded.

What a busy machine changes (how the times spread, how often a thread wakes)
makes some blocks dearer, and none cheaper: of several, the cheapest counts.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections import Counter
from functools import partial
from pathlib import Path

from .environments import child_environment
from .marks import MARK
from .processes import end_with
from .subjects import REQUIREMENTS
from .workers import Job, Worker, command_of, require_recorded

__all__ = ["VALGRIND", "by_function", "events", "instructions", "instructions_of_import"]

VALGRIND = shutil.which("valgrind")
"""``None`` where it is not installed."""

_NAMED = re.compile(r"(?P<called>c?)fn=\((?P<number>\d+)\)(?: (?P<name>.*))?")
_COUNT = re.compile(r"[+*-]?\d* ?\d")
_SLOW = set(REQUIREMENTS) - {"bare", "passthrough", "floor", "prometheus", "weighbridge"}


def instructions(job: Job, requests: int | None = None, pairs: int | None = None) -> float:
    """Instructions per request: from the cheapest block of each length.

    Args:
        job: what is measured.
        requests: N; by default as many as a steady figure needs, as are the pairs.
        pairs: how many blocks of N and of 2 N there are.

    Raises:
        NotRecording: the subject can tell what it recorded, and has not recorded everything.
        RuntimeError: the process failed.
    """
    requests = requests or (300 if job.subject in _SLOW else 2000 if job.subject == "weighbridge" else 1000)
    pairs = pairs or (3 if job.subject == "weighbridge" else 1)  # it alone has a check to pass
    with Worker(job) as worker:  # so that all bytecode is compiled, of what is loaded late too
        worker.serve(10)
        worker.recorded()
    counts = _blocks(job, [_warm_up(job), *[requests, 2 * requests] * pairs])[1:]
    return (min(counts[1::2]) - min(counts[::2])) / requests


def _warm_up(job: Job) -> int:
    return 50_000 if job.case == "names-50000" else 300 if job.subject in _SLOW else 1000


def by_function(job: Job, requests: int = 1000) -> dict[str, float]:
    """Instructions per request by function of the interpreter, those that it calls left out; from the cheapest blocks.

    Raises:
        NotRecording: the subject can tell what it recorded, and has not recorded everything.
        RuntimeError: the process failed.
    """
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        counts = _count(job, [_warm_up(job), *[requests, 2 * requests] * 3], folder)[1:]
        fewer, more = (_functions(min(blocks, key=_total)) for blocks in (counts[::2], counts[1::2]))
    return {name: (count - fewer.get(name, 0)) / requests for name, count in more.items()}


def _functions(counted: Path) -> dict[str, int]:
    """What was counted, by function; a name is written out where it comes first, and then is a number."""
    names: dict[str, str] = {}
    found: Counter[str] = Counter()
    inside, called = "", False
    for line in counted.read_text().splitlines():
        if named := _NAMED.match(line):
            names.setdefault(named["number"], named["name"])
            if not named["called"]:
                inside = names[named["number"]].partition("'")[0]  # 'N is a depth of recursion
        elif line.startswith("calls="):
            called = True  # the next line is what the calls cost
        elif _COUNT.match(line):
            if not called:
                found[inside] += int(line.split()[1])
            called = False
    return found


def _blocks(job: Job, blocks: list[int]) -> list[int]:
    """The instructions of each block."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        return list(map(_total, _count(job, blocks, folder)))


def _count(job: Job, blocks: list[int], folder: str) -> list[Path]:
    """What callgrind wrote of each block."""
    # The write every few seconds is a cost of the time, not of the request.
    settings = {"WEIGHBRIDGE_STORE": str(Path(folder) / "store.db"), "WEIGHBRIDGE_FLUSH_INTERVAL": "36000"}
    told = "".join(f"block {count}\n" for count in blocks) + "recorded\n"
    answer = _callgrind(command_of(job), folder, told, f"--dump-before={MARK}", **settings)
    require_recorded(job, sum(blocks), json.loads(answer))
    return [Path(folder, f"counted.{2 * number}") for number in range(1, len(blocks) + 1)]


def _total(counted: Path) -> int:
    return events(counted)["Ir"]


def events(counted: Path) -> dict[str, int]:
    """What was counted, by callgrind's names; "Ir" are the instructions.

    Raises:
        RuntimeError: there is no such file.
    """
    if not counted.exists():
        raise RuntimeError(f"valgrind saw too few calls of {MARK}: is the interpreter stripped of its symbols?")
    text = counted.read_text()
    names, counts = (re.search(rf"^(?:{line}): (.*)", text, re.MULTILINE) for line in ("events", "totals|summary"))
    assert names, f"{counted.name} names no events"
    assert counts, f"{counted.name} has no total"
    return dict(zip(names[1].split(), map(int, counts[1].split()), strict=True))


def instructions_of_import(python: str, module: str) -> int:
    """Instructions of a process that imports a module, over those of one that does not; bytecode is compiled before.

    Raises:
        RuntimeError: the process failed.
    """
    program = f"import {module}"
    subprocess.run([python, "-c", program], check=False, capture_output=True, env=child_environment())
    return _whole([python, "-c", program]) - _whole([python, "-c", "pass"])


def _whole(command: list[str]) -> int:
    """All instructions of a process, from its start to its end."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        _callgrind(command, folder)
        return _total(Path(folder, "counted"))


def _callgrind(command: list[str], folder: str, told: str = "", *options: str, **settings: str) -> str:
    """What a process printed."""
    done = subprocess.run(
        [str(VALGRIND), "--tool=callgrind", f"--callgrind-out-file={folder}/counted", *options, *command],
        input=told,
        capture_output=True,
        check=False,
        text=True,
        cwd=folder,
        env=child_environment(**settings),
        preexec_fn=partial(end_with, os.getpid()),
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed under valgrind:\n{done.stderr}")
    return done.stdout
