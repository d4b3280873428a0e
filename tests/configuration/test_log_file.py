"""``log_file`` and ``log_level``, and how problems reach the log."""

from __future__ import annotations

import logging
import logging.config
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from weighbridge.transactions import configuration
from weighbridge.transactions.configuration.loading import Configuration, load
from weighbridge.transactions.configuration.log_file import direct_log
from weighbridge.transactions.log import log_once, logger


@pytest.fixture(autouse=True)
def _log_as_it_was() -> Iterator[None]:
    yield
    direct_log(load())
    configuration.reset()


def to(file: Path | str, level: str = "info") -> Configuration:
    return load(arguments={"log_file": str(file), "log_level": level})


def test_lines_go_to_the_file_and_nowhere_else(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert direct_log(to(tmp_path / "own.log")) is None
    logger().info("weighed")
    logger().debug("unheard")
    (line,) = (tmp_path / "own.log").read_text().splitlines()
    assert line.endswith("weighbridge INFO: weighed")
    assert caplog.messages == []


@pytest.mark.parametrize("to_file", [True, False])
def test_a_program_that_configures_its_logging_later_leaves_the_file(tmp_path: Path, to_file: bool) -> None:
    """`logging.config` disables all loggers that it is not told of, unless it is told not to."""
    file, disabled = tmp_path / "own.log", logger()
    direct_log(to(file) if to_file else load())
    try:
        logging.config.dictConfig({"version": 1})
        assert disabled.disabled
        log_once(("later", to_file), "weighed")
        assert disabled.disabled is not to_file
    finally:
        disabled.disabled = False
    assert not to_file or file.read_text().endswith("weighbridge WARNING: weighed\n")


def test_a_second_call_replaces_the_first(tmp_path: Path) -> None:
    direct_log(to(tmp_path / "first.log"))
    direct_log(to(tmp_path / "second.log", "error"))
    logger().info("unheard")
    logger().error("heard")
    assert (tmp_path / "first.log").read_text() == ""
    assert (tmp_path / "second.log").read_text().count("\n") == 1


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_streams(capsys: pytest.CaptureFixture[str], stream: str) -> None:
    direct_log(to(stream))
    logger().warning("weighed")
    written = capsys.readouterr()
    assert getattr(written, "err" if stream == "stderr" else "out").endswith("weighed\n")


def test_without_a_file_the_host_decides(caplog: pytest.LogCaptureFixture) -> None:
    direct_log(load())
    assert logger().level == logging.NOTSET
    logger().warning("weighed")
    assert caplog.messages == ["weighed"]


def test_a_level_alone_holds_for_the_hosts_handlers_too() -> None:
    direct_log(load(arguments={"log_level": "error"}))
    assert logger().level == logging.ERROR
    assert logger().propagate


def test_a_file_that_cannot_be_written_is_a_problem_and_changes_nothing(tmp_path: Path) -> None:
    direct_log(to(tmp_path / "own.log"))
    problem = direct_log(to(tmp_path / "no" / "such.log"))
    assert problem is not None
    assert "cannot be written: No such file or directory" in str(problem)
    logger().warning("weighed")
    assert (tmp_path / "own.log").read_text().endswith("weighed\n")


def test_problems_are_logged_once_each(caplog: pytest.LogCaptureFixture) -> None:
    found = load(arguments={"apdex_t": "logged once", "max_names": "logged once"})
    configuration.use(found)
    configuration.use(found)
    assert caplog.messages == [str(problem) for problem in found.problems]
    assert configuration.current() is found


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a pipe with a name")
def test_a_pipe_that_nobody_reads_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    problem = direct_log(to(tmp_path / "pipe"))
    assert problem is not None
    assert "cannot be written" in str(problem)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a pipe with a name")
def test_a_pipe_that_is_full_holds_nobody_up_either(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert direct_log(to(tmp_path / "pipe")) is None
        for _ in range(200):
            logger().warning("weighed %s", "x" * 1000)
        assert b"weighed" in os.read(reader, 1000)
    finally:
        os.close(reader)
    assert capsys.readouterr() == ("", "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full")
def test_a_line_that_cannot_be_written_is_nobody_elses_business(capsys: pytest.CaptureFixture[str]) -> None:
    assert direct_log(to("/dev/full")) is None
    logger().warning("weighed")
    assert capsys.readouterr() == ("", "")


def test_text_that_is_no_unicode_is_written_all_the_same(tmp_path: Path) -> None:
    direct_log(to(tmp_path / "own.log"))
    logger().warning("weighed \udce9")
    assert "weighed \\udce9" in (tmp_path / "own.log").read_text()
