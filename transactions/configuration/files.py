"""Reading a configuration file: TOML, or INI in the shape of ``newrelic.ini``.

Loaded only where a file is named: the parsers cost more than the rest of the package.
"""

from __future__ import annotations

import configparser
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from .agent_settings import is_agent_section
from .records import Entry, FileReading, Origin, Problem, Unused

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["read_file"]

_TABLES: Final = ("applications", "transaction_apdex_t")
"""Settings whose value is itself a table."""


class _Section(NamedTuple):
    """One section of a file, in force; later ones beat earlier ones."""

    title: str
    values: Mapping[str, Any]
    from_agent: bool


def read_file(path: str, environment: str | None) -> FileReading:
    """What the file says for that environment (``production``); what is wrong with the file is a problem in it."""
    try:
        text = Path(path).read_text("utf-8-sig")
        read = _read_toml if path.endswith(".toml") else _read_ini
        return read(path, text, environment)
    except OSError as error:
        return FileReading(problems=(Problem(path, f"cannot be read: {error.strerror}"),))
    except (ValueError, configparser.Error) as error:
        return FileReading(problems=(Problem(path, "cannot be parsed: " + " ".join(str(error).split())),))


def _read_toml(path: str, text: str, environment: str | None) -> FileReading:
    document = tomllib.loads(text)
    places = {"tool.newrelic": ("tool", "newrelic"), "tool.weighbridge": ("tool", "weighbridge")}
    found = {title: _table(document, *keys) for title, keys in (places | {"weighbridge": ("weighbridge",)}).items()}
    tables = {title: table for title, table in found.items() if table is not None}
    problems = () if tables else _missing(path, "neither [weighbridge] nor [tool.weighbridge]", document)
    names = {name for table in tables.values() for name in _table(table, "environments") or ()}
    entries = tuple(_entries(path, text, list(_toml_sections(tables, environment))))
    return FileReading(entries, problems + _unknown_environment(path, environment, names))


def _table(document: Mapping[str, Any], *keys: str) -> Mapping[str, Any] | None:
    value: Any = document
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else None


def _toml_sections(tables: Mapping[str, Mapping[str, Any]], environment: str | None) -> Iterator[_Section]:
    for title, table in tables.items():
        yield _Section(title, dict(_flat(table)), title.endswith("newrelic"))
    for title, table in tables.items():
        chosen = _table(table, "environments", environment or "")
        yield _Section(f"{title}.environments.{environment}", dict(_flat(chosen or {})), title.endswith("newrelic"))


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    """The settings of a table, sub-tables as dotted names (``error_collector.ignore_classes``)."""
    for key, value in table.items():
        name = prefix + key
        if not isinstance(value, Mapping) or name in _TABLES:
            yield name, value
        elif name != "environments":
            yield from _flat(value, f"{name}.")


def _read_ini(path: str, text: str, environment: str | None) -> FileReading:
    parser = configparser.RawConfigParser()
    # Application names and transaction paths keep their case; names of settings are lowered later.
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text, path)
    sections = list(_ini_sections(parser, environment))
    problems = () if sections else _missing(path, "neither [weighbridge] nor [newrelic]", parser.sections())
    environments = {name for section in parser.sections() for name in _environment_of(section)}
    return FileReading(
        (*_entries(path, text, sections), *_ini_applications(path, parser)),
        problems + _unknown_environment(path, environment, environments),
        tuple(Unused(f"[{name}]", path) for name in parser.sections() if is_agent_section(name)),
    )


def _ini_sections(parser: configparser.RawConfigParser, environment: str | None) -> Iterator[_Section]:
    for title in ("newrelic", "weighbridge", f"newrelic:{environment}", f"weighbridge:{environment}"):
        if parser.has_section(title):
            yield _Section(title, dict(parser.items(title)), title.startswith("newrelic"))


def _environment_of(section: str) -> Iterator[str]:
    owner, colon, name = section.partition(":")
    if colon and owner in ("newrelic", "weighbridge"):
        yield name


def _ini_applications(path: str, parser: configparser.RawConfigParser) -> Iterator[Entry]:
    named = [section for section in parser.sections() if section.startswith("application:")]
    tables = {section.partition(":")[2].strip(): dict(parser.items(section)) for section in named}
    if tables:
        yield Entry("applications", tables, Origin("file", f"{path} [application:...]"))


def _entries(path: str, text: str, sections: list[_Section]) -> Iterator[Entry]:
    for section in sections:
        for name, value in section.values.items():
            origin = Origin("file", f"{path} [{section.title}]{_line(text, section.title, name)}")
            yield Entry(name.lower(), value, origin, section.from_agent)


def _line(text: str, section: str, name: str) -> str:
    """``, line 3`` where the name is found below its section's header (TOML has more ways to write it)."""
    header = re.search(rf"^\s*\[\s*{re.escape(section)}\s*\]", text, re.MULTILINE)
    start = header.end() if header else len(text)
    found = re.compile(rf"^[ \t]*[\"']?{re.escape(name)}[\"']?\s*[=:]", re.MULTILINE).search(text, start)
    end = re.compile(r"^[ \t]*\[", re.MULTILINE).search(text, start)
    if not found or (end and end.start() < found.start()):
        return ""
    return f", line {text.count(chr(10), 0, found.end()) + 1}"


def _missing(path: str, what: str, found: Iterable[str]) -> tuple[Problem, ...]:
    there = ", ".join(found) or "nothing"
    return (Problem(path, f"has {what} (found: {there})"),)


def _unknown_environment(path: str, environment: str | None, known: set[str]) -> tuple[Problem, ...]:
    """A file without environments holds for all of them; one that has some must have the one asked for."""
    if not environment or not known or environment in known:
        return ()
    return (Problem(path, f"has no environment {environment!r} (it has: {', '.join(sorted(known))})"),)
