"""A virtual environment for each subject that needs one, made once and kept in a cache folder."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

from .subjects import REQUIREMENTS

__all__ = ["CACHE", "child_environment", "python_of", "python_with", "versions_of"]

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "weighbridge-benchmarks"
_HERE = Path(__file__).resolve().parents[1]
_VERSIONS = "import sys; from importlib.metadata import version; print(*map(version, sys.argv[1:]))"


@cache
def python_of(subject: str) -> str:
    """The interpreter that has what a subject needs: this one, or that of its own environment."""
    return python_with(subject, REQUIREMENTS[subject])


@cache
def python_with(name: str, wanted: tuple[str, ...]) -> str:
    """The interpreter of an environment of that name with these distributions; this one if there are none."""
    if not wanted:
        return sys.executable
    folder = CACHE / f"{sys.implementation.cache_tag}-{sys.version_info.micro}" / name
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        print(f"installing {' '.join(wanted)} ...", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *wanted], check=True, cwd=folder)
        (folder / "complete").touch()
    return str(python)


def child_environment(**more: str) -> dict[str, str]:
    """The environment variables of a measured process: the same for all, and nothing by chance."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return kept | {
        "PYTHONHASHSEED": "0",
        "PYTHONPATH": str(_HERE),
        "PYTHONPYCACHEPREFIX": str(CACHE / "bytecode"),
        "PYTHONSAFEPATH": "1",
        **more,
    }


@cache
def versions_of(subject: str) -> str:
    """The releases of what a subject needs, as a reader of the table wants to know them."""
    wanted = REQUIREMENTS[subject] or (("weighbridge",) if subject == "weighbridge" else ())
    done = subprocess.run(
        [python_of(subject), "-c", _VERSIONS, *wanted],
        check=True,
        capture_output=True,
        text=True,
        env=child_environment(),
    )
    return ", ".join(f"{name} {version}" for name, version in zip(wanted, done.stdout.split(), strict=True))
