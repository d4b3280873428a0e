"""Cursors of exporters: changed in one step, however many try, on both engines."""

from __future__ import annotations

import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from weighbridge.transactions.store.cursors import Cursor, CursorFailure
from weighbridge.transactions.store.engines import cursors_at

from .maker import Maker

BOTH_ENGINES = True


@pytest.fixture
def filled(path: str, writer: Any, make: Maker) -> str:
    """A store that something was written to."""
    writer.write(make.snapshot(make.row([0.1])))
    return path


def test_a_cursor_begins_at_nothing_and_is_kept(filled: str) -> None:
    with closing(cursors_at(filled)) as cursors:
        assert cursors.change("one", lambda cursor: None) == Cursor(0, "{}")
        assert cursors.change("one", lambda cursor: cursor._replace(moment=7)) == Cursor(7, "{}")
        cursors.change("other", lambda cursor: Cursor(9, '{"a": 1}'))
    with closing(cursors_at(filled)) as cursors:
        assert cursors.change("one", lambda cursor: None) == Cursor(7, "{}")
        assert cursors.change("other", lambda cursor: None) == Cursor(9, '{"a": 1}')


def test_no_change_of_several_at_once_is_lost(filled: str) -> None:
    def count() -> None:
        with closing(cursors_at(filled)) as cursors:
            for _ in range(10):
                cursors.change("one", lambda cursor: cursor._replace(moment=cursor.moment + 1))

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with closing(cursors_at(filled)) as cursors:
        assert cursors.change("one", lambda cursor: None).moment == 40


def test_a_change_that_fails_changes_nothing(filled: str) -> None:
    def fail(cursor: Cursor) -> Cursor:
        raise KeyError

    with closing(cursors_at(filled)) as cursors:
        cursors.change("one", lambda cursor: Cursor(3, "{}"))
        with pytest.raises(KeyError):
            cursors.change("one", fail)
        assert cursors.change("one", lambda cursor: None) == Cursor(3, "{}")


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    missing = tmp_path / "missing.db"
    with closing(cursors_at(str(missing))) as cursors, pytest.raises(CursorFailure, match="there is no such file"):
        cursors.change("one", lambda cursor: Cursor(3, "{}"))
    assert not missing.exists()


def test_a_file_that_is_no_store_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a store" * 100)
    cursors = cursors_at(str(tmp_path / "notes.txt"))
    with closing(cursors), pytest.raises(CursorFailure, match=r"notes\.txt cannot be written: "):
        cursors.change("one", lambda cursor: Cursor(3, "{}"))


def test_a_server_that_cannot_be_reached_is_named_without_its_password() -> None:
    cursors = cursors_at("postgresql://me:s3cret@127.0.0.1:1/shop")
    with closing(cursors), pytest.raises(CursorFailure, match="cannot be written: there is no answer") as caught:
        cursors.change("one", lambda cursor: Cursor(3, "{}"))
    assert "s3cret" not in str(caught.value)
    assert caught.value.kind == "there is no answer"
