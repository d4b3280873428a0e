"""Every command of README and the documentation is run, every configuration file is read, and what they say is so.

Two commands install the project and run for minutes: they are run as they stand
where ``WEIGHBRIDGE_README_INSTALL`` is set. Else their parts are: the extra is
looked up, and a short ``weighbridge demo`` is run here; ``.ci/run`` goes by the
test command itself, so that this very test runs inside it.
"""

from __future__ import annotations

import configparser
import os
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
import venv
from importlib.metadata import metadata, requires
from pathlib import Path

import pytest

import weighbridge
from weighbridge.transactions import configuration

from .pages import PAGES, README, ROOT, Block, blocks, text_of
from .walkthrough import require_installed, walking

TEXT = text_of(README)
INSTALL = "python -m pip install '.[demo]' && weighbridge demo"
RUN_TESTS = "python -m pip install tox && tox"


def commands(*pages: str) -> list[str]:
    return [line for block in blocks("console", *pages) for line in block.code.splitlines()]


# The commands that read figures: run with some in the store.
READING = sorted({*commands(README, "docs/how-to/alerts.md", "docs/how-to/reading.md")} - {INSTALL, RUN_TESTS})

ELSEWHERE = {
    "CONTRIBUTING.md": "below",
    "README.md": "below",
    "docs/first-hour.md": "test_tutorials",
    "docs/how-to/opentelemetry.md": "test_opentelemetry",
    "docs/how-to/alerts.md": "below",
    "docs/how-to/postgresql.md": "test_postgresql",
    "docs/how-to/prometheus.md": "test_prometheus",
    "docs/how-to/reading.md": "below",
    "docs/how-to/run.md": "tests/running/test_page.py",
    "docs/how-to/serving.md": "test_servers",
    "docs/how-to/store.md": "below",
    "docs/how-to/testing.md": "test_tutorials",
    "docs/reference/json.md": "test_tutorials",
    "docs/tutorials/compose.md": "test_servers",
    "docs/tutorials/django.md": "test_tutorials",
    "docs/tutorials/fastapi.md": "test_tutorials",
    "docs/tutorials/flask.md": "test_tutorials",
    "docs/tutorials/systemd.md": "test_servers",
    "docs/tutorials/worker.md": "test_tutorials",
    "examples/README.md": "tests/examples",
}
"""By page with commands, where they are run."""

NEED = {"sudo": "root", "docker": "a container engine", "ssh": "another machine"}
"""Programs that cannot be run here. What they would start is run without them."""


def run(command: str) -> subprocess.CompletedProcess[str]:
    """Run a command of ours as the installed package gives it."""
    words = shlex.split(command)
    assert words[0] == "weighbridge"
    program = [sys.executable, "-m", "weighbridge.cli", *words[1:]]
    return subprocess.run(program, capture_output=True, text=True, check=False)


def test_every_page_with_commands_has_a_test_that_runs_them() -> None:
    assert {block.page for block in blocks("console")} == ELSEWHERE.keys()


def test_what_cannot_be_run_here_is_said_where_it_is() -> None:
    pages = {page for page in PAGES for command in commands(page) if command.split()[0] in NEED}
    assert pages == {
        "docs/how-to/serving.md",
        "docs/how-to/store.md",
        "docs/tutorials/compose.md",
        "docs/tutorials/systemd.md",
    }


def test_blocks_are_in_languages_that_something_runs_or_reads() -> None:
    known = {"console", "dockerfile", "ini", "nginx", "python", "text", "toml", "yaml"}
    assert {str(block) for block in blocks() if block.language not in known} == set()


def test_the_two_commands_that_the_readme_begins_with() -> None:
    assert commands(README)[:2] == [INSTALL, RUN_TESTS]


