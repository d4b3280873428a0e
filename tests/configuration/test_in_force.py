"""What was set holds from the first call on, whether or not ``initialize()`` was called."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import weighbridge
from weighbridge.transactions import configuration
from weighbridge.transactions.configuration.loading import ConfigurationError, load
from weighbridge.transactions.log import logger


@pytest.fixture(autouse=True)
def _log_as_it_was() -> Iterator[None]:
    yield
    configuration.reset()


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a program in a process of its own."""

    def start(text: str, **settings: str) -> subprocess.CompletedProcess[str]:
        named = {f"WEIGHBRIDGE_{name.upper()}": value for name, value in settings.items()}
        environ = {**os.environ, "WEIGHBRIDGE_STORE": ":memory:", "PYTHONSAFEPATH": "1", **named}
        (tmp_path / "program.py").write_text(text)
        command = [sys.executable, "program.py"]
        return subprocess.run(
            command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=300, check=False
        )

    return start


JOB = """
import weighbridge

@weighbridge.background_task(name="job")
def job():
    weighbridge.set_transaction_name(None)

job()
"""


@pytest.mark.parametrize("first", ["", "weighbridge.initialize()\n"])
def test_the_log_goes_where_the_setting_says(
    first: str, run: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    done = run(JOB.replace("job()\n\n", f"{first}job()\n\n"), log_file="own.log")
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")
    assert "set_transaction_name(None)" in (tmp_path / "own.log").read_text()


def test_so_does_its_level(run: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    assert "set_transaction_name(None)" in run(JOB, log_file="stderr").stderr
    assert run(JOB, log_file="stderr", log_level="error").stderr == ""
    assert run(JOB, log_level="critical").stderr == ""


def test_what_is_wrong_with_the_settings_is_logged_there_too(
    run: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    done = run(JOB, log_file="own.log", apdex_t="fast")
    assert done.stderr == ""
    assert "apdex_t = 'fast' is not valid" in (tmp_path / "own.log").read_text()


def test_a_log_that_cannot_be_written_is_said_in_the_hosts(
    run: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    done = run(JOB, log_file="nowhere/own.log")
    assert done.returncode == 0
    assert "log_file = " in done.stderr
    assert "cannot be written: No such file or directory" in done.stderr
    assert "set_transaction_name(None)" in done.stderr


def test_initialize_raises_for_it_where_that_was_asked_for(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be written: Is a directory"):
        weighbridge.initialize(log_file=str(tmp_path), ignore_errors=False)
    weighbridge.initialize(log_file=str(tmp_path))
    weighbridge.initialize(log_file=str(tmp_path / "own.log"), log_level=logging.ERROR, ignore_errors=False)
    assert logger().level == logging.ERROR


def test_threads_that_read_at_the_same_time_read_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIGHBRIDGE_LOG_FILE", str(tmp_path / "own.log"))
    configuration.reset()
    barrier = threading.Barrier(8)
    seen: list[configuration.Configuration] = []

    def read() -> None:
        barrier.wait()
        seen.append(configuration.current())

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 8
    assert {id(each) for each in seen} == {id(seen[0])}
    logger().warning("weighed")
    assert (tmp_path / "own.log").read_text().count("weighed") == 1


def test_settings_that_cannot_be_read_for_a_reason_of_ours_are_the_defaults(
    monkeypatch: pytest.MonkeyPatch, mistakes: list[str]
) -> None:
    class Surprise(Exception):
        __module__ = "weighbridge.tests"  # a mistake of ours, that is

    def read_environment() -> dict[str, str]:
        raise Surprise

    monkeypatch.setattr("weighbridge.transactions.configuration.loading.read_environment", read_environment)
    configuration.reset()
    assert configuration.current().settings == load().settings
    assert "Surprise" in mistakes.pop()


def test_what_is_set_aside_leaves_no_handler(tmp_path: Path) -> None:
    before = list(logger().handlers)
    configuration.use(load(arguments={"log_file": str(tmp_path / "own.log")}))
    assert len(logger().handlers) == len(before) + 1
    configuration.reset()
    assert (logger().handlers, logger().level, logger().propagate) == (before, logging.NOTSET, True)
