"""Every command of the README is run, every configuration file is read, and what it says of the code is so.

Two commands install the project and run for minutes: they are run as they stand
where ``WEIGHBRIDGE_README_INSTALL`` is set. Else their parts are: the extra is
looked up, and a short ``weighbridge demo`` is run here; ``.ci/run`` goes by the
test command itself, so that this very test runs inside it.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import venv
from importlib.metadata import metadata, requires
from pathlib import Path

import pytest

import weighbridge
from weighbridge.transactions import configuration
from weighbridge.transactions.configuration.table import settings_markdown

from .blocks import README, blocks

TEXT = README.read_text("utf-8")
INSTALL = "python -m pip install '.[demo]' && weighbridge demo"
RUN_TESTS = "python -m pip install tox && tox"
COMMANDS = [line for block in blocks("console") for line in block.code.splitlines()]
QUICK = [command for command in COMMANDS if command not in {INSTALL, RUN_TESTS}]

# Read here: the tests' own settings begin without any of the variables of this name.
INSTALLING = os.environ.get("WEIGHBRIDGE_README_INSTALL")
thorough = pytest.mark.skipif(not INSTALLING, reason="installs the project: set WEIGHBRIDGE_README_INSTALL=1")


def run(command: str, **more: object) -> subprocess.CompletedProcess[str]:
    """Run a command of ours as the installed package gives it."""
    words = shlex.split(command)
    assert words[0] == "weighbridge"
    program = [sys.executable, "-m", "weighbridge.cli", *words[1:]]
    return subprocess.run(program, capture_output=True, text=True, check=False)


def test_every_block_is_run_or_read() -> None:
    assert {block.language for block in blocks()} == {"python", "console", "toml", "ini"}


def test_the_two_commands_that_it_begins_with() -> None:
    assert COMMANDS[:2] == [INSTALL, RUN_TESTS]


@pytest.mark.parametrize("command", QUICK)
def test_a_command(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIGHBRIDGE_STORE", str(tmp_path / "store.db"))
    weighbridge.background_task(len)("one")
    weighbridge.WebTransactionWrapper(len, name="page")("two")
    assert weighbridge.flush()
    done = run(command)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


def test_there_are_no_other_commands_than_the_text_says() -> None:
    described = run("weighbridge --help").stdout.partition("Commands:")[2]
    assert set(re.findall(r"^  (\w+)", described, re.MULTILINE)) == {"config", "demo", "report", "serve", "top"}


@pytest.mark.skipif(bool(INSTALLING), reason="the whole command is run")
def test_the_demo_shortly(tmp_path: Path) -> None:
    done = run(f"weighbridge demo --requests 60 --store {shlex.quote(str(tmp_path / 'demo.db'))}")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_extras_that_it_names_exist() -> None:
    named = set(re.findall(r"\[(ui|demo)\]", TEXT))
    assert named <= set(metadata("weighbridge").get_all("Provides-Extra") or ())
    assert any("gunicorn" in requirement and "demo" in requirement for requirement in requires("weighbridge") or ())


@thorough
def test_the_command_that_installs_it(tmp_path: Path) -> None:
    """In a copy of the folder and an environment of its own, as on a fresh machine."""
    copy = shutil.copytree(README.parent, tmp_path / "copy", ignore=shutil.ignore_patterns(".*", "build", "*.egg-info"))
    venv.create(tmp_path / "venv", with_pip=True)
    path = f"{tmp_path / 'venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(INSTALL, shell=True, cwd=copy, env={**os.environ, "PATH": path}, check=True, timeout=600)


def read_as(name: str, code: str, folder: Path, environment: str | None = None) -> configuration.Configuration:
    """The configuration that a block of the README gives, from a file of that name."""
    file = folder / name
    file.write_text(code, "utf-8")
    read = configuration.load(file, environment)
    assert read.problems == ()
    return read


def test_the_toml_file(tmp_path: Path) -> None:
    (block,) = blocks("toml")
    settings = read_as("weighbridge.toml", block.code, tmp_path).settings
    assert (settings.app_name, settings.apdex_t) == ("Shop", 0.3)
    assert settings.transaction_apdex_t == {"WebTransaction/Route/GET /export": 5.0}
    assert settings.applications["Shop workers"].apdex_t == 2.0
    read_as("pyproject.toml", block.code.replace("[weighbridge", "[tool.weighbridge"), tmp_path)


def test_the_ini_file(tmp_path: Path) -> None:
    (block,) = blocks("ini")
    assert read_as("newrelic.ini", block.code, tmp_path).settings.app_name == "Shop"
    assert read_as("newrelic.ini", block.code, tmp_path, "production").settings.app_name == "Shop (production)"


def test_the_table_of_settings_is_that_of_the_code() -> None:
    assert settings_markdown() in TEXT


def test_what_it_says_of_the_defaults() -> None:
    settings = configuration.Settings()
    assert (settings.apdex_t, settings.keep_minutes, settings.keep_hours) == (0.5, 3, 90)


def test_names_in_the_text_exist() -> None:
    called = set(re.findall(r"`(\w+)\(\)`", TEXT)) | {"background_task", "BackgroundTask"}
    ours = called - {"register_application", "BackgroundTask"}
    assert [name for name in sorted(ours) if not hasattr(weighbridge, name)] == []
