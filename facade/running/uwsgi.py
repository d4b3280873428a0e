"""uWSGI, which loads applications in C: they are measured in the modules that its options name.

An application in a file (``wsgi-file``) is no import. It is measured as under a
server that is not known: where it belongs to a framework.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from types import ModuleType
from typing import Any

from weighbridge.transactions.log import capture_internal_exception

from .applications import measured
from .post_import import Hook, Watcher

__all__ = ["named_applications", "watch_uwsgi"]


def watch_uwsgi() -> None:
    """Wait for uWSGI's own module, which appears after the start of the interpreter and without an import."""
    sys.meta_path.insert(0, _Waiting())


class _Waiting:
    """A finder that looks for uWSGI's options at the first import after the start, and then makes room."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """See `importlib.abc.MetaPathFinder`."""
        if "uwsgi" not in sys.modules:
            return None
        watcher = Watcher(_hooks(sys.modules["uwsgi"]))
        sys.meta_path[:] = [watcher if finder is self else finder for finder in sys.meta_path]
        return watcher.find_spec(name, path, target)


def _hooks(uwsgi: Any) -> dict[str, Hook]:
    try:
        applications: dict[str, set[str]] = {}
        for module, name in named_applications(uwsgi.opt):
            applications.setdefault(module, set()).add(name)
        return {module: partial(_measure_in, names=names) for module, names in applications.items()}
    except Exception:
        capture_internal_exception("weighbridge run, uwsgi")
        return {}


def named_applications(options: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield module and name of each application that uWSGI's options name."""
    default = next(_texts(options, "callable"), "application")
    mounted = (text.partition("=")[2] for text in _texts(options, "mount"))
    for text in (*_texts(options, "module"), *_texts(options, "wsgi"), *mounted):
        module, _, name = text.partition(":")
        yield module, name or default


def _texts(options: dict[str, Any], name: str) -> Iterator[str]:
    values = options.get(name, ())
    for value in values if isinstance(values, (list, tuple)) else (values,):
        yield value.decode() if isinstance(value, bytes) else str(value)


def _measure_in(module: ModuleType, names: set[str]) -> None:
    try:
        for name in names:
            attribute = name.partition("(")[0]
            found = getattr(module, attribute, None)
            if found is not None:
                setattr(module, attribute, _made_by(found) if "(" in name else measured(found))
    except Exception:
        capture_internal_exception("weighbridge run, uwsgi")


def _made_by(factory: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **kwargs: measured(factory(*args, **kwargs))
