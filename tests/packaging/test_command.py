"""The version, and ``python -m weighbridge``."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest

import weighbridge


def run(tmp_path: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *command], cwd=tmp_path, capture_output=True, text=True, check=False)


def test_the_version_is_that_of_the_distribution() -> None:
    assert weighbridge.__version__ == importlib.metadata.version("weighbridge")


def test_the_package_runs_as_the_command(tmp_path: Path) -> None:
    done = run(tmp_path, "-m", "weighbridge", "--version")
    assert (done.stdout, done.stderr, done.returncode) == (f"weighbridge {weighbridge.__version__}\n", "", 0)
    assert run(tmp_path, "-m", "weighbridge", "--help").stdout.startswith("Usage: weighbridge ")


@pytest.mark.parametrize("missing", ["click", "rich"])
def test_without_the_libraries_that_it_needs_it_says_what_to_install(missing: str, tmp_path: Path) -> None:
    program = (
        f"import runpy, sys; sys.modules[{missing!r}] = None; runpy.run_module('weighbridge', run_name='__main__')"
    )
    done = run(tmp_path, "-c", program)
    assert done.returncode == 2
    assert f"the command line needs {missing!r}, which is not installed" in done.stderr
    assert "pip install 'weighbridge[ui]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_to_import_it_runs_nothing(tmp_path: Path) -> None:
    done = run(tmp_path, "-c", "import weighbridge.__main__")
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)
