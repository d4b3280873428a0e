"""Reading of configuration files: TOML, or INI in the format of ``newrelic.ini``.

Loaded only if a file is configured, as the parsers take longer to import than the rest of the package.
"""

from __future__ import annotations

import configparser
import os
import re
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from itertools import islice
from typing import Any, Final, NamedTuple

from ..host_exceptions import comes_from_a_signal, pass_on
from .agent_settings import is_agent_section
from .function_sections import is_function_section, read_function_sections
from .records import FileReading, Origin, Problem, SettingEntry, Unused

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["read_file"]

_TABLES: Final = ("applications", "transaction_apdex_t")
"""Settings whose value is a table."""


_ENVIRONMENTS: Final = ("environments", "env")
"""TOML tables that hold a table for each environment: our name for it, and the agent's."""
_LARGEST: Final = 250_000
"""Bytes; a larger file cannot be a configuration file."""
_LONGEST_LINE: Final = 20_000
"""Characters; TOML parsers take very long for longer lines (``a.a.a.a``...)."""
_MAX_SHOWN: Final = 50
"""Sections that are examined, or named, if an expected one is missing."""


class _Section(NamedTuple):
    """One section of a file that applies; later ones take precedence over earlier ones."""

    title: str
    values: Mapping[str, Any]
    from_agent: bool


class _Unreadable(Exception):
    """A file exists, but cannot be read as a configuration file; the message says why."""


def read_file(path: str, environment: str | None) -> FileReading:
    """Read a file's settings for an environment (``production``); whatever is wrong with the file becomes a problem."""
    try:
        text = _text_of(path)
        read = _read_toml if path.endswith(".toml") else _read_ini
        return read(path, text, environment)
    except OSError as error:
        pass_on(error)
        return FileReading(problems=(Problem(path, f"cannot be read: {error.strerror}"),))
    except _Unreadable as error:
        return FileReading(problems=(Problem(path, f"cannot be read: {error}"),))
    except RecursionError:
        return FileReading(problems=(Problem(path, "cannot be parsed: it is nested too deeply"),))
    except (ValueError, configparser.Error) as error:
        if comes_from_a_signal(error):
            raise
        return FileReading(problems=(Problem(path, f"cannot be parsed: {_reason(error)}"),))


def _text_of(path: str) -> str:
    """Return the text of a regular file. Nothing else is read, as a pipe or a device may never end."""
    with open(path, "rb", opener=_without_waiting) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise _Unreadable("it is no regular file")
        content = file.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise _Unreadable(f"it has more than {_LARGEST} bytes")
    text = content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    if any(len(line) > _LONGEST_LINE for line in text.split("\n")):
        raise _Unreadable(f"it has a line of more than {_LONGEST_LINE} characters")
    return text


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _reason(error: ValueError | configparser.Error) -> str:
    """Return why a file cannot be parsed: only the place, if known, as the content may be a secret."""
    if isinstance(error, UnicodeDecodeError):
        line = 1 + error.object.count(b"\n", 0, error.start)
        return f"it is not written in UTF-8 (line {line})"
    if isinstance(error, configparser.ParsingError):
        line = getattr(error, "lineno", 0) or error.errors[0][0]
        return f"it is neither [section] nor name = value (line {line})"
    if isinstance(error, configparser.DuplicateOptionError):
        return f"{error.option} is there twice in [{error.section}] (line {error.lineno})"
    if isinstance(error, configparser.DuplicateSectionError):
        return f"[{error.section}] is there twice (line {error.lineno})"
    return str(error)


def _read_toml(path: str, text: str, environment: str | None) -> FileReading:
    document = tomllib.loads(text)
    places = {"tool.newrelic": ("tool", "newrelic"), "tool.weighbridge": ("tool", "weighbridge")}
    found = {title: _table(document, *keys) for title, keys in (places | {"weighbridge": ("weighbridge",)}).items()}
    tables = {title: table for title, table in found.items() if table is not None}
    names = {name for table in tables.values() for _, name, _ in _environments_in(table)}
    problems = (
        *(() if tables else _missing(path, "neither [weighbridge] nor [tool.weighbridge]", document)),
        *_misspelt(path, (*document, *(f"tool.{name}" for name in _table(document, "tool") or ()))),
        *_unknown_environment(path, environment, names),
    )
    return FileReading(tuple(_entries(path, text, _toml_sections(tables, environment))), problems)


def _table(document: Mapping[str, Any], *keys: str) -> Mapping[str, Any] | None:
    value: Any = document
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else None


def _toml_sections(tables: Mapping[str, Mapping[str, Any]], environment: str | None) -> Iterator[_Section]:
    for title, table in tables.items():
        yield _Section(title, dict(_flat(table)), title.endswith("newrelic"))
    for title, table in tables.items():
        for place, name, chosen in _environments_in(table):
            if name == environment:
                yield _Section(f"{title}.{place}.{name}", dict(_flat(chosen)), title.endswith("newrelic"))