@pytest.mark.parametrize("command", READING)
def test_a_command_that_reads(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIGHBRIDGE_STORE", str(tmp_path / "store.db"))
    for _ in range(20):
        weighbridge.background_task(len)("one")
        weighbridge.WebTransactionWrapper(len, name="page")("two")
    assert weighbridge.flush()
    done = run(command)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


def test_there_are_no_other_commands_than_the_text_says() -> None:
    described = run("weighbridge --help").stdout.partition("Commands:")[2]
    listed = re.findall(r"^## weighbridge (\w+)$", text_of("docs/reference/command-line.md"), re.MULTILINE)
    assert set(re.findall(r"^  (\w+)", described, re.MULTILINE)) == set(listed)


@pytest.mark.skipif(bool(os.environ.get("WEIGHBRIDGE_README_INSTALL")), reason="the whole command is run")
def test_the_demo_shortly(tmp_path: Path) -> None:
    done = run(f"weighbridge demo --requests 60 --store {shlex.quote(str(tmp_path / 'demo.db'))}")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_extras_that_it_names_exist() -> None:
    named = {extra for page in PAGES for extra in re.findall(r"\[(\w+)\]'", text_of(page))}
    assert {"demo", "ui"} <= named <= set(metadata("weighbridge").get_all("Provides-Extra") or ())
    assert any("gunicorn" in requirement and "demo" in requirement for requirement in requires("weighbridge") or ())


INSTALLING = os.environ.get("WEIGHBRIDGE_README_INSTALL")
"""Read here: the tests' own settings begin without any of the variables of this name."""


@pytest.mark.skipif(not INSTALLING, reason="installs the project: set WEIGHBRIDGE_README_INSTALL=1")
def test_the_command_that_installs_it(tmp_path: Path) -> None:
    """In a copy of the folder and an environment of its own, as on a fresh machine."""
    copy = shutil.copytree(ROOT, tmp_path / "copy", ignore=shutil.ignore_patterns(".*", "build", "*.egg-info"))
    venv.create(tmp_path / "venv", with_pip=True)
    path = f"{tmp_path / 'venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(INSTALL, shell=True, cwd=copy, env={**os.environ, "PATH": path}, check=True, timeout=600)


CONTRIBUTING = commands("CONTRIBUTING.md")


def environments_of_tox() -> set[str]:
    """The environments that `tox.ini` describes, those of several Pythons by each of their names."""
    described = configparser.RawConfigParser()
    described.read(ROOT / "tox.ini")
    names = {name.removeprefix("testenv:") for name in described.sections()}
    plain = re.split(r",\s*", described["tox"]["env_list"])
    return names | set(plain)


@pytest.mark.parametrize("command", [command for command in CONTRIBUTING if command != ". .venv/bin/activate"])
def test_a_command_for_contributors(command: str) -> None:
    words = shlex.split(command)
    match words[:3]:
        case ["python", "-m", "venv"]:
            assert ".venv/" in (ROOT / ".gitignore").read_text("utf-8")
        case ["python", "-m", "pip"]:
            require_installed(word for word in words[4:] if word != "pip")
        case ["python", "docs/reference.py", *_]:
            check = [sys.executable, str(ROOT / "docs" / "reference.py"), "--check"]
            assert subprocess.run(check, capture_output=True, text=True, check=False).stderr == ""
        case ["python", script, *_]:
            described = subprocess.run([sys.executable, str(ROOT / script), "--help"], capture_output=True, check=True)
            options = [word for word in words if word.startswith("--")]
            assert [option for option in options if option.encode() not in described.stdout] == []
        case ["tox", *_]:
            assert set(words[2:3]) <= environments_of_tox()
        case _:
            variable, program, *arguments = words
            assert (variable, program) == ("PYTHONSAFEPATH=1", "pytest")
            some = ["--collect-only", "--quiet"] if arguments[-1].endswith("semantics") else []
            installed = Path(sys.executable).with_name(program)
            chosen = [str(installed), *arguments, *some]
            done = subprocess.run(chosen, cwd=ROOT, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr


def test_each_environment_of_tox_that_is_named_exists() -> None:
    named = {
        name for page in PAGES for names in re.findall(r"`tox -e ([\w,-]+)", text_of(page)) for name in names.split(",")
    }
    assert named
    assert named <= environments_of_tox()


JOB = "from weighbridge import BackgroundTaskWrapper; BackgroundTaskWrapper(int, name='job')()"


def test_the_commands_that_start_with_an_empty_store_and_copy_one(tmp_path: Path) -> None:
    """As the page on the store has them; those for root set groups, which cannot be tried here."""
    (tmp_path / "job.py").write_text(JOB, "utf-8")
    deleting, copying = [
        command for command in commands("docs/how-to/store.md") if command.split()[0] in {"rm", "sqlite3"}
    ]
    with walking(tmp_path) as reader:
        reader.run("export WEIGHBRIDGE_STORE=weighbridge.db")
        for _ in range(2):
            reader.run("python job.py")
        name, statement = shlex.split(copying)[1:]
        assert statement == ".backup copy.db"
        with sqlite3.connect(tmp_path / name) as source, sqlite3.connect(tmp_path / "copy.db") as copy:
            source.backup(copy)  # what the command line of SQLite does, which is not installed everywhere
        assert " 2 " in reader.output("weighbridge report --store copy.db")
        subprocess.run(shlex.split(deleting.replace("rm ", "rm -f ")), cwd=tmp_path, check=True)
        reader.run("python job.py")
        assert " 1 " in reader.output("weighbridge report")


def read_as(name: str, code: str, folder: Path, environment: str | None = None) -> configuration.Configuration:
    """The configuration that a block gives, from a file of that name."""
    file = folder / name
    file.write_text(code, "utf-8")
    read = configuration.load(file, environment)
    assert read.problems == ()
    return read


@pytest.mark.parametrize("block", blocks("toml"), ids=str)
def test_a_toml_file(block: Block, tmp_path: Path) -> None:
    read_as("weighbridge.toml", block.code, tmp_path)
    read_as("pyproject.toml", block.code.replace("[weighbridge", "[tool.weighbridge"), tmp_path)


def test_the_toml_file_of_the_settings(tmp_path: Path) -> None:
    (block,) = blocks("toml", "docs/reference/settings.md")
    settings = read_as("weighbridge.toml", block.code, tmp_path).settings
    assert (settings.app_name, settings.apdex_t) == ("Shop", 0.3)
    assert settings.transaction_apdex_t == {"WebTransaction/Route/GET /export": 5.0}
    assert settings.applications["Shop workers"].apdex_t == 2.0


def test_the_ini_file_of_the_settings(tmp_path: Path) -> None:
    (block,) = blocks("ini", "docs/reference/settings.md")
    assert read_as("newrelic.ini", block.code, tmp_path).settings.app_name == "Shop"
    assert read_as("newrelic.ini", block.code, tmp_path, "production").settings.app_name == "Shop (production)"


def test_the_ini_file_with_a_section_for_a_function(tmp_path: Path) -> None:
    (block,) = blocks("ini", "docs/reference/newrelic-ini.md")
    (section,) = read_as("newrelic.ini", block.code, tmp_path).functions
    assert section.functions == (("shop.jobs", "Importer.run"),)
    assert section.options == {"name": "rebuild", "group": "Python/Job"}


def test_the_ini_file_of_uwsgi_is_what_the_suite_of_servers_runs() -> None:
    (block,) = blocks("ini", "docs/how-to/processes.md")
    written = configparser.RawConfigParser()
    written.read_string(block.code)
    source = (ROOT / "tests" / "conformance" / "servers.py").read_text("utf-8")
    for name, value in written["uwsgi"].items():
        assert f'"--{name}"' + ("" if value == "true" else f', "{value}"') in source


def test_ini_files_are_all_read() -> None:
    """Those of systemd are looked at in `test_servers` and `test_postgresql`."""
    assert {block.page for block in blocks("ini")} == {
        "docs/how-to/postgresql.md",
        "docs/how-to/processes.md",
        "docs/reference/newrelic-ini.md",
        "docs/reference/settings.md",
        "docs/tutorials/systemd.md",
    }


def test_what_the_pages_say_of_the_defaults() -> None:
    settings = configuration.Settings()
    assert (settings.apdex_t, settings.keep_minutes, settings.keep_hours) == (0.5, 3, 90)
    assert (settings.max_names, settings.flush_interval) == (1000, 5)


@pytest.mark.parametrize("page", PAGES)
def test_names_in_the_text_exist(page: str) -> None:
    of_others = {"close", "create_task", "delay", "join", "next", "terminate"}
    called = set(re.findall(r"`(\w+)\((?:\w+=\w+|False)?\)`", text_of(page))) - of_others
    ours = {*dir(weighbridge), "capture_transactions"}
    assert [name for name in sorted(called) if name not in ours] == []


@pytest.mark.parametrize("page", PAGES)
def test_settings_in_the_text_exist(page: str) -> None:
    known = {f"WEIGHBRIDGE_{name}".upper() for name in vars(configuration.Settings())}
    known |= {"WEIGHBRIDGE_CONFIG_FILE", "WEIGHBRIDGE_ENVIRONMENT"}
    assert set(re.findall(r"WEIGHBRIDGE_[A-Z_]+", text_of(page))) <= known
