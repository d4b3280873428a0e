"""``weighbridge serve`` in a process of its own, what it uses of the CPU, and processes that write to its store.

With a store on a server, start it before those that write, so that its connections can be told from theirs.
"""

from __future__ import annotations

import http.client
import multiprocessing
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

from weighbridge.transactions.configuration.postgresql_url import is_server_url
from weighbridge.transactions.recording.histogram import bin_of
from weighbridge.transactions.recording.snapshot import Instance, MinuteRow, Series, Snapshot, Store, StoreUnavailable
from weighbridge.transactions.recording.totals import Totals
from weighbridge.transactions.store.postgresql.drivers import load_driver
from weighbridge.transactions.store.postgresql.writer import ServerWriter
from weighbridge.transactions.store.sqlite.writer import StoreWriter

from .environments import child_environment
from .on_server import backends, cpu_of
from .processes import end_with

__all__ = ["Answer", "ConsoleServer", "writing"]

_PAUSE = 0.5
"""Seconds from one snapshot of a process to the next; the recorder's is ten times as long."""


class Answer(NamedTuple):
    """How one request was answered."""

    wall: float
    """Milliseconds until its last byte, a new connection included."""
    cpu: float
    """Milliseconds of CPU that the page's process used in the meantime."""
    backend: float
    """Milliseconds of CPU that its connections have used on a server."""
    size: int
    """Bytes of the body as sent: compressed."""


class ConsoleServer:
    """The page as users start it, on a free port of the loopback interface."""

    def __init__(self, store: str) -> None:
        self._backends: list[int] = []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "weighbridge.cli", "serve", "--port", "0", "--store", store],
            stderr=subprocess.PIPE,
            text=True,
            env=child_environment(),
            preexec_fn=partial(end_with, os.getpid()),
        )
        assert self._process.stderr
        said = self._process.stderr.readline()
        found = re.search(r"http://[\d.]+:(\d+)", said)
        if not found:
            raise RuntimeError(f"weighbridge serve does not start: {said}{self._process.stderr.read()}")
        self.url, self._port = found[0], int(found[1])
        if is_server_url(store):  # nobody else has a connection so far
            self.ask("/")
            self._backends = backends(store)

    def __enter__(self) -> ConsoleServer:  # noqa: PYI034 - Self is in no typing before 3.11
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.terminate()
        self._process.communicate(timeout=20)

    def ask(self, address: str) -> Answer:
        """Send one request as a browser does, and read the whole answer."""
        backend, began, used = cpu_of(self._backends), time.perf_counter(), self._cpu()
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        connection.request("GET", address, headers={"Accept-Encoding": "gzip"})
        answer = connection.getresponse()
        size = len(answer.read())
        wall, used = time.perf_counter() - began, self._cpu() - used
        connection.close()
        if answer.status not in (200, 302, 303, 307):
            raise ConnectionError(f"{address} was answered with {answer.status}")
        return Answer(wall * 1e3, used, cpu_of(self._backends) - backend, size)

    def _cpu(self) -> float:
        """Milliseconds so far, of all threads; the kernel counts nanoseconds."""
        return cpu_of([self._process.pid])


@contextmanager
def writing(store: str, processes: int, names: int) -> Iterator[None]:
    """Processes that report to the store all the while."""
    spawn = multiprocessing.get_context("spawn")
    writers = [
        spawn.Process(target=_write, args=(os.getpid(), store, number, names), daemon=True)
        for number in range(processes)
    ]
    for writer in writers:
        writer.start()
    try:
        yield
        if not all(writer.is_alive() for writer in writers):
            raise RuntimeError("a process that was to write has ended")
    finally:
        for writer in writers:
            writer.terminate()
            writer.join()


def _write(parent: int, store: str, number: int, names: int) -> None:
    end_with(parent)
    writer, sequence = _writer(store), 0
    instance = Instance(f"writer-{number}-{os.getpid()}", "host", os.getpid(), time.time(), "benchmark")
    while True:
        now = time.time()
        rows = tuple(_row(f"GET /resource/{name}/{{id}}", now) for name in range(1, names, 2))
        try:
            writer.write(Snapshot(instance, sequence + 1, now, rows))
            sequence += 1
        except StoreUnavailable as error:
            print(error, file=sys.stderr)
        time.sleep(_PAUSE)


def _writer(store: str) -> Store:
    return ServerWriter(store, load_driver()) if is_server_url(store) else StoreWriter(store)


def _row(name: str, now: float) -> MinuteRow:
    """Four calls of one transaction."""
    return MinuteRow(
        Series("shop", "web", "Route", name), int(now // 60) * 60,
        Totals(
            4, 100_000_000, 10_000_000, 50_000_000, 4, satisfied=4, apdex_t=0.5, histogram={bin_of(0.025): 4},
            statuses={200: 4},
        ),
    )  # fmt: skip
