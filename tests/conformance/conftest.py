"""One server for all rows of a column, and the table at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from .columns import Column
from .driver import Cell, run_column
from .rows import ROWS, Row
from .table import write_page

Cells = Callable[[Column], dict[Row, Cell]]


@pytest.fixture(scope="session")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Cells:
    """The cells of a column; its server runs when the first of them is asked for."""
    seen: dict[Column, dict[Row, Cell] | Exception] = {}

    def of(column: Column) -> dict[Row, Cell]:
        if column not in seen:
            rows = [row for row in ROWS if column.offers(row)]
            try:
                seen[column] = run_column(column, rows, tmp_path_factory.mktemp("column"))
            except Exception as problem:
                seen[column] = problem
        found = seen[column]
        if isinstance(found, Exception):
            raise found
        return found

    return of


@pytest.fixture(scope="session", autouse=True)
def _table() -> Iterator[None]:
    yield
    write_page()
