"""Sections of an INI file that name functions to be measured, as the agent has them.

[background-task:rebuild]
enabled = true
function = shop.jobs:Importer.run
name = rebuild
"""

from __future__ import annotations

import configparser
from collections.abc import Iterator
from typing import Final, Literal

from .records import FunctionSection, Problem
from .values import read_switch

__all__ = ["is_function_section", "read_function_sections"]

_OPTIONS: Final[dict[Literal["background-task", "web-transaction"], tuple[str, ...]]] = {
    "background-task": ("application", "name", "group"),
    "web-transaction": (
        *("application", "name", "group"),
        *("scheme", "host", "port", "request_method", "request_path", "query_string"),
    ),
}
"""The options of each kind of section, besides ``enabled`` and ``function``."""


def is_function_section(section: str) -> bool:
    """Whether a section is of this kind."""
    return section.partition(":")[0] in _OPTIONS


def read_function_sections(
    path: str, parser: configparser.RawConfigParser
) -> tuple[tuple[FunctionSection, ...], tuple[Problem, ...]]:
    """Return the enabled sections of a file, and what is wrong with others."""
    found: list[FunctionSection] = []
    problems: list[Problem] = []
    for kind, options in _OPTIONS.items():
        for section in parser.sections():
            if section.partition(":")[0] == kind:
                written, place = dict(parser.items(section)), f"{path} [{section}]"
                wrong = tuple(_problems(place, written, options))
                problems.extend(wrong)
                if not wrong and read_switch(written.get("enabled", "true")):
                    found.append(FunctionSection(kind, _functions(written), _given(written, options), place))
    return tuple(found), tuple(problems)


def _problems(place: str, written: dict[str, str], options: tuple[str, ...]) -> Iterator[Problem]:
    try:
        read_switch(written.get("enabled", "true"))
    except ValueError:
        yield Problem(place, f"enabled = {written['enabled']!r} is not valid; it must be true or false", "enabled")
    if not all(module and object_path for module, object_path in _functions(written)) or not _functions(written):
        shown = written.get("function", "")
        yield Problem(place, f"function = {shown!r} is not valid; it must be module:path.of.object", "function")
    for name, value in written.items():
        if name not in (*options, "enabled", "function"):
            yield Problem(place, f"there is no option {name}; valid are enabled, function, {', '.join(options)}", name)
        elif value.lstrip().startswith("lambda"):
            yield Problem(place, f"{name} is code, which is not run here; set it where the function is defined", name)


def _functions(written: dict[str, str]) -> tuple[tuple[str, str], ...]:
    parts = (item.partition(":") for item in written.get("function", "").split())
    return tuple((module, object_path) for module, _, object_path in parts)


def _given(written: dict[str, str], options: tuple[str, ...]) -> dict[str, str]:
    return {name: written[name].strip() for name in options if written.get(name, "").strip()}
