"""How fast the page answers on a store of a month, while processes write to it.

``python benchmarks/big_store.py PATH`` makes such a store; then
``python benchmarks/console.py PATH`` asks for every page, its JSON and the CSV
over a socket, and prints the median and the 95th percentile in milliseconds.
It works on a copy of the store.
"""

from __future__ import annotations

import argparse
import http.client
import multiprocessing
import os
import shutil
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import uvicorn

from weighbridge.console import asgi_application
from weighbridge.transactions.recording.snapshot import Instance, MinuteRow, Series, Snapshot, StoreUnavailable
from weighbridge.transactions.store.writer import StoreWriter

WRITERS = 4
TARGET = (100.0, 300.0)
ONE = "app=shop&group=Route&name=GET+/resource/1/%7Bid%7D"
PAGES = {
    "summary": "app=shop&compare=week",
    "transactions": "app=shop",
    "transaction": ONE,
    "errors": "app=shop",
    "applications": "",
    "running": "",
}


def write_forever(path: str, number: int, names: int = 200) -> None:
    """What a process of an application does to the store: a snapshot every five seconds, here every half second."""
    writer = StoreWriter(path)
    instance = Instance(f"writer-{number}-{os.getpid()}", "host", os.getpid(), time.time(), "benchmark")
    sequence = 0
    while os.getppid() != 1:
        sequence += 1
        now = time.time()
        minute = int(now // 60) * 60
        rows = tuple(
            MinuteRow(Series("shop", "web", "Route", f"GET /resource/{name}/{{id}}"), minute, 4, 0.1, 0.01, 0.05, 0,
                      4, 0, 0, 0.5, {500: 4}, statuses={200: 4})
            for name in range(1, names, 2)
        )  # fmt: skip
        try:
            writer.write(Snapshot(instance, sequence, now, rows))
        except StoreUnavailable:
            sequence -= 1
        time.sleep(0.5)


def serve(path: str, listener: socket.socket) -> Callable[[], None]:
    """Serve the page from a thread; what is given back ends it."""
    config = uvicorn.Config(asgi_application(path), log_level="warning", access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()

    def stop() -> None:
        server.should_exit = True
        thread.join()

    return stop


def times(port: int, address: str, rounds: int) -> tuple[list[float], int]:
    """Milliseconds of each round, and the compressed size."""
    found, size = [], 0
    for _ in range(rounds):
        connection = http.client.HTTPConnection("127.0.0.1", port)
        began = time.perf_counter()
        connection.request("GET", address, headers={"Accept-Encoding": "gzip"})
        answer = connection.getresponse()
        size = len(answer.read())
        found.append((time.perf_counter() - began) * 1000)
        assert answer.status == 200, (address, answer.status)
        connection.close()
    return found, size


def measure(port: int, rounds: int) -> bool:
    """Print a line for each address; whether all are fast enough."""
    print(f"{'':58} median    p95    bytes")
    fast = True
    for span in ("30m", "24h", "7d", "30d"):
        addresses = [f"/{kind}{page}?range={span}&{query}" for page, query in PAGES.items() for kind in ("", "api/")]
        for address in [*addresses, f"/transactions.csv?range={span}&app=shop"]:
            found, size = times(port, address, rounds)
            median, p95 = statistics.median(found), statistics.quantiles(found, n=20)[-1]
            slow = median > TARGET[0] or p95 > TARGET[1]
            fast = fast and not slow
            print(f"{address[:58]:58} {median:6.0f} {p95:6.0f} {size:8,}{'  too slow' if slow else ''}", flush=True)
    return fast


def main() -> None:
    """Copy the store, start writers and the page, measure, end everything."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--writers", type=int, default=WRITERS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as listener:
        path = str(Path(folder, "copy.db"))
        shutil.copyfile(options.path, path)
        spawn = multiprocessing.get_context("spawn")
        writers = [spawn.Process(target=write_forever, args=(path, number)) for number in range(options.writers)]
        for writer in writers:
            writer.start()
        stop = serve(path, listener)
        try:
            fast = measure(listener.getsockname()[1], options.rounds)
        finally:
            stop()
            for writer in writers:
                writer.terminate()
                writer.join()
    print("fast enough" if fast else f"not all within {TARGET[0]:.0f} ms (median) and {TARGET[1]:.0f} ms (p95)")


if __name__ == "__main__":
    main()
