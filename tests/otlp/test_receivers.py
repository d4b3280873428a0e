"""Receivers that others made: rotel, which passes on what it has read, and oteltap, which prints it.

``tox -e receivers`` has both; elsewhere, what is not installed is skipped.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from ..waiting import eventually
from .calls import JOB, PAGE, row, sample, told, write
from .receiver import TRACES, Receiver

Export = Callable[..., Result]
DURATION = "weighbridge.transaction.duration"
FORMS = {
    "explicit": {},
    "exponential": {"METRICS_DEFAULT_HISTOGRAM_AGGREGATION": "base2_exponential_bucket_histogram"},
    "delta": {"METRICS_TEMPORALITY_PREFERENCE": "delta"},
}


def require(module: str) -> Path:
    found = find_spec(module)
    if found is None or found.origin is None:
        if os.environ.get("RECEIVERS_TESTS") == "required":
            pytest.fail(f"{module} is not installed")
        pytest.skip(f"{module} is not installed: tox -e receivers")
    return Path(found.origin).parent


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def running(command: list[str], port: int, output: Path) -> Iterator[str]:
    """A program that listens while the block runs; its address."""
    with output.open("wb") as file, subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT) as process:
        try:
            eventually(lambda: listens(port) or process.poll() is not None)
            assert process.poll() is None, output.read_text()
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()


@contextmanager
def rotel(target: str, folder: Path) -> Iterator[str]:
    port = free_port()
    command = [
        str(require("rotel") / "rotel-agent"), "start", "--otlp-http-endpoint", f"127.0.0.1:{port}",
        "--otlp-grpc-endpoint", f"127.0.0.1:{free_port()}", "--exporter", "otlp", "--otlp-exporter-endpoint", target,
        "--otlp-exporter-protocol", "http", "--batch-timeout", "50ms",
    ]  # fmt: skip
    with running(command, port, folder / "rotel.log") as url:
        yield url


def calls(receiver: Receiver) -> dict[tuple[Any, ...], float]:
    return receiver.counts(DURATION, "service.name", "weighbridge.transaction.name")


@pytest.mark.parametrize("compression", ["none", "gzip"])
@pytest.mark.parametrize("form", FORMS)
def test_rotel_passes_on_what_the_report_tells(
    tmp_path: Path, store: Path, receiver: Receiver, export: Export, form: str, compression: str
) -> None:
    with rotel(receiver.url, tmp_path) as url:
        for number in (40, 2):
            write(store, row(PAGE, [0.001 * (place + 1) for place in range(number)]), row(JOB, [5.0] * number))
            done = export(ENDPOINT=url, COMPRESSION=compression, **FORMS[form])
            assert done.exit_code == 0, done.output
            eventually(lambda: calls(receiver) == told(store))


def test_rotel_passes_samples_on(tmp_path: Path, store: Path, receiver: Receiver, export: Export) -> None:
    with rotel(receiver.url, tmp_path) as url:
        write(store, row(PAGE, [1.0]), samples=(sample(PAGE, 1.0), sample(JOB, 2.0)))
        assert export("--samples", ENDPOINT=url).exit_code == 0
        (message,) = eventually(lambda: receiver.sent(TRACES))
        (resource,) = message.resource_spans
        assert {one.name for one in resource.scope_spans[0].spans} == {PAGE.name, JOB.name}


def test_counts_are_equal_after_restarts_of_rotel_in_turn(
    tmp_path: Path, store: Path, receiver: Receiver, export: Export
) -> None:
    for form in ("explicit", "exponential"):
        with rotel(receiver.url, tmp_path) as url:
            write(store, row(PAGE, [0.1] * 3))
            assert export(ENDPOINT=url, **FORMS[form]).exit_code == 0
            eventually(lambda: calls(receiver) == told(store))
        write(store, row(PAGE, [0.1] * 5))
        assert export(ENDPOINT=url, **FORMS[form], TIMEOUT="600").exit_code == 2


@contextmanager
def oteltap(output: Path) -> Iterator[str]:
    require("oteltap")
    port = free_port()
    with running([sys.executable, "-m", "oteltap", "--port", str(port)], port, output) as url:
        yield url


def printed(output: Path) -> dict[str, int]:
    """Calls by name, as oteltap has read them."""
    metrics = [json.loads(line) for line in output.read_text().splitlines() if line.startswith("{")]
    (durations,) = [one for one in metrics if one.get("name") == DURATION]
    (data,) = [durations[key] for key in ("histogram", "exponentialHistogram") if key in durations]
    found = {}
    for point in data["dataPoints"]:
        attributes = {one["key"]: one["value"]["stringValue"] for one in point["attributes"]}
        found[attributes["weighbridge.transaction.name"]] = int(point["count"])
    return found


@pytest.mark.parametrize("form", FORMS)
def test_oteltap_prints_what_the_report_tells(tmp_path: Path, store: Path, export: Export, form: str) -> None:
    write(store, row(PAGE, [0.1] * 7), row(JOB, [5.0]))
    output = tmp_path / "oteltap.log"
    with oteltap(output) as url:
        done = export(ENDPOINT=url, **FORMS[form])
        assert done.exit_code == 0, done.output
        eventually(lambda: f'"{DURATION}"' in output.read_text())
    assert {("shop", name): count for name, count in printed(output).items()} == told(store)


def test_oteltap_refuses_what_is_compressed(tmp_path: Path, store: Path, export: Export) -> None:
    """It knows no compression: its refusal is told, and not tried again."""
    write(store, row(PAGE, [0.1]))
    with oteltap(tmp_path / "oteltap.log") as url:
        done = export(ENDPOINT=url, COMPRESSION="gzip")
    assert done.exit_code == 2
    assert f"{url}/v1/metrics answers 400" in done.stderr
