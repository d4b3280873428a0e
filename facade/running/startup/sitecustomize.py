"""The start-up file of ``weighbridge run``: Python imports it before every program that is started under it.

It stands alone in its folder, which ``weighbridge run`` puts in front of
``PYTHONPATH``. So any interpreter may come across it, also one that has no
weighbridge, or another release, or a Python that is far too old. It has to be
readable by all of them, and imports nothing but `os` and `sys` before it knows.
"""
# mypy: ignore-errors

import os
import sys


def _main():
    own = os.path.split(os.path.abspath(__file__))[0]
    sys.path[:] = [folder for folder in sys.path if os.path.abspath(folder) != own]
    try:
        _run_the_one_behind()
    finally:
        if sys.version_info >= (3, 10) and _version() == os.environ.get("WEIGHBRIDGE_RUN"):
            _wait()


def _run_the_one_behind():
    """Run the program's own ``sitecustomize``, which this file hides, as Python would have done."""
    hiding = sys.modules.pop("sitecustomize", None)
    try:
        import sitecustomize  # noqa: F401, PLC0415
    except ImportError as error:
        if getattr(error, "name", "sitecustomize") != "sitecustomize":
            raise
    finally:
        if hiding is not None:
            sys.modules.setdefault("sitecustomize", hiding)


def _version():
    """Return the version of this interpreter's own weighbridge without importing it; None if there is none."""
    try:
        with open(_place()) as file:
            lines = [line for line in file if line.startswith("__version__")]
        return lines[0].split('"')[1]
    except Exception:
        return None


def _place():
    """Return the file that ``import weighbridge`` would read."""
    finders = [finder for finder in sys.meta_path if hasattr(finder, "find_spec")]
    specs = [finder.find_spec("weighbridge", None) for finder in finders]
    return str(next(spec for spec in specs if spec is not None).origin)


_WATCHED = frozenset(
    "apscheduler arq bottle celery channels cheroot connexion daphne django dramatiq falcon flask gevent granian "
    "gunicorn huey hypercorn newrelic procrastinate pyramid quart rq sanic starlette taskiq uvicorn waitress "
    "weighbridge werkzeug wsgiref".split()
)
"""Packages that are reason enough to load weighbridge: in a process that imports none of them it does nothing."""


class _Waiting:
    """A finder that finds nothing itself, and starts weighbridge before the first of these packages is imported."""

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in _WATCHED:
            return None
        sys.meta_path[:] = [finder for finder in sys.meta_path if finder is not self]
        watcher = _start()
        return None if watcher is None else watcher.find_spec(name, path, target)


def _wait():
    """Start where there is something to do already; else wait until there is."""
    is_command = os.environ.get("WEIGHBRIDGE_RUN_PID") == str(os.getpid())
    if is_command or not sys.orig_argv or not _WATCHED.isdisjoint(sys.modules):
        _start()
    else:
        sys.meta_path.insert(0, _Waiting())


def _start():
    try:
        from weighbridge.running.start import start  # noqa: PLC0415

        return start()
    except Exception as error:
        sys.stderr.write("weighbridge: nothing is measured here, as the start-up file failed: %r\n" % (error,))


_main()
