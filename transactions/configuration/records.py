"""What the readers of configuration hand on: what was written where, and what is wrong with it."""

from __future__ import annotations

from typing import Literal, NamedTuple

__all__ = ["Entry", "FileReading", "Origin", "Problem", "Source", "Unused"]

Source = Literal["default", "file", "environment", "argument"]


class Origin(NamedTuple):
    """Where the value of a setting came from."""

    source: Source
    place: str
    """Readable: ``default``, ``environment variable WEIGHBRIDGE_STORE``, ``weighbridge.toml [weighbridge], line 3``."""

    def __str__(self) -> str:
        return self.place


class Problem(NamedTuple):
    """One thing that is wrong in the configuration; ``str()`` gives a readable line."""

    place: str
    message: str
    setting: str | None = None
    """The name as written; ``None`` where no single setting is at fault (a file that cannot be read)."""

    def __str__(self) -> str:
        """One line, whatever was written."""
        return " ".join(f"{self.place}: {self.message}".splitlines())


class Unused(NamedTuple):
    """A setting of the agent that means nothing here. Its value may be a secret and is not kept."""

    setting: str
    place: str


class Entry(NamedTuple):
    """One setting as somebody wrote it."""

    name: str
    value: object
    origin: Origin
    from_agent: bool = False
    """It stands where the agent's settings stand (``[newrelic]``, ``NEW_RELIC_...``)."""


class FileReading(NamedTuple):
    """What a configuration file says, in the order in which later entries beat earlier ones."""

    entries: tuple[Entry, ...] = ()
    problems: tuple[Problem, ...] = ()
    unused: tuple[Unused, ...] = ()
