"""The table of settings as Markdown, for the reference."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .settings import APPLICATION_SETTINGS, SETTINGS, ApplicationSettings, SettingInfo

__all__ = ["settings_markdown", "shown_value"]


def settings_markdown() -> str:
    """One row a setting: name, default, what is valid, meaning. Ends without a line end."""
    head = ["| setting | default | valid | meaning |", "|---|---|---|---|"]
    return "\n".join([*head, *map(_row, SETTINGS.values())])


def _row(info: SettingInfo) -> str:
    per_application = " May differ per application." if info.name in APPLICATION_SETTINGS else ""
    default = shown_value(info.default)
    code = f"`{default}`" if default else ""
    valid = info.kind.valid.replace("<", "&lt;")  # no tag of HTML
    return f"| `{info.name}` | {code} | {valid} | {info.meaning}{per_application} |"


def shown_value(value: object) -> str:
    """The value of a setting as one would write it in a configuration file; empty for what is not set."""
    if value is None:
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
    """``500-599`` for numbers in a row, ascending."""
    starts = [number for number in numbers if number - 1 not in numbers]
    ends = [number for number in numbers if number + 1 not in numbers]
    for start, end in zip(starts, ends, strict=True):
        yield str(start) if start == end else f"{start}-{end}"
