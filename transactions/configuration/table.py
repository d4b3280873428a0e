"""The table of settings as Markdown, for the reference."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .agent_settings import ALIASES, COUNTERPARTS, GENERATED, instead_of
from .settings import APPLICATION_SETTINGS, SETTINGS, ApplicationSettings, SettingInfo

__all__ = ["agent_settings_markdown", "settings_markdown", "shown_value"]


def agent_settings_markdown() -> str:
    """Return the table of the settings that the agent's generated file has. Without a final line end."""
    head = ["| setting | here |", "|---|---|"]
    return "\n".join([*head, *(f"| `{name}` | {_fate(name)} |" for name in GENERATED)])


def _fate(name: str) -> str:
    counterpart = COUNTERPARTS.get(name)
    ours = ALIASES.get(name, name) if counterpart is None else counterpart.setting
    if ours in SETTINGS:
        return "applied" if ours == name else f"applied, as `{ours}`"
    instead = instead_of(name)
    return "without meaning" if instead is None else f"replaced by {instead}"


def settings_markdown() -> str:
    """Return the table, a row for each setting: name, default, valid values, meaning. Without a final line end."""
    head = ["| setting | default | valid | meaning |", "|---|---|---|---|"]
    return "\n".join([*head, *map(_row, SETTINGS.values())])


def _row(info: SettingInfo) -> str:
    per_application = " May differ per application." if info.name in APPLICATION_SETTINGS else ""
    default = shown_value(info.default)
    code = f"`{default}`" if default else ""
    valid = info.kind.valid.replace("<", "&lt;")  # or it would be an HTML tag
    return f"| `{info.name}` | {code} | {valid} | {info.meaning}{per_application} |"


def shown_value(value: object) -> str:
    """Return a setting's value as it is written in a configuration file; empty if it is not set."""
    if value is None or value == ():
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, frozenset):
        return _shown_set(value)
    if isinstance(value, Mapping):
        return "; ".join(f"{key} = {shown_value(item)}" for key, item in value.items())
    if isinstance(value, ApplicationSettings):
        return "{" + shown_value(vars(value)) + "}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _shown_set(values: Iterable[object]) -> str:
    items = list(values)
    numbers = sorted(item for item in items if isinstance(item, int))
    return " ".join(_ranges(numbers)) if numbers else " ".join(sorted(map(str, items)))


def _ranges(numbers: list[int]) -> Iterable[str]:
    """Yield consecutive numbers as ranges (``500-599``); the numbers must be in ascending order."""
    starts = [number for number in numbers if number - 1 not in numbers]
    ends = [number for number in numbers if number + 1 not in numbers]
    for start, end in zip(starts, ends, strict=True):
        yield str(start) if start == end else f"{start}-{end}"
