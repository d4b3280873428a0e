"""The table of all rows and columns, as a page of the documentation."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from pathlib import Path
from string import ascii_lowercase
from typing import Final

from .columns import COLUMNS, Column
from .editions import CURRENT, OLDEST, Edition
from .row import Row
from .rows import ROWS

PAGE: Final = Path(__file__).parents[2] / "docs" / "conformance.md"

_HEAD: Final = """# The same program, the same transactions

Written by the suite in `tests/conformance`. Every cell is a real request over a loopback socket against a server
in its own process, read back from the store after the server was stopped.

`job` is the request as a background transaction, named by the background task that ran in it; `fresh` is a background
transaction of its own. Of each cell these are compared too: status, failures, what counts for Apdex, whether a sample
is kept, whether the client was seen to leave.

✓ as it must be · ✗ not · blank: there is no such case · letters: see below the tables
"""
_TITLES: Final = {CURRENT: "Current releases", OLDEST: "The oldest releases that are still widely used"}
_NAMES: Final = {"{web}": "web", "{other}": "the request as background", "{job}": "job", "{fresh}": "fresh"}

outcomes: dict[tuple[Column, Row], str] = {}
"""``✓``, ``✗``, or why it is impossible."""


def write_page() -> None:
    """Write the page, where every column was run in a source checkout."""
    if PAGE.parent.is_dir() and {column for column, _ in outcomes} == set(COLUMNS):
        PAGE.write_text(_page())


def _page() -> str:
    reasons = list(dict.fromkeys(text for text in outcomes.values() if text not in "✓✗"))
    parts = [_HEAD]
    for edition in (CURRENT, OLDEST):
        parts += _edition(edition, [column for column in COLUMNS if column.edition is edition], reasons)
    parts += [f"- **{letter}** {reason}" for letter, reason in zip(ascii_lowercase, reasons, strict=False)]
    return "\n".join(parts).rstrip() + "\n"


def _edition(edition: Edition, columns: list[Column], reasons: list[str]) -> list[str]:
    parts = [f"## {_TITLES[edition]}", "", _versions(edition, columns), "", *_list(columns), ""]
    for group in dict.fromkeys(row.group for row in ROWS):
        parts += _table(group, columns, reasons)
    return parts


def _versions(edition: Edition, columns: Iterable[Column]) -> str:
    names = {name for column in columns for name in (*column.framework.needs, *column.server.needs)}
    names |= {"anyio", "asgiref", "werkzeug"}
    versions = [f"{name} {edition.versions[name]}" for name in sorted(names) if name in edition.versions]
    return f"{', '.join(versions)}; Python {platform.python_version()}."


def _list(columns: Iterable[Column]) -> list[str]:
    return [f"{number}. {column.name}" for number, column in enumerate(columns, 1)]


def _table(group: str, columns: list[Column], reasons: list[str]) -> list[str]:
    """The rows of a group, in the columns in which any of them is run."""
    rows = [row for row in ROWS if row.group == group]
    shown = [(number, column) for number, column in enumerate(columns, 1) if _runs(column, rows)]
    if not shown:
        return []
    head = " | ".join(str(number) for number, _ in shown)
    lines = [f"| {group} | expected | {head} |", "|---|---|" + "---|" * len(shown)]
    for row in rows:
        marks = [_mark(outcomes.get((column, row), ""), reasons) for _, column in shown]
        if any(marks):
            lines.append(f"| {row.text} | {_expected(row)} | {' | '.join(marks)} |")
    return [*lines, ""]


def _runs(column: Column, rows: Iterable[Row]) -> bool:
    return any((column, row) in outcomes for row in rows)


def _mark(outcome: str, reasons: list[str]) -> str:
    return ascii_lowercase[reasons.index(outcome)] if outcome in reasons else outcome


def _expected(row: Row) -> str:
    text = _wanted(row.expected) + (", failed" if row.failed else "") + (", disconnected" if row.disconnected else "")
    return text if row.wsgi is None else f"{text}; under WSGI {_wanted(row.wsgi)}"


def _wanted(expected: Mapping[str, int]) -> str:
    names = ((_NAMES.get(path, path.rpartition("/")[2].strip("{}")), count) for path, count in expected.items())
    parts = [f"{count} times {name}" if count > 1 else name for name, count in names]
    return " + ".join(parts) or "nothing"
