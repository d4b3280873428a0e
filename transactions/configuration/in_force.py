"""The configuration in force in this process; this is the only module that holds it."""

from __future__ import annotations

from typing import Final

from ..log import capture_internal_exception, log_once
from .loading import load_from_environment
from .records import Configuration, Problem

__all__ = ["current", "reset", "use"]

_in_force: Final[dict[str, Configuration]] = {}
"""Holds one key: if two threads read the settings at the same time, the first to store them here wins."""
_KEY: Final = "configuration"


def current() -> Configuration:
    """Return the configuration in force in this process; the first call reads it from the environment.

    Each of its problems is logged once, and none of them stops the program.
    """
    found = _in_force.get(_KEY)
    if found is None:
        loaded = _loaded()
        found = _in_force.setdefault(_KEY, loaded)
        if found is loaded:
            return _announced(found)
    return found


def _loaded() -> Configuration:
    try:
        return load_from_environment()
    except Exception:
        capture_internal_exception("configuration.current")
        return Configuration()


def use(configuration: Configuration) -> Configuration:
    """Put a configuration into force, log its problems to the log that it names, and return it with all problems."""
    _in_force[_KEY] = configuration
    return _announced(configuration)


def _announced(configuration: Configuration) -> Configuration:
    """Direct our log to where a configuration says, and log its problems there, each of them once."""
    problem = _direct_log(configuration)
    if problem is not None:
        configuration = configuration._replace(problems=(*configuration.problems, problem))
        _in_force[_KEY] = configuration
    for each in configuration.problems:
        log_once(("configuration", each), "%s", each)
    return configuration


def _direct_log(configuration: Configuration) -> Problem | None:
    """Call `log_file.direct_log`, which loads `logging`, but only if a log file is or was configured."""
    global _log_directed
    asked = any(configuration.origins[name].source != "default" for name in ("log_file", "log_level"))
    if not (asked or _log_directed):
        return None
    from .log_file import direct_log  # noqa: PLC0415

    _log_directed = asked
    return direct_log(configuration)


_log_directed: bool = False


def reset() -> None:
    """Drop the configuration in force; the next ``current()`` reads the environment again."""
    _in_force.clear()
    _direct_log(Configuration())
