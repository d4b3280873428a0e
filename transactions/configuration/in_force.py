"""The configuration in force in this process. This is the one place that holds it."""

from __future__ import annotations

from typing import Final

from ..log import capture_internal_exception, log_once
from .loading import load_from_environment
from .records import Configuration, Problem

__all__ = ["current", "reset", "use"]

_in_force: Final[dict[str, Configuration]] = {}
"""Under one key: where two threads read the settings at the same time, the first to put them here wins."""
_KEY: Final = "configuration"


def current() -> Configuration:
    """The configuration in force in this process, read from the environment on first use.

    Each of its problems is logged once; they never stop the program.
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
    """Put a configuration into force, log its problems where it says, and return it with all of them."""
    _in_force[_KEY] = configuration
    return _announced(configuration)


def _announced(configuration: Configuration) -> Configuration:
    """Send our log where a configuration says, and log there what is wrong with it, each problem once."""
    problem = _direct_log(configuration)
    if problem is not None:
        configuration = configuration._replace(problems=(*configuration.problems, problem))
        _in_force[_KEY] = configuration
    for each in configuration.problems:
        log_once(("configuration", each), "%s", each)
    return configuration


def _direct_log(configuration: Configuration) -> Problem | None:
    """As `log_file.direct_log`, which loads `logging`: only where something is, or was, asked for."""
    global _log_directed
    asked = any(configuration.origins[name].source != "default" for name in ("log_file", "log_level"))
    if not (asked or _log_directed):
        return None
    from .log_file import direct_log  # noqa: PLC0415

    _log_directed = asked
    return direct_log(configuration)


_log_directed: bool = False


def reset() -> None:
    """Forget what is in force; the next ``current()`` reads the environment again."""
    _in_force.clear()
    _direct_log(Configuration())
