"""The start-up file: it leaves everything as it finds it, and is silent where it has no business."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

import weighbridge
from weighbridge.running.environment import STARTUP
from weighbridge.running.plugs import PLUGS

from .conftest import Scripts


def test_the_program_s_own_start_up_file_still_runs(scripts: Scripts) -> None:
    scripts.write("sitecustomize.py", "import sys; sys.started_by = __file__")
    scripts.write(
        "nightly.py",
        """
        import sys
        import sitecustomize
        print(sys.started_by)
        print(sitecustomize.__file__)
        """,
    )
    done = scripts.run("python", "nightly.py")
    assert done.stdout.split() == [str(scripts.folder / "sitecustomize.py")] * 2
    assert done.stderr == ""
    assert scripts.paths() == {"OtherTransaction/Script/nightly.py": 1}


def test_one_that_fails_fails_as_without_us(scripts: Scripts) -> None:
    scripts.write("sitecustomize.py", "raise LookupError('of its own')")
    scripts.write("nightly.py", "print('done')")
    done = scripts.run("python", "nightly.py")
    alone = subprocess.run(
        ["python", "nightly.py"], cwd=scripts.folder, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(scripts.folder)},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (alone.returncode, alone.stdout)
    assert done.stderr == 2 * alone.stderr, "once by `weighbridge run` itself, which Python runs too"
    assert scripts.paths() == {"OtherTransaction/Script/nightly.py": 1}


def test_the_path_of_the_program_is_what_it_would_be(scripts: Scripts) -> None:
    scripts.write("nightly.py", "import sys; print(sys.path); print('sitecustomize' in sys.modules)")
    alone = subprocess.check_output(
        [sys.executable, "nightly.py"], cwd=scripts.folder, text=True,
        env={**os.environ, "PYTHONPATH": str(scripts.folder)},
    )  # fmt: skip
    assert scripts.run(sys.executable, "nightly.py").stdout.splitlines()[0] == alone.splitlines()[0]


@pytest.mark.parametrize(
    "environ", [{"PYTHONSAFEPATH": "1"}, {"PYTHONNOUSERSITE": "1"}, {"PYTHONDONTWRITEBYTECODE": "1"}]
)
def test_settings_of_python_are_no_matter(scripts: Scripts, environ: dict[str, str]) -> None:
    scripts.write("nightly.py", "")
    assert scripts.run("python", "nightly.py", **environ).stderr == ""
    assert scripts.paths() == {"OtherTransaction/Script/nightly.py": 1}


def test_a_virtual_environment_without_weighbridge_is_left_alone(scripts: Scripts, tmp_path: Path) -> None:
    venv.create(tmp_path / "other", symlinks=True)
    scripts.write("nightly.py", "import sys; print([name for name in sys.modules if 'weighbridge' in name])")
    done = scripts.run(str(tmp_path / "other" / "bin" / "python"), "nightly.py")
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")
    assert scripts.paths() == {}


def test_another_version_of_weighbridge_is_left_alone(scripts: Scripts) -> None:
    scripts.write("other/weighbridge/__init__.py", '__version__ = "99.0"\nraise AssertionError("not to be imported")')
    scripts.write("nightly.py", "import sys; print(*sorted(sys.modules))")
    done = scripts.run("sh", "-c", "PYTHONPATH=$PYTHONPATH:other exec python nightly.py")
    alone = scripts.run("python", "-E", "nightly.py")
    assert (done.returncode, done.stderr) == (0, "")
    assert set(done.stdout.split()) - set(alone.stdout.split()) == {"sitecustomize"}, "nothing is imported for it"
    assert scripts.paths() == {}


def test_it_can_be_read_by_a_python_that_is_far_too_old() -> None:
    text = Path(STARTUP, "sitecustomize.py").read_text()
    ast.parse(text, feature_version=(3, 4))
    assert "async " not in text


def test_a_child_that_does_nothing_loads_nothing(scripts: Scripts) -> None:
    scripts.write("child.py", "import sys; print(*sys.modules)")
    scripts.write("nightly.py", "import subprocess, sys; subprocess.run([sys.executable, 'child.py'])")
    alone = scripts.run("python", "-E", "child.py").stdout.split()
    loaded = scripts.run("python", "nightly.py").stdout.split()
    assert set(loaded) - set(alone) == {"sitecustomize"}


def test_it_waits_for_all_that_is_watched() -> None:
    text = Path(STARTUP, "sitecustomize.py").read_text()
    watched = next(
        node.value
        for node in ast.parse(text).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_WATCHED"
    )
    words = eval(compile(ast.Expression(watched), "", "eval"))  # a literal
    assert sorted({*(name.partition(".")[0] for name in PLUGS), "newrelic", "weighbridge"}) == sorted(words)


def test_it_is_of_the_same_version_as_the_package(scripts: Scripts) -> None:
    scripts.write("nightly.py", "import os; print(os.environ['WEIGHBRIDGE_RUN'])")
    assert scripts.run("python", "nightly.py").stdout.strip() == weighbridge.__version__


def test_its_variables_are_no_settings(scripts: Scripts) -> None:
    done = scripts.run("python", "-m", "weighbridge", "config")
    assert done.returncode == 0
    assert "run" not in done.stderr


@pytest.mark.parametrize("name", ["bottle", "flask"])
def test_a_module_of_the_program_with_the_name_of_a_framework(name: str, scripts: Scripts) -> None:
    """One line says that it is not known, and the program goes on."""
    scripts.write(f"{name}.py", "own = True")
    scripts.write("nightly.py", f"import {name}; print({name}.own)")
    done = scripts.run("python", "nightly.py")
    assert (done.returncode, done.stdout) == (0, "True\n")
    assert len(done.stderr.splitlines()) <= 1, done.stderr
    assert "Traceback" not in done.stderr
    assert scripts.paths() == {"OtherTransaction/Script/nightly.py": 1}
