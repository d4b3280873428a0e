"""The settings as the agent shows them: nested, readable, and writable.

What has a counterpart here is read from our settings, and writing it changes them for
the rest of the process, whatever file or environment is read later. What has none is
kept as it was written, and listed by ``weighbridge config``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import weighbridge
from weighbridge.agent.default_settings import DEFAULTS
from weighbridge.transactions import api, configuration
from weighbridge.transactions.configuration.agent_settings import ALIASES, COUNTERPARTS
from weighbridge.transactions.configuration.settings import SETTINGS
from weighbridge.transactions.configuration.values import LOG_LEVELS, read_switch
from weighbridge.transactions.model.applications import parts_of

__all__ = ["Settings", "global_settings"]

_OURS: Final = {
    **{name: name for name, info in SETTINGS.items() if not (info.ours_alone and name in DEFAULTS)},
    **{name: counterpart.setting for name, counterpart in COUNTERPARTS.items()},
    **ALIASES,
}
"""Our settings by the names under which they are read here: the agent's and ours."""

_FAMILIES: Final = {name[:place] for name in DEFAULTS for place, letter in enumerate(name) if letter == "."}
"""Names that have settings below them, such as ``transaction_tracer``."""


class Settings:
    """The settings in force, or those of them whose names begin with a prefix.

    Args:
        application: whose settings they are; by default those of all.
        prefix: the first part of dotted names, with the dot.
    """

    __slots__ = ("_application", "_prefix")

    _application: weighbridge.Application | None
    _prefix: str

    def __init__(self, application: weighbridge.Application | None = None, prefix: str = "") -> None:
        object.__setattr__(self, "_application", application)
        object.__setattr__(self, "_prefix", prefix)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        full = self._prefix + name
        if full in _FAMILIES:
            return Settings(self._application, f"{full}.")
        if full in DEFAULTS or full in _OURS or full in _names():
            return self._value(full)
        if self._prefix:
            raise AttributeError(f"there is no setting {full}")
        return getattr(self._core(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        _write(self._prefix + name, value)

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        """Yield dotted names and values, for ``dict(settings)``."""
        for name in _names():
            if name.startswith(self._prefix):
                yield name.removeprefix(self._prefix), self._value(name)

    def __dir__(self) -> list[str]:
        return sorted({name.partition(".")[0] for name, _ in self})

    def __repr__(self) -> str:
        return f"<settings of {self._application or 'all applications'}{self._prefix and ': '}{self._prefix[:-1]}>"

    def _core(self) -> Any:
        """Return our settings in force."""
        return weighbridge.global_settings()

    def _value(self, name: str) -> Any:
        """Return a setting's value, as the agent has it."""
        if name in ("app_name", "linked_applications"):
            first, *linked = parts_of(self._core().app_name)
            return first if name == "app_name" else linked
        default, ours = DEFAULTS.get(name), _OURS.get(name)
        if ours is None:
            return _as_the_agents(_typed(_written(name), default), default, name)
        core = self._core()
        holder = core if self._application is None else core.for_application(self._application)
        value = getattr(holder if hasattr(holder, ours) else core, ours)
        return LOG_LEVELS.get(value, value) if name == "log_level" else _as_the_agents(value, default, name)


def global_settings() -> Settings:
    """Return the settings in force in this process, as the agent shows them."""
    return Settings()


def _names() -> dict[str, None]:
    """Return the names that can be read, in order: the agent's, ours, and what the program has written."""
    written = (entry.name for entry in configuration.current().entries)
    return dict.fromkeys((*DEFAULTS, *_OURS, *written))


def _written(name: str) -> Any:
    """Return what was written for a setting that has no counterpart here."""
    return configuration.current().entries.value_of(name)


def _typed(value: Any, default: Any) -> Any:
    """Return a value as the kind that its default is, if it is written as text; the default if there is none."""
    if value is None:
        return default
    if not isinstance(value, str) or default is None:
        return value
    try:
        if isinstance(default, bool):
            return read_switch(value)
        if isinstance(default, (int, float)):
            return type(default)(value)
    except ValueError:
        return default
    return value.split() if isinstance(default, (list, tuple, frozenset)) else value


def _as_the_agents(value: Any, default: Any, name: str) -> Any:
    """Return a collection as the kind that the agent has, through which it can be added to."""
    if isinstance(value, dict):
        return dict(value)
    if isinstance(default, (list, tuple)) and isinstance(value, Iterable) and not isinstance(value, str):
        return _WrittenList(name, sorted(value) if isinstance(value, frozenset) else value)
    return _WrittenSet(name, value) if isinstance(value, (set, frozenset)) else value


class _WrittenList(list[Any]):
    """A list, from a setting, that writes the setting when it is added to."""

    def __init__(self, name: str, items: Iterable[Any]) -> None:
        super().__init__(items)
        self._name = name

    def append(self, item: Any, /) -> None:
        self.extend([item])

    def extend(self, items: Iterable[Any], /) -> None:
        super().extend(items)
        _write(self._name, list(self))


class _WrittenSet(set[Any]):
    """A set, from a setting, that writes the setting when it is changed."""

    def __init__(self, name: str, items: Iterable[Any]) -> None:
        super().__init__(items)
        self._name = name

    def __repr__(self) -> str:
        return repr(set(self))

    def add(self, item: Any, /) -> None:
        self._change(super().add, item)

    def update(self, *items: Iterable[Any]) -> None:
        self._change(super().update, *items)

    def discard(self, item: Any, /) -> None:
        self._change(super().discard, item)

    def remove(self, item: Any, /) -> None:
        self._change(super().remove, item)

    def _change(self, how: Callable[..., None], *args: Any) -> None:
        how(*args)
        _write(self._name, set(self))


_STATUSES: Final = ("ignore_status_codes", "expected_status_codes")


def _write(name: str, value: Any) -> None:
    """Write a setting; a set of statuses replaces the one in force, to which our own forms of it would be added."""
    ours = _OURS.get(name)
    if ours in _STATUSES and isinstance(value, Iterable) and not isinstance(value, str):
        wanted = set(value)
        out = getattr(weighbridge.global_settings(), ours) - wanted
        value = [*wanted, *(f"!{status}" for status in out)]
    api.write_setting(name, value)
