"""Servers under ``weighbridge run``: started on a port of this machine, asked, stopped, and read from the store."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Final

from weighbridge.transactions.store.reader import StoreReader, Window

from ..waiting import TIMEOUT, eventually

__all__ = ["APPS", "RUN", "Calls", "ask", "environment", "free_port", "recorded", "run", "serving", "stop"]

APPS: Final = Path(__file__).parent / "apps"
RUN: Final = (sys.executable, "-m", "weighbridge", "run")
Calls = dict[tuple[str, str], tuple[int, int]]
"""How often each path was counted in each application, and how often it failed."""


def environment(store: Path, **more: str) -> dict[str, str]:
    """The environment of a program that reports to a store, and finds the programs that are installed with Python."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    ours = {"WEIGHBRIDGE_STORE": str(store), "PYTHONPATH": str(APPS), "PYTHONUNBUFFERED": "1", "PATH": path}
    return {**os.environ, **ours, **more}


def run(
    store: Path, *command: str, cwd: Path = APPS, options: Sequence[str] = (), **more: str
) -> subprocess.CompletedProcess[str]:
    """Run a command that ends by itself under ``weighbridge run``."""
    return subprocess.run(
        [*RUN, *options, "--", *command],
        cwd=cwd,
        env=environment(store, **more),
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT,
    )


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def serving(
    store: Path,
    *command: str,
    by: signal.Signals = signal.SIGTERM,
    cwd: Path = APPS,
    options: Sequence[str] = (),
    **more: str,
) -> Iterator[int]:
    """A server under ``weighbridge run``, told to stop by a signal; gives its port, ``{port}`` in the command."""
    port, log = free_port(), store.with_name("log")
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*RUN, *options, "--", *(part.format(port=port) for part in command)],
            cwd=cwd,
            env=environment(store, **more),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _await(process, port, log)
        yield port
    finally:
        stop(process, by)
    text = log.read_text(errors="replace")
    assert "failed inside" not in text, text
    assert "weighbridge: " not in text, text


def _await(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + TIMEOUT
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"the server does not listen:\n{log.read_text()}")


def _press_ctrl_c(process: subprocess.Popen[bytes]) -> None:
    """Do as Ctrl-C in a terminal does, and again where `wsgiref` took it for a fault of the request that it ended."""
    for _ in range(3):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(20)
            return


def stop(process: subprocess.Popen[bytes], by: signal.Signals) -> None:
    """Stop a server, with all that it has started if it does not stop by itself."""
    if by == signal.SIGINT:
        _press_ctrl_c(process)
    else:
        process.send_signal(by)
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    eventually(lambda: not _has_members(process.pid))  # a reloader may end before the child that serves


def _has_members(group: int) -> bool:
    with suppress(ChildProcessError):  # what its parent has left behind is a child of the tests'
        os.waitpid(-group, os.WNOHANG)
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def ask(port: int, *paths: str) -> list[int]:
    """Ask for each path, and give the statuses: 0 where the server hangs up instead of answering."""
    return [_status(port, path) for path in paths]


def _status(port: int, path: str) -> int:
    connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
    try:
        connection.request("GET", path)
        with connection.getresponse() as response:
            response.read()
            return response.status
    except HTTPException:
        return 0
    finally:
        connection.close()


def recorded(store: Path) -> Calls:
    """What is in a store."""
    window = Window(time.time() - 3600, time.time() + 3600)
    calls: Counter[tuple[str, str]] = Counter()
    failed: Counter[tuple[str, str]] = Counter()
    with StoreReader.open(store) as reader:
        for one in reader.transactions(window):
            application, kind, group, name = one.series
            slash = "" if name.startswith("/") and group in {"Route", "Uri"} else "/"
            key = application, f"{'Web' if kind == 'web' else 'Other'}Transaction/{group}{slash}{name}"
            calls[key] += one.totals.count
            failed[key] += one.totals.errors
    return {key: (count, failed[key]) for key, count in calls.items()}
