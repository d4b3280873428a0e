"""The process in which a subject is measured. Started by `workers`, never by hand.

Its arguments are the subject, the middleware, the case and the number of threads. It
does what its standard input says, a line at a time, and answers each with a
line of JSON.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .entry_points import Drive, drive
from .subjects import Subject, start

__all__ = ["main"]

_BURST = 1000
_PAUSE = 1.2
"""Seconds between bursts, so that threads that do something once a second do it once a burst.

Under valgrind everything but a pause takes some fifty times as long, and on a
busy machine longer: what is done by the clock would be counted more often.
"""
_NO_INTERRUPTION = 1000.0
"""Seconds."""


def main(subject_name: str, entry_point: str, case: str, threads: str) -> None:
    """Set up, then do what is asked for until the input ends."""
    subject = start(subject_name)
    served = drive(subject, entry_point, case)
    if int(threads) > 1:
        served = _spread(served, int(threads))
    answer = sys.stdout
    sys.stdout = sys.stderr  # a subject that prints something is no answer
    for line in sys.stdin:
        for said in _answers(subject, served, line.split()):
            print(json.dumps(said), file=answer, flush=True)


def _answers(subject: Subject, served: Drive, words: list[str]) -> Iterator[Any]:
    if words[0] == "serve":
        yield _timed(subject, served, int(words[1]))
    elif words[0] == "block":
        _forget_the_past()
        _let_nobody_interrupt()
        _with_pauses(served, int(words[1]))
        subject.settle()
        _let_nobody_interrupt()
    elif words[0] == "garbage":
        yield _garbage(subject, served, int(words[1]))
    elif words[0] == "memory":
        yield int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    elif words[0] == "recorded":
        subject.settle()
        yield subject.recorded()


def _timed(subject: Subject, served: Drive, count: int) -> dict[str, float]:
    """Microseconds per request: of the clock, of this thread's CPU, and of all threads' with the settling."""
    clock, thread, process = time.perf_counter(), time.thread_time(), time.process_time()
    served(count)
    wall, request_thread = time.perf_counter() - clock, time.thread_time() - thread
    subject.settle()
    used = {"wall": wall, "thread": request_thread, "process": time.process_time() - process}
    return {name: seconds / count * 1e6 for name, seconds in used.items()}


def _garbage(subject: Subject, served: Drive, count: int) -> int:
    """How many objects only the cyclic collector could free, after that many requests."""
    subject.settle()
    gc.collect()
    gc.disable()
    served(count)
    subject.settle()
    found = gc.collect()
    gc.enable()
    return found


def _with_pauses(served: Drive, count: int) -> None:
    """Serve in bursts: threads of the background get their turn in between, as where a server waits for its clients."""
    for done in range(0, count, _BURST):
        served(min(_BURST, count - done))
        time.sleep(_PAUSE)


def _forget_the_past() -> None:
    """Leave to the cyclic collector what the block makes: its walks through all modules are no steady figure."""
    gc.collect()
    gc.freeze()


def _let_nobody_interrupt() -> None:
    """Let threads change where one waits: valgrind slows down everything but the clock by which they change else.

    By this call, which nobody else makes, callgrind knows where a block begins and ends.
    """
    sys.setswitchinterval(_NO_INTERRUPTION)


def _spread(served: Drive, threads: int) -> Drive:
    def spread(count: int) -> None:
        workers = [threading.Thread(target=served, args=(count // threads,)) for _ in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    return spread


if __name__ == "__main__":
    main(*sys.argv[1:])
