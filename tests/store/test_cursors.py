"""Cursors of exporters: changed in one step, however many try, on both engines."""

from __future__ import annotations

import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from weighbridge.transactions.recording.snapshot import StoreUnavailable
from weighbridge.transactions.store.engines import state_at
from weighbridge.transactions.store.state import Cursor

from .maker import Maker

BOTH_ENGINES = True


@pytest.fixture
def filled(path: str, writer: Any, make: Maker) -> str:
    """A store that something was written to."""
    writer.write(make.snapshot(make.row([0.1])))
    return path


def test_a_cursor_begins_at_nothing_and_is_kept(filled: str) -> None:
    with closing(state_at(filled)) as writer:
        assert writer.change_cursor("one", lambda cursor: None) == Cursor(0, "{}")
        assert writer.change_cursor("one", lambda cursor: cursor._replace(moment=7)) == Cursor(7, "{}")
        writer.change_cursor("other", lambda cursor: Cursor(9, '{"a": 1}'))
    with closing(state_at(filled)) as writer:
        assert writer.change_cursor("one", lambda cursor: None) == Cursor(7, "{}")
        assert writer.change_cursor("other", lambda cursor: None) == Cursor(9, '{"a": 1}')


def test_no_change_of_several_at_once_is_lost(filled: str) -> None:
    def count() -> None:
        with closing(state_at(filled)) as writer:
            for _ in range(10):
                writer.change_cursor("one", lambda cursor: cursor._replace(moment=cursor.moment + 1))

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with closing(state_at(filled)) as writer:
        assert writer.change_cursor("one", lambda cursor: None).moment == 40


def test_a_change_that_fails_changes_nothing(filled: str) -> None:
    def fail(cursor: Cursor) -> Cursor:
        raise KeyError

    with closing(state_at(filled)) as writer:
        writer.change_cursor("one", lambda cursor: Cursor(3, "{}"))
        with pytest.raises(KeyError):
            writer.change_cursor("one", fail)
        assert writer.change_cursor("one", lambda cursor: None) == Cursor(3, "{}")


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    missing = tmp_path / "missing.db"
    with closing(state_at(str(missing))) as writer, pytest.raises(StoreUnavailable, match="is not there"):
        writer.change_cursor("one", lambda cursor: Cursor(3, "{}"))
    assert not missing.exists()


def test_a_file_that_is_no_store_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a store" * 100)
    writer = state_at(str(tmp_path / "notes.txt"))
    with closing(writer), pytest.raises(StoreUnavailable, match=r"notes\.txt cannot be written: "):
        writer.change_cursor("one", lambda cursor: Cursor(3, "{}"))


def test_a_server_that_cannot_be_reached_is_named_without_its_password() -> None:
    writer = state_at("postgresql://me:s3cret@127.0.0.1:1/shop")
    with closing(writer), pytest.raises(StoreUnavailable, match="cannot be written: there is no answer") as caught:
        writer.change_cursor("one", lambda cursor: Cursor(3, "{}"))
    assert "s3cret" not in str(caught.value)
    assert caught.value.kind == "there is no answer"
