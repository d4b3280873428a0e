"""Which settings are in force, where each came from, and what is wrong with what was written.

Code argument > environment > configuration file > default. ``load`` is a pure
function of what it is given; ``current`` holds what is in force in this process.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final, NamedTuple

from ..log import log_once
from .agent_settings import COUNTERPARTS, is_agent_setting
from .environment import read_environment
from .records import Entry, FileReading, Origin, Problem, Unused
from .settings import APPLICATION_SETTINGS, DEFAULTS, SETTINGS, ApplicationSettings, SettingInfo, Settings
from .values import ValueKind

__all__ = [
    "Configuration",
    "ConfigurationError",
    "Origin",
    "Problem",
    "Unused",
    "current",
    "load",
    "load_from_environment",
    "reset",
    "use",
]

_OWN: Final = "WEIGHBRIDGE_"
_AGENT: Final = "NEW_RELIC_"
_NOT_SETTINGS: Final = ("CONFIG_FILE", "ENVIRONMENT")
"""Environment variables that say where to read, not what holds."""


_DEFAULT_ORIGINS: Final[Mapping[str, Origin]] = dict.fromkeys(SETTINGS, Origin("default", "default"))


class Configuration(NamedTuple):
    """The settings in force, and how they came about."""

    settings: Settings = DEFAULTS
    origins: Mapping[str, Origin] = _DEFAULT_ORIGINS
    """Where the value of each setting came from, by the setting's name."""
    problems: tuple[Problem, ...] = ()
    unused: tuple[Unused, ...] = ()
    """Settings of the agent that mean nothing here."""
    config_file: str | None = None
    environment: str | None = None
    """The section of the configuration file that was asked for (``production``)."""

    def require(self) -> None:
        """Raise ``ConfigurationError`` when there are problems."""
        if self.problems:
            raise ConfigurationError(self.problems)


class ConfigurationError(Exception):
    """What is wrong in the configuration, all of it, one line each."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


def load(
    config_file: str | os.PathLike[str] | None = None,
    environment: str | None = None,
    environ: Mapping[str, str] | None = None,
    arguments: Mapping[str, object] | None = None,
) -> Configuration:
    """The configuration that follows from a file, environment variables and code arguments.

    ``config_file`` and ``environment`` beat the variables of the same names. Arguments that
    are ``None`` and variables that are blank count as not given. Never raises for what a user
    wrote: that is in ``problems``, and the setting keeps the value of the next lower source.
    """
    variables = environ or {}
    file = os.fspath(config_file) if config_file else _variable(variables, "CONFIG_FILE")
    section = environment or _variable(variables, "ENVIRONMENT")
    reading = _read_file(file, section)
    entries = (*_agent_first(reading.entries), *_environment_entries(variables), *_argument_entries(arguments or {}))
    resolver = _Resolver()
    resolver.apply(entries)
    return Configuration(
        resolver.settings(),
        resolver.origins,
        (*reading.problems, *resolver.problems),
        (*reading.unused, *resolver.unused),
        file,
        section,
    )


def load_from_environment(
    config_file: str | os.PathLike[str] | None = None,
    environment: str | None = None,
    arguments: Mapping[str, object] | None = None,
) -> Configuration:
    """``load`` with this process's environment variables."""
    return load(config_file, environment, read_environment(), arguments)


def _variable(variables: Mapping[str, str], name: str) -> str | None:
    return variables.get(_OWN + name, "").strip() or variables.get(_AGENT + name, "").strip() or None


def _read_file(path: str | None, environment: str | None) -> FileReading:
    if path is None:
        return FileReading()
    from .files import read_file  # noqa: PLC0415 - two parsers that most processes never need

    return read_file(path, environment)


def _agent_first(entries: Iterable[Entry]) -> list[Entry]:
    """Within a file, what is said in our own words beats what is said in the agent's."""
    return sorted(entries, key=lambda entry: entry.name not in COUNTERPARTS)


def _environment_entries(variables: Mapping[str, str]) -> Iterator[Entry]:
    for prefix in (_AGENT, _OWN):
        for variable in sorted(variables):
            name = variable.removeprefix(prefix)
            if name != variable and name not in _NOT_SETTINGS and variables[variable].strip():
                origin = Origin("environment", f"environment variable {variable}")
                yield Entry(_setting_of_variable(name), variables[variable], origin, prefix == _AGENT)


_VARIABLES: Final = {name.replace(".", "_").upper(): name for name in COUNTERPARTS}


def _setting_of_variable(name: str) -> str:
    """``ERROR_COLLECTOR_IGNORE_CLASSES`` is ``error_collector.ignore_classes``."""
    return _VARIABLES.get(name, name.lower())


