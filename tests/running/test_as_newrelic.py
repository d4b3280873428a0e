"""``--as-newrelic``: a program that was written for New Relic's agent, unchanged and without the agent."""

from __future__ import annotations

from .conftest import Scripts

_PROGRAM = """
import newrelic.agent
from newrelic.api.background_task import BackgroundTask

newrelic.agent.initialize()

@newrelic.agent.background_task(name="rebuild", group="Python/Job")
def rebuild():
    newrelic.agent.add_custom_attribute("shelf", 7)

rebuild()
with BackgroundTask(newrelic.agent.application(), name="block"):
    pass
"""


def test_its_tasks_are_counted(scripts: Scripts) -> None:
    scripts.write("nightly.py", _PROGRAM)
    done = scripts.run("python", "nightly.py", options=("--as-newrelic",))
    assert done.returncode == 0, done.stderr
    assert scripts.paths() == {"OtherTransaction/Python/Job/rebuild": 1, "OtherTransaction/Function/block": 1}


def test_so_are_those_of_its_children(scripts: Scripts) -> None:
    scripts.write("child.py", _PROGRAM)
    scripts.write("nightly.py", "import subprocess, sys; subprocess.run([sys.executable, 'child.py'], check=True)")
    done = scripts.run("python", "nightly.py", options=("--as-newrelic",))
    assert done.returncode == 0, done.stderr
    assert scripts.paths()["OtherTransaction/Function/block"] == 1


def test_without_it_there_is_no_agent(scripts: Scripts) -> None:
    scripts.write("nightly.py", _PROGRAM)
    assert "No module named 'newrelic'" in scripts.run("python", "nightly.py").stderr


def test_where_the_agent_is_installed_it_says_so_and_stops(scripts: Scripts) -> None:
    scripts.write("newrelic/__init__.py", "")
    scripts.write("nightly.py", "print('not to be reached')")
    done = scripts.run("python", "nightly.py", options=("--as-newrelic",))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("weighbridge: newrelic is installed")
