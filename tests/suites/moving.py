"""Runs the monitoring tests of edx-django-utils with the agent, and with weighbridge standing in for it.

    python tests/suites/moving.py                 tells how many pass with each
    python tests/suites/moving.py --keep DIR      its sources stay in that folder for the next time

As many have to pass as with the agent. Both come from the package index; the agent is
installed into a folder of its own, which only its run sees.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent))  # a safe path does not have it

from sources import source

_TESTS: Final = "edx_django_utils/monitoring"

_SETTINGS: Final = """
SECRET_KEY = "of the tests"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "waffle"]
ROOT_URLCONF = "edx_django_utils.monitoring.tests.code_owner.test_middleware"
"""

_STAND_IN: Final = """
from weighbridge.agent import drop_in

drop_in.install()
"""


def main() -> None:
    """Compare, show, and exit with 1 where fewer pass."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", type=Path, metavar="DIR", help="where the sources stay, and are looked for")
    kept = parser.parse_args().keep
    with tempfile.TemporaryDirectory(prefix="moving-") as temporary:
        folder = Path(temporary)
        if kept is not None:
            kept.mkdir(parents=True, exist_ok=True)
        root = source("edx_django_utils", kept or folder)
        (folder / "settings_of_suite.py").write_text(_SETTINGS, "utf-8")
        (folder / "stand_in.py").write_text(_STAND_IN, "utf-8")
        agent = folder / "agent"
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(agent), "newrelic"]
        subprocess.run(install, check=True)
        with_agent = passed(root, [folder, agent], [])
        with_us = passed(root, [folder], ["-p", "stand_in"])
    print(f"{root.name}: {with_agent} tests pass with the agent, {with_us} with weighbridge in its place")
    sys.exit(with_us < with_agent or not with_agent)


def passed(root: Path, path: list[Path], options: list[str]) -> int:
    """Return how many tests pass; shows what pytest says if not all do."""
    command = [
        str(Path(sys.executable).with_name("pytest")),
        "-q",
        "-p",
        "no:cacheprovider",
        "-o",
        "addopts=",
        *options,
    ]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NEW_RELIC_")}
    ours = {"PYTHONPATH": os.pathsep.join(map(str, path)), "WEIGHBRIDGE_STORE": ":memory:", "PYTHONSAFEPATH": ""}
    done = subprocess.run(
        [*command, "--ds=settings_of_suite", _TESTS],
        cwd=root, env=environment | ours, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    if done.returncode:
        print(done.stdout, done.stderr, sep="\n")
    found = re.search(r"(\d+) passed", done.stdout)
    return int(found[1]) if found else 0


if __name__ == "__main__":
    main()
