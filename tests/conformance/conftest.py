"""One server for all rows of a column, three columns at a time, and the table at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from .columns import Column
from .driver import Cell, run_column
from .row import Row
from .rows import ROWS
from .table import write_page

Cells = Callable[[Column], dict[Row, Cell]]
_AT_ONCE = 3


@pytest.fixture(autouse=True)
def nothing_runs_on() -> None:
    """Here the servers of other columns do, ahead of their tests: each is stopped when its column is done."""


@pytest.fixture(scope="session")
def cells(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cells]:
    """The cells of a column; the servers of all selected columns run one after the other, ahead of the tests."""

    def run(column: Column, folder: Path) -> dict[Row, Cell]:
        return run_column(column, [row for row in ROWS if column.offers(row)], folder)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found: dict[Column, Future[dict[Row, Cell]]] = {
            column: pool.submit(run, column, tmp_path_factory.mktemp("column"))
            for column in _selected(request.session.items)
        }
        yield lambda column: _result(found[column])
        pool.shutdown(cancel_futures=True)


def _result(of: Future[dict[Row, Cell]]) -> dict[Row, Cell]:
    """Said anew for each row: one exception that is raised again and again gathers all the tracebacks."""
    if problem := of.exception():
        pytest.fail(f"the column could not be run: {problem!r}", pytrace=False)
    return of.result()


def _selected(items: list[pytest.Item]) -> list[Column]:
    columns = (_column(item) for item in items)
    return list(dict.fromkeys(column for column in columns if column is not None and column.missing() is None))


def _column(item: pytest.Item) -> Column | None:
    found = item.callspec.params.get("column") if hasattr(item, "callspec") else None
    return found if isinstance(found, Column) else None


@pytest.fixture(scope="session", autouse=True)
def _table() -> Iterator[None]:
    yield
    write_page()
