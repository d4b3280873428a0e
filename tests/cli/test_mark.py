"""`weighbridge mark`: who sets a mark finds it in the report's JSON; what is wrong is said, and nothing is made."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from weighbridge.transactions.recording.snapshot import Series

from .conftest import Call, WriteStore
from .test_errors import refused

PAGE = Series("shop", "web", "Route", "GET /")

Run = Callable[..., Result]


@pytest.fixture
def store(write_store: WriteStore) -> Path:
    return write_store([Call(PAGE, 0.1), Call(PAGE._replace(application="office"), 0.1)])


@pytest.fixture
def marks(run: Run, store: Path) -> Callable[..., list[dict[str, object]]]:
    def of(*arguments: str) -> list[dict[str, object]]:
        answer = json.loads(run("report", "--json", "--store", store, *arguments).stdout)
        return list(answer["marks"])

    return of


def test_a_mark_now_for_all_applications(run: Run, store: Path, marks: Callable[..., object]) -> None:
    before = int(time.time())
    result = run("mark", "v1.4", "--store", store)
    assert result.exit_code == 0
    assert "'v1.4' is marked" in result.stdout
    for arguments in ((), ("--app", "shop"), ("--app", "office")):
        (found,) = marks(*arguments)  # type: ignore[misc]
        assert before <= found.pop("moment") <= time.time()
        assert found == {"application": "", "kind": "manual", "name": "v1.4"}


def test_a_mark_of_an_application_at_some_time(run: Run, store: Path, marks: Callable[..., object]) -> None:
    assert run("mark", "v1.4", "--app", "shop", "--at", "10m", "--store", store).exit_code == 0
    (found,) = marks("--app", "shop")  # type: ignore[misc]
    assert 600 <= time.time() - found["moment"] < 700
    assert marks("--app", "office") == []
    assert marks("--app", "shop", "--since", "5m") == []


def test_a_mark_that_is_there_already(run: Run, store: Path, marks: Callable[..., object]) -> None:
    moment = time.strftime("%Y-%m-%dT%H:%MZ", time.gmtime(time.time() - 120))
    words = [run("mark", "v1.4", "--at", moment, "--store", store).stdout for _ in range(2)]
    assert "already" not in words[0]
    assert "already" in words[1]
    assert len(marks()) == 1  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), ("NAME",)),
        ((" ",), ("NAME", "1 to 100 characters")),
        (("x" * 101,), ("1 to 100 characters",)),
        (("two\nlines",), ("one line",)),
        (("v1", "--app", "shp"), ("'shp'", "office, shop")),
        (("v1", "--at", "yesterday"), ("--at", "'yesterday'", "30m")),
        (("v1", "--at", "2999-01-01T00:00Z"), ("--at", "2999", "not in the past")),
    ],
)
def test_bad_input(run: Run, store: Path, arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
    refused(run("mark", "--store", store, *arguments), *words)


def test_where_there_is_no_store_none_is_made(run: Run, tmp_path: Path) -> None:
    refused(run("mark", "v1.4", "--store", tmp_path / "none.db"), str(tmp_path / "none.db"))
    refused(run("mark", "v1.4"), "nothing has been recorded")
    assert not (tmp_path / "none.db").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_store_that_may_only_be_read(run: Run, store: Path) -> None:
    store.chmod(0o444)
    refused(run("mark", "v1.4", "--store", store), str(store), "may not write")
