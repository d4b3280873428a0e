"""What an import costs over bare Python, and what it loads before it is needed.

    python benchmarks/start.py

CPU time of whole processes, interleaved, with compiled bytecode in place; and
instructions where valgrind is there: those are the same again.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent))  # a safe path does not have it

from measuring.callgrind import VALGRIND, instructions_of_import
from measuring.environments import child_environment, python_of, versions_of
from measuring.tables import show, table

_IMPORTS = {
    "weighbridge": ("weighbridge", "weighbridge"),
    "weighbridge.middleware": ("weighbridge", "weighbridge.middleware"),
    "weighbridge.middleware.wsgi": ("weighbridge", "weighbridge.middleware.wsgi"),
    "weighbridge.middleware.asgi": ("weighbridge", "weighbridge.middleware.asgi"),
    "asyncio": ("bare", "asyncio"),
    "prometheus_client": ("prometheus", "prometheus_client"),
    "opentelemetry": ("opentelemetry", "measuring.subjects.opentelemetry"),
    "elasticapm": ("elastic", "elasticapm"),
    "ddtrace": ("datadog", "ddtrace"),
    "newrelic.agent": ("newrelic", "newrelic.agent"),
    "sentry_sdk": ("sentry", "sentry_sdk"),
}
"""What is shown, whose interpreter it needs, and what is imported."""
_HEAVY = ("asyncio", "sqlite3", "logging.config", "importlib.metadata", "click", "rich", "wrapt", "threading")


def main() -> None:
    """Measure, show, and exit with 1 where weighbridge takes longer than allowed or loads what is heavy."""
    options = _options()
    times = _times(options.only, options.rounds)
    loaded = {name: _heavy(name) for name in options.only}
    rows = (
        [f"`{name}`", f"{times[name] * 1000:.1f} ms", _instructions(name), ", ".join(loaded[name])]
        for name in options.only
    )
    versions = dict.fromkeys(versions_of(_IMPORTS[name][0]) for name in options.only)
    show(table(["import", "over bare Python", "instructions", "loads"], rows), versions, options.into, "start")
    ours = [name for name in options.only if name.startswith("weighbridge")]
    if options.check and any(times[name] > 0.020 or loaded[name] for name in ours):
        sys.exit(1)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=_IMPORTS, nargs="*", default=list(_IMPORTS))
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--check", action="store_true", help="fail above 20 ms, or where anything heavy is loaded")
    parser.add_argument("--into", type=Path, metavar="FILE", help="put the table between the marks in that file")
    return parser.parse_args()


def _times(names: list[str], rounds: int) -> dict[str, float]:
    """Seconds over a process of the same interpreter that imports nothing: the median of the rounds."""
    found: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds + 1):
        for name in names:
            subject, module = _IMPORTS[name]
            more = _seconds(subject, f"import {module}") - _seconds(subject, "pass")
            if number:  # the first one writes the bytecode
                found[name].append(more)
    return {name: median(figures) for name, figures in found.items()}


def _seconds(subject: str, program: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    _run(subject, program)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _instructions(name: str) -> str:
    if VALGRIND is None:
        return ""
    subject, module = _IMPORTS[name]
    return f"{instructions_of_import(python_of(subject), module) / 1e6:.0f} M"


def _heavy(name: str) -> list[str]:
    subject, module = _IMPORTS[name]
    loaded = _run(subject, f"import {module}, sys; print(*sys.modules)").split()
    return [heavy for heavy in _HEAVY if heavy in loaded]


def _run(subject: str, program: str) -> str:
    environment = child_environment()
    done = subprocess.run([python_of(subject), "-c", program], check=True, capture_output=True, env=environment)
    return done.stdout.decode()


if __name__ == "__main__":
    main()
