"""Configuration: the sources of settings, the settings in force, and the problems found in them.

Loaded at their first use (PEP 562): dataclasses and the table of settings would
be half of what an import of the package costs.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .activation import current, reset, use, with_written, write
    from .loading import Configuration, ConfigurationError, load, load_from_environment
    from .privacy import Privacy
    from .settings import ApplicationSettings, Settings

_PLACES: Final = {
    "ApplicationSettings": ".settings",
    "Configuration": ".loading",
    "ConfigurationError": ".loading",
    "Privacy": ".privacy",
    "Settings": ".settings",
    "current": ".activation",
    "load": ".loading",
    "load_from_environment": ".loading",
    "reset": ".activation",
    "use": ".activation",
    "with_written": ".activation",
    "write": ".activation",
}

__all__ = [
    "ApplicationSettings",
    "Configuration",
    "ConfigurationError",
    "Privacy",
    "Settings",
    "current",
    "load",
    "load_from_environment",
    "reset",
    "use",
    "with_written",
    "write",
]


def __getattr__(name: str) -> object:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_PLACES[name], __name__), name)
