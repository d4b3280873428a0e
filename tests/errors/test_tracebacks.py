"""Tracebacks of failed samples: texts and numbers, never locals, as far as the settings allow."""

from __future__ import annotations

import builtins
import gc
import importlib
import json
import math
import os
import subprocess
import sys
import weakref
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import weighbridge
from weighbridge.console import Console, Request
from weighbridge.console.tracebacks import as_text
from weighbridge.transactions.configuration.records import ConfigurationError
from weighbridge.transactions.model import tracebacks
from weighbridge.transactions.model.errors import noticed
from weighbridge.transactions.recording.source_encoding import encoding_of
from weighbridge.transactions.recording.stack_texts import StackTexts
from weighbridge.transactions.store.reader import StoreReader, Traceback

from .conftest import SampleErrors, lately

CHANGED_FILES = Path(__file__).parent / "programs" / "changed_files.py"


@weighbridge.background_task(name="task")
def run(work: Callable[[], object]) -> object:
    return work()


def traceback_of(work: Callable[[], object], sample_errors: SampleErrors) -> Traceback:
    """The traceback that is kept of what some work raises."""
    with suppress(Exception):
        run(work)
    (error,) = sample_errors()
    assert error.traceback is not None
    return error.traceback


def deeper(levels: int) -> None:
    if not levels:
        raise ValueError("here")
    deeper(levels - 1)


def handled() -> None:
    try:
        deeper(0)
    except ValueError as error:
        raise KeyError("wrapped 17") from error


def test_frames_have_file_line_function_and_source(sample_errors: SampleErrors) -> None:
    found = traceback_of(lambda: deeper(1), sample_errors)
    last = found.frames[-1]
    assert (Path(last.file).name, last.function, last.own) == ("test_tracebacks.py", "deeper", True)
    assert last.line == deeper.__code__.co_firstlineno + 2
    assert last.source == 'raise ValueError("here")'
    assert [frame.function for frame in found.frames][-2:] == ["deeper", "deeper"]
    assert not any("weighbridge" in frame.file and "tests" not in frame.file for frame in found.frames)


def test_equal_functions_of_two_files_are_told_apart(sample_errors: SampleErrors, tmp_path: Path) -> None:
    files = []
    for folder in ("orders", "invoices"):
        path = tmp_path / folder / "views.py"
        path.parent.mkdir()
        path.write_text("def index():\n    raise LookupError\n")
        found: dict[str, Any] = {"__name__": folder}
        exec(compile(path.read_text(), str(path), "exec"), found)
        with suppress(LookupError):
            run(found["index"])
    for error in sample_errors():
        assert error.traceback is not None
        files.append(Path(error.traceback.frames[-1].file).parent.name)
    assert sorted(files) == ["invoices", "orders"]


