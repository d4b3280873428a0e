"""The settings: where they are read from, which are in force, and what is wrong with what was written.

Loaded at their first use (PEP 562): dataclasses and the table of settings would
be half of what an import of the package costs.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .loading import Configuration, ConfigurationError, current, load, load_from_environment, reset, use
    from .log_file import direct_log
    from .settings import ApplicationSettings, Settings

__all__ = [
    "ApplicationSettings",
    "Configuration",
    "ConfigurationError",
    "Settings",
    "current",
    "direct_log",
    "load",
    "load_from_environment",
    "reset",
    "use",
]

_ELSEWHERE: Final = {"ApplicationSettings": ".settings", "Settings": ".settings", "direct_log": ".log_file"}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_ELSEWHERE.get(name, ".loading"), __name__), name)
