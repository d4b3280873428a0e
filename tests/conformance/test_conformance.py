"""The same program gives the same transactions, whatever framework, server or concurrency model carries it."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from .columns import COLUMNS, Column
from .driver import Cell
from .editions import CURRENT
from .limits import limit
from .row import Row
from .rows import ROWS
from .table import outcomes

WANTED = os.environ.get("CONFORMANCE")
"""``all``: all columns that can be had here. ``required``: all of them. Without it, those that stand for the others."""

Cells = Callable[[Column], dict[Row, Cell]]


def _parameters() -> list[object]:
    columns = [column for column in COLUMNS if WANTED or column.representative]
    return [_parameter(column, row) for column in columns for row in ROWS if column.offers(row)]


def _parameter(column: Column, row: Row) -> object:
    marks = []
    if WANTED != "required" and (missing := column.missing()):
        marks.append(pytest.mark.skip(reason=missing))
    elif reason := limit(column, row):
        marks.append(pytest.mark.xfail(reason=reason, strict=True))
    edition = "" if column.edition is CURRENT else f" ({column.edition.name})"
    name = f"{column.name}{edition}: {row.group}, {row.text}".replace("/", " ")
    return pytest.param(column, row, id=name, marks=marks)


@pytest.mark.parametrize(("column", "row"), _parameters())
def test_cell(column: Column, row: Row, cells: Cells) -> None:
    assert column.missing() is None
    outcomes[column, row] = limit(column, row) or "✗"
    cell = cells(column)[row]
    expected = column.expected(row)
    assert cell.transactions == expected
    # A server that is stopped may hang up or, as hypercorn 0.14, cancel the request and answer 500 by itself.
    gave_up = row.mode == "shutdown" and set(cell.statuses) <= {500}
    said_nothing = row.mode == "broken" and not cell.statuses
    assert gave_up or said_nothing or set(cell.statuses) == {row.status}
    assert gave_up or cell.disconnected == row.disconnected
    assert cell.failed == row.failed
    assert cell.scored == (_web(expected) if row.scored else 0)
    assert cell.sampled == (row.sampled and _of_request(expected))
    assert cell.parameters == row.parameters
    outcomes[column, row] = "✓"


def _web(expected: dict[str, int]) -> int:
    return sum(count for path, count in expected.items() if path.startswith("WebTransaction"))


def _of_request(expected: dict[str, int]) -> bool:
    return any(path.startswith(("WebTransaction", "OtherTransaction")) for path in expected)
