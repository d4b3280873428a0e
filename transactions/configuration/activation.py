"""Putting settings into force: read from the environment, passed by the program, or written by it one by one."""

from __future__ import annotations

from ..log import capture_internal_exception, log_once
from .agent_settings import is_agent_setting
from .in_force import QUEUE_HEADERS, SettingsInForce, in_force
from .loading import load_from_environment, with_entries
from .own_code import OwnCode
from .privacy import Privacy
from .records import Configuration, Origin, Problem, SettingEntry
from .settings import SETTINGS

__all__ = ["current", "load", "reset", "use", "with_written", "write"]


def load(into: SettingsInForce) -> None:
    """Derive what every call needs from the configuration in force, which is read if there is none yet.

    Args:
        into: the `in_force` of whoever calls. This module may see another one: the
            program may have taken us out of ``sys.modules`` before it was imported.

    Raises:
        ImportError, OSError: modules that read them cannot be imported at this moment.
    """
    deferred, into.deferred = into.deferred, None
    if deferred is not None:
        deferred()
    settings = current().settings
    into.settings = settings
    into.privacy = Privacy(settings)
    into.own_code = OwnCode(settings.own_code)
    into.error_statuses = settings.error_statuses
    into.queue_headers = frozenset(map(str.encode, QUEUE_HEADERS if settings.queue_time else ()))
    into.loaded = True


def current() -> Configuration:
    """Return the configuration in force in this process; the first call reads it from the environment.

    Each of its problems is logged once, and none of them stops the program.
    """
    found = in_force.configuration
    if found is None:
        loaded = _loaded()
        found = in_force.put_first(loaded)
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
    in_force.put(configuration)
    return _announced(configuration)


def with_written(configuration: Configuration) -> Configuration:
    """Return a configuration with what the program has written to its settings."""
    return with_entries(configuration, in_force.written.values())


def write(name: str, value: object) -> Configuration:
    """Return the configuration in force with one setting that the program has written, which `use` puts into force.

    A setting that does not exist is kept as one of the agent's that means nothing here.
    """
    before = current()
    from_agent = is_agent_setting(name) or name not in SETTINGS
    entry = SettingEntry(name, value, Origin("argument", f"{name} as the program wrote it"), from_agent)
    written = with_entries(before, [entry])
    if written.problems == before.problems:
        in_force.written[name] = entry
    return written


def _announced(configuration: Configuration) -> Configuration:
    """Direct our log to where a configuration says, and log its problems there, each of them once."""
    problem = _direct_log(configuration)
    if problem is not None:
        configuration = configuration._replace(problems=(*configuration.problems, problem))
        in_force.put(configuration)
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
    in_force.reset()
    _direct_log(Configuration())
