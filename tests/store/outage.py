"""A server that crashes under processes of two hosts, while replies are cut off and collectors race: is all counted?

Five runs with an outage of a minute each: ``python -m tests.store.outage --runs 5 --seconds 60``.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from typing import NamedTuple

from weighbridge.transactions.store.reader import StoreReader, Window
from weighbridge.transactions.store.server import Collector

from ..clusters import Cluster, programs
from ..waiting import eventually
from .proxies import Proxy

__all__ = ["Outcome", "outage"]

PROGRAM = """
import signal, sys, time
import weighbridge

@weighbridge.background_task(name=lambda number: f"job {number % 7}")
def job(number):
    pass

stop = []
signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
number = 0
while not stop:
    job(number)
    number += 1
    time.sleep(0.005)
print(number, flush=True)
"""
PROCESSES = 4
COLLECTORS = 2
SHARE_CUT_OFF = 0.1


class Outcome(NamedTuple):
    """What one run came to."""

    made: int
    counted: int
    by_host: dict[str, int]
    cut_off: int
    said: Sequence[str]
    """What the processes logged."""


def outage(cluster: Cluster, database: str, schema: str, seconds: float) -> Outcome:
    """Let the processes run before, during and after a crash of so many seconds; merge what they sent."""
    store = f"{cluster.url(database)}?schema={schema}"
    with closing(Collector(store)) as collector:
        collector.upgrade()
    with _proxied(cluster, store) as (proxy, address), _collecting(store):
        reporting = [_started(address, f"host {number % 2}") for number in range(PROCESSES)]
        eventually(lambda: _reporting(store) == PROCESSES)
        cluster.stop("immediate")
        time.sleep(seconds)
        cluster.start()
        time.sleep(2)
        for process in reporting:
            process.send_signal(signal.SIGTERM)
        said = [process.communicate(timeout=300) for process in reporting]
    with closing(Collector(store)) as collector:
        while collector.collect() is None:  # one that was killed a moment ago may still have the lock
            time.sleep(0.2)
    with StoreReader.open(store) as reader:
        ever = Window(0, 1e10)
        hosts = {one.host: one.statistics.calls for one in reader.hosts(ever, time.time())}
        counted = reader.totals(ever).calls
    return Outcome(sum(int(out) for out, _ in said), counted, hosts, proxy.cut, [error for _, error in said])


@contextmanager
def _proxied(cluster: Cluster, store: str) -> Iterator[tuple[Proxy, str]]:
    with closing(Proxy(cluster.port, SHARE_CUT_OFF)) as proxy:
        yield proxy, store.replace(f":{cluster.port}/", f":{proxy.port}/")


@contextmanager
def _collecting(store: str) -> Iterator[None]:
    """Have several processes collect all the while, as they would beside each other."""
    command = [sys.executable, "-m", "weighbridge", "collect", "--store", store]
    with ExitStack() as collectors:
        started = [
            collectors.enter_context(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
            for _ in range(COLLECTORS)
        ]
        try:
            yield
        finally:
            for process in started:
                process.kill()


def _started(store: str, host: str) -> subprocess.Popen[str]:
    settings = {
        "WEIGHBRIDGE_STORE": store, "WEIGHBRIDGE_HOST": host, "WEIGHBRIDGE_FLUSH_INTERVAL": "0.3",
        "WEIGHBRIDGE_SHUTDOWN_TIMEOUT": "120", "WEIGHBRIDGE_LOG_FILE": "stderr",
    }  # fmt: skip
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, **settings},
    )  # fmt: skip


def _reporting(store: str) -> int:
    with StoreReader.open(store) as reader:
        return len(reader.instances())


def main() -> None:
    """Print a line a run; end with status 1 if any lost or repeated something."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    folder = programs()
    if folder is None:
        raise SystemExit("PostgreSQL is not installed")
    cluster, wrong = Cluster(folder), 0
    try:
        cluster.start()
        for run in range(options.runs):
            found = outage(cluster, "postgres", f"run_{run}", options.seconds)
            if found.made != found.counted:
                wrong += 1
                sys.stdout.write("\n".join((f"of each host: {found.by_host}", *found.said, "")))
            told = f"{found.made} made, {found.counted} counted, {found.cut_off} replies cut off"
            sys.stdout.write(f"run {run + 1}: {told}\n")
            sys.stdout.flush()
    finally:
        cluster.remove()
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
