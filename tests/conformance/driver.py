"""Runs a column: starts its server, sends every row's requests, stops it and reads the store."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from weighbridge.transactions.store.reader import Selection, StoreReader, Window

from .columns import Column
from .rows import Row

HERE = Path(__file__).parent
_GRACE = 1.0
"""Seconds in which a server notices that a client has gone."""
_PATIENCE = 10.0
"""Seconds that a server may take to start or to stop, and a request to be answered."""


@dataclass(frozen=True)
class Cell:
    """What was seen of one row in one column."""

    transactions: dict[str, int]
    failed: int
    statuses: tuple[int, ...]
    disconnected: bool


def run_column(column: Column, rows: list[Row], folder: Path) -> dict[Row, Cell]:
    """Every row's cell, of one server in its own process and one store."""
    store = folder / "store.db"
    began = time.time()
    with _serving(column, store, folder / "log") as port:
        statuses = {row: _MANNERS[row.manner](port, row) for row in rows}
    window = Window(began - 60, time.time() + 60)
    with StoreReader.open(store) as reader:
        return {row: _cell(reader, window, row, statuses[row]) for row in rows}


def _cell(reader: StoreReader, window: Window, row: Row, statuses: tuple[int, ...]) -> Cell:
    selection = Selection(application=row.key)
    fresh = Selection(application="Python Application", name=row.job)
    found = reader.transactions(window, selection) + reader.transactions(window, fresh)
    samples = reader.samples(window, selection)
    return Cell(
        {_path(*one.series[1:]): one.tally.count for one in found},
        sum(one.tally.errors for one in found),
        statuses,
        any(sample.transaction.disconnected for sample in samples),
    )


def _path(kind: str, group: str, name: str) -> str:
    slash = "" if name.startswith("/") and group == "Uri" else "/"
    return f"{'WebTransaction' if kind == 'web' else 'OtherTransaction'}/{group}{slash}{name}"


@contextmanager
def _serving(column: Column, store: Path, log: Path) -> Iterator[int]:
    port = _free_port()
    with log.open("wb") as output:
        process = subprocess.Popen(
            column.server.command(column.application, port),
            cwd=HERE,
            env=environment(store),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _await_start(process, port, log)
            yield port
        finally:
            _stop(process, column.server.stop, log)
    _expect_no_mistakes(log)


def environment(store: Path) -> dict[str, str]:
    """What a process needs that runs a program of `apps` and reports to a store."""
    ours = {"WEIGHBRIDGE_STORE": str(store), "PYTHONPATH": str(HERE), "PYTHONUNBUFFERED": "1", "PYTHONSAFEPATH": "1"}
    return {**os.environ, **ours, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _await_start(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError, HTTPException):
            connection = HTTPConnection("127.0.0.1", port, timeout=2)
            connection.request("GET", "/ready")
            connection.getresponse().read()
            connection.close()
            return
        time.sleep(0.1)
    raise RuntimeError(f"the server does not answer:\n{log.read_text()}")


def _stop(process: subprocess.Popen[bytes], by: signal.Signals, log: Path) -> None:
    process.send_signal(by)
    try:
        process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise RuntimeError(f"the server does not stop:\n{log.read_text()[-4000:]}") from None


def _expect_no_mistakes(log: Path) -> None:
    text = log.read_text(errors="replace")
    assert "failed inside" not in text, text[-4000:]


def _keys(row: Row) -> str:
    return f"app_name={row.key}&{row.keys}"


def _once(port: int, row: Row) -> tuple[int, ...]:
    connection = HTTPConnection("127.0.0.1", port, timeout=_PATIENCE)
    try:
        return (_exchange(connection, row),)
    finally:
        connection.close()


def _exchange(connection: HTTPConnection, row: Row) -> int:
    connection.request(row.method, row.path, row.body or None, {"x-keys": _keys(row)})
    response = connection.getresponse()
    response.read()
    return response.status


def _keep_alive(port: int, row: Row) -> tuple[int, ...]:
    connection = HTTPConnection("127.0.0.1", port, timeout=_PATIENCE)
    connection.connect()
    first = connection.sock
    try:
        statuses = tuple(_exchange(connection, row) for _ in range(3))
        assert connection.sock is first, "the server closed the connection"
        return statuses
    finally:
        connection.close()


def _interleaved(port: int, row: Row) -> tuple[int, ...]:
    with ThreadPoolExecutor(3) as clients:
        return tuple(status for (status,) in clients.map(_once, [port] * 3, [row] * 3))


def _head(row: Row, ending: str = "") -> bytes:
    lines = f"{row.method} {row.path} HTTP/1.1\r\nHost: localhost\r\nx-keys: {_keys(row)}\r\n{ending}\r\n"
    return lines.encode()


def _pipelined(port: int, row: Row) -> tuple[int, ...]:
    with socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE) as connection:
        connection.sendall(_head(row) * 2 + _head(row, "Connection: close\r\n"))
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    return tuple(int(part[2:5]) for part in answer.split(b"HTTP/1.")[1:])


def _leave(port: int, row: Row) -> tuple[int, ...]:
    with socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE) as connection:
        connection.sendall(_head(row))
        status = int(connection.recv(1000)[9:12])
        connection.recv(65536)
    time.sleep(_GRACE)
    return (status,)


_MANNERS: dict[str, Callable[[int, Row], tuple[int, ...]]] = {
    "once": _once,
    "keep alive": _keep_alive,
    "pipelined": _pipelined,
    "leave": _leave,
    "interleaved": _interleaved,
}
