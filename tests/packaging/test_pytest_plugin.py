"""pytest leaves our modules as they are, and imports none of them unless a test asks for it."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Distributions

TESTS = """
import sys
from pathlib import Path

def loaders():
    return {type(module.__loader__).__name__ for name, module in sys.modules.items() if name.startswith("weighbridge")}

def test_nothing_is_imported_before():
    assert loaders() == set()

def test_with_the_fixture(captured_transactions):
    import weighbridge.middleware.wsgi
    weighbridge.background_task(int)()
    weighbridge.flush()
    assert len(captured_transactions) == 1
    from weighbridge.transactions import lifecycle
    assert {"weighbridge", "weighbridge.transactions.lifecycle", "weighbridge.testing"} < {*sys.modules}
    assert loaders() == {"SourceFileLoader"}
    assert "pytest" not in Path(lifecycle.__cached__).name
"""


@pytest.fixture(scope="module")
def installed(distributions: Distributions, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel in it, as pip installs it."""
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(distributions.wheel) as wheel:
        wheel.extractall(folder)
    return folder


def run_pytest(installed: Path, tmp_path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "test_program.py").write_text(TESTS)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, "test_program.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(installed), "WEIGHBRIDGE_STORE": ":memory:"},
    )


@pytest.mark.parametrize("options", [(), ("--assert=plain",), ("-n", "1")], ids=["as it is", "plain", "in a worker"])
def test_our_modules_are_not_rewritten(options: tuple[str, ...], installed: Path, tmp_path: Path) -> None:
    done = run_pytest(installed, tmp_path, *options)
    assert "2 passed" in done.stdout, done.stdout + done.stderr
    assert not list(installed.rglob("*pytest-*.pyc")) or {
        file.name.partition(".")[0] for file in installed.rglob("*pytest-*.pyc")
    } == {"_weighbridge_pytestplugin"}


def test_without_the_plugin_they_would_be(installed: Path, tmp_path: Path) -> None:
    """The test above sees what it should."""
    plugin = installed / "_weighbridge_pytestplugin.py"
    text = plugin.read_text()
    plugin.write_text(text.replace('marked.discard("weighbridge")', "pass"))
    try:
        done = run_pytest(installed, tmp_path)
    finally:
        plugin.write_text(text)
    assert "AssertionRewritingHook" in done.stdout
