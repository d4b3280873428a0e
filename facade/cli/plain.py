"""A report for pipes and files: one line per transaction, whole names, no colours, columns that stay.

Columns are separated by at least two blanks and no value holds two in a row, so
that ``awk -F'  +'`` splits a line as a person reads it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from weighbridge.reporting.report import KIND_WORDS, Report
from weighbridge.transactions.model.naming import display_name

from .columns import COLUMNS, shown
from .output import one_line

__all__ = ["aligned", "plain_lines", "shortened"]

_TITLES = ("application", "type", "transaction")
_TEXTS = 3
"""So many columns hold text; figures follow."""


def plain_lines(report: Report) -> Iterator[str]:
    """Give the lines: a heading, then every transaction with its application and type."""
    rows = list(_rows(report))
    kept = shown([row[_TEXTS:] for row in rows])
    cells = [[*row[:_TEXTS], *(row[_TEXTS + position] for position in kept)] for row in rows]
    return aligned([[*_TITLES, *(COLUMNS[position].title for position in kept)], *cells], _TEXTS)


def aligned(rows: Sequence[Sequence[str]], texts: int) -> Iterator[str]:
    """Give a line per row, its columns under each other: the first ``texts`` to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = zip(row, widths, strict=True)
        yield "  ".join(
            cell.ljust(width) if position < texts else cell.rjust(width) for position, (cell, width) in enumerate(cells)
        ).rstrip()


def shortened(text: str, width: int, head: int) -> str:
    """Cut the middle out of a text that is too long, after ``head`` characters: names differ at their end.

    >>> shortened("Function/shop.jobs:rebuild", 16, 9), shortened("Route/GET /", 16, 9)
    ('Function/…ebuild', 'Route/GET /')
    """
    return text if len(text) <= width else f"{text[:head]}…{text[head + 1 - width :]}"


def _rows(report: Report) -> Iterator[tuple[str, ...]]:
    for section in report.sections:
        application, kind = one_line(section.application), KIND_WORDS[section.kind]
        for line in section.lines:
            name = one_line(display_name(line.series.group, line.series.name))
            yield application, kind, name, *(column.text(line.statistics, line.share) for column in COLUMNS)
