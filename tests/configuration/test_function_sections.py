"""Functions that a ``newrelic.ini`` names are measured as soon as their module is imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from weighbridge.transactions.configuration import load
from weighbridge.transactions.configuration.records import FunctionSection

INI = """
[newrelic]
app_name = Shop

[background-task:rebuild]
enabled = true
function = named_jobs:Importer.run named_jobs:rebuild
group = Python/Job

[background-task:off]
enabled = false
function = named_jobs:off

[web-transaction:page]
function = named_jobs:page
name = page
"""

JOBS = """
def rebuild(): pass
def off(): pass
def page(): pass
class Importer:
    def run(self): pass
"""

PROGRAM = """
import sys; sys.path.insert(0, ".")
{before}
from weighbridge import agent
agent.initialize("newrelic.ini")
agent.initialize("newrelic.ini")
import named_jobs
from weighbridge.testing import capture_transactions
with capture_transactions() as found:
    named_jobs.rebuild(), named_jobs.off(), named_jobs.page(), named_jobs.Importer().run()
print(*(one.path for one in found), sep="\\n")
"""


def run(folder: Path, ini: str = INI, before: str = "") -> subprocess.CompletedProcess[str]:
    (folder / "newrelic.ini").write_text(ini)
    (folder / "named_jobs.py").write_text(JOBS)
    code = PROGRAM.format(before=before)
    return subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("before", ["", "import named_jobs"])
def test_they_are_measured_before_and_after_their_import(before: str, tmp_path: Path) -> None:
    done = run(tmp_path, before=before)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "OtherTransaction/Python/Job/named_jobs:rebuild",
        "WebTransaction/Function/page",
        "OtherTransaction/Python/Job/named_jobs:Importer.run",
    ]


def test_what_is_not_there_is_said_and_stops_nothing(tmp_path: Path) -> None:
    done = run(tmp_path, INI.replace("named_jobs:rebuild", "named_jobs:gone"))
    assert done.stdout.splitlines()[0] == "WebTransaction/Function/page"
    (line,) = done.stderr.splitlines()
    assert "newrelic.ini [background-task:rebuild]: named_jobs:gone cannot be wrapped" in line


def test_what_is_read(tmp_path: Path) -> None:
    file = tmp_path / "newrelic.ini"
    file.write_text(INI)
    first, second = load(str(file)).functions
    assert first == FunctionSection(
        "background-task",
        (("named_jobs", "Importer.run"), ("named_jobs", "rebuild")),
        {"group": "Python/Job"},
        f"{file} [background-task:rebuild]",
    )
    assert (second.kind, second.options) == ("web-transaction", {"name": "page"})
    assert not load(str(file)).unused


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("function = named_jobs", "function = 'named_jobs' is not valid; it must be module:path.of.object"),
        ("name = rebuild", "function = '' is not valid; it must be module:path.of.object"),
        ("function = a:b\nenabled = perhaps", "enabled = 'perhaps' is not valid; it must be true or false"),
        ("function = a:b\nname = lambda: x", "name is code, which is not run here"),
        (
            "function = a:b\nnamed = x",
            "there is no option named; valid are enabled, function, application, name, group",
        ),
    ],
)
def test_mistakes_are_named_with_their_section(written: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "newrelic.ini"
    file.write_text(f"[newrelic]\n[background-task:one]\n{written}\n")
    found = load(str(file))
    assert not found.functions
    (problem,) = found.problems
    assert str(problem).startswith(f"{file} [background-task:one]: {said}")
