"""Visitors of the bookshop that stays open: one broken connection is not the end of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from weighbridge.cli.keep_command import _planned, visited
from weighbridge.demo.drive import drive
from weighbridge.demo.services import Process, ServiceFailed, environment, serve, start_worker
from weighbridge.demo.traffic import QUICK, SLOW, TRAFFIC, WEB

SHOP = """
import socket, struct, sys

listener, log, broken = socket.socket(fileno=int(sys.argv[1])), open(sys.argv[2], "a", buffering=1), int(sys.argv[3])
number = 0
while True:
    connection, _ = listener.accept()
    request = connection.recv(65536)
    number += b"/ready" not in request
    if 0 < number <= broken:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # closing it resets it
        print("reset", file=log)
    else:
        connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\nConnection: close\\r\\n\\r\\nok")
        print("answered", file=log)
    connection.close()
"""


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Process]:
    """A server that resets its first five connections."""
    (tmp_path / "resetting_shop.py").write_text(SHOP)
    variables = environment(tmp_path / "demo.db", WEB) | {"PYTHONPATH": str(tmp_path)}
    process = serve("shop", ["resetting_shop", "{fd}", str(tmp_path / "answers"), "5"], tmp_path, variables)
    try:
        yield process
    finally:
        process.stop()


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Process]:
    process = start_worker(tmp_path, tmp_path / "demo.db")
    try:
        assert process.popen.stdout
        assert process.popen.stdout.readline() == "ready\n"
        yield process
    finally:
        process.stop()


def answers(folder: Path) -> list[str]:
    file = folder / "answers"
    return file.read_text().split() if file.exists() else []


def wait_for(folder: Path, number: int) -> None:
    deadline = time.monotonic() + 60
    while answers(folder).count("answered") < number and time.monotonic() < deadline:
        time.sleep(0.05)
    assert answers(folder).count("answered") >= number


def test_visitors_go_on_after_a_reset_connection(
    shop: Process, worker: Process, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with visited({"web": shop, "api": shop, "worker": worker}, seed=1):
        wait_for(tmp_path, 60)  # more than one batch has
    assert answers(tmp_path).count("reset") == 5
    assert "weighbridge: " in capsys.readouterr().err  # one complaint of each batch, whichever came first


def test_the_others_of_a_batch_are_answered_and_the_complaint_is_told(shop: Process, tmp_path: Path) -> None:
    page = next(traffic for traffic in TRAFFIC if traffic.what == "GET /")
    complaints = drive([page] * 20, {"web": shop}, lambda: None)
    assert len(complaints) == 5
    assert all("gave no answer to GET /" in complaint for complaint in complaints)
    wait_for(tmp_path, 15)  # the shop notes it when it has answered
    assert answers(tmp_path).count("answered") == 15


def test_a_process_that_has_ended_is_a_failure(shop: Process) -> None:
    page = next(traffic for traffic in TRAFFIC if traffic.what == "GET /")
    shop.popen.kill()
    shop.popen.wait()
    with pytest.raises(ServiceFailed, match="gave no answer"):
        drive([page], {"web": shop}, lambda: None)


def test_when_a_process_has_ended_nobody_comes_any_more(
    shop: Process, worker: Process, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with visited({"web": shop, "api": shop, "worker": worker}, seed=1):
        wait_for(tmp_path, 10)
        shop.popen.kill()
        shop.popen.wait()
    said = capsys.readouterr().err.splitlines()
    assert sum("weighbridge:" in line for line in said) <= 3


def test_for_a_while_letters_take_longer_than_they_may() -> None:
    told = {number: traffic for number in range(400) for traffic in _planned(number, 7) if traffic in (SLOW, QUICK)}
    assert told == {30: SLOW, 120: QUICK}
