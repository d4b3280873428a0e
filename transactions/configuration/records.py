"""Records that the readers of configuration produce: what was written where, and what is wrong with it.

Every text that is meant to be shown is one line without credentials, whatever was written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from ..visible import visible
from .redaction import redacted
from .settings import DEFAULTS, SETTINGS, Settings

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = [
    "DEFAULT_ORIGINS",
    "Configuration",
    "ConfigurationError",
    "Entries",
    "FileReading",
    "FunctionSection",
    "Origin",
    "Problem",
    "SettingEntry",
    "Source",
    "Unused",
]

Source = Literal["default", "file", "environment", "argument"]


class _Origin(NamedTuple):
    """The fields of an `Origin`."""

    source: Source
    place: str
    """Readable: ``default``, ``environment variable WEIGHBRIDGE_STORE``, ``weighbridge.toml [weighbridge], line 3``."""


class Origin(_Origin):
    """The source of a setting's value."""

    __slots__ = ()

    def __new__(cls, source: Source, place: str) -> Self:
        return super().__new__(cls, source, _shown(place))

    def __str__(self) -> str:
        return self.place


class _Problem(NamedTuple):
    """The fields of a `Problem`."""

    place: str
    message: str
    setting: str | None = None
    """The name as written; ``None`` if no single setting is at fault (a file that cannot be read)."""


class Problem(_Problem):
    """One mistake in the configuration; ``str()`` gives a readable line."""

    __slots__ = ()

    def __new__(cls, place: str, message: str, setting: str | None = None) -> Self:
        return super().__new__(cls, _shown(place), _shown(message), None if setting is None else _shown(setting))

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


def _shown(text: str) -> str:
    """Return a text as one line, without terminal control sequences and without credentials."""
    return redacted(visible(text))


class _Unused(NamedTuple):
    """The fields of an `Unused`."""

    setting: str
    place: str


class Unused(_Unused):
    """A setting of the agent that has no effect here. Its value may be a secret and is not kept."""

    __slots__ = ()

    def __new__(cls, setting: str, place: str) -> Self:
        return super().__new__(cls, _shown(setting), _shown(place))


class SettingEntry(NamedTuple):
    """One setting as it was written."""

    name: str
    value: object
    origin: Origin
    from_agent: bool = False
    """Whether it was written as a setting of the agent (``[newrelic]``, ``NEW_RELIC_...``)."""


class Entries(tuple[SettingEntry, ...]):
    """Everything that was written, the lowest precedence first. Some of it may be secret, so none of it is shown."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{len(self)} settings as they were written>"

    def value_of(self, name: str) -> object:
        """Return the value that takes precedence among those written under a name; ``None`` if there is none."""
        return next((entry.value for entry in reversed(self) if entry.name == name), None)


class FunctionSection(NamedTuple):
    """A section of an INI file that has functions measured: ``[background-task:...]`` or ``[web-transaction:...]``."""

    kind: Literal["background-task", "web-transaction"]
    functions: tuple[tuple[str, str], ...]
    """Module and dotted path in it, of each."""
    options: Mapping[str, str]
    """The arguments of the wrapper, as they were written."""
    place: str


class FileReading(NamedTuple):
    """The content of a configuration file, ordered so that later entries take precedence over earlier ones."""

    entries: tuple[SettingEntry, ...] = ()
    problems: tuple[Problem, ...] = ()
    unused: tuple[Unused, ...] = ()
    functions: tuple[FunctionSection, ...] = ()


DEFAULT_ORIGINS: Final[Mapping[str, Origin]] = dict.fromkeys(SETTINGS, Origin("default", "default"))


class Configuration(NamedTuple):
    """The settings in force, with their sources and the problems found."""

    settings: Settings = DEFAULTS
    origins: Mapping[str, Origin] = DEFAULT_ORIGINS
    """The source of each setting's value, by the setting's name."""
    problems: tuple[Problem, ...] = ()
    unused: tuple[Unused, ...] = ()
    """Settings of the agent that have no effect here."""
    config_file: str | None = None
    environment: str | None = None
    """The requested section of the configuration file (``production``)."""
    entries: Entries = Entries()
    functions: tuple[FunctionSection, ...] = ()
    """What the file has measured by name."""

    def require(self) -> None:
        """Raise ``ConfigurationError`` if there are problems."""
        if self.problems:
            raise ConfigurationError(self.problems)


class ConfigurationError(Exception):
    """The configuration has problems; the message has a line for each."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))
