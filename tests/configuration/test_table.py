"""The table of settings is made from the fields, and complete."""

from __future__ import annotations

from dataclasses import fields

from weighbridge.transactions.configuration.settings import SETTINGS, Settings
from weighbridge.transactions.configuration.table import settings_markdown, shown_value


def test_every_field_is_a_setting_with_its_meaning() -> None:
    assert set(SETTINGS) == {field.name for field in fields(Settings)}
    assert all(info.meaning.endswith(".") and info.kind.valid for info in SETTINGS.values())


def test_markdown_has_a_row_for_every_setting() -> None:
    head, _, *rows = settings_markdown().splitlines()
    assert [row.split("|")[1].strip(" `") for row in rows] == list(SETTINGS)
    assert {row.count("|") for row in [head, *rows]} == {5}
    assert "| `apdex_t` | `0.5` | a number of seconds above 0" in settings_markdown()


def test_values_are_shown_as_they_are_written() -> None:
    assert shown_value(frozenset({500, 502, 503, 504})) == "500 502-504"
    assert shown_value(frozenset({"b:C", "a:B"})) == "a:B b:C"
    assert shown_value(value=True) == "true"
    assert shown_value(2.0) == "2"
    assert shown_value(None) == ""
    assert shown_value({"a/b/c": 1.5}) == "a/b/c = 1.5"
