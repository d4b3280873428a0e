"""Django's management commands, each run by a real ``manage.py`` of a project of one file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from weighbridge.transactions.store.reader import SeriesStatistics, StoreReader, Window

MANAGE = """
import sys
import django
from django.conf import settings
from django.core.management import execute_from_command_line

settings.configure(INSTALLED_APPS=["shop", "weighbridge.jobs.django"])
execute_from_command_line(sys.argv)
"""
COMMANDS = {
    "rebuild": "pass",
    "fail": "raise LookupError('no such book')",
    "leave": "sys.exit(3)",
    "refuse": "raise CommandError('not today')",
    "both": "call_command('rebuild'); call_command('rebuild')",
    "tasks": "[task() for _ in range(3)]",
}
COMMAND = """
import sys
from django.core.management import BaseCommand, CommandError, call_command
import weighbridge

@weighbridge.background_task(name="task")
def task():
    pass

class Command(BaseCommand):
    requires_system_checks = []

    def handle(self, *args, **options):
        {body}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "shop" / "management" / "commands"
    folder.mkdir(parents=True)
    for package in (folder, folder.parent, folder.parent.parent):
        (package / "__init__.py").touch()
    for name, body in COMMANDS.items():
        (folder / f"{name}.py").write_text(COMMAND.format(body=body))
    (tmp_path / "manage.py").write_text(MANAGE)
    return tmp_path


def run(project: Path, *arguments: str) -> int:
    environment = {
        **os.environ,
        "PYTHONPATH": str(project),
        "WEIGHBRIDGE_STORE": str(project / "weighbridge.db"),
        "WEIGHBRIDGE_APP_NAME": "shop",
    }
    command = [sys.executable, str(project / "manage.py"), *arguments]
    return subprocess.run(command, env=environment, check=False, capture_output=True).returncode


def counted(project: Path) -> dict[str, SeriesStatistics]:
    with StoreReader.open(project / "weighbridge.db") as reader:
        return {f"{one.series.group}/{one.series.name}": one for one in reader.transactions(Window(0, 2**33))}


def test_each_run_is_a_transaction_that_ended_as_the_command_did(project: Path) -> None:
    statuses = {name: run(project, name) for name in ("rebuild", "fail", "leave", "refuse")}
    assert statuses == {"rebuild": 0, "fail": 1, "leave": 3, "refuse": 1}
    found = counted(project)
    assert {name: (one.statistics.calls, one.statistics.errors) for name, one in found.items()} == {
        "Django/manage.py rebuild": (1, 0),
        "Django/manage.py fail": (1, 1),
        "Django/manage.py leave": (1, 1),
        "Django/manage.py refuse": (1, 1),
    }
    with StoreReader.open(project / "weighbridge.db") as reader:
        assert {error.type for error in reader.errors(Window(0, 2**33))} == {
            "builtins:LookupError",
            "builtins:SystemExit",
            "django.core.management.base:CommandError",
        }


def test_a_command_that_calls_others_is_a_frame_around_them(project: Path) -> None:
    assert run(project, "both") == 0
    assert {name: one.statistics.calls for name, one in counted(project).items()} == {"Django/manage.py rebuild": 2}


def test_what_begins_in_a_command_is_counted_by_itself(project: Path) -> None:
    assert run(project, "tasks") == 0
    assert {name: one.statistics.calls for name, one in counted(project).items()} == {"Function/task": 3}
