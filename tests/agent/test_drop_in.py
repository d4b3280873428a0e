"""The modules of ``newrelic`` are importable where the agent is not installed, and only there."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(find_spec("newrelic") is not None, reason="the agent itself is installed")

WRAPPER = "WSGIApplicationWrapper"
INSTALL = "from weighbridge.agent import drop_in; drop_in.install(); "


def python(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run code in a new interpreter, in a folder."""
    return subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("import newrelic; print(newrelic.version_info[0] >= 5, newrelic.version)", "True 14.1.0"),
        ("import newrelic.agent; import weighbridge.agent; print(newrelic.agent is weighbridge.agent)", "True"),
        ("from newrelic import agent; print(agent.background_task.__module__.partition('.')[0])", "weighbridge"),
        ("from newrelic.api.transaction import current_transaction; print(current_transaction())", "None"),
        ("from newrelic.api.web_transaction import WSGIApplicationWrapper as w; print(w.__name__)", WRAPPER),
        ("from newrelic.api.wsgi_application import WSGIApplicationWrapper as w; print(w.__name__)", WRAPPER),
        ("from newrelic.common.object_names import callable_name; print(callable_name(len))", "builtins:len"),
        ("from newrelic.core.config import global_settings; print(global_settings().app_name)", "Python Application"),
        ("from newrelic.core.agent import agent_instance; print(agent_instance().active)", "True"),
    ],
)
def test_programs_import_what_they_imported(code: str, shown: str, tmp_path: Path) -> None:
    done = python(INSTALL + code, tmp_path)
    assert (done.stdout.strip(), done.stderr) == (shown, "")


def test_every_name_of_every_module_is_there(tmp_path: Path) -> None:
    code = (
        "from importlib import import_module\n"
        "for name, names in drop_in._MODULES.items():\n"
        "    module = import_module(name)\n"
        "    assert {*names} <= {*dir(module)}\n"
        "    for each in names: getattr(module, each)\n"
        "print(len(drop_in._MODULES))"
    )
    done = python(INSTALL + "\n" + code, tmp_path)
    assert done.stderr == ""
    assert int(done.stdout) > 30


def test_a_configuration_error_is_caught_under_its_name_there(tmp_path: Path) -> None:
    code = (
        "import newrelic.agent, newrelic.api.exceptions\n"
        "try: newrelic.agent.initialize('missing.ini', ignore_errors=False)\n"
        "except newrelic.api.exceptions.ConfigurationError: print('caught')"
    )
    assert python(INSTALL + "\n" + code, tmp_path).stdout == "caught\n"


def test_tests_can_patch_it(tmp_path: Path) -> None:
    code = (
        "from unittest import mock; import newrelic.agent\n"
        "with mock.patch('newrelic.agent.add_custom_attribute') as add: newrelic.agent.add_custom_attribute('a', 1)\n"
        "with mock.patch('newrelic.agent') as whole: print(add.call_count, newrelic.agent is whole)"
    )
    assert python(INSTALL + "\n" + code, tmp_path).stdout == "1 True\n"


def test_what_nobody_imports_is_not_there_and_is_said_to_be_missing(tmp_path: Path) -> None:
    assert "No module named 'newrelic.hooks'" in python(INSTALL + "import newrelic.hooks", tmp_path).stderr
    done = python(INSTALL + "from newrelic.api.transaction import Sentinel", tmp_path)
    assert "cannot import name 'Sentinel' from 'newrelic.api.transaction'" in done.stderr


def test_twice_is_once(tmp_path: Path) -> None:
    code = "drop_in.install(); import sys; print(sum(type(finder) is drop_in._Finder for finder in sys.meta_path))"
    assert python(INSTALL + code, tmp_path).stdout == "1\n"


def test_where_the_agent_is_installed_it_stops(tmp_path: Path) -> None:
    (tmp_path / "newrelic").mkdir()
    (tmp_path / "newrelic" / "__init__.py").touch()
    done = python(f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {INSTALL}", tmp_path)
    assert "AgentIsInstalled: newrelic is installed (" in done.stderr
    assert "uninstall it, or leave out --as-newrelic" in done.stderr


def test_a_folder_of_that_name_is_not_the_agent(tmp_path: Path) -> None:
    (tmp_path / "newrelic").mkdir()
    (tmp_path / "newrelic" / "newrelic.ini").touch()
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {INSTALL} import newrelic.agent; print('here')"
    assert python(code, tmp_path).stdout == "here\n"
