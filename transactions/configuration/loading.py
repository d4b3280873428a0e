"""Loading of the settings: code argument > environment > configuration file > default.

``load`` is a pure function of its arguments.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from ..host_exceptions import pass_on
from .agent_settings import ALIASES, COUNTERPARTS
from .environment import read_environment
from .records import Configuration, ConfigurationError, Entries, FileReading, Origin, Problem, SettingEntry, Unused
from .redaction import redacted
from .resolving import Resolver

__all__ = [
    "Configuration",
    "ConfigurationError",
    "Origin",
    "Problem",
    "Unused",
    "load",
    "load_from_environment",
    "with_entries",
]

_OWN: Final = "WEIGHBRIDGE_"
_AGENT: Final = "NEW_RELIC_"
_NOT_SETTINGS: Final = ("CONFIG_FILE", "ENVIRONMENT", "RUN", "RUN_PID", "AS_NEWRELIC")
"""Environment variables that are no settings: where settings are read from, and what `weighbridge run` hands on."""


def load(
    config_file: str | os.PathLike[str] | None = None,
    environment: str | None = None,
    environ: Mapping[str, str] | None = None,
    arguments: Mapping[str, object] | None = None,
) -> Configuration:
    """Return the configuration that results from a file, environment variables and code arguments.

    ``config_file`` and ``environment`` take precedence over the variables of the same names.
    Arguments that are ``None`` and blank variables count as not given. Never raises because of
    what a user wrote: the mistake is in ``problems``, and the setting has the value of the next
    lower source.
    """
    variables = environ or {}
    file = config_file or _variable(variables, "CONFIG_FILE")
    section = str(environment or "") or _variable(variables, "ENVIRONMENT")
    reading = _read_file(file, section)
    entries = (*_agent_first(reading.entries), *_environment_entries(variables), *_argument_entries(arguments or {}))
    resolver = Resolver()
    resolver.apply(entries)
    settings = resolver.settings()
    return Configuration(
        settings,
        resolver.origins,
        (*reading.problems, *_misspelt_variables(variables), *resolver.problems),
        (*reading.unused, *resolver.unused),
        None if file is None else redacted(str(file)),
        None if section is None else redacted(section),
        Entries(entries),
        reading.functions,
    )


def with_entries(configuration: Configuration, written: Iterable[SettingEntry]) -> Configuration:
    """Return the configuration that results if more is written, which takes precedence over all of it."""
    more = tuple(written)
    if not more:
        return configuration
    replaced = {(entry.name, entry.origin) for entry in more}
    kept = (entry for entry in configuration.entries if (entry.name, entry.origin) not in replaced)
    entries = Entries((*kept, *more))
    resolver = Resolver()
    resolver.apply(entries)
    known = {*configuration.problems, *configuration.unused}
    return configuration._replace(
        settings=resolver.settings(),
        origins=resolver.origins,
        problems=(*configuration.problems, *(found for found in resolver.problems if found not in known)),
        unused=(*configuration.unused, *(found for found in resolver.unused if found not in known)),
        entries=entries,
    )


def load_from_environment(
    config_file: str | os.PathLike[str] | None = None,
    environment: str | None = None,
    arguments: Mapping[str, object] | None = None,
) -> Configuration:
    """Call ``load`` with this process's environment variables."""
    return load(config_file, environment, read_environment(), arguments)


def _variable(variables: Mapping[str, str], name: str) -> str | None:
    return variables.get(_OWN + name, "").strip() or variables.get(_AGENT + name, "").strip() or None


def _read_file(file: str | os.PathLike[str] | None, environment: str | None) -> FileReading:
    if file is None:
        return FileReading()
    try:
        path = os.fsdecode(file)
    except TypeError as problem:
        pass_on(problem)
        message = f"config_file is the path of a file, and cannot be a {type(file).__name__}"
        return FileReading(problems=(Problem("argument config_file", message),))
    from .files import read_file  # noqa: PLC0415 - two parsers that most processes never need

    return read_file(path, environment)


def _agent_first(entries: Iterable[SettingEntry]) -> list[SettingEntry]:
    """Sort the entries of a file so that our own names, which come last, take precedence over the agent's."""
    return sorted(entries, key=lambda entry: entry.name not in COUNTERPARTS)


def _environment_entries(variables: Mapping[str, str]) -> Iterator[SettingEntry]:
    for prefix in (_AGENT, _OWN):
        yield from _agent_first(_entries_of(variables, prefix))


def _entries_of(variables: Mapping[str, str], prefix: str) -> Iterator[SettingEntry]:
    for variable in sorted(variables):
        name = variable.removeprefix(prefix)
        if name != variable and name not in _NOT_SETTINGS and variables[variable].strip():
            origin = Origin("environment", f"environment variable {variable}")
            yield SettingEntry(_setting_of_variable(name), variables[variable], origin, prefix == _AGENT)


_VARIABLES: Final = {name.replace(".", "_").upper(): name for name in (*COUNTERPARTS, *ALIASES)}


def _setting_of_variable(name: str) -> str:
    """Return a variable's setting: ``ERROR_COLLECTOR_IGNORE_CLASSES`` is ``error_collector.ignore_classes``."""
    return _VARIABLES.get(name, name.lower())


def _misspelt_variables(variables: Mapping[str, str]) -> Iterator[Problem]:
    """Yield a problem for each variable of ours that is not in capitals: systems distinguish between the two."""
    for variable in sorted(variables):
        if variable.upper().startswith(_OWN) and not variable.startswith(_OWN):
            yield Problem(f"environment variable {variable}", f"is not read; its name must be {variable.upper()}")


def _argument_entries(arguments: Mapping[str, object]) -> Iterator[SettingEntry]:
    for name, value in arguments.items():
        if value is not None:
            yield SettingEntry(name, value, Origin("argument", f"argument {name}"))
