"""What the readers of configuration hand on: what was written where, and what is wrong with it.

What of it is there to be shown is one line of text without credentials, whatever was written.
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
    "FileReading",
    "Origin",
    "Problem",
    "SettingEntry",
    "Source",
    "Unused",
]

Source = Literal["default", "file", "environment", "argument"]


class _Origin(NamedTuple):
    """What an `Origin` is made of."""

    source: Source
    place: str
    """Readable: ``default``, ``environment variable WEIGHBRIDGE_STORE``, ``weighbridge.toml [weighbridge], line 3``."""


class Origin(_Origin):
    """Where the value of a setting came from."""

    __slots__ = ()

    def __new__(cls, source: Source, place: str) -> Self:
        return super().__new__(cls, source, _shown(place))

    def __str__(self) -> str:
        return self.place


class _Problem(NamedTuple):
    """What a `CommandError` is made of."""

    place: str
    message: str
    setting: str | None = None
    """The name as written; ``None`` where no single setting is at fault (a file that cannot be read)."""


class Problem(_Problem):
    """One thing that is wrong in the configuration; ``str()`` gives a readable line."""

    __slots__ = ()

    def __new__(cls, place: str, message: str, setting: str | None = None) -> Self:
        return super().__new__(cls, _shown(place), _shown(message), None if setting is None else _shown(setting))

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


def _shown(text: str) -> str:
    """On one line, with nothing that a terminal would obey, and without credentials."""
    return redacted(visible(text))


class _Unused(NamedTuple):
    """What an `Unused` is made of."""

    setting: str
    place: str


class Unused(_Unused):
    """A setting of the agent that means nothing here. Its value may be a secret and is not kept."""

    __slots__ = ()

    def __new__(cls, setting: str, place: str) -> Self:
        return super().__new__(cls, _shown(setting), _shown(place))


class SettingEntry(NamedTuple):
    """One setting as somebody wrote it."""

    name: str
    value: object
    origin: Origin
    from_agent: bool = False
    """It stands where the agent's settings stand (``[newrelic]``, ``NEW_RELIC_...``)."""


class FileReading(NamedTuple):
    """What a configuration file says, in the order in which later entries beat earlier ones."""

    entries: tuple[SettingEntry, ...] = ()
    problems: tuple[Problem, ...] = ()
    unused: tuple[Unused, ...] = ()


DEFAULT_ORIGINS: Final[Mapping[str, Origin]] = dict.fromkeys(SETTINGS, Origin("default", "default"))


class Configuration(NamedTuple):
    """The settings in force, and how they came about."""

    settings: Settings = DEFAULTS
    origins: Mapping[str, Origin] = DEFAULT_ORIGINS
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
