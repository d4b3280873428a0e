"""Runs a column: starts its server, sends every row's requests, stops it and reads the store."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Final

from weighbridge.transactions.store.reader import Selection, SeriesStatistics, StoredSample, StoreReader, Window

from ..waiting import TIMEOUT, eventually
from .columns import Column
from .editions import Edition
from .modes import MODES, Target
from .row import Row
from .servers import Start

HERE: Final = Path(__file__).parent
Statuses = tuple[int, ...]


@dataclass(frozen=True)
class Cell:
    """What was seen of one row in one column."""

    transactions: dict[str, int]
    failed: int
    scored: int
    """How many counted for Apdex."""
    sampled: bool
    parameters: dict[str, object]
    """Of the query, as the samples have them."""
    statuses: Statuses
    disconnected: bool


def run_column(column: Column, rows: Sequence[Row], folder: Path) -> dict[Row, Cell]:
    """Every row's cell, of one server in its own process and one store."""
    store = folder / "store.db"
    began = time.time()
    statuses = _statuses(column, rows, store, folder)
    window = Window(began - 60, time.time() + 60)
    with StoreReader.open(store) as reader:
        return {row: _cell(reader, window, row, statuses[row]) for row in rows}


def _statuses(column: Column, rows: Sequence[Row], store: Path, folder: Path) -> dict[Row, Statuses]:
    with ThreadPoolExecutor() as late, _serving(column, store, folder) as target:
        statuses = {row: MODES[row.mode](target, row) for row in rows if row.mode != "shutdown"}
        running = {row: late.submit(_answered, target, row) for row in rows if row.mode == "shutdown"}
        if running:
            eventually(lambda: begun_in(store).exists() or all(future.done() for future in running.values()))
    return statuses | {row: future.result() for row, future in running.items()}


def begun_in(store: Path) -> Path:
    """What is there once the slow request runs, of a server that reports to a store."""
    return store.with_name(f"{store.name}.begun")


def _answered(target: Target, row: Row) -> Statuses:
    """Without a status where the server hangs up."""
    with suppress(OSError, HTTPException):
        return MODES[row.mode](target, row)
    return ()


def _cell(reader: StoreReader, window: Window, row: Row, statuses: Statuses) -> Cell:
    own = reader.transactions(window, Selection(application=row.key))
    fresh = reader.transactions(window, Selection(application="Python Application", name=row.job))
    linked = reader.transactions(window, Selection(application=row.link))
    samples = reader.samples(window, Selection(application=row.key))
    all_totals = [one.totals for one in (*own, *fresh)]
    return Cell(
        {**_counts(own), **_counts(fresh, "fresh "), **_counts(linked, "linked ")},
        sum(totals.errors for totals in all_totals),
        sum(totals.satisfied + totals.tolerating + totals.frustrated for totals in all_totals),
        bool(samples),
        _parameters(samples),
        statuses,
        any(sample.transaction.disconnected for sample in samples),
    )


def _counts(found: Sequence[SeriesStatistics], origin: str = "") -> dict[str, int]:
    return {origin + _path(*one.series[1:]): one.totals.count for one in found}


def _path(kind: str, group: str, name: str) -> str:
    slash = "" if name.startswith("/") and group == "Uri" else "/"
    return f"{'WebTransaction' if kind == 'web' else 'OtherTransaction'}/{group}{slash}{name}"


def _parameters(samples: Sequence[StoredSample]) -> dict[str, object]:
    attributes = (pair for sample in samples for pair in sample.transaction.attributes.items())
    return {name: value for name, value in attributes if name.startswith("request.parameters.")}


_INHERITED: Final = dict(os.environ)
"""Read once: columns are run in threads, while the fixtures of other tests change the environment."""


@contextmanager
def _serving(column: Column, store: Path, folder: Path) -> Iterator[Target]:
    target, log = Target(_free_port(), column.server.prefix), folder / "log"
    start = Start(column.framework.application, target.port, column.edition, folder)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*column.prefix, *column.server.command(start)],
            cwd=HERE,
            env={**environment(store, column.edition), **column.server.settings},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _await_start(process, target, log)
            yield target
        finally:
            _stop(process, column.server.stop, log)
    _expect_no_mistakes(log)


def environment(store: Path, edition: Edition) -> dict[str, str]:
    """What a process needs that runs a program of `apps` and reports to a store."""
    ours = {"WEIGHBRIDGE_STORE": str(store), "PYTHONPATH": str(HERE), "PYTHONUNBUFFERED": "1", "PYTHONSAFEPATH": "1"}
    return {**_INHERITED, **ours, "PATH": f"{edition.programs}:{_INHERITED['PATH']}"}


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _await_start(process: subprocess.Popen[bytes], target: Target, log: Path) -> None:
    deadline = time.monotonic() + TIMEOUT
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError, HTTPException):
            if _status(target, "/ready") == 404:  # nginx says 502 until uWSGI is there
                return
        time.sleep(0.1)
    raise RuntimeError(f"the server does not answer:\n{log.read_text()}")


def _status(target: Target, path: str) -> int:
    with closing(HTTPConnection("127.0.0.1", target.port, timeout=2)) as connection:
        connection.request("GET", f"{target.prefix}{path}")
        with connection.getresponse() as response:
            return response.status


def _stop(process: subprocess.Popen[bytes], by: signal.Signals, log: Path) -> None:
    process.send_signal(by)
    try:
        process.wait(TIMEOUT)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise RuntimeError(f"the server does not stop:\n{log.read_text()[-4000:]}") from None


def _expect_no_mistakes(log: Path) -> None:
    text = log.read_text(errors="replace")
    assert "failed inside" not in text, text[-4000:]