def _environments_in(table: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Yield the place, the name and the table of each environment in a table."""
    for place in _ENVIRONMENTS:
        for name, chosen in (_table(table, place) or {}).items():
            if isinstance(chosen, Mapping):
                yield place, name, chosen


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Yield the settings of a table, those of sub-tables under dotted names (``error_collector.ignore_classes``)."""
    for key, value in table.items():
        name = prefix + key
        if not isinstance(value, Mapping) or name in _TABLES:
            yield name, value
        elif name not in _ENVIRONMENTS:
            yield from _flat(value, f"{name}.")


def _read_ini(path: str, text: str, environment: str | None) -> FileReading:
    parser = configparser.RawConfigParser()
    # Keep the case of application names and transaction paths; names of settings are lowercased later.
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text)
    sections = list(_ini_sections(parser, environment))
    environments = {name for section in parser.sections() for name in _environment_of(section)}
    functions, wrong = read_function_sections(path, parser)
    problems = (
        *wrong,
        *(() if sections else _missing(path, "neither [weighbridge] nor [newrelic]", parser.sections())),
        *_misspelt(path, parser.sections()),
        *_unknown_environment(path, environment, environments),
    )
    return FileReading(
        (*_entries(path, text, sections), *_ini_applications(path, parser)),
        problems,
        tuple(Unused(f"[{name}]", path) for name in parser.sections() if _is_unused(name)),
        functions,
    )


def _is_unused(section: str) -> bool:
    return is_agent_section(section) and not is_function_section(section)


def _ini_sections(parser: configparser.RawConfigParser, environment: str | None) -> Iterator[_Section]:
    for title in ("newrelic", "weighbridge", f"newrelic:{environment}", f"weighbridge:{environment}"):
        if parser.has_section(title):
            yield _Section(title, dict(parser.items(title)), title.startswith("newrelic"))


def _environment_of(section: str) -> Iterator[str]:
    owner, colon, name = section.partition(":")
    if colon and owner in ("newrelic", "weighbridge"):
        yield name


def _ini_applications(path: str, parser: configparser.RawConfigParser) -> Iterator[SettingEntry]:
    named = [section for section in parser.sections() if section.startswith("application:")]
    tables = {section.partition(":")[2].strip(): dict(parser.items(section)) for section in named}
    if tables:
        yield SettingEntry("applications", tables, Origin("file", f"{path} [application:...]"))


def _entries(path: str, text: str, sections: Iterable[_Section]) -> Iterator[SettingEntry]:
    lines = _lines(text)
    for section in sections:
        for name, value in section.values.items():
            line = lines.get(f"{section.title}.{name}")
            origin = Origin("file", f"{path} [{section.title}]" + (f", line {line}" if line else ""))
            yield SettingEntry(name.lower(), value, origin, section.from_agent)


_HEADER: Final = re.compile(r"\s*\[\s*([^\[\]]+?)\s*\]")
_NAME: Final = re.compile(r"[ \t]*[\"']?([^\s=:\"'#;\[]+)[\"']?\s*[=:]")


def _lines(text: str) -> dict[str, int]:
    """Return the line number of each ``section.name`` that is written in a usual form (TOML allows others)."""
    lines: dict[str, int] = {}
    section = ""
    for number, line in enumerate(text.split("\n"), 1):
        header, name = _HEADER.match(line), _NAME.match(line)
        if header:
            section = header[1]
        elif name:
            lines.setdefault(f"{section}.{name[1]}", number)
    return lines


def _missing(path: str, what: str, found: Iterable[str]) -> tuple[Problem, ...]:
    there = ", ".join(islice(found, _MAX_SHOWN)) or "nothing"
    return (Problem(path, f"has {what} (found: {there})"),)


def _misspelt(path: str, sections: Iterable[str]) -> Iterator[Problem]:
    """Yield a problem for each section that nobody reads and that looks as if it was meant for us."""
    for section in islice(sections, _MAX_SHOWN):
        head = section.removeprefix("tool.").partition(":")[0]
        near = get_close_matches(head.strip().lower(), ("weighbridge", "newrelic"), n=1, cutoff=0.8)
        if near and head != near[0]:
            yield Problem(path, f"[{section}] is not read; did you mean [{section.replace(head, near[0])}]?")


def _unknown_environment(path: str, environment: str | None, known: set[str]) -> tuple[Problem, ...]:
    """Return a problem if a file has environments, but not the requested one; without any, it applies to all."""
    if not environment or not known or environment in known:
        return ()
    there = ", ".join(sorted(known)[:_MAX_SHOWN])
    return (Problem(path, f"has no environment {environment!r} (it has: {there})"),)
