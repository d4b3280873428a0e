"""Real servers on loopback, each with one worker process, and what they use of the CPU.

All of them run on the last CPU that there is, so that none of them gains by a
move; the one that loads them has the others, where there are more (see
`leave_a_cpu`).
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from .environments import child_environment
from .processes import end_with
from .stored import counted
from .workers import Job, require_recorded

__all__ = ["SERVERS", "Server", "leave_a_cpu"]

_CPUS = os.sched_getaffinity(0)
_CPU_OF_SERVERS = max(_CPUS)

_TIMEOUT = 300.0
"""Seconds for a server to start; under valgrind, on a busy machine, it takes long."""

_REQUEST = b"GET /hello?page=2 HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n"

SERVERS = {
    "gunicorn": ("wsgi", ["-m", "gunicorn", "--workers=1", "--log-level=warning", "--bind=127.0.0.1:{port}"]),
    "uvicorn": ("asgi", ["-m", "uvicorn", "--log-level=warning", "--no-access-log", "--port={port}"]),
}
"""By name: the middleware of their applications, and the command after the interpreter."""


def leave_a_cpu() -> None:
    """Keep this process off the CPU of the servers, where there is another one."""
    os.sched_setaffinity(0, _CPUS - {_CPU_OF_SERVERS} or _CPUS)


class Server:
    """A running server. Its figures are those of the process that serves.

    Args:
        name: which of `SERVERS`.
        subject: what stands in front of its application.
        case: which application.
        under: a command that runs it, before the interpreter's own.
        settings: environment variables.
    """

    def __init__(self, name: str, subject: str, case: str, under: Sequence[str] = (), **settings: str) -> None:
        entry_point, arguments = SERVERS[name]
        self._job = Job(subject, entry_point, case)
        self._served = 0
        self._keeps_alive = name == "uvicorn"
        self._port = _free_port()
        self._folder = tempfile.TemporaryDirectory(prefix="bench-")
        self._store = str(Path(self._folder.name) / "store.db")
        self._process = subprocess.Popen(
            [
                *under,
                sys.executable,
                *(word.format(port=self._port) for word in arguments),
                f"measuring.served:{entry_point}_{subject}_{case}",
            ],
            cwd=self._folder.name,
            env=child_environment(WEIGHBRIDGE_STORE=self._store, **settings),
            preexec_fn=partial(end_with, os.getpid()),
        )
        os.sched_setaffinity(self._process.pid, {_CPU_OF_SERVERS})
        self._await_start()
        self.worker = _child_of(self._process.pid) if name == "gunicorn" else self._process.pid
        """The process that serves."""

    def __enter__(self) -> Server:  # noqa: PYI034 - Self is in no typing before 3.11
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop()
        self._folder.cleanup()

    def _stop(self) -> None:
        self._process.terminate()
        self._process.wait()

    def stop(self) -> None:
        """End it, and see that it recorded what it served.

        Raises:
            NotRecording: it did not.
        """
        self._stop()
        if self._job.subject == "weighbridge":
            require_recorded(self._job, self._served, counted(self._store))

    def _await_start(self) -> None:
        deadline = time.monotonic() + _TIMEOUT
        while True:
            try:
                return self.load(1, 1).clear()
            except OSError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise
                time.sleep(0.05)

    def cpu(self) -> float:
        """Microseconds on a CPU so far, of all threads of the process that serves; the kernel counts nanoseconds."""
        threads = Path(f"/proc/{self.worker}/task").glob("*/schedstat")
        return sum(int(thread.read_text().split()[0]) for thread in threads) / 1000

    def load(self, requests: int, at_once: int) -> list[float]:
        """Send requests over ``at_once`` connections; gives the seconds that each answer took."""
        waits: list[float] = []
        kept = self._connect(at_once) if self._keeps_alive else []
        while len(waits) < requests:
            connections = kept or self._connect(at_once)
            waits += _exchange(connections, self._keeps_alive)
        for connection in kept:
            connection.close()
        self._served += len(waits)
        return waits

    def _connect(self, count: int) -> list[socket.socket]:
        return [socket.create_connection(("127.0.0.1", self._port), _TIMEOUT) for _ in range(count)]


def _exchange(connections: list[socket.socket], keep: bool) -> list[float]:
    waits = []
    sent = time.perf_counter()
    for connection in connections:
        connection.sendall(_REQUEST)
    for connection in connections:
        answer = connection.recv(65536)
        while not answer.endswith(b"</p>"):
            more = connection.recv(65536)
            if not more:
                raise ConnectionError(f"an answer broke off: {answer!r}")
            answer += more
        waits.append(time.perf_counter() - sent)
        if not answer.startswith(b"HTTP/1.1 200"):
            raise ConnectionError(f"not the answer that was expected: {answer!r}")
        if not keep:
            connection.close()
    return waits


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def _child_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
