"""Code argument > environment > configuration file > default."""

from __future__ import annotations

from pathlib import Path

import pytest

from weighbridge.transactions import configuration
from weighbridge.transactions.configuration import environment
from weighbridge.transactions.configuration.loading import load
from weighbridge.transactions.configuration.settings import DEFAULTS


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    file = tmp_path / "weighbridge.toml"
    file.write_text('[weighbridge]\nmax_names = 1\nmax_samples = 1\nmax_errors = 1\napp_name = "From file"\n')
    return file


def test_nothing_given_is_the_default() -> None:
    found = load()
    assert found.settings == DEFAULTS
    assert found.problems == found.unused == ()
    assert {origin.source for origin in found.origins.values()} == {"default"}


def test_each_source_beats_the_one_below(toml: Path) -> None:
    environ = {"WEIGHBRIDGE_MAX_SAMPLES": "2", "WEIGHBRIDGE_MAX_ERRORS": "2"}
    found = load(toml, environ=environ, arguments={"max_errors": 3})
    settings = found.settings
    assert (settings.max_backlog, settings.max_names, settings.max_samples, settings.max_errors) == (100_000, 1, 2, 3)
    names = ("max_backlog", "max_names", "max_samples", "max_errors")
    assert [found.origins[name].source for name in names] == ["default", "file", "environment", "argument"]


def test_origins_name_the_place(toml: Path) -> None:
    found = load(toml, environ={"NEW_RELIC_APDEX_T": "2"})
    assert str(found.origins["app_name"]) == f"{toml} [weighbridge], line 5"
    assert str(found.origins["apdex_t"]) == "environment variable NEW_RELIC_APDEX_T"
    assert str(found.origins["enabled"]) == "default"


def test_our_variable_beats_the_agents() -> None:
    environ = {"WEIGHBRIDGE_APP_NAME": "Ours", "NEW_RELIC_APP_NAME": "Theirs", "NEW_RELIC_APDEX_T": "2"}
    settings = load(environ=environ).settings
    assert settings.app_name == "Ours"
    assert settings.apdex_t == 2.0


@pytest.mark.parametrize("prefix", ["WEIGHBRIDGE", "NEW_RELIC"])
def test_the_file_may_be_named_by_a_variable(toml: Path, prefix: str) -> None:
    found = load(environ={f"{prefix}_CONFIG_FILE": str(toml)})
    assert found.settings.app_name == "From file"
    assert found.config_file == str(toml)


def test_a_file_given_in_code_beats_the_variable(toml: Path) -> None:
    assert load(toml, environ={"WEIGHBRIDGE_CONFIG_FILE": "elsewhere.toml"}).problems == ()


def test_blank_variables_and_none_arguments_say_nothing(toml: Path) -> None:
    found = load(toml, environ={"WEIGHBRIDGE_APP_NAME": " "}, arguments={"app_name": None})
    assert found.settings.app_name == "From file"
    assert found.problems == ()


def test_a_bad_value_leaves_the_next_lower_source_in_force(toml: Path) -> None:
    found = load(toml, environ={"WEIGHBRIDGE_MAX_NAMES": "many"})
    assert found.settings.max_names == 1
    assert found.origins["max_names"].source == "file"


def test_current_reads_the_environment_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIGHBRIDGE_APP_NAME", "First")
    configuration.reset()
    try:
        assert configuration.current().settings.app_name == "First"
        monkeypatch.setenv("WEIGHBRIDGE_APP_NAME", "Second")
        assert configuration.current().settings.app_name == "First"
        configuration.reset()
        assert configuration.current().settings.app_name == "Second"
    finally:
        configuration.reset()


def test_the_environment_is_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIGHBRIDGE_STORE", "before")
    seen = environment.read_environment()
    monkeypatch.setenv("WEIGHBRIDGE_STORE", "after")
    assert seen["WEIGHBRIDGE_STORE"] == "before"
