"""What the reference says of the settings in the file that New Relic's agent generates is what becomes of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from weighbridge.transactions.configuration import load
from weighbridge.transactions.configuration.agent_settings import GENERATED
from weighbridge.transactions.configuration.table import agent_settings_markdown

VALUES = {
    "license_key": "0123456789",
    "app_name": "Shop",
    "monitor_mode": "false",
    "log_file": "stdout",
    "log_level": "debug",
    "high_security": "true",
    "attributes.include": "request.parameters.*",
    "error_collector.enabled": "false",
    "error_collector.ignore_classes": "shop:Refused",
    "error_collector.expected_classes": "shop:Late",
    "transaction_tracer.transaction_threshold": "apdex_f",
}
"""Values that are not the default."""

ROWS = [line.strip("| ").split(" | ") for line in agent_settings_markdown().splitlines()[2:]]


def test_each_setting_has_a_row() -> None:
    assert [name for name, _ in ROWS] == [f"`{name}`" for name in GENERATED]
    assert len(GENERATED) == 30


@pytest.mark.parametrize(("shown", "fate"), ROWS)
def test_the_row_is_true(shown: str, fate: str, tmp_path: Path) -> None:
    name, file = shown.strip("`"), tmp_path / "newrelic.ini"
    file.write_text(f"[newrelic]\n{name} = {VALUES.get(name, 'true')}\n")
    loaded, bare = load(str(file)), load()
    assert loaded.problems == ()
    if fate.startswith("applied"):
        ours = fate.partition("as ")[2].strip("`") or name
        assert getattr(loaded.settings, ours) != getattr(bare.settings, ours)
        assert not loaded.unused
    else:
        assert fate == "without meaning" or fate.startswith("replaced by ")
        assert loaded.settings == bare.settings
        assert [unused.setting for unused in loaded.unused] == [name]