def _argument_entries(arguments: Mapping[str, object]) -> Iterator[Entry]:
    for name, value in arguments.items():
        if value is not None:
            yield Entry(name, value, Origin("argument", f"argument {name}"))


_INVALID: Final = object()


class _Resolver:
    """Applies entries from the lowest precedence to the highest."""

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}
        self.origins: dict[str, Origin] = dict(_DEFAULT_ORIGINS)
        self.problems: list[Problem] = []
        self.unused: list[Unused] = []

    def apply(self, entries: Iterable[Entry]) -> None:
        """Take every valid entry in order; of those with one name only the last says anything."""
        valid = [entry for entry in entries if self._knows(entry) and self._is_valid(entry)]
        last = {entry.name: entry for entry in valid}
        for entry in valid:
            if last[entry.name] is entry:
                self._take(entry)

    def _knows(self, entry: Entry) -> bool:
        if entry.name in SETTINGS or (entry.from_agent and entry.name in COUNTERPARTS):
            return True
        is_variable = entry.origin.source == "environment"
        if entry.from_agent and (is_variable or is_agent_setting(entry.name)):
            self.unused.append(Unused(entry.name, entry.origin.place))
        else:
            self.problems.append(_unknown(entry, SETTINGS))
        return False

    def _is_valid(self, entry: Entry) -> bool:
        name, kind = _target(entry)
        return self._read(entry, kind, SETTINGS[name].default) is not _INVALID

    def _take(self, entry: Entry) -> None:
        name, kind = _target(entry)
        so_far = self._values.get(name, SETTINGS[name].default)
        self._values[name] = kind.read(entry.value, so_far)
        self.origins[name] = entry.origin

    def _read(self, entry: Entry, kind: ValueKind, so_far: object) -> Any:
        try:
            return kind.read(entry.value, so_far)
        except (ValueError, TypeError, OverflowError):
            self.problems.append(_invalid(entry, kind))
            return _INVALID

    def settings(self) -> Settings:
        """The settings, with those of single applications filled up from those that hold for all."""
        tables = self._values.pop("applications", {})
        settings = replace(DEFAULTS, **self._values)
        applications = {name: self._application(name, table, settings) for name, table in tables.items()}
        return replace(settings, applications=applications)

    def _application(self, name: str, table: Mapping[str, object], settings: Settings) -> ApplicationSettings:
        values = {key: getattr(settings, key) for key in APPLICATION_SETTINGS}
        for key, written in table.items():
            entry = Entry(f'applications."{name}".{key}', written, self.origins["applications"])
            if key not in APPLICATION_SETTINGS:
                self.problems.append(_unknown(entry, APPLICATION_SETTINGS))
                continue
            value = self._read(entry, APPLICATION_SETTINGS[key].kind, values[key])
            values[key] = values[key] if value is _INVALID else value
        return ApplicationSettings(**values)


def _target(entry: Entry) -> tuple[str, ValueKind]:
    if entry.name in SETTINGS:
        return entry.name, SETTINGS[entry.name].kind
    return COUNTERPARTS[entry.name]


def _unknown(entry: Entry, known: Mapping[str, SettingInfo]) -> Problem:
    from difflib import get_close_matches  # noqa: PLC0415 - needed only where something is misspelt

    near = get_close_matches(entry.name.rpartition(".")[2], known, n=1)
    valid = f"did you mean {near[0]}?" if near else "valid are " + ", ".join(known)
    return Problem(entry.origin.place, f"there is no setting {entry.name}; {valid}", entry.name)


def _invalid(entry: Entry, kind: ValueKind) -> Problem:
    written = repr(entry.value)
    shown = written if len(written) <= _SHOWN else written[:_SHOWN] + "..."
    return Problem(entry.origin.place, f"{entry.name} = {shown} is not valid; it must be {kind.valid}", entry.name)


_SHOWN: Final = 80
"""Characters of a wrong value that a problem shows."""

_current: Configuration | None = None


def current() -> Configuration:
    """The configuration in force in this process, read from the environment on first use.

    Each of its problems is logged once; they never stop the program.
    """
    if _current is not None:
        return _current
    return use(load_from_environment())


def use(configuration: Configuration) -> Configuration:
    """Put a configuration into force, log its problems, and return it."""
    global _current
    _current = configuration
    for problem in configuration.problems:
        log_once(("configuration", problem), "%s", problem)
    return configuration


def reset() -> None:
    """Forget what is in force; the next ``current()`` reads the environment again."""
    global _current
    _current = None
