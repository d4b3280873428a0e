"""Names and texts use the words of the field, and none of those that the project once made up for itself."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
SHIPPED: Final = ("facade", "middleware", "transactions")
FOLDERS: Final = (*SHIPPED, "tests", "benchmarks", "examples", "docs")

WORDS: Final = {
    "attend": "notify",
    "attendant": "on_pending",
    "carrier": "framework_task",
    "disown": "reset_after_fork",
    "door": "middleware",
    "grain": "resolution",
    "guest": "isolation",
    "harvest": "flush",
    "intake": "ingest",
    "kit": "helpers",
    "lane": "buffer",
    "manner": "flags",
    "newcomer": "first_steps",
    "outlet": "handoff",
    "packed": "encoded",
    "parcel": "prepared",
    "patience": "timeout",
    "stranger": "untrusted",
    "rated": "apdex",
    "span": "time_range",
    "tally": "totals",
    "upkeep": "maintenance",
    "wholes": "totals_rows",
    "withdraw": "detach_out_of_order",
}
"""Words that are no part of any name, and what says it instead."""

NAMES: Final = {
    "ALL_WANTED": "KEEP_ALL",
    "NOBODY": "DISABLED",
    "RuntimeState": "ProcessState",
    "abandon": "discard",
    "belonging": "ownership",
    "cell_of": "bucket_for",
    "entry": "opener",
    "facts": "request_info",
    "fold": "aggregate",
    "keys_seen": "last_key_values",
    "label": "identity",
    "left_in": "stale_tokens",
    "let_go": "release",
    "levels": "resolutions",
    "lose": "record_dropped",
    "losses": "dropped",
    "made_for": "enabled_for",
    "measured_classes": "classes",
    "measures_for": "enabled_for",
    "open_ones": "open_since",
    "outer_request": "get_outer",
    "owner_of": "get_owner",
    "pack": "encode_snapshot",
    "relax": "set_flush_threshold",
    "runners": "framework_tasks",
    "swallowed": "capture_internal_exception",
    "take_in": "ingest",
    "tallies": "totals",
    "thin": "downsample",
    "unpack": "decode_snapshot",
    "with_params": "capture_params",
}
"""Whole names of classes, functions and attributes, and what they are called instead.

As parts of other names, or as variables of a function, these are plain English.
"""

MODULES: Final = {
    "answers": "results",
    "bodies": "sample_json",
    "carriers": "framework_tasks",
    "cells": "buckets",
    "control": "api",
    "ends": "response_end",
    "exchange": "http",
    "facts": "request_info",
    "kit": "helpers",
    "levels": "resolutions",
    "life": "lifecycle",
    "measured_classes": "classes",
    "native": "os_threads",
    "past": "cache",
    "plug": "framework_hooks",
    "problems": "errors",
    "process": "process_state",
    "promises": "guarantees",
    "questions": "queries",
    "runtime": "lifecycle",
    "shapes": "functions",
    "stopping": "shutdown",
    "views": "rendering",
    "words": "notes",
}
"""Names of files, and what they are called instead; a test's after its ``test_``."""

SAID: Final = {
    "attendant": "a listener",
    "carrier": "a framework's task",
    "door": "middleware",
    "harvest": "a snapshot",
    "lane": "a buffer",
    "manner": "flags",
    "newcomer": "somebody new",
    "outlet": "the hand-off",
    "span": "a time range",
    "tally": "totals",
    "upkeep": "maintenance",
}
"""Words that no message, help text or page says."""

ALLOWED: Final = {
    ("facade/agent/__init__.py", "add_custom_span_attribute"): "the agent's name",
    ("facade/agent/__init__.py", "current_span_id"): "the agent's name",
    ("facade/agent/transactions.py", "root_span"): "the agent's name",
    ("tests/conformance/apps/bodies.py", "bodies"): "bodies of responses",
    ("tests/packaging/test_words.py", "test_words"): "what it is about",
}
"""Names that stay, each with its reason."""

THEIRS: Final = {
    "benchmarks/measuring/subjects/opentelemetry.py": "what OpenTelemetry calls a span is one",
    "facade/agent/default_settings.py": "the agent's settings have the agent's names",
    "facade/exporting/otlp/traces.py": "what OpenTelemetry calls a span is one",
    "tests/otlp/test_traces.py": "what OpenTelemetry calls a span is one",
    "transactions/configuration/agent_settings.py": "the agent's settings have the agent's names",
}
"""Files whose words are those of others, each with its reason."""

_SQL: Final = re.compile(r"\b(SELECT|INSERT|CREATE|UPDATE|DELETE|WHERE|VALUES|CONFLICT|AS)\b")
"""Tables and columns keep their names, so that stores that were written once can be read."""