def test_no_line_is_shown_of_a_file_that_has_changed_since_it_was_loaded(tmp_path: Path) -> None:
    names = ("changed_early", "changed_before_a_fork", "dated_back", "unchanged")
    for name in names:
        path = tmp_path / f"{name}.py"
        path.write_text("def fail():\n    # it does\n    raise ValueError\n")
        os.utime(path, (1e9, 1e9))
    store = tmp_path / "store.db"
    environment = {**os.environ, "WEIGHBRIDGE_STORE": str(store), "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([sys.executable, CHANGED_FILES, tmp_path], env=environment, check=True, timeout=60)
    reader = StoreReader.open(store)
    found = {}
    for one in reader.samples(lately()):
        for error in reader.errors_of_sample(one.id):
            assert error.traceback is not None
            found[one.transaction.name] = error.traceback.frames[-1].source
    reader.close()
    assert found.pop("unchanged") == "raise ValueError"
    assert set(found.values()) == {""}, found


def test_the_last_twenty_frames_are_kept(sample_errors: SampleErrors) -> None:
    found = traceback_of(lambda: deeper(50), sample_errors)
    assert len(found.frames) == 20
    assert found.omitted == 51 + 2 - 20  # `run` and the lambda
    assert {frame.function for frame in found.frames} == {"deeper"}


def test_a_cause_is_kept_without_ids(sample_errors: SampleErrors) -> None:
    found = traceback_of(handled, sample_errors)
    (cause,) = found.others
    assert (cause.relation, cause.type, cause.message) == ("cause", "builtins:ValueError", "here")
    assert cause.frames[-1].function == "deeper"


def test_what_led_to_it_is_kept_three_levels_deep(sample_errors: SampleErrors) -> None:
    error: BaseException = ValueError("0")
    for number in range(1, 7):
        outer = ValueError(str(number))
        outer.__cause__ = error
        error = outer

    def raised() -> None:
        raise error

    found, levels = traceback_of(raised, sample_errors), 0
    while found.others:
        (found,) = found.others
        levels += 1
    assert levels == 3


@pytest.mark.skipif(sys.version_info < (3, 11), reason="needs groups of exceptions")
def test_the_parts_of_a_group_are_kept(sample_errors: SampleErrors) -> None:
    def work() -> None:
        parts: list[Exception] = []
        for levels in (0, 1):
            try:
                deeper(levels)
            except ValueError as error:
                parts.append(error)
        raise ExceptionGroup("several", parts)  # noqa: F821

    found = traceback_of(work, sample_errors)
    assert [part.relation for part in found.others] == ["part", "part"]
    assert all(part.frames[-1].function == "deeper" for part in found.others)


def test_locals_are_never_kept(sample_errors: SampleErrors, store: Path) -> None:
    def work() -> None:
        card = "4111-1111-1111-1111"
        raise ValueError(len(card))

    traceback_of(work, sample_errors)
    weighbridge.shutdown_agent()
    assert "4111-1111-1111-1111" in Path(__file__).read_text()
    assert b"card = " not in b"".join(file.read_bytes() for file in store.parent.glob("shop.db*"))


def test_nothing_is_kept_alive(sample_errors: SampleErrors) -> None:
    class Basket:
        """Something that the failing code holds."""

    class Empty(Exception):
        """An exception that can be watched."""

    seen: list[weakref.ref[Any]] = []

    def work() -> None:
        basket = Basket()
        error = Empty()
        seen.extend((weakref.ref(basket), weakref.ref(error)))
        try:
            raise error
        finally:
            del error

    names: dict[str, Any] = {"work": work}
    exec("def outer():\n    work()", names)
    code = weakref.ref(names["outer"].__code__)
    with suppress(Empty):
        run(names.pop("outer"))
    gc.collect()
    assert [one() for one in seen] == [None, None]
    assert code() is None
    assert sample_errors()[0].group.frame.endswith("work")


def test_frames_alone(sample_errors: SampleErrors, settings: Callable[..., None]) -> None:
    settings(tracebacks="frames")
    assert {frame.source for frame in traceback_of(handled, sample_errors).frames} == {""}


def test_no_tracebacks(sample_errors: SampleErrors, settings: Callable[..., None]) -> None:
    settings(tracebacks="off")
    with suppress(KeyError):
        run(handled)
    (error,) = sample_errors()
    assert error.traceback is None
    assert error.group.frame.endswith("handled")


def test_high_security_keeps_no_source_and_no_messages(
    sample_errors: SampleErrors, settings: Callable[..., None], store: Path
) -> None:
    settings(high_security="on", tracebacks="source")
    found = traceback_of(handled, sample_errors)
    assert found.others[0].message == "<stripped>"
    weighbridge.shutdown_agent()
    kept = b"".join(file.read_bytes() for file in store.parent.glob("shop.db*"))
    assert b"wrapped" not in kept
    assert b"raise KeyError" not in kept


def test_no_errors_are_collected(sample_errors: SampleErrors, settings: Callable[..., None], store: Path) -> None:
    settings(error_collector_enabled="off")
    with suppress(KeyError):
        run(handled)
    assert sample_errors() == []
    weighbridge.shutdown_agent()
    kept = b"".join(file.read_bytes() for file in store.parent.glob("shop.db*"))
    assert b"KeyError" not in kept
    assert b"test_tracebacks" not in kept


@pytest.mark.parametrize("value", ["all", "on", "0"])
def test_a_bad_value_is_refused(value: str, settings: Callable[..., None]) -> None:
    with pytest.raises(ConfigurationError, match="tracebacks"):
        settings(tracebacks=value)


def test_the_text_of_a_traceback_is_bounded(sample_errors: SampleErrors) -> None:
    name = "f" * 150
    names: dict[str, Any] = {}
    source = f"def {name}(n):\n    if n:\n        {name}(n - 1)\n    raise ValueError"
    exec(compile(source, f"{'folder/' * 30}a.py", "exec"), names)

    def work() -> None:
        try:
            names[name](30)
        except ValueError:
            names[name](30)

    found = traceback_of(work, sample_errors)
    assert len(found.frames) in (10, 5, 2)
    assert found.omitted + len(found.frames) == 31 + 2


def test_a_storm_of_stacks_is_bounded(monkeypatch: pytest.MonkeyPatch, sample_errors: SampleErrors) -> None:
    monkeypatch.setattr(tracebacks, "_MAX_STACKS", 5)
    monkeypatch.setattr(tracebacks, "_MAX_CODES", 50)
    for number in range(200):
        names: dict[str, Any] = {}
        exec(compile(f"def broken():\n    raise LookupError({number})", f"shop/{number}.py", "exec"), names)
        with suppress(LookupError):
            run(names["broken"])
    assert len(tracebacks._Latest.seen.stacks) <= 5
    assert len(tracebacks._Latest.seen.codes) <= 50
    assert len(sample_errors()) >= 3


@pytest.mark.skipif(sys.version_info < (3, 11), reason="there are no exception groups")
def test_a_group_nested_deep_reaches_the_program_as_it_is() -> None:
    group: Any = ValueError("x")
    for _ in range(3000):
        group = builtins.ExceptionGroup("group", [group])  # type: ignore[attr-defined, unused-ignore]
    with pytest.raises(type(group)) as caught:
        run(lambda: raised(group))
    assert caught.value is group


def raised(exception: BaseException) -> None:
    raise exception


def test_what_is_handled_is_written_out_once_per_distinct_traceback() -> None:
    written: list[str] = []

    class Slow(Exception):
        def __str__(self) -> str:
            written.append("once more")
            return "slow"

    def work() -> None:
        try:
            raise Slow
        except Slow as error:
            raise KeyError from error

    for _ in range(5):
        with suppress(KeyError):
            run(work)
    assert written == ["once more"]


def test_an_exception_that_is_raised_again_and_again_is_read_in_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up: list[None] = []
    code_of = tracebacks._Seen.code_of
    same = ValueError("the same each time")
    for _ in range(20_000):
        with suppress(ValueError):
            raised(same)

    def counted(seen: Any, step: Any) -> Any:
        looked_up.append(None)
        return code_of(seen, step)

    monkeypatch.setattr(tracebacks._Seen, "code_of", counted)
    with suppress(ValueError):
        run(lambda: raised(same))
    assert len(looked_up) < 10_000


def test_code_that_is_made_anew_each_time_is_one_traceback() -> None:
    for _ in range(600):
        with suppress(ValueError):
            run(lambda: exec("raise ValueError"))
    seen = tracebacks._Latest.seen
    assert len(seen.stacks) <= 2  # the first call passes through other lines of ours
    assert seen.codes.keys() == seen._watched.keys()
    assert not any(code() is None for code, _ in seen._watched.values())


def test_code_that_takes_the_place_of_another_in_memory_is_not_taken_for_it() -> None:
    run(lambda: None)  # settings are read
    found = [place_of_made_code(f"shop/{number}.py") for number in range(300)]
    assert [file for _, file in found] == [f"shop/{number}.py" for number in range(300)]
    assert len({number for number, _ in found}) < 300


def place_of_made_code(file: str) -> tuple[int, str]:
    """Where a function is in memory, and the file in which what it raises was raised."""
    names: dict[str, Any] = {}
    exec(compile("def broken():\n    raise LookupError", file, "exec"), names)
    broken = names.pop("broken")
    try:
        broken()
    except LookupError as error:
        place = noticed(error, expected=False).place
    assert place is not None
    return id(broken.__code__), place.file


def test_what_a_failing_request_pays_for_a_known_traceback_is_no_call_of_ours_for_each_frame() -> None:
    """Such a call costs about as much as all else for a frame."""
    run(lambda: None)  # settings are read
    assert calls_for(2) == calls_for(20) == calls_for(42) == calls_for(500)


def calls_for(depth: int) -> int:
    """How many functions of ours are called for an error of so many frames, once its traceback is known."""
    calls: list[str] = []

    def count(frame: Any, event: str, _: object) -> None:
        calls.append(event)

    try:
        deeper(depth)
    except ValueError as error:
        noticed(error, expected=False)
        sys.setprofile(count)
        try:
            noticed(error, expected=False)
        finally:
            sys.setprofile(None)
    assert "c_call" in calls
    return calls.count("call")


@pytest.mark.skipif(sys.version_info < (3, 11), reason="there are no groups of exceptions")
def test_of_groups_of_groups_the_nearest_exceptions_are_kept(sample_errors: SampleErrors) -> None:
    def group(levels: int) -> Exception:
        made: type[Any] = builtins.ExceptionGroup  # type: ignore[attr-defined]
        found: Exception = made("several", [group(levels - 1) if levels else ValueError("x" * 900) for _ in range(5)])
        return found

    def count(told: Traceback) -> int:
        return 1 + sum(map(count, told.others))

    def work() -> None:
        raise group(3)

    found = traceback_of(work, sample_errors)
    assert len(found.others) == 5
    assert [len(other.others) for other in found.others] == [5, 5, 0, 0, 0]
    assert count(found) == tracebacks.MAX_EXCEPTIONS


def test_an_exception_is_asked_once_for_its_text(sample_errors: SampleErrors) -> None:
    asked = []

    class Slow(Exception):
        def __str__(self) -> str:
            asked.append(1)
            return "slow"

    def work() -> None:
        raise Slow

    for _ in range(2):
        with suppress(Slow):
            run(work)
    assert len(asked) == 2
    assert sample_errors()[0].traceback is not None


def test_an_exception_is_shown_once_also_where_causes_go_round(sample_errors: SampleErrors) -> None:
    def work() -> None:
        one, other = ValueError("one"), KeyError("other")
        one.__cause__, other.__cause__ = other, one
        raise one

    found = traceback_of(work, sample_errors)
    assert [cause.type for cause in found.others] == ["builtins:KeyError"]
    assert found.others[0].others == ()


@pytest.mark.skipif(sys.version_info < (3, 11), reason="there are no groups of exceptions")
def test_exceptions_of_a_group_that_are_left_out_are_counted(sample_errors: SampleErrors, store: Path) -> None:
    made: type[Any] = builtins.ExceptionGroup  # type: ignore[attr-defined, unused-ignore]

    def found(group: Any) -> Traceback:
        with suppress(Exception):
            run(lambda: raised(group))
        told = [error.traceback for error in sample_errors()]
        assert told[0] is not None
        return told[0]

    flat = found(made("several", [ValueError(str(number)) for number in range(12)]))
    assert (len(flat.others), flat.parts_omitted) == (5, 7)
    text = as_text(flat, "several")
    assert text.endswith("  | ... 7 more of the group")
    console = Console(store)
    query = "app=Python+Application&kind=background&group=Function&name=task&sample=1"
    page = console.respond(Request("GET", "/sample", query=query, host="localhost:8610", client="127.0.0.1")).body
    assert b"7 exceptions of the group left out" in page
    console.close()


@pytest.mark.skipif(sys.version_info < (3, 11), reason="there are no groups of exceptions")
def test_exceptions_of_groups_that_are_too_deep_are_counted(sample_errors: SampleErrors) -> None:
    group: Any = ValueError("x")
    for _ in range(5):
        group = builtins.ExceptionGroup("group", [group])  # type: ignore[attr-defined, unused-ignore]
    found, counts = traceback_of(lambda: raised(group), sample_errors), []
    while found.others:
        counts.append(found.parts_omitted)
        (found,) = found.others
    assert (counts, found.parts_omitted) == ([0, 0, 0], 1)


@pytest.mark.parametrize("declared", ["latin-1", "ISO-8859-15", "koi8-r", "utf-8", ""])
def test_source_lines_are_read_in_the_encoding_of_their_file(
    declared: str, sample_errors: SampleErrors, tmp_path: Path
) -> None:
    text, encoding = "caf\u00e9" if declared != "koi8-r" else "\u0434\u0430", declared or "utf-8"
    comment = f"# -*- coding: {declared} -*-" if declared else "#"
    path = tmp_path / "wines.py"
    path.write_bytes(f"{comment}\ndef fail():\n    raise ValueError('{text}')\n".encode(encoding))
    names: dict[str, Any] = {"__name__": "wines"}
    exec(compile(path.read_bytes(), str(path), "exec"), names)
    os.utime(path, (1e9, 1e9))
    texts = StackTexts(lambda _: math.inf)
    try:
        names["fail"]()
    except ValueError as error:
        stack = noticed(error, expected=False).stack
    assert stack is not None
    texts.prepare([stack])
    assert json.loads(stack.text)["frames"][-1]["source"] == f"raise ValueError('{text}')"


def test_an_encoding_that_is_none_is_taken_for_utf_8() -> None:
    importlib.import_module("encodings.idna")  # as any program has that asks for a host's address
    for name in (b"hex", b"rot13", b"no-such", b"idna", b"x" * 10_000):
        assert encoding_of([b"# coding: " + name]) == "utf-8"
