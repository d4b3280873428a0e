"""The output of ``weighbridge config``: each setting, its value and the source of that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Final

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from weighbridge.transactions.configuration.loading import Configuration
from weighbridge.transactions.configuration.redaction import redacted
from weighbridge.transactions.configuration.settings import SETTINGS, ApplicationSettings
from weighbridge.transactions.store.location import locate

from .output import one_line, rich_text

__all__ = ["ConfigurationView", "configuration_lines", "value_text"]

_NONE: Final = "(none)"
_ALIGNED: Final = 48
"""Longer values push their origin to the right, so that the others stay close to theirs."""


def configuration_lines(configuration: Configuration) -> Iterator[str]:
    """Give the settings for pipes and files: name, value and origin, separated by at least two blanks."""
    yield from _sources(configuration)
    rows = _rows(configuration)
    name_width = max(len(name) for name, _, _ in rows)
    value_width = min(_ALIGNED, max(len(value) for _, value, _ in rows))
    for name, value, origin in rows:
        yield f"{name.ljust(name_width)}  {value.ljust(value_width)}  {origin}"
    yield from (f"{entry.setting}  (no meaning here)  {entry.place}" for entry in configuration.unused)


class ConfigurationView:
    """Renders the settings with rich: those that somebody chose stand out from the defaults."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Give the table, then the agent's settings that mean nothing here."""
        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
        for title in ("setting", "value", "from"):
            table.add_column(title, overflow="fold")
        for name, value, origin in _rows(self._configuration):
            chosen = not origin.startswith("default")
            table.add_row(
                Text(name), rich_text(value, "bold" if chosen else ""), rich_text(origin, "" if chosen else "dim")
            )
        yield rich_text("\n".join(_sources(self._configuration)) + "\n", "dim")
        yield table
        unused = self._configuration.unused
        if unused:
            yield Text("\nSettings of the New Relic agent that mean nothing here:", style="dim")
            yield rich_text("\n".join(f"  {entry.setting}  ({entry.place})" for entry in unused), "dim")


def value_text(value: object) -> str:
    """Write a setting's value as it could be written in a configuration file, on one line.

    >>> value_text(frozenset(range(500, 600))), value_text(True), value_text(None), value_text(5.0)
    ('500-599', 'true', '(none)', '5')
    """
    if isinstance(value, ApplicationSettings):
        value = {entry.name: getattr(value, entry.name) for entry in fields(value)}
    if isinstance(value, Mapping):
        return "; ".join(f"{_shown(str(key))} = {value_text(item)}" for key, item in value.items()) or _NONE
    if isinstance(value, frozenset):
        return _set_text(value) or _NONE
    if isinstance(value, tuple):
        return "; ".join(_shown(str(item)) for item in value) or _NONE
    return _plain_text(value)


def _shown(text: str) -> str:
    """On one line, with control characters made visible, and without a password."""
    return redacted(one_line(text))


def _plain_text(value: object) -> str:
    if value is None:
        return _NONE
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else _shown(str(value))


def _set_text(items: frozenset[object]) -> str:
    numbers = sorted(item for item in items if isinstance(item, int))
    return " ".join(_ranges(numbers) if numbers else sorted(_shown(str(item)) for item in items))


def _ranges(numbers: list[int]) -> Iterator[str]:
    """Write whole numbers in order, with runs of them as ``first-last``."""
    starts = [number for number in numbers if number - 1 not in numbers]
    ends = [number for number in numbers if number + 1 not in numbers]
    for first, last in zip(starts, ends, strict=True):
        yield str(first) if first == last else f"{first}-{last}"


def _sources(configuration: Configuration) -> Iterator[str]:
    """Name the file that was read, and the section that was asked for."""
    yield f"configuration file  {_shown(configuration.config_file or 'none (WEIGHBRIDGE_CONFIG_FILE names one)')}"
    if configuration.environment:
        yield f"environment  {_shown(configuration.environment)}"


def _rows(configuration: Configuration) -> list[tuple[str, str, str]]:
    rows = [
        (name, value_text(getattr(configuration.settings, name)), _origin(configuration, name)) for name in SETTINGS
    ]
    return [_store_row(row) if row[0] == "store" and row[1] == _NONE else row for row in rows]


def _origin(configuration: Configuration, name: str) -> str:
    return one_line(str(configuration.origins.get(name, "default")))


def _store_row(row: tuple[str, str, str]) -> tuple[str, str, str]:
    """Say where the store is when no setting says it."""
    name, _, origin = row
    return name, _shown(locate(None).path), f"{origin} (the user's state directory)"