def parts_of(name: str) -> list[str]:
    """The words of a name, each without the s of its plural."""
    words = [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)]
    return [word if word in WORDS else word.removesuffix("s") for word in words]


def sources(folders: tuple[str, ...]) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def defined_in(path: Path) -> Iterator[tuple[str, bool]]:
    """The names that a module defines; whether each can be seen from outside of a function."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name, True
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr, True
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.id.isupper()
        elif isinstance(node, ast.arg):
            yield node.arg, False


def old_words_of(name: str, is_seen: bool) -> dict[str, str]:
    """The old words in a name, with the new ones."""
    found = {word: WORDS[word] for word in parts_of(name) if word in WORDS}
    plain = name.strip("_")
    if is_seen and plain in NAMES:
        found[plain] = NAMES[plain]
    return found


def old_words_of_file(stem: str) -> dict[str, str]:
    """Likewise in the name of a file."""
    found = old_words_of(stem, False)
    plain = stem.strip("_").removeprefix("test_")
    if plain in MODULES:
        found[plain] = MODULES[plain]
    return found


def texts_of(path: Path) -> Iterator[str]:
    """The texts of a module that somebody may read: neither its docstrings nor SQL."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    texts = [node.value for node in nodes if isinstance(node, ast.Constant) and id(node) not in docstrings]
    yield from (text for text in texts if isinstance(text, str) and " " in text and not _SQL.search(text))


def seen_of(template: str) -> str:
    """What of a template or a text is shown, rather than markup, code or a comment."""
    return re.sub(r"{#.*?#}|{%.*?%}|{{.*?}}|<[^>]*>", " ", template, flags=re.DOTALL)


def said_in(text: str) -> dict[str, str]:
    words = {word.removesuffix("s") for word in re.findall(r"[a-z]+", text.lower())}
    return {word: SAID[word] for word in words if word in SAID}


def test_no_file_has_an_old_word() -> None:
    found = [
        f"{relative(path)}: {old} is called {new}"
        for path in sources(FOLDERS)
        if (relative(path), path.stem) not in ALLOWED
        for old, new in old_words_of_file(path.stem).items()
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_name_has_an_old_word(folder: str) -> None:
    found = [
        f"{relative(path)}: {name}: {old} is called {new}"
        for path in sources((folder,))
        if relative(path) not in THEIRS
        for name, is_seen in defined_in(path)
        if (relative(path), name) not in ALLOWED and not name.startswith("test_")
        for old, new in old_words_of(name, is_seen and folder in SHIPPED).items()
    ]
    assert not found, "\n".join(found)


def test_no_message_or_help_text_says_an_old_word() -> None:
    found = [
        f"{relative(path)}: {text!r}: {old} is {new}"
        for path in sources(SHIPPED)
        if relative(path) not in THEIRS
        for text in texts_of(path)
        for old, new in said_in(seen_of(text)).items()  # some write HTML
    ]
    assert not found, "\n".join(found)


def test_the_page_says_no_old_word() -> None:
    templates = sorted((ROOT / "facade/console/templates").glob("*.html"))
    found = [
        f"{path.name}: {old} is {new}"
        for path in templates
        for old, new in said_in(seen_of(path.read_text(encoding="utf-8"))).items()
    ]
    assert templates
    assert not found, "\n".join(found)


def test_what_is_allowed_is_there() -> None:
    names = {place: {Path(place).stem, *dict(defined_in(ROOT / place))} for place, _ in ALLOWED}
    assert [(place, name) for place, name in ALLOWED if name not in names[place]] == []
    assert [path for path in THEIRS if not (ROOT / path).is_file()] == []


@pytest.mark.parametrize(
    ("name", "is_seen", "old"),
    [
        ("open_lanes", False, ["lane"]),
        ("DoorTransaction", True, ["door"]),
        ("_PATIENCE", True, ["patience"]),
        ("packed_rows", False, ["packed"]),
        ("RuntimeState", True, ["RuntimeState"]),
        ("_entry", True, ["entry"]),
        ("entry", False, []),
        ("SettingEntry", True, []),
        ("lifespan", True, []),
    ],
)
def test_an_old_word_is_noticed(name: str, is_seen: bool, old: list[str]) -> None:
    assert list(old_words_of(name, is_seen)) == old


def test_an_old_word_in_the_name_of_a_file_is_noticed() -> None:
    assert old_words_of_file("test_newcomers") == {"newcomer": "first_steps"}
    assert old_words_of_file("test_promises") == {"promises": "guarantees"}
    assert old_words_of_file("test_what_is_kept") == {}


def test_an_old_word_in_a_text_is_noticed() -> None:
    assert list(said_in(seen_of('<b class="door">Chosen {{ span }} spans</b>'))) == ["span"]
    assert said_in(seen_of("<span>Chosen range</span>")) == {}
