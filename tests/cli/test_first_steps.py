"""Where nothing has been recorded yet: what to do about it, and no failure."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from weighbridge.cli.demo_store import demo_store, kept_store
from weighbridge.cli.notes import empty_lines
from weighbridge.reporting.first_steps import FIRST_STEPS, is_missing
from weighbridge.reporting.report import Report
from weighbridge.transactions.recording.snapshot import Series
from weighbridge.transactions.store.reader import Health, Window

from .conftest import Call, WriteStore, on_a_terminal

Run = Callable[..., Result]

HOME = Series("Shop", "web", "Route", "GET /")


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's state directory, in which there is nothing yet."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "weighbridge"


def says_what_to_do(text: str, place: Path) -> None:
    assert "Nothing has been recorded yet" in text
    assert str(place) in text
    for step in FIRST_STEPS:
        assert all(line in text for line in (step.program, *step.lines))


@pytest.mark.parametrize("made", [False, True], ids=["no file", "an empty file"])
def test_a_report_on_the_default_place_says_what_to_do(run: Run, state: Path, made: bool) -> None:
    if made:
        state.mkdir(parents=True)
        (state / "weighbridge.db").touch()
    for arguments in (("report",), ("report", "--app", "Shop")):
        result = run(*arguments)
        assert result.exit_code == 0
        says_what_to_do(result.stderr, state / "weighbridge.db")
        assert result.stdout.count("\n") == 1  # the heading of a table without lines
    for command in (("report",), ("top", "--count", "1")):
        says_what_to_do(on_a_terminal(*command).replace("\r", ""), state / "weighbridge.db")
    assert (state / "weighbridge.db").exists() == made


def test_lines_of_code_are_whole_on_a_narrow_terminal(state: Path) -> None:
    says_what_to_do(on_a_terminal("report", COLUMNS="60").replace("\r", ""), state / "weighbridge.db")


def test_for_other_programs_it_is_a_report_without_lines(run: Run, state: Path) -> None:
    told = json.loads(run("report", "--json").stdout)
    assert (told["applications"], told["transactions"]) == ([], [])
    assert told["store"]["path"] == str(state / "weighbridge.db")
    assert run("report", "--csv").stdout.count("\n") == 1


def test_a_store_to_which_somebody_reported_nothing_says_the_same(run: Run, write_store: WriteStore) -> None:
    store = write_store([])
    result = run("report", "--store", store)
    assert result.exit_code == 0
    says_what_to_do(result.stderr, store)
    assert "last write" in result.stderr


def test_where_something_was_recorded_some_time_ago_it_is_not_said(run: Run, write_store: WriteStore) -> None:
    assert "recorded yet" not in run("report", "--store", write_store([Call(HOME, 0.1, age=7200)])).stderr


def test_a_default_place_that_cannot_be_read_is_a_problem(run: Run, state: Path) -> None:
    (state / "weighbridge.db").mkdir(parents=True)
    result = run("report")
    assert (result.exit_code, str(state) in result.stderr) == (2, True)


def test_after_a_demo_its_figures_are_named(run: Run, state: Path, write_store: WriteStore) -> None:
    assert "weighbridge demo\n" in run("report").stderr
    state.mkdir(parents=True)
    write_store([Call(HOME, 0.1)]).rename(demo_store())
    result = run("report")
    command = f"weighbridge report --store {demo_store()}"
    assert (result.exit_code, command in result.stderr) == (0, True)
    assert "GET /" in run(*shlex.split(command)[1:]).stdout


def test_each_demo_begins_anew_and_stays_out_of_the_way_of_another(state: Path) -> None:
    with kept_store(None) as store, kept_store(None) as other:
        assert store == demo_store()
        assert other.parent.is_dir()
        assert other.parent not in {store.parent, Path.cwd()}
        for name in (store.name, f"{store.name}-wal"):
            store.with_name(name).write_text("figures")
    other.parent.rmdir()
    assert store.exists()
    with kept_store(None) as store:
        assert not list(state.glob("demo.db*"))


def test_without_a_state_directory_a_demo_has_a_place_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    with kept_store(None) as store:
        assert is_missing(store)
        assert store.parent.is_dir()
    store.parent.rmdir()


def test_a_named_store_is_the_one_that_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.db").write_text("figures")
    with kept_store(Path("mine.db")) as store:
        assert store == tmp_path / "mine.db"
        assert store.read_text() == "figures"


def test_what_is_missing_and_what_is_not(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "full").write_text("x")
    assert [is_missing(tmp_path / name) for name in ("none", "empty", "full")] == [True, True, False]
    assert not is_missing(tmp_path / "full" / "below")


def test_of_a_server_nothing_is_said_of_files_and_users() -> None:
    health = Health("postgresql://db.example/shop", 0, "figures", None, {}, 1)
    for ever in (False, True):
        text = "\n".join(empty_lines(Report(Window(0.0, 3600.0), (), {}, health, ever), 3600.0))
        assert "WEIGHBRIDGE_STORE" in text
        assert not any(word in text for word in ("no such file", "stores of their own", "a store of their own"))
