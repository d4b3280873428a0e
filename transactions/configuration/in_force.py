"""The configuration in force in this process; this is the only module that holds it."""

from __future__ import annotations

from typing import Final

from ..log import capture_internal_exception, log_once
from .agent_settings import is_agent_setting
from .loading import load_from_environment, with_entries
from .records import Configuration, Origin, Problem, SettingEntry
from .settings import SETTINGS

__all__ = ["current", "reset", "use", "with_written", "write"]

_in_force: Final[dict[str, Configuration]] = {}
"""Holds one key: if two threads read the settings at the same time, the first to store them here wins."""
_KEY: Final = "configuration"

_written: Final[dict[str, SettingEntry]] = {}
"""What the program has written to its settings, by name: it holds from then on, whatever is read later."""


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
        return with_written(load_from_environment())
    except Exception:
        capture_internal_exception("configuration.current")
        return Configuration()


def use(configuration: Configuration) -> Configuration:
    """Put a configuration into force, log its problems to the log that it names, and return it with all problems."""
    configuration = with_written(configuration)
    _in_force[_KEY] = configuration
    return _announced(configuration)


def with_written(configuration: Configuration) -> Configuration:
    """Return a configuration with what the program has written to its settings."""
    return with_entries(configuration, _written.values())


def write(name: str, value: object) -> Configuration:
    """Return the configuration in force with one setting that the program has written, which `use` puts into force.

    A setting that does not exist is kept as one of the agent's that means nothing here.
    """
    before = current()
    from_agent = is_agent_setting(name) or name not in SETTINGS
    entry = SettingEntry(name, value, Origin("argument", f"{name} as the program wrote it"), from_agent)
    written = with_entries(before, [entry])
    if written.problems == before.problems:
        _written[name] = entry
    return written


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
    _written.clear()
    _direct_log(Configuration())
