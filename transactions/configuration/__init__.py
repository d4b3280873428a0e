"""The settings: where they are read from, which are in force, and what is wrong with what was written."""

from __future__ import annotations

from .loading import Configuration, ConfigurationError, current, load, load_from_environment, reset, use
from .settings import ApplicationSettings, Settings

__all__ = [
    "ApplicationSettings",
    "Configuration",
    "ConfigurationError",
    "Settings",
    "current",
    "load",
    "load_from_environment",
    "reset",
    "use",
]
