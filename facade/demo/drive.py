"""Sends the planned traffic to the bookshop: eight visitors at a time, and jobs to the worker one by one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from typing import Final
from uuid import uuid4

import httpx

from .services import Process
from .traffic import Service, Traffic

__all__ = ["drive", "wait_until_ready"]

_VISITORS: Final = 8
_READY_WITHIN: Final = 20.0
_ANSWER_WITHIN: Final = 30.0


def wait_until_ready(processes: Mapping[Service, Process], seconds: float = _READY_WITHIN) -> None:
    """Wait until each process answers. Probes are not counted: they carry ``newrelic.enabled = False``.

    Raises:
        ServiceFailed: a process ended, or did not answer within ``seconds``.
    """
    deadline = time.monotonic() + seconds
    for process in processes.values():
        if process.url:
            _wait_for_server(process, deadline)
        elif process.popen.stdout:
            _expect_line(process, "ready")


def drive(sent: Sequence[Traffic], processes: Mapping[Service, Process], advance: Callable[[], object]) -> list[str]:
    """Send everything, calling ``advance`` after each answer; return a complaint for each wrong answer.

    Raises:
        ServiceFailed: a process has ended, or takes too long.
    """
    with _client() as client, _threads(_VISITORS) as visitors, _threads(1) as clerk:
        answers: list[Future[str | None]] = [
            visitors.submit(_visit, client, processes[traffic.service], traffic, number)
            if processes[traffic.service].url
            else clerk.submit(_assign, processes[traffic.service], traffic)
            for number, traffic in enumerate(sent)
        ]
        return [complaint for complaint in _complaints(answers, advance) if complaint]


def _complaints(answers: Iterable[Future[str | None]], advance: Callable[[], object]) -> Iterable[str | None]:
    for answer in as_completed(answers):
        yield answer.result()
        advance()


def _visit(client: httpx.Client, process: Process, traffic: Traffic, number: int) -> str | None:
    """Send one request and read the whole response; return a complaint if it is wrong.

    A broken connection is only a complaint, as long as the process is running and can answer other requests.
    """
    method, path = traffic.what.format(number).split()
    try:
        status = client.request(method, process.url + path, headers={"x-request-id": str(uuid4())}).status_code
    except httpx.HTTPError as error:
        reason = f"gave no answer to {method} {path} ({error})"
        if process.is_running and not isinstance(error, httpx.TimeoutException):
            return f"{process.title} {reason}"
        raise process.failed(reason) from error
    return None if status == traffic.status else f"{method} {path} answered {status} instead of {traffic.status}"


def _assign(process: Process, traffic: Traffic) -> None:
    """Give the worker one job and wait until it is done."""
    try:
        print(traffic.what, file=process.popen.stdin, flush=True)
    except OSError as error:
        raise process.failed(f"took no job ({error})") from error
    _expect_line(process, f"done {traffic.what}")


def _expect_line(process: Process, line: str) -> None:
    assert process.popen.stdout
    said = process.popen.stdout.readline().strip()
    if said != line:
        raise process.failed(f"said {said!r} instead of {line!r}")


def _wait_for_server(process: Process, deadline: float) -> None:
    with _client() as client:
        while not _answers(client, process):
            if not process.is_running:
                raise process.failed(f"ended with status {process.popen.returncode} instead of coming up")
            if time.monotonic() > deadline:
                raise process.failed("did not come up in time")
            time.sleep(0.05)


def _answers(client: httpx.Client, process: Process) -> bool:
    try:
        return client.get(f"{process.url}/ready", timeout=1.0).is_success
    except httpx.HTTPError:
        return False


def _client() -> httpx.Client:
    """Return a client that opens a connection per request: the server may close a kept one just as it is reused."""
    return httpx.Client(
        timeout=_ANSWER_WITHIN, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0, max_connections=64)
    )


@contextmanager
def _threads(number: int) -> Iterator[ThreadPoolExecutor]:
    """Provide threads; if an exception leaves the block, work that has not started is cancelled."""
    executor = ThreadPoolExecutor(number)
    try:
        yield executor
    finally:
        executor.shutdown(wait=True, cancel_futures=True)
