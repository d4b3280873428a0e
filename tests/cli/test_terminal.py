"""What strangers can write into names, messages and paths moves no terminal, and names are written in one way."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from weighbridge.demo.check import Calls, SeriesComparison
from weighbridge.demo.run import Outcome
from weighbridge.transactions.recording.snapshot import Series
from weighbridge.transactions.store.statistics import Window
from weighbridge.transactions.visible import visible

from .conftest import Call, WriteStore, on_a_terminal

Run = Callable[..., Result]

EVIL = "[bold]\x1b]0;owned\x07\x9b2J\x08\u202eevil\r[/bold]"
SHOWN = r"[bold]\x1b]0;owned\x07\x9b2J\x08\u202eevil\r[/bold]"
FORBIDDEN = ("\x1b]", "\x07", "\x9b", "\x08", "\u202e", "evil\r")
SERIES = Series(f"app {EVIL}", "web", f"group {EVIL}", f"name {EVIL}\nand more")


def assert_harmless(text: str) -> None:
    assert not [sign for sign in FORBIDDEN if sign in text], ascii(text)
    assert SHOWN in text


@pytest.fixture
def evil_store(write_store: WriteStore, tmp_path: Path) -> Path:
    """A store of evil names in an evil place."""
    place = tmp_path / EVIL.replace("/", "")
    place.mkdir()
    return write_store([Call(SERIES, 0.1)]).rename(place / "weighbridge.db")


@pytest.mark.parametrize("command", [("report",), ("report", "--since", "1s"), ("top", "--count", 1)], ids=str)
def test_names_and_paths_are_shown_as_they_are_on_a_terminal(evil_store: Path, command: tuple[object, ...]) -> None:
    text = on_a_terminal(*command, "--store", evil_store)
    assert not [sign for sign in FORBIDDEN if sign in text], ascii(text)
    assert r"\x1b]0;owned\x07\x9b2J\x08\u202eevil\r" in text
    assert "[bold]" in text


@pytest.mark.parametrize("command", [("report",), ("report", "--csv"), ("top", "--count", 1)], ids=str)
def test_names_are_shown_as_they_are_in_a_pipe(run: Run, evil_store: Path, command: tuple[object, ...]) -> None:
    result = run(*command, "--store", evil_store)
    assert result.exit_code == 0
    assert_harmless(result.output)
    assert r"name " + SHOWN + r"\nand more" in result.output


@pytest.mark.parametrize("command", ["report", "report --csv"])
def test_signs_that_the_encoding_does_not_have_are_escaped(write_store: WriteStore, command: str) -> None:
    store = write_store([Call(Series("Café → Bar", "web", "Uri", "/"), 0.1)])
    written = subprocess.run(
        [sys.executable, "-m", "weighbridge", *command.split(), "--store", str(store)],
        env={**os.environ, "PYTHONIOENCODING": "latin-1"},
        capture_output=True,
        check=True,
    )
    assert "Café \\u2192 Bar" in written.stdout.decode("latin-1")
    assert written.stderr == b""


@pytest.mark.parametrize("written", [on_a_terminal, None], ids=["terminal", "pipe"])
def test_settings_and_their_places_are_shown_as_they_are(
    run: Run, tmp_path: Path, written: Callable[..., str] | None
) -> None:
    file = tmp_path / f"{EVIL.replace('/', '')}.toml"
    file.write_text(f"[weighbridge]\napp_name = {_toml(EVIL)}\n[weighbridge.applications.{_toml(EVIL)}]\napdex_t = 9\n")
    settings = {"WEIGHBRIDGE_CONFIG_FILE": str(file), "NEW_RELIC_LOG_FILE": EVIL}
    text = written("config", **settings) if written else run("config", **settings).output
    assert_harmless(text)


def _toml(text: str) -> str:
    return '"' + "".join(sign if sign.isprintable() else f"\\u{ord(sign):04x}" for sign in text) + '"'


@pytest.mark.parametrize("written", [on_a_terminal, None], ids=["terminal", "pipe"])
def test_a_problem_is_told_without_harm(run: Run, tmp_path: Path, written: Callable[..., str] | None) -> None:
    arguments = ("report", "--store", tmp_path / EVIL)
    text = written(*arguments) if written else run(*arguments).output
    assert_harmless(text)


@pytest.mark.parametrize("arguments", [(EVIL,), (f"--{EVIL}",), ("--sort", EVIL)], ids=["argument", "option", "value"])
def test_wrong_arguments_are_told_without_harm(run: Run, arguments: tuple[str, ...]) -> None:
    assert_harmless(run("report", *arguments).output)


def test_the_demo_tells_wrong_answers_and_counts_without_harm() -> None:
    from weighbridge.cli.demo_view import check_lines, verdict
    from weighbridge.cli.output import plain_text

    outcome = Outcome(Window(0, 1), [EVIL], [SeriesComparison(SERIES, EVIL, Calls(), Calls())])
    assert_harmless(plain_text("\n".join(verdict(outcome, 1))))
    assert_harmless(plain_text("\n".join(check_lines(outcome))))


def test_all_printing_passes_the_one_place_that_makes_it_harmless() -> None:
    import weighbridge.cli

    for file in Path(weighbridge.cli.__file__).parent.glob("*.py"):
        if file.name not in {"output.py", "errors.py"}:
            assert not re.search(r"click\.s?echo|^ *print\(", file.read_text(), re.MULTILINE), file.name


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET /é/🎉", "GET /é/🎉"),
        ("\x00\x1b\x7f\x85\x9f", r"\x00\x1b\x7f\x85\x9f"),
        ("\u200b\u2028\u2066\ufeff", r"\u200b\u2028\u2066\ufeff"),
        ("a\u00a0b\u3000c", "a b c"),
        ("back\\slash", "back\\slash"),
    ],
)
def test_what_can_be_seen_stays_and_all_else_is_escaped(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_ends_of_lines_stay_where_they_are_asked_for() -> None:
    assert visible("one\ntwo\x07", keep="\n") == "one\ntwo\\x07"


PATHS = [("Uri", "/hello", "Uri/hello"), ("Uri", "/", "Uri/"), ("Route", "/x", "Route/x"), ("Mine", "/x", "Mine//x")]


@pytest.mark.parametrize(("group", "name", "shown"), PATHS)
def test_the_slash_of_a_path_is_not_doubled_where_it_is_shown(
    run: Run, write_store: WriteStore, group: str, name: str, shown: str
) -> None:
    store = write_store([Call(Series("Shop", "web", group, name), 0.1)])
    for text in (run("report", "--store", store).stdout, run("top", "--count", 1, "--store", store).stdout):
        assert re.split(r"  +", text.splitlines()[1])[2] == shown
    drawn = re.sub(r"\x1b\[[\d;]*m", "", on_a_terminal("report", "--store", store))
    assert shown in re.split(r"\s{2,}", drawn)


@pytest.mark.parametrize(("group", "name", "shown"), PATHS)
def test_in_data_it_stays(run: Run, write_store: WriteStore, group: str, name: str, shown: str) -> None:
    store = write_store([Call(Series("Shop", "web", group, name), 0.1)])
    assert f'"name": "{name}"' in run("report", "--json", "--store", store).stdout
    assert f",{group},{name}," in run("report", "--csv", "--store", store).stdout


def test_what_is_no_text_can_be_written_too() -> None:
    assert visible("\udc80").encode() == rb"\udc80"
