"""The table of all rows and columns, as a page of the documentation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from .columns import COLUMNS, Column
from .rows import ROWS, Row

PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"

_HEAD = """# The same program, the same transactions

Written by the suite in `tests/conformance`. Every cell is a real request over a loopback socket against a server
in its own process, read back from the store after the server was stopped.

✓ as it must be · ✗ not · blank: there is no such case · numbers: see below the table
"""

outcomes: dict[tuple[Column, Row], str] = {}
"""``✓``, ``✗``, or why it is impossible."""


def write_page() -> None:
    """Write the page, where every column was run in a source checkout."""
    if PAGE.parent.is_dir() and {column for column, _ in outcomes} == set(COLUMNS):
        PAGE.write_text(_page())


def _page() -> str:
    columns = list(dict.fromkeys(column for column, _ in outcomes))
    reasons = list(dict.fromkeys(text for text in outcomes.values() if text not in "✓✗"))
    parts = [_HEAD, *_columns(columns), ""]
    for group in dict.fromkeys(row.group for row in ROWS):
        parts += [f"## {group[0].upper()}{group[1:]}", "", *_table(group, columns, reasons), ""]
    parts += [f"{number}. {reason}" for number, reason in enumerate(reasons, 1)]
    return "\n".join(parts).rstrip() + "\n"


def _columns(columns: Iterable[Column]) -> list[str]:
    return [f"- **{letter}** {column.name}" for letter, column in zip(_letters(), columns, strict=False)]


def _letters() -> str:
    return "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def _table(group: str, columns: list[Column], reasons: list[str]) -> list[str]:
    head = " | ".join(_letters()[: len(columns)])
    lines = [f"| case | expected | {head} |", "|---|---|" + "---|" * len(columns)]
    for row in (row for row in ROWS if row.group == group):
        marks = [_mark(outcomes.get((column, row), ""), reasons) for column in columns]
        lines.append(f"| {row.text} | {_expected(row)} | {' | '.join(marks)} |")
    return lines


def _mark(outcome: str, reasons: list[str]) -> str:
    return str(reasons.index(outcome) + 1) if outcome in reasons else outcome


def _expected(row: Row) -> str:
    text = _wanted(row.expected) + (", failed" if row.failed else "") + (", disconnected" if row.disconnected else "")
    return text if row.wsgi is None else f"{text}; under WSGI {_wanted(row.wsgi)}"


def _wanted(expected: Mapping[str, int]) -> str:
    names = {"{web}": "web", "{other}": "the request as background", "{job}": "job"}
    parts = [
        f"{count} times {name}" if count > 1 else name
        for name, count in ((names.get(path, path.rpartition("/")[2]), count) for path, count in expected.items())
    ]
    return " + ".join(parts) or "nothing"
