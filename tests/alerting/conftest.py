"""A store with figures, alerts on it, and a real server that receives webhooks."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from weighbridge.transactions.configuration.alerts import Alert, read_alerts
from weighbridge.transactions.recording.snapshot import Series
from weighbridge.transactions.store.reader import StoreReader, Window

from ..store.conftest import FileEngine, ServerEngine, closed_afterwards
from ..store.maker import PAGE, Maker

__all__ = ["Received", "Receiver", "alert", "closed_afterwards", "marks", "states", "write"]


class Received(NamedTuple):
    """A request."""

    path: str
    headers: dict[str, str]
    body: Any


class Receiver:
    """A server on the loopback interface: keeps what it is sent, and answers as it is told."""

    def __init__(self) -> None:
        self.requests: list[Received] = []
        self.answer: Callable[[BaseHTTPRequestHandler], None] = self.take
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/hook"

    @staticmethod
    def take(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(204)
        handler.end_headers()

    @staticmethod
    def refuse(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(503)
        handler.end_headers()

    def bodies(self) -> list[Any]:
        return [request.body for request in self.requests]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                receiver.requests.append(Received(self.path, dict(self.headers), body))
                receiver.answer(self)

            def do_GET(self) -> None:
                receiver.requests.append(Received(self.path, dict(self.headers), None))
                receiver.take(self)

            def log_message(self, *_: object) -> None:
                pass

        return Handler


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    yield server
    server.close()


def alert(**keys: Any) -> Alert:
    """One alert, as the configuration has it."""
    table = {name.rstrip("_"): value for name, value in keys.items()}
    if not {"error_rate", "p95", "throughput", "missing"} & table.keys():
        table["error_rate"] = "5%"
    (read,) = read_alerts([{"name": "errors of the shop", **table}])
    return read


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FileEngine | ServerEngine]:
    """An empty store of each engine."""
    kept = FileEngine(tmp_path) if request.param == "sqlite" else ServerEngine(request.getfixturevalue("cluster"))
    yield kept
    kept.close()


def write(writer: Any, make: Maker, failed: int, calls: int = 40, series: Series = PAGE) -> None:
    """Add calls that have just ended, some of which have failed."""
    now = time.time()
    row = make.row([0.1] * calls, series, now, failed=failed, succeeded=calls - failed)
    writer.write(make.snapshot(row, taken=now))


def states(path: str) -> dict[str, tuple[str, str, int]]:
    """By alert its state, what was told, and how often it was tried in vain."""
    with closing(StoreReader.open(path)) as reader:
        return {one.alert: (one.state, one.told, one.attempts) for one in reader.alert_states()}


def marks(path: str) -> list[tuple[str, str]]:
    with closing(StoreReader.open(path)) as reader:
        return [(one.kind, one.name) for one in reader.marks(Window(0, time.time() + 60))]
