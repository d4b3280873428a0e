"""``weighbridge config``: what holds, and why."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from click.testing import Result

from weighbridge.transactions.configuration.settings import SETTINGS

Run = Callable[..., Result]


def shown(result: Result) -> dict[str, list[str]]:
    return {name: rest for name, *rest in (re.split(r"  +", line) for line in result.stdout.splitlines())}


def test_every_setting_is_shown_with_its_origin(run: Run) -> None:
    result = run("config")
    assert result.exit_code == 0
    settings = shown(result)
    assert settings.keys() >= set(SETTINGS)
    assert settings["apdex_t"] == ["0.5", "default"]
    assert settings["error_statuses"] == ["500-599", "default"]
    assert settings["store"][0].endswith("weighbridge.db")


def test_file_and_environment_are_told_apart(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "weighbridge.toml"
    file.write_text('[weighbridge]\napdex_t = 2\nkeep_hours = 30\n[weighbridge.applications."Slow one"]\napdex_t = 9\n')
    settings = shown(run("config", WEIGHBRIDGE_CONFIG_FILE=str(file), WEIGHBRIDGE_APDEX_T="3"))
    assert settings["apdex_t"] == ["3", "environment variable WEIGHBRIDGE_APDEX_T"]
    assert settings["keep_hours"][0] == "30"
    assert str(file) in settings["keep_hours"][1]
    assert "Slow one = apdex_t = 9" in settings["applications"][0]


def test_settings_of_the_agent_without_a_meaning_are_listed_without_their_values(run: Run) -> None:
    result = run("config", NEW_RELIC_LICENSE_KEY="s3cr3t")
    assert result.exit_code == 0
    assert shown(result)["license_key"] == ["(no meaning here)", "environment variable NEW_RELIC_LICENSE_KEY"]
    assert "s3cr3t" not in result.output


def test_problems_are_listed_after_what_holds(run: Run) -> None:
    result = run("config", WEIGHBRIDGE_FLUSH_INTERVAL="soon", WEIGHBRIDGE_APDEX="1")
    assert result.exit_code == 2
    assert shown(result)["flush_interval"] == ["5", "default"]
    assert "'soon'" in result.stderr
    assert "did you mean apdex_t" in result.stderr
