"""The same program gives the same transactions, whatever framework, server or concurrency model carries it."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from .columns import COLUMNS, Column
from .driver import Cell
from .rows import ROWS, Row
from .table import outcomes

EVERYTHING = os.environ.get("CONFORMANCE") == "all"
"""All columns; without it, those that stand for the others."""

Cells = Callable[[Column], dict[Row, Cell]]
pytestmark = pytest.mark.timeout(180)


def _parameters() -> list[object]:
    columns = [column for column in COLUMNS if EVERYTHING or column.representative]
    return [_parameter(column, row) for column in columns for row in ROWS if column.offers(row)]


def _parameter(column: Column, row: Row) -> object:
    marks = []
    if missing := column.missing():
        marks.append(pytest.mark.skip(reason=missing))
    elif reason := column.impossible.get(row.path):
        marks.append(pytest.mark.xfail(reason=reason, strict=True))
    return pytest.param(column, row, id=f"{column.name}: {row.group}, {row.text}".replace("/", " "), marks=marks)


@pytest.mark.parametrize(("column", "row"), _parameters())
def test_cell(column: Column, row: Row, cells: Cells) -> None:
    outcomes[column, row] = column.impossible.get(row.path, "✗")
    cell = cells(column)[row]
    assert set(cell.statuses) == {row.status}
    assert cell.transactions == column.expected(row)
    assert cell.failed == row.failed
    assert cell.disconnected == row.disconnected
    outcomes[column, row] = "✓"
