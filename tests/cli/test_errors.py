"""Bad input: one message that names the value, the place and what would be right; exit status 2; no traceback."""

from __future__ import annotations

import pwd
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Run = Callable[..., Result]


def refused(result: Result, *words: str) -> None:
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    for word in words:
        assert word in result.stderr


def test_a_store_that_is_not_there(run: Run, tmp_path: Path) -> None:
    refused(run("report", "--store", tmp_path / "none.db"), str(tmp_path / "none.db"), "--store")
    assert not (tmp_path / "none.db").exists()


def test_a_configured_store_that_is_not_there_is_no_default(run: Run, tmp_path: Path) -> None:
    result = run("report", WEIGHBRIDGE_STORE=str(tmp_path / "none.db"))
    refused(result, str(tmp_path / "none.db"), "You are", "other users")


@pytest.mark.parametrize("command", ["report", "top"])
def test_a_file_that_is_no_store(run: Run, tmp_path: Path, command: str) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("not a database " * 100)
    refused(run(command, "--store", file), str(file))


def test_a_directory_in_place_of_a_store(run: Run, tmp_path: Path) -> None:
    refused(run("report", "--store", tmp_path), str(tmp_path))


def test_another_program_s_database(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "other.db"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE songs (title TEXT)")
    connection.close()
    refused(run("report", "--store", file), str(file))


def test_a_store_cut_short(run: Run, write_store: Callable[..., Path]) -> None:
    file = write_store([])
    file.write_bytes(file.read_bytes()[:5000])
    refused(run("report", "--store", file), str(file))


@pytest.mark.parametrize("since", ["yesterday", "30", "2999-01-01"])
def test_a_since_that_means_nothing(run: Run, since: str) -> None:
    refused(run("report", "--since", since), "--since", repr(since), "30m")


def test_a_configuration_file_that_cannot_be_parsed(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "weighbridge.toml"
    file.write_text("[weighbridge\napdex_t = ")
    refused(run("report", WEIGHBRIDGE_CONFIG_FILE=str(file)), str(file))


def test_a_setting_that_does_not_exist(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "weighbridge.toml"
    file.write_text("[weighbridge]\napdex = 1\nflush_interval = -1\n")
    result = run("report", WEIGHBRIDGE_CONFIG_FILE=str(file))
    refused(result, str(file), "apdex_t", "flush_interval", "-1")


def test_a_store_in_memory_cannot_be_shown(run: Run) -> None:
    refused(run("report", WEIGHBRIDGE_STORE=":memory:"), ":memory:", "WEIGHBRIDGE_STORE")


@pytest.mark.parametrize("missing", ["click", "rich"])
def test_without_its_libraries_the_command_says_what_installs_them(missing: str) -> None:
    program = f"import sys; sys.modules[{missing!r}] = None; from weighbridge.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "pip install 'weighbridge[ui]'" in done.stderr
    assert missing in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("missing", ["sqlite3", "_sqlite3"])
def test_a_python_without_sqlite(missing: str) -> None:
    program = f"import sys; sys.modules[{missing!r}] = None; from weighbridge.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "sqlite3" in done.stderr


def test_a_user_without_a_home(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(number: int) -> None:
        raise KeyError(number)

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    for name in ("HOME", "XDG_STATE_HOME", "USER", "LOGNAME"):
        monkeypatch.delenv(name, raising=False)
    refused(run("report"), "home directory", "--store")
