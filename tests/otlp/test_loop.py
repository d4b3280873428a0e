"""The export that goes on: through restarts of everything, a receiver that is down, slow or overloaded."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from weighbridge.exporting.otlp import exporter as exporter_module
from weighbridge.exporting.otlp.exporter import Exporter, Store
from weighbridge.exporting.otlp.variables import read_variables

from ..waiting import eventually
from .calls import JOB, PAGE, row, sample, told, write
from .receiver import TRACES, Answer, Receiver, receiving

DURATION = "weighbridge.transaction.duration"
DELTA = {"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "delta"}


class Command:
    """A command of ours that runs until it is told to stop."""

    def __init__(self, log: Path, *arguments: str, **environment: str) -> None:
        self.log = log
        with log.open("ab") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "weighbridge", *arguments], stdout=file, stderr=file,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
            )  # fmt: skip

    @property
    def said(self) -> str:
        return self.log.read_text()

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)


@contextmanager
def exporting(store: Path, receiver: Receiver, *arguments: str, **environment: str) -> Iterator[Command]:
    """The export, five times a second."""
    variables = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
        "OTEL_EXPORTER_OTLP_TIMEOUT": "2000",
        "OTEL_METRIC_EXPORT_INTERVAL": "200",
        **environment,
    }
    command = Command(store.with_name("log"), "export", "otlp", "--store", str(store), *arguments, **variables)
    try:
        yield command
    finally:
        if command.process.poll() is None:
            command.stop()


def counts(receiver: Receiver) -> dict[tuple[Any, ...], float]:
    return receiver.counts(DURATION, "service.name", "weighbridge.transaction.name")


def agree(receiver: Receiver, store: Path | str) -> None:
    """Wait until the receiver has counted what the report tells."""
    expected = told(store)
    eventually(lambda: counts(receiver) == expected)


@pytest.mark.parametrize("temporality", [{}, DELTA])
def test_counts_are_equal_after_restarts_of_everything_in_turn(store: Path, temporality: dict[str, str]) -> None:
    receiver = Receiver()
    write(store, row(PAGE, [0.1] * 2))
    with receiving(receiver):
        with exporting(store, receiver, **temporality) as command:
            agree(receiver, store)
            assert command.stop() == 0  # the exporter, told to stop
        write(store, row(PAGE, [0.1] * 3))
        with exporting(store, receiver, **temporality) as command:
            agree(receiver, store)
            # One that is killed may leave its turn to be waited for; a delta that was taken, not noted, comes twice.
            command.stop(signal.SIGTERM if temporality else signal.SIGKILL)
    with exporting(store, receiver, **temporality) as command:  # now there is no receiver
        write(store, row(PAGE, [0.1] * 5), row(JOB, [1.0]))
        eventually(lambda: "cannot be reached" in command.said)
        with receiving(receiver, port=receiver.port):
            agree(receiver, store)
            eventually(lambda: "takes figures again" in command.said)
        write(store, row(PAGE, [0.1] * 7))
        with receiving(receiver, port=receiver.port):
            agree(receiver, store)
        assert command.stop(signal.SIGINT) == 0
    assert command.said.count("cannot be reached") <= 3  # once for each time that it was away


def test_a_receiver_that_is_overloaded_is_left_alone_for_as_long_as_it_asks(store: Path, receiver: Receiver) -> None:
    write(store, row(PAGE, [0.1]))
    receiver.answers.append(Answer(429, headers={"retry-after": "3600"}))
    with exporting(store, receiver) as first:
        eventually(lambda: "answers 429" in first.said)
        with exporting(store, receiver) as second:  # another one, which is told by the store
            eventually(lambda: "sending" in second.said)
            assert receiver.sent() == []
    receiver.answers.append(Answer(503, headers={"retry-after": "1"}))
    other = store.with_name("other.db")
    write(other, row(PAGE, [0.1]))
    with exporting(other, receiver):
        agree(receiver, other)


def test_a_slow_receiver_stops_nobody(store: Path, receiver: Receiver) -> None:
    write(store, row(PAGE, [0.1]))
    released = threading.Event()
    receiver.answers.append(Answer(after=released))
    with exporting(store, receiver, OTEL_EXPORTER_OTLP_TIMEOUT="1000") as command:
        eventually(lambda: "no answer in time" in command.said)
        write(store, row(PAGE, [0.1] * 3))
        agree(receiver, store)
        released.set()


def test_a_refusal_is_said_once_and_loses_nothing(store: Path, receiver: Receiver) -> None:
    write(store, row(PAGE, [0.1]))
    receiver.otherwise = Answer(403, b"no such key")
    with exporting(store, receiver, **DELTA) as command:
        eventually(lambda: "no such key; nothing is lost" in command.said)
        write(store, row(PAGE, [0.1] * 3))
        receiver.otherwise = Answer()
        agree(receiver, store)
        assert command.said.count("no such key") == 1


def test_of_two_exporters_one_sends_until_it_is_gone(store: Path, receiver: Receiver) -> None:
    """Deltas would be doubled if both did."""
    write(store, row(PAGE, [0.1]))
    with exporting(store, receiver, **DELTA) as first, exporting(store, receiver, **DELTA):
        for number in range(5):
            agree(receiver, store)
            write(store, row(PAGE, [0.1] * (number + 1)))
        agree(receiver, store)
        first.stop()
        write(store, row(PAGE, [0.1] * 9))
        agree(receiver, store)


def test_it_waits_for_a_store_that_is_not_there_yet(store: Path, receiver: Receiver) -> None:
    with exporting(store, receiver, "--samples", **DELTA) as command:
        eventually(lambda: "there is no such file" in command.said)
        write(store, row(PAGE, [0.1] * 4), samples=(sample(PAGE, 0.1, ago=1),))
        agree(receiver, store)
        eventually(lambda: receiver.sent(TRACES))


def test_serve_sends_where_the_settings_say_so(store: Path, receiver: Receiver) -> None:
    write(store, row(PAGE, [0.1] * 4), samples=(sample(PAGE, 0.1, ago=1),))
    command = Command(
        store.with_name("log"), "serve", "--port", "0", "--store", str(store), WEIGHBRIDGE_OTLP_METRICS="on",
        WEIGHBRIDGE_OTLP_SAMPLES="on", OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url, OTEL_METRIC_EXPORT_INTERVAL="200",
    )  # fmt: skip
    try:
        agree(receiver, store)
        eventually(lambda: receiver.sent(TRACES))
        eventually(lambda: "Ctrl-C ends it" in command.said)
    finally:
        status = command.stop(signal.SIGINT)
    assert status == 0, command.said


def test_a_fault_of_ours_is_said_once_and_ends_nothing(
    store: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: Any) -> Any:
        failures.append(1)
        raise RuntimeError("nobody has thought of this")

    write(store, row(PAGE, [0.1]))
    failures: list[int] = []
    said: list[str] = []
    variables = read_variables(
        {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, "OTEL_METRIC_EXPORT_INTERVAL": "50"}, traces=False
    )
    with closing(Exporter(Store(str(store), None), variables, said.append)) as exporter:
        stop = threading.Event()
        thread = threading.Thread(target=exporter.export_until, args=(stop,))
        with monkeypatch.context() as fault:
            fault.setattr(exporter_module, "families_of", broken)
            thread.start()
            eventually(lambda: len(failures) > 2)
        agree(receiver, store)
        stop.set()
        thread.join()
    (line,) = [one for one in said if "nobody" in one]
    assert line.startswith("the export failed: RuntimeError: nobody has thought of this (test_loop.py:")
    assert line.endswith("; nothing is lost, and it is tried again")
